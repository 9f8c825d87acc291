// What the rest of the registry asks of its cluster, and nothing of how members find and copy one another. A registry
// alone is the cluster of one; the one with members publishes the changes of its catalog and merges those of the
// others.

import Synchronization
package import Time

/// How a cluster stands, as of a moment not long ago.
package struct ClusterReport: Sendable {
    package let status: ClusterStatus
    package let originals: LegacyStatus

    package init(status: ClusterStatus, originals: LegacyStatus) {
        self.status = status
        self.originals = originals
    }

    /// What this member has done since it was started, with members of both kinds.
    package var counts: ReplicationCounts {
        var counts = status.counts
        counts.changesSent += originals.counts.sent
        counts.changesReceived += originals.counts.received
        counts.copiesSent += originals.counts.copiesSent
        counts.copiesReceived += originals.counts.copiesReceived
        counts.overflows += originals.counts.overflows
        return counts
    }
}

/// A member's view of its cluster. Safe to use from any thread.
package protocol Cluster: Sendable {
    /// Whether this member has what the others have, and may answer look-ups. Once true it stays so.
    var hasCopy: Bool { get }
    /// Whether there are as many members as there should be.
    var isLargeEnough: Bool { get }
    /// Whether this member asks for traffic; nil when there is no cluster, where nothing holds it back.
    var readiness: ReadinessReport? { get }
    /// Since when there have been too few members, or enough.
    var sizeChangedAt: MonotonicTime { get }
    /// By how many nanoseconds the time that changes are stamped with differs from the machine's clock.
    var clockCorrection: Int64 { get }
    /// What /uptime reports in addition to the process itself; nothing when there is no cluster.
    var components: [ComponentHealth] { get }
    /// Nil when there is no cluster.
    var report: ClusterReport? { get }
    /// How this member stands with the store that keeps what is registered; nil where members keep it themselves.
    var store: StoreStatus? { get }
    /// What an operator says of a store that was emptied.
    func settle(_ word: StoreWord)
    /// Whether changes are waited for, and what may be unknown here. Always the same object.
    var standing: PublishedStanding { get }

    /// Sends mail about a loop's tickets to `receive`, which is called from another thread. To be called once for each
    /// loop, before its first ticket.
    func connect(loop: Int, _ receive: @escaping @Sendable (ClusterReply) -> Void)
    /// Asks for word when the other members have what was changed before; only while `standing.waits`.
    func acknowledge(_ ticket: AcknowledgmentTicket)
    /// Whether a registration that was acknowledged was refused after all, because its namespace was full with what
    /// other members took at the same time; asked once for each.
    func takeRefusal(of key: StateKey) -> Bool
    /// Asks the other members what they know of ids.
    func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)])
}

/// A member alone has no other to wait for, and none to ask.
extension Cluster {
    package var standing: PublishedStanding { .alone }
    package func connect(loop: Int, _ receive: @escaping @Sendable (ClusterReply) -> Void) {}
    package func acknowledge(_ ticket: AcknowledgmentTicket) {}
    package func takeRefusal(of key: StateKey) -> Bool { false }
    package func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)]) {}
}

extension PublishedStanding {
    /// Of a registry that is alone.
    static let alone = PublishedStanding()
}

extension Cluster {
    package var store: StoreStatus? { nil }
    package func settle(_ word: StoreWord) {}
    package var readiness: ReadinessReport? { nil }
    package var sizeChangedAt: MonotonicTime { .zero }
}

/// A registry alone that is started with what a file has: until all of that is in, it is as a member without a copy.
package final class RestoringCluster: Cluster {
    private let isRestored = Atomic<Bool>(false)
    package let isLargeEnough = true
    package let clockCorrection: Int64 = 0
    package let components: [ComponentHealth] = []
    package let report: ClusterReport? = nil

    package init() {}

    package var hasCopy: Bool { isRestored.load(ordering: .acquiring) }

    /// Look-ups are answered from now on.
    package func restored() { isRestored.store(true, ordering: .releasing) }
}

/// A registry alone: nothing to copy, no member to report on.
package struct StandaloneCluster: Cluster {
    package let hasCopy = true
    package let isLargeEnough = true
    package let clockCorrection: Int64 = 0
    package let components: [ComponentHealth] = []
    package let report: ClusterReport? = nil

    package init() {}
}
