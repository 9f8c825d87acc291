// Time is an argument of every call, on each clock that matters here.

import Catalog

/// The moment of a call, on every clock there is.
public struct NodeTime: Sendable {
    /// For the catalog: lease time, what it has lost to pauses, and the wall clock as corrected by
    /// `Directive.correctClock`.
    public let moment: Moment
    /// Milliseconds of a clock that never goes back and runs on during a pause.
    public let monotonic: Int64
    /// Nanoseconds since 1970 by the machine's wall clock, uncorrected.
    public let wall: Int64

    public init(moment: Moment, monotonic: Int64, wall: Int64) {
        self.moment = moment
        self.monotonic = monotonic
        self.wall = wall
    }
}
