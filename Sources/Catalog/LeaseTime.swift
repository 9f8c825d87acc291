// Deadlines are kept on a clock of their own (see LeaseClock), never on the wall clock, which steps, nor on the raw
// monotonic clock, which runs on while the process is paused. A type of its own keeps the three from being mixed up.

/// An instant on the lease clock, in milliseconds since that clock was started.
///
/// Meaningful inside one process only: what crosses the network is the age of a heartbeat, never a `LeaseTime`.
package struct LeaseTime: Comparable, Hashable, Sendable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The instant at which the clock was started.
    package static let zero = LeaseTime(milliseconds: 0)
    /// Later than every deadline: the deadline of what never expires.
    package static let distantFuture = LeaseTime(milliseconds: .max)

    package static func < (left: LeaseTime, right: LeaseTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// The instant `milliseconds` later, or earlier when negative; saturates instead of overflowing.
    package static func + (time: LeaseTime, milliseconds: Int64) -> LeaseTime {
        LeaseTime(milliseconds: time.milliseconds.addingSaturated(milliseconds))
    }

    /// Milliseconds from `earlier` to `later`, negative when they are the other way round; saturates instead of
    /// overflowing.
    package static func - (later: LeaseTime, earlier: LeaseTime) -> Int64 {
        later.milliseconds.subtractingSaturated(earlier.milliseconds)
    }
}
