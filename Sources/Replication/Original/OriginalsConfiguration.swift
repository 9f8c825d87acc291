// The configuration of the exchange with legacy peers, and its bounds. Each bound says what turning it up costs.

import Catalog

/// Times are milliseconds.
public struct OriginalsConfiguration: Sendable {
    /// This member.
    public var member: MemberID
    /// The bytes that may wait on a link. Over it, changes are dropped, and changes that began here are sent again once
    /// it has drained. Memory, per link.
    public var queueBytes = 8 << 20
    /// A copy's next piece waits until fewer bytes than this are queued; live changes do not wait.
    public var copyBytesInFlight = 256 << 10
    /// Links that were accepted, in all. More are refused.
    public var acceptedLinks = 64
    /// Links accepted of one member: a live one, one that is already dead without being noticed, and a copy of each.
    public var linksPerMember = 4
    /// How long a link may be over its bound before it is closed.
    public var stallDeadline: Int64 = 60_000
    /// How long a copy from a legacy peer may take in all.
    public var copyDeadline: Int64 = 120_000
    /// The wait before a copy that failed is asked for again; it doubles up to `copyRetryCap`.
    public var copyRetryBase: Int64 = 500
    public var copyRetryCap: Int64 = 10_000
    /// How long an instance that was asked for is not asked for again.
    public var repairPeriod: Int64 = 2_000

    public init(member: MemberID) {
        self.member = member
    }
}

/// What matters of the head of a legacy peer's answer.
public struct OriginalAnswer: Sendable {
    /// `Transfer-Encoding: chunked`. An answer that is not ends with its connection, and a copy is then never known to
    /// be whole.
    public var isChunked: Bool
    /// `Content-Encoding: gzip`.
    public var isPacked: Bool
    /// Its `Date`, read by `HTTPDate.parse`: nanoseconds since 1970 by the original's clock, a whole second. By it the
    /// stamps of a legacy peer with a wrong clock are judged.
    public var date: Int64?

    public init(isChunked: Bool, isPacked: Bool, date: Int64?) {
        self.isChunked = isChunked
        self.isPacked = isPacked
        self.date = date
    }
}

/// Unpacks a stream that comes in pieces; the shell puts zlib behind it.
public protocol Unpacker: AnyObject {
    /// What these bytes unpack to, as far as it is known by now. Throws when they are not such a stream, and when they
    /// unpack to more than `limit` bytes.
    func unpack(_ bytes: [UInt8], limit: Int) throws -> [UInt8]
    /// Whether the stream has ended, and rightly.
    var isComplete: Bool { get }
}

/// Packs a stream that goes out in pieces.
public protocol Packer: AnyObject {
    /// The packed bytes, flushed: the other end can unpack all of them at once.
    func pack(_ bytes: [UInt8]) -> [UInt8]
    /// The end of the stream.
    func finish() -> [UInt8]
}
