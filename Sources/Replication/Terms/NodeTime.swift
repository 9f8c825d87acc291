// Time is an argument of every call, on each clock that matters here.

package import Catalog
package import Time

/// The moment of a call, on every clock there is.
package struct NodeTime: Sendable {
    /// For the catalog: lease time, what it has lost to pauses, and the wall clock as corrected by
    /// `Directive.correctClock`.
    package let moment: Moment
    /// Nanoseconds since 1970 by the machine's wall clock, uncorrected.
    package let wall: Int64

    package var monotonic: MonotonicTime { moment.monotonic }

    package init(moment: Moment, wall: Int64) {
        self.moment = moment
        self.wall = wall
    }
}
