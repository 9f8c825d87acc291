// What the loops and the thread that asks an issuer tell each other: that a key is missing, and whether keys were ever
// had. The keys themselves come to the loops as a new authorizer.

import Synchronization
package import Time

/// How this process stands with its issuer. Safe to use from any thread.
package final class IssuerKeys: Sendable {
    /// When the first question was due.
    package let since: MonotonicTime
    private let schedule: Mutex<KeySchedule>
    private let wake: @Sendable () -> Void

    /// - Parameters:
    ///   - patience: how long a token waits for the issuer.
    ///   - wake: has the thread that asks look at the schedule.
    package init(
        at now: MonotonicTime, patience: Duration = KeySchedule.patience, wake: @escaping @Sendable () -> Void
    ) {
        since = now
        schedule = Mutex(KeySchedule(at: now, patience: patience))
        self.wake = wake
    }

    package var wereHad: Bool { schedule.withLock { $0.hadKeys } }

    /// When the issuer last answered with keys, nil when it never has, and how often it was asked in vain.
    package var record: (had: MonotonicTime?, failures: UInt64) { schedule.withLock { ($0.had, $0.failures) } }

    /// A token has come whose key is not known. Until when it may wait for the issuer's answer; nil when there is none to
    /// wait for.
    package func wait(at now: MonotonicTime) -> MonotonicTime? {
        let (end, isDue) = schedule.withLock { schedule in
            let end = schedule.wait(at: now)
            return (end, end != nil && !schedule.isUnderWay)
        }
        if isDue { wake() }
        return end
    }

    // MARK: - For the thread that asks

    /// When the issuer is to be asked; nil while it is being asked.
    package var next: MonotonicTime? { schedule.withLock { $0.isUnderWay ? nil : $0.next } }

    package func begin(at now: MonotonicTime) -> Bool { schedule.withLock { $0.begin(at: now) } }

    package func end(withKeys isAnswered: Bool, at now: MonotonicTime) {
        schedule.withLock { $0.end(withKeys: isAnswered, at: now) }
    }
}
