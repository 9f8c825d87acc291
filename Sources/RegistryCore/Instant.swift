// The clocks are read once a request, so that all that is decided about it is decided at one time.

import Catalog

/// The clocks as read once, when a request arrived.
package struct Instant: Sendable {
    package let moment: Moment
    /// Nanoseconds of the monotonic clock, for latencies.
    package let monotonic: Int64

    package init(moment: Moment, monotonic: Int64) {
        self.moment = moment
        self.monotonic = monotonic
    }
}
