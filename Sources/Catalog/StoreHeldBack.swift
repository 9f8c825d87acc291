// What a store outside of this process holds back by an `ExpiryBudget`: it counts there, for all members at once, and is
// shown here like what a member holds itself.

import Synchronization
package import Time

/// Leases of a namespace that the store outside holds back, since many fell silent at once.
package struct HeldBack: Sendable, Equatable {
    package let leases: Int
    package let since: MonotonicTime
    /// When the last of them goes at the latest.
    package let until: LeaseTime

    package init(leases: Int, since: MonotonicTime, until: LeaseTime) {
        self.leases = leases
        self.since = since
        self.until = until
    }
}

extension Store {
    /// All that the store outside holds back from now on, by namespace.
    package func holdBack(_ all: [Namespace: HeldBack]) {
        heldBack.withLock { $0 = all }
        isSilent.store(!all.isEmpty, ordering: .relaxed)
    }

    /// Has the log say that leases of namespaces begin to be held back, or are no longer.
    package func report(_ reports: [SilenceReport]) {
        outsideReports.withLock { all in for report in reports { all.add(report.event, report.namespace) } }
    }

    /// What is to be said since this was last asked.
    func takeOutsideReports() -> SilenceReports {
        outsideReports.withLock { reports in
            guard !reports.isEmpty else { return reports }
            defer { reports = SilenceReports() }
            return reports
        }
    }

    /// What the store outside holds back; nil when nothing is.
    var heldBackOutside: SilenceSummary? {
        heldBack.withLock { all in
            guard let since = all.values.map(\.since).min(), let until = all.values.map(\.until).max() else {
                return nil
            }
            return SilenceSummary(
                leases: all.values.reduce(0) { $0 + $1.leases }, namespaces: all.count, since: since, until: until)
        }
    }
}
