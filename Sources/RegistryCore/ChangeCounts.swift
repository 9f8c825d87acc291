// How often the catalog has changed, by kind, for the metrics.

import Synchronization

/// Counts of changes since the start. Safe to use from any thread.
package final class ChangeCounts: Sendable {
    private let registrations = Atomic<UInt64>(0)
    private let renewals = Atomic<UInt64>(0)
    private let deregistrations = Atomic<UInt64>(0)
    private let expirations = Atomic<UInt64>(0)

    func countRegistration() { registrations.add(1, ordering: .relaxed) }

    package func countDeregistrations(_ count: Int) { deregistrations.add(UInt64(count), ordering: .relaxed) }

    func countRenewals(_ count: Int) { renewals.add(UInt64(count), ordering: .relaxed) }

    package func countExpirations(_ count: Int) { expirations.add(UInt64(count), ordering: .relaxed) }

    package var registered: UInt64 { registrations.load(ordering: .relaxed) }
    package var renewed: UInt64 { renewals.load(ordering: .relaxed) }
    package var deregistered: UInt64 { deregistrations.load(ordering: .relaxed) }
    package var expired: UInt64 { expirations.load(ordering: .relaxed) }
}
