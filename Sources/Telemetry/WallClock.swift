// The wall clock is read in one place, and every user takes it as an argument, so that tests own the time.

import Glibc

/// The time of day.
public enum WallClock {
    /// Nanoseconds since the start of 1970, from `CLOCK_REALTIME`. It may step back or forth when the machine's clock is set.
    public static let now: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
