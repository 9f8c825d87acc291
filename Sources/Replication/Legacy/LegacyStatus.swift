// How the dealings with legacy peers stand, as values: what `GET /api/v1/cluster` and the metrics show of them.

import Time

/// How the dealings with all legacy peers stand.
public struct LegacyStatus: Sendable {
    /// By address.
    public var members: [LegacyPeerStatus] = []
    public var counts = LegacyCounts()

    public init() {}
}

/// How the dealings with one legacy peer stand.
public struct LegacyPeerStatus: Sendable {
    public var address: PeerAddress
    /// It reads our changes.
    public var reads: Bool
    /// Bytes that wait for it.
    public var queuedBytes: Int
    /// Its queue ran over.
    public var hasOverflowed: Bool
    /// The last complete copy from it: when (monotonic milliseconds) and how many instances.
    public var lastCopy: (at: MonotonicTime, count: Int)?

    public init(
        address: PeerAddress, reads: Bool, queuedBytes: Int, hasOverflowed: Bool,
        lastCopy: (at: MonotonicTime, count: Int)?
    ) {
        self.address = address
        self.reads = reads
        self.queuedBytes = queuedBytes
        self.hasOverflowed = hasOverflowed
        self.lastCopy = lastCopy
    }
}

/// What has been done since the start.
public struct LegacyCounts: Sendable, Equatable {
    /// Messages sent, each counted once for each link.
    public var sent = 0
    public var received = 0
    /// Messages that could not be used.
    public var unusable = 0
    public var copiesSent = 0
    public var copiesReceived = 0
    /// Requests for a register sent to others because of a renewal of something unknown here.
    public var repairsAsked = 0
    /// Registers sent to others because they asked.
    public var repairsAnswered = 0
    public var overflows = 0

    public init() {}
}
