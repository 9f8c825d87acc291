// The level from which on lines are logged, shared by all loggers of a process, so that it can be changed in all of
// them at once.

import Synchronization

/// A threshold in force. Safe to use from any thread.
package final class LogThreshold: Sendable {
    private let raw: Atomic<UInt8>

    package init(_ level: LogLevel) { raw = Atomic(level.rawValue) }

    /// The level in force; setting it holds for the next line of every logger that has it.
    package var level: LogLevel {
        get { LogLevel(rawValue: raw.load(ordering: .relaxed)) ?? .debug }
        set { raw.store(newValue.rawValue, ordering: .relaxed) }
    }
}
