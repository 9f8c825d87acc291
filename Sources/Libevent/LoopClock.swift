// The clock of deadlines. It stands still while the machine sleeps, so that nobody is late for having slept with it.

import Glibc

enum LoopClock {
    /// Milliseconds of CLOCK_MONOTONIC.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
