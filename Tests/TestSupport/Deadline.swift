// No test waits for ever, and one that gave up says what it waited for.

import Glibc

/// A moment until which something is waited for.
package struct Deadline: Sendable {
    /// Long enough for a loaded machine; nobody waits this long when all is well.
    package static let patience: Int64 = 30

    private let nanoseconds: Int64

    /// So many seconds from now.
    package init(seconds: Int64 = Deadline.patience) { nanoseconds = Self.monotonic() + seconds * 1_000_000_000 }

    /// For poll(2); 0 once the time is up.
    package var remainingMilliseconds: Int32 {
        Int32(max(0, min((nanoseconds - Self.monotonic() + 999_999) / 1_000_000, Int64(Int32.max))))
    }

    private static func monotonic() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Something that was waited for in vain.
package struct WaitedInVain: Error, CustomStringConvertible {
    package let description: String

    package init(for what: String, _ circumstances: String = "") {
        description = "waited in vain for \(what)\(circumstances.isEmpty ? "" : "; \(circumstances)")"
    }
}
