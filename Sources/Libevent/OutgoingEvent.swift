// What the owner of a connection to another server hears of an answer, and what it may ask for. Values, which have
// nothing of libevent's.

package import HTTP

/// What happens to a request that was sent: a head, pieces of a body, and then an end or a failure.
package enum OutgoingEvent: Sendable {
    case head(ReceivedHead)
    /// Never empty; at most `OutgoingConnection.pieceBytes`.
    case body([UInt8])
    /// The answer is whole.
    case ended
    case failed(OutgoingFailure)
}

/// What a connection holds of an answer at most, in bytes.
package struct OutgoingLimits: Sendable, Equatable {
    /// Status line and fields.
    package var head: Int
    /// A chunk of a chunked body, which evhttp gathers whole before it passes it on.
    package var chunk: Int

    package init(head: Int = 64 << 10, chunk: Int = 8 << 20) {
        self.head = head
        self.chunk = chunk
    }
}

/// Why a request has no answer.
package enum OutgoingFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// No connection; the kernel's reason.
    case refused(String)
    /// The server's certificate is not believed, or it does not believe ours; OpenSSL's reason.
    case distrusted(String)
    /// TLS fails otherwise.
    case handshake(String)
    /// The connection ended before the answer was whole.
    case cut
    /// What the server sends is not HTTP, or it is not certain where it ends.
    case malformed(String)
    case headTooLong(limit: Int)
    case chunkTooLong(limit: Int)
    /// A status from 101 to 199, after which evhttp would take the true answer for that to the next request.
    case interim(status: Int)
    case outOfMemory

    /// A sentence without a full stop.
    package var description: String {
        switch self {
        case .refused(let reason): "no connection: \(reason)"
        case .distrusted(let reason): "the certificate is not trusted: \(reason)"
        case .handshake(let reason): "the TLS handshake failed: \(reason)"
        case .cut: "the server closed the connection before the answer was complete"
        case .malformed(let reason): reason
        case .headTooLong(let limit): "the answer's head is longer than \(limit) bytes"
        case .chunkTooLong(let limit): "a chunk of the answer is longer than \(limit) bytes"
        case .interim(let status): "the server answered with the interim status \(status), which was not asked for"
        case .outOfMemory: "out of memory"
        }
    }
}
