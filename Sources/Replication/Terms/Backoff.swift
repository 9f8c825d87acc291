// How much longer the next wait may be when one more try has failed.

package enum Backoff {
    /// Keeps the shift from running over; every cap is met sooner.
    private static let mostDoublings = 16

    /// `base` doubled this many times (none when negative), or `cap` when that is less.
    package static func bound(_ base: Duration, doublings: Int, cap: Duration) -> Duration {
        min(cap, base * (1 << min(max(0, doublings), mostDoublings)))
    }
}
