// Every connection of the replication port begins with one HTTP/1.1 request and the head of its answer, whoever runs at
// either end: members of ours are upgraded to frames, members that run the original get the event stream they ask for.
// These are the words that both sides share.

/// The names and bounds of a connection's first exchange.
package enum UpgradeHandshake {
    /// What our own protocol is called in `Upgrade`; the number is the version of the frames that follow.
    package static let upgrade = "a8-replication/1"
    /// The most bytes that a head, of a request or an answer, may have.
    package static let maximumBytes = 8_192
    /// Where changes are told.
    static let changesPath = "/v1/replication"
    /// Where all there is is told once.
    static let copyPath = "/v1/sync"
    static let memberField = "member-id"
    static let eventStream = "text/event-stream"
}

/// What the dialer of an accepted connection wants.
package enum UpgradeKind: Sendable, Equatable {
    /// Frames: a member of ours.
    case frames
    /// The original's stream of changes.
    case originalChanges
    /// The original's copy of everything, once.
    case originalCopy
}

/// A request that may be answered.
package struct UpgradeRequest: Sendable, Equatable {
    package let kind: UpgradeKind
    /// Where the dialer says that it is.
    package let member: PeerAddress
    /// Whether a stream may be sent with gzip. Of no account to frames.
    package let acceptsGzip: Bool
}

extension UpgradeHandshake {
    /// What a dialer sends. `address` is where it dials, `member` where it is itself reached.
    package static func request(to address: PeerAddress, from member: PeerAddress, copy: Bool = false) -> [UInt8] {
        let path = copy ? copyPath : changesPath
        let wish = copy ? "" : "Connection: Upgrade\r\nUpgrade: \(upgrade)\r\n"
        return Array(
            "GET \(path) HTTP/1.1\r\nHost: \(address)\r\nMember-ID: \(member)\r\nAccept: \(eventStream)\r\n\(wish)\r\n"
                .utf8)
    }

    /// The answer that turns a connection over to frames.
    package static let upgraded = Array(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: \(upgrade)\r\n\r\n".utf8)
}

/// Why a request on the port is refused.
package enum UpgradeRefusal: Error, Sendable, Equatable {
    /// No HTTP as it has to be, or no sound `Member-ID`.
    case malformed
    /// The head is longer than it may be.
    case tooLong
    /// The dialer calls itself what we are called, in the original's protocol.
    case ourself
    case notFound
    case notGet
    /// Members that run the original are not let in here.
    case originalsOff
    /// A member of ours, without the TLS that this port has.
    case insecure
    /// Its certificate is none of a member's: told so, as else it would take this member for one that hangs up.
    case stranger
    /// A copy is asked for, and this member has no whole one yet.
    case notReady

    /// For the log, without a full stop.
    package var sentence: String {
        switch self {
        case .malformed: "its request is not one that this port answers"
        case .tooLong: "its request is longer than \(UpgradeHandshake.maximumBytes) bytes"
        case .ourself: "its Member-ID is this member's own address"
        case .notFound: "it requested a path that this port does not have"
        case .notGet: "it used a method other than GET"
        case .originalsOff: "it is a legacy peer, which replication_plain does not allow"
        case .insecure: "it does not use TLS, as members of this cluster do"
        case .stranger: "its certificate is not that of a member"
        case .notReady: "it requested a copy, and this member does not have a full one yet"
        }
    }

    /// The whole answer, after which the connection closes.
    package var answer: [UInt8] {
        let (status, more) =
            switch self {
            case .malformed, .ourself: ("400 Bad Request", "")
            case .tooLong: ("431 Request Header Fields Too Large", "")
            case .notFound: ("404 Not Found", "")
            case .notGet: ("405 Method Not Allowed", "Allow: GET\r\n")
            case .originalsOff, .insecure, .stranger: ("403 Forbidden", "")
            case .notReady: ("503 Service Unavailable", "Retry-After: 1\r\n")
            }
        return Array("HTTP/1.1 \(status)\r\n\(more)Content-Length: 0\r\nConnection: close\r\n\r\n".utf8)
    }
}
