// When clients' changes are told: at once, but a bounded number in one call, and heartbeats together, a few times a
// second.

import Time

/// What is still to be read from the catalog, and when. A value of the node's thread.
struct ChangeSchedule {
    /// What is to be told at a tick.
    enum Due: Equatable {
        case changes
        /// And heartbeats.
        case all
    }

    /// Whether reading stopped before its end.
    var hasMore = false
    private var nextRenewals: MonotonicTime = .zero

    /// What is to be told now; heartbeats then count as told.
    mutating func due(period: Duration, at now: MonotonicTime) -> Due? {
        guard now >= nextRenewals else { return hasMore ? .changes : nil }
        nextRenewals = now + period
        return .all
    }
}
