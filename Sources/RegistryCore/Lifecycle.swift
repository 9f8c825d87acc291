// Where the process is between its start and its end. It only moves forward.

import Synchronization
import System
package import Time

/// The state that probes ask for. Safe to use from any thread.
package final class Lifecycle: Sendable {
    package enum State: Int, Sendable {
        /// Not yet fit to be asked.
        case starting
        case ready
        /// A stop was asked for: serving on for `drain_time`, then finishing what was begun and taking no new
        /// connections.
        case draining
        /// The last changes are being published to the other members: nothing is taken that they would not receive.
        case leaving
    }

    private let raw = Atomic<Int>(State.starting.rawValue)
    private let changed = Atomic<Int64>(MonotonicClock.now().nanoseconds)

    /// Since when the state is what it is.
    package var since: MonotonicTime { MonotonicTime(nanoseconds: changed.load(ordering: .acquiring)) }

    package var state: State { State(rawValue: raw.load(ordering: .acquiring)) ?? .starting }

    /// Whether a stop was asked for.
    package var isStopping: Bool { raw.load(ordering: .acquiring) >= State.draining.rawValue }

    /// Whether nothing may be changed any more.
    package var isLeaving: Bool { raw.load(ordering: .acquiring) == State.leaving.rawValue }

    /// Moves on to a later state; an earlier one is not gone back to.
    package func advance(to state: State) {
        let (before, after) = raw.max(state.rawValue, ordering: .acquiringAndReleasing)
        if after != before { changed.store(MonotonicClock.now().nanoseconds, ordering: .releasing) }
    }
}
