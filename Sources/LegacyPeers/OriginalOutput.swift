// Output to a legacy peer: the head of an answer, then events in chunks, perhaps packed. It has no acknowledgments, so
// all that is known of its progress is what the connection still holds; that is bounded, and dropped changes are sent
// again.

import Catalog
import JSON
import Replication
import Text
import Time

/// An answer of ours that goes on.
struct OriginalOutput {
    enum Kind {
        /// Live changes.
        case stream
        /// A copy of everything.
        case copy
    }

    let member: PeerAddress
    let kind: Kind
    private let packer: (any Packer)?
    /// Bytes given to the shell and not known to have gone out.
    private(set) var queuedBytes = 0
    /// When its queue ran over; nil while it has not, or has drained since.
    var overflowed: MonotonicTime?
    /// Where the next piece of a copy starts, or of what is sent again; nil when there is none to send.
    var cursor: CopyCursor?
    /// Instances copied so far, which number the events of a copy.
    var copied: UInt64 = 0

    init(member: PeerAddress, kind: Kind, packer: (any Packer)?) {
        self.member = member
        self.kind = kind
        self.packer = packer
        cursor = kind == .copy ? .start : nil
    }

    var isPacked: Bool { packer != nil }

    /// The head of the answer, as the original writes it.
    func head(wall: Int64) -> [UInt8] {
        var head: [UInt8] = []
        head.append(literal: "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\n")
        if isPacked { head.append(literal: "Content-Encoding: gzip\r\n") }
        head.append(literal: "Content-Type: text/event-stream\r\nDate: ")
        HTTPDate.append(wall, to: &head)
        head.append(literal: "\r\nTransfer-Encoding: chunked\r\n\r\n")
        return head
    }

    /// Events on their way: packed if they are to be, and in a chunk.
    func piece(_ events: [UInt8]) -> [UInt8] { ChunkedEncoding.chunk(packer?.pack(events) ?? events) }

    /// The end of the answer.
    func end() -> [UInt8] { ChunkedEncoding.chunk(packer?.finish() ?? []) + ChunkedEncoding.end }

    mutating func sent(_ count: Int) { queuedBytes += count }

    mutating func drained(to count: Int) { queuedBytes = count }
}
