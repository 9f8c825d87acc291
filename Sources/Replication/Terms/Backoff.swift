// How much longer the next wait may be when one more try has failed.

public enum Backoff {
    /// Keeps the shift from running over; every cap is met sooner.
    private static let mostDoublings = 16

    /// `base` doubled this many times (none when negative), or `cap` when that is less.
    public static func bound(_ base: Int64, doublings: Int, cap: Int64) -> Int64 {
        min(cap, base << Int64(min(max(0, doublings), mostDoublings)))
    }
}
