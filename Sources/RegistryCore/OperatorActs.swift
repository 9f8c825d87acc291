// What operators do that is no change of an instance, such as draining a member: noted where it is done, and written
// into the audit by the control loop.

package import Catalog
import Synchronization

/// Acts that wait for the audit. Safe to use from any thread.
package final class OperatorActs: Sendable {
    /// One thing that was done.
    package struct Act: Sendable {
        /// Nanoseconds since 1970.
        package let nanoseconds: Int64
        /// As the audit has it.
        package let what: String
        package let actor: Actor
    }

    /// How many wait at most: the control loop takes them ten times a second.
    package static let limit = 1_000

    private struct Waiting {
        var acts: [Act] = []
        var dropped: UInt64 = 0
    }

    private let waiting = Mutex(Waiting())

    package init() {}

    /// Notes an act; one that is one too many is dropped and counted.
    package func note(_ what: String, by actor: Actor, at moment: Moment) {
        waiting.withLock { waiting in
            guard waiting.acts.count < Self.limit else { return waiting.dropped += 1 }
            waiting.acts.append(Act(nanoseconds: moment.wall, what: what, actor: actor))
        }
    }

    /// Takes what waits, the oldest first, and how many were dropped since this was last asked.
    package func take() -> (acts: [Act], dropped: UInt64) {
        waiting.withLock { waiting in
            let taken = waiting
            waiting = Waiting()
            return (taken.acts, taken.dropped)
        }
    }
}
