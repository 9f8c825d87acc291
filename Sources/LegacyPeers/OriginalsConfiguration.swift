// The configuration of the exchange with legacy peers, and its bounds. Each bound says what turning it up costs.

import Catalog

/// Times are milliseconds.
struct OriginalsConfiguration: Sendable {
    /// This member.
    var member: MemberID
    /// The bytes that may wait on a link. Over it, changes are dropped, and changes that began here are sent again once
    /// it has drained. Memory, per link.
    var queueBytes = 8 << 20
    /// A copy's next piece waits until fewer bytes than this are queued; live changes do not wait.
    var copyBytesInFlight = 256 << 10
    /// Links that were accepted, in all. More are refused.
    var acceptedLinks = 64
    /// Links accepted of one member: a live one, one that is already dead without being noticed, and a copy of each.
    var linksPerMember = 4
    /// How long a link may be over its bound before it is closed.
    var stallDeadline: Duration = .milliseconds(60_000)
    /// How long a copy from a legacy peer may take in all.
    var copyDeadline: Duration = .milliseconds(120_000)
    /// The wait before a copy that failed is asked for again; it doubles up to `copyRetryCap`.
    var copyRetryBase: Duration = .milliseconds(500)
    var copyRetryCap: Duration = .milliseconds(10_000)
    /// How long an instance that was asked for is not asked for again.
    var repairPeriod: Duration = .milliseconds(2_000)

    init(member: MemberID) {
        self.member = member
    }
}

/// Unpacks a stream that comes in pieces; the shell puts zlib behind it.
protocol Unpacker: AnyObject {
    /// What these bytes unpack to, as far as it is known by now. Throws when they are not such a stream, and when they
    /// unpack to more than `limit` bytes.
    func unpack(_ bytes: [UInt8], limit: Int) throws -> [UInt8]
    /// Whether the stream has ended, and rightly.
    var isComplete: Bool { get }
}

/// Packs a stream that goes out in pieces.
protocol Packer: AnyObject {
    /// The packed bytes, flushed: the other end can unpack all of them at once.
    func pack(_ bytes: [UInt8]) -> [UInt8]
    /// The end of the stream.
    func finish() -> [UInt8]
}
