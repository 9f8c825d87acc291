// Deadlines and intervals are counted on the monotonic clock, some by nanoseconds (latencies, allowances), others by
// milliseconds (links, leases). A type of its own keeps its instants from being mixed up with each other's units, with
// lease time, and with the wall clock. The difference of two instants is a `Duration`.

/// An instant of the monotonic clock, in nanoseconds since an arbitrary start (on Linux: of the machine).
///
/// Meaningful inside one machine only. Arithmetic saturates instead of overflowing.
@frozen public struct MonotonicTime: Comparable, Hashable, Sendable {
    public let nanoseconds: Int64

    @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// A number too large to be represented is the distant future.
    @inlinable public init(milliseconds: Int64) {
        nanoseconds = Int64.nanoseconds(milliseconds: milliseconds)
    }

    /// Before every instant that a clock reads.
    @inlinable public static var distantPast: MonotonicTime { MonotonicTime(nanoseconds: .min) }
    /// After every instant that a clock reads: the deadline of what has none.
    @inlinable public static var distantFuture: MonotonicTime { MonotonicTime(nanoseconds: .max) }
    @inlinable public static var zero: MonotonicTime { MonotonicTime(nanoseconds: 0) }

    /// Whole milliseconds, rounded down for the instants that clocks read.
    @inlinable public var milliseconds: Int64 { nanoseconds / 1_000_000 }
    @inlinable public var seconds: Int64 { nanoseconds / 1_000_000_000 }

    @inlinable public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    @inlinable public static func + (time: MonotonicTime, interval: Duration) -> MonotonicTime {
        time.adding(nanoseconds: interval.wholeNanoseconds)
    }

    @inlinable public static func += (time: inout MonotonicTime, interval: Duration) { time = time + interval }

    @inlinable public static func - (time: MonotonicTime, interval: Duration) -> MonotonicTime {
        time + (.zero - interval)
    }

    /// Negative when `earlier` is the later one.
    @inlinable public static func - (later: MonotonicTime, earlier: MonotonicTime) -> Duration {
        .nanoseconds(later.nanoseconds(since: earlier))
    }

    /// How many milliseconds are left until this instant, rounded up so that whoever sleeps for them does not wake too
    /// early; 0 when it is past.
    @inlinable public func rest(at now: MonotonicTime) -> Int64 {
        let rest = max(0, nanoseconds(since: now))
        return rest / 1_000_000 + (rest % 1_000_000 > 0 ? 1 : 0)
    }

    /// As `+`, without a `Duration`, whose 128 bits cost a division: for the request path.
    @inlinable public func adding(nanoseconds interval: Int64) -> MonotonicTime {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(interval)
        return MonotonicTime(nanoseconds: overflow ? (interval < 0 ? .min : .max) : sum)
    }

    /// The difference as a number, for the request path.
    @inlinable public func nanoseconds(since earlier: MonotonicTime) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return overflow ? (earlier.nanoseconds > 0 ? .min : .max) : difference
    }
}

extension Int64 {
    /// Saturates.
    @inlinable package static func nanoseconds(milliseconds: Int64) -> Int64 {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (milliseconds < 0 ? .min : .max) : product
    }
}

extension Duration {
    /// Rounded towards zero; the nearest that 64 bits hold for what is longer than 292 years.
    @inlinable public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// Rounded towards zero; saturates as `wholeNanoseconds` does.
    @inlinable public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }

    /// Longer than any other interval that is counted in nanoseconds.
    @inlinable public static var forever: Duration { .nanoseconds(Int64.max) }
}

extension Duration {
    /// Whole milliseconds within the range, with equal chances.
    public static func random(
        in range: ClosedRange<Duration>, using random: inout some RandomNumberGenerator
    ) -> Duration {
        .milliseconds(
            Int64.random(in: range.lowerBound.wholeMilliseconds...range.upperBound.wholeMilliseconds, using: &random))
    }
}
