// The machine's two clocks, which are read only here and in libevent. Code that decides by the time takes it as an
// argument, so that tests own it.

public import Glibc
public import Time

/// The clock of intervals, deadlines and leases: CLOCK_MONOTONIC. It never steps, it runs on while the process is
/// stopped, and it stands still while the machine sleeps, so that no deadline passes during that sleep.
public enum MonotonicClock {
    @inlinable public static func now() -> MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    @inlinable public static func milliseconds() -> Int64 { now().milliseconds }
}

/// Lets time pass for the calling thread alone.
public enum ThisThread {
    /// The kernel may add some fifty microseconds. A signal cuts it short.
    public static func sleep(nanoseconds: Int64) {
        guard nanoseconds > 0 else { return }
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        unsafe clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nil)
    }

    /// How long it has run on a processor, in nanoseconds.
    public static func processorTime() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// The time of day since the start of 1970: CLOCK_REALTIME. It may step back or forth when the machine's clock is set.
public enum WallClock {
    /// The kernel counts it in 64 bits of nanoseconds too.
    @inlinable public static func nanoseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    @inlinable public static func seconds() -> Int64 { nanoseconds() / 1_000_000_000 }
}
