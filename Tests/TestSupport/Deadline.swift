// No test waits for ever, and one that gave up says what it waited for.

import Glibc

/// A moment until which something is waited for.
public struct Deadline: Sendable {
    /// Long enough for a loaded machine; nobody waits this long when all is well.
    public static let patience: Int64 = 30

    private let nanoseconds: Int64

    /// So many seconds from now.
    public init(seconds: Int64 = Deadline.patience) { nanoseconds = Self.monotonic() + seconds * 1_000_000_000 }

    /// For poll(2); 0 once the time is up.
    public var remainingMilliseconds: Int32 {
        Int32(max(0, min((nanoseconds - Self.monotonic() + 999_999) / 1_000_000, Int64(Int32.max))))
    }

    private static func monotonic() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Something that was waited for in vain.
public struct WaitedInVain: Error, CustomStringConvertible {
    public let description: String

    public init(for what: String, _ circumstances: String = "") {
        description = "waited in vain for \(what)\(circumstances.isEmpty ? "" : "; \(circumstances)")"
    }
}
