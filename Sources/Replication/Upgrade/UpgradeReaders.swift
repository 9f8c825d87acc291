// The two ends of a connection's first exchange, each fed bytes until it knows: the accepter what is wanted of it, the
// dialer whom it has reached.

import Text

/// Reads the request of a dialer. A value: one for each accepted connection, until it says something else than
/// `incomplete`.
package struct UpgradeRequestReader: Sendable {
    package enum Verdict: Sendable, Equatable {
        case incomplete
        /// A request, and the bytes that came behind it.
        case request(UpgradeRequest, rest: [UInt8])
        case refused(UpgradeRefusal)
    }

    private let address: PeerAddress
    private let allowsOriginals: Bool
    private let allowsFrames: Bool
    private var bytes = UpgradeBytes()

    /// For a member that is reached at `address`. Frames are not allowed without TLS where members have it.
    package init(address: PeerAddress, allowsOriginals: Bool, allowsFrames: Bool = true) {
        self.address = address
        self.allowsOriginals = allowsOriginals
        self.allowsFrames = allowsFrames
    }

    package mutating func take(_ more: [UInt8]) -> Verdict {
        switch bytes.take(more) {
        case .incomplete: return .incomplete
        case .tooLong: return .refused(.tooLong)
        case .whole(let head, let rest):
            guard let head else { return .refused(.malformed) }
            do throws(UpgradeRefusal) {
                return .request(try request(head), rest: rest)
            } catch {
                return .refused(error)
            }
        }
    }

    private func request(_ head: UpgradeHead) throws(UpgradeRefusal) -> UpgradeRequest {
        let words = head.line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2] == "HTTP/1.1", !words[0].isEmpty, words[1].hasPrefix("/") else {
            throw .malformed
        }
        // Neither of the two requests has a body, and where one would end is what smugglers play with.
        guard head.value("host") != nil, !head.has("content-length"), !head.has("transfer-encoding") else {
            throw .malformed
        }
        guard words[1] == UpgradeHandshake.changesPath || words[1] == UpgradeHandshake.copyPath else { throw .notFound }
        guard words[0] == "GET" else { throw .notGet }
        guard let text = head.value(UpgradeHandshake.memberField), let member = PeerAddress(text) else {
            throw .malformed
        }
        let isOurs =
            words[1] == UpgradeHandshake.changesPath && head.list("connection").contains("upgrade")
            && head.list("upgrade").contains(UpgradeHandshake.upgrade)
        // Whether one of ours is this member itself, or another that was given its address, its greeting tells.
        guard isOurs || member != address else { throw .ourself }
        guard isOurs || allowsOriginals else { throw .originalsOff }
        guard !isOurs || allowsFrames else { throw .insecure }
        return UpgradeRequest(
            kind: isOurs ? .frames : words[1] == UpgradeHandshake.copyPath ? .originalCopy : .originalChanges,
            member: member,
            acceptsGzip: head.list("accept-encoding").contains { $0 == "gzip" })
    }
}

/// Reads the answer to a dialer's request. A value: one for each dialed connection, until it says something else than
/// `incomplete`.
package struct UpgradeAnswerReader: Sendable {
    package enum Verdict: Sendable {
        case incomplete
        /// A member of ours: frames from here on.
        case frames(rest: [UInt8])
        /// A member that runs the original: its stream begins.
        case original(LegacyAnswer, rest: [UInt8])
        /// Somebody who lets us not in, for our certificate or for want of one; the reason is for the log.
        case refused(String)
        /// Neither; the reason is for the log.
        case failed(String)
    }

    private var bytes = UpgradeBytes()

    package init() {}

    package mutating func take(_ more: [UInt8]) -> Verdict {
        switch bytes.take(more) {
        case .incomplete: .incomplete
        case .tooLong: .failed("its answer has a head of more than \(UpgradeHandshake.maximumBytes) bytes")
        case .whole(let head, let rest): head.map { Self.judge($0, rest) } ?? .failed("its answer is not HTTP")
        }
    }

    private static func judge(_ head: UpgradeHead, _ rest: [UInt8]) -> Verdict {
        let words = head.line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == "HTTP/1.1", words[1].utf8.count == 3, let status = Int(words[1]) else {
            return .failed("its answer is not HTTP/1.1")
        }
        switch status {
        case 101:
            return head.list("upgrade") == [UpgradeHandshake.upgrade]
                ? .frames(rest: rest) : .failed("it upgrades to an unknown protocol")
        case 200:
            guard let type = head.value("content-type")?.lowercased(),
                type.split(separator: ";").first == "text/event-stream"
            else {
                return .failed("its answer is not an event stream")
            }
            guard let isChunked = isOnly("chunked", head, "transfer-encoding"),
                let isGzipped = isOnly("gzip", head, "content-encoding")
            else { return .failed("its answer has an unknown coding") }
            let date = head.value("date").flatMap { HTTPDate.parse(Array($0.utf8)) }
            return .original(LegacyAnswer(isChunked: isChunked, isPacked: isGzipped, date: date), rest: rest)
        case 403:
            return .refused("it refuses this member, which must show the certificate of a member")
        default:
            return .failed("it answers with status \(status)")
        }
    }

    /// Whether the field is there, when it may only have one value; nil when it has another.
    private static func isOnly(_ value: String, _ head: UpgradeHead, _ name: String) -> Bool? {
        let values = head.list(name)
        return values.isEmpty ? false : values == [value] ? true : nil
    }
}
