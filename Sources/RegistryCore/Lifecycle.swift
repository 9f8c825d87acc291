// Where the process is between its start and its end. It only moves forward. And whether an operator has drained it
// meanwhile, which can be taken back.

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

    private static let notDrained = Int64.min
    /// Since when an operator has drained this member, or `notDrained`.
    private let drained = Atomic<Int64>(Lifecycle.notDrained)

    /// Since when an operator has drained this member; nil where none has.
    package var drainedSince: MonotonicTime? {
        let since = drained.load(ordering: .acquiring)
        return since == Self.notDrained ? nil : MonotonicTime(nanoseconds: since)
    }

    /// Has balancers send no more requests here; returns whether that is new.
    package func drain(at now: MonotonicTime) -> Bool {
        drained.compareExchange(
            expected: Self.notDrained, desired: now.nanoseconds, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Takes that back; returns whether there was something to take back.
    package func endDrain() -> Bool {
        drained.exchange(Self.notDrained, ordering: .acquiringAndReleasing) != Self.notDrained
    }

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
