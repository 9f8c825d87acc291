// Where the process is between its start and its end. It only moves forward.

import Synchronization

/// The state that probes ask for. Safe to use from any thread.
public final class Lifecycle: Sendable {
    public enum State: Int, Sendable {
        /// Not yet fit to be asked.
        case starting
        case ready
        /// A stop was asked for: finishing, and taking nothing new.
        case draining
    }

    private let raw = Atomic<Int>(State.starting.rawValue)

    public var state: State { State(rawValue: raw.load(ordering: .acquiring)) ?? .starting }

    /// Moves on to a later state; an earlier one is not gone back to.
    public func advance(to state: State) {
        raw.max(state.rawValue, ordering: .acquiringAndReleasing)
    }
}
