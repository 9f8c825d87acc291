// How the dealings with legacy peers stand, as values: what `GET /api/v1/cluster` and the metrics show of them.

package import Time

/// How the dealings with all legacy peers stand.
package struct LegacyStatus: Sendable {
    /// By address.
    package var members: [LegacyPeerStatus] = []
    package var counts = LegacyCounts()

    package init() {}
}

/// How the dealings with one legacy peer stand.
package struct LegacyPeerStatus: Sendable {
    package var address: PeerAddress
    /// It reads our changes.
    package var reads: Bool
    /// Bytes that wait for it.
    package var queuedBytes: Int
    /// Its queue ran over.
    package var hasOverflowed: Bool
    /// The last complete copy from it: when (monotonic milliseconds) and how many instances.
    package var lastCopy: (at: MonotonicTime, count: Int)?

    package init(
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
package struct LegacyCounts: Sendable, Equatable {
    /// Messages sent, each counted once for each link.
    package var sent = 0
    package var received = 0
    /// Messages that could not be used.
    package var unusable = 0
    package var copiesSent = 0
    package var copiesReceived = 0
    /// Requests for a register sent to others because of a renewal of something unknown here.
    package var repairsAsked = 0
    /// Registers sent to others because they asked.
    package var repairsAnswered = 0
    package var overflows = 0

    package init() {}
}
