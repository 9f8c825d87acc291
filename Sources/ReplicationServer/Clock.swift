// The machine's clocks, as the replication thread reads them before it asks the node anything.

import Catalog
import Glibc

enum Clock {
    /// Milliseconds of CLOCK_MONOTONIC, which runs on while the process is stopped.
    static var monotonic: Int64 { read(CLOCK_MONOTONIC) / 1_000_000 }

    /// Nanoseconds since 1970.
    static var wall: Int64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec).multipliedSaturated(by: 1_000_000_000).addingSaturated(Int64(time.tv_nsec))
    }
}
