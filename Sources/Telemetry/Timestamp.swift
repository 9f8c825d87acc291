// Timestamps are rendered for every log line and for every instance in an answer, so they are written by hand, digit by
// digit, with no String and no C library. Pure: the caller passes the time.

import Text

/// Renders timestamps of RFC 3339 in UTC, as in `2026-11-23T00:05:43.413815Z`, and remembers the last second, which a
/// busy log or a long answer asks for again and again. One thread's at a time, as any value.
package struct TimestampFormatter: Sendable {
    /// Invariant: bytes 0 to 18 are the rendering of `second`, once `second` is not nil; what follows is rewritten
    /// every time. Every Int64 of nanoseconds lies in the years 1677 to 2262, so four digits hold any year.
    private var rendered = InlineArray<30, UInt8>(repeating: UInt8(ascii: "0"))
    private var second: Int64?

    package init() {}

    /// Appends the moment `nanoseconds` after the start of 1970 (negative is before it), in UTC without leap seconds.
    ///
    /// - Parameter digits: sub-second digits, 0 to 9 (a number outside is taken as the nearest); the rest is cut off,
    ///   not rounded, so that a rendered time is never later than the real one.
    package mutating func append(nanoseconds: Int64, digits: Int, to bytes: inout [UInt8]) {
        let end = render(nanoseconds: nanoseconds, digits: digits)
        bytes.append(rendered.span.extracting(0..<end))
    }

    /// The same; 30 bytes is the most.
    package mutating func append(nanoseconds: Int64, digits: Int, to output: inout OutputSpan<UInt8>) {
        let end = render(nanoseconds: nanoseconds, digits: digits)
        for index in 0..<end { output.append(rendered[index]) }
    }

    /// Renders a time; returns how many bytes it takes.
    private mutating func render(nanoseconds: Int64, digits: Int) -> Int {
        var (second, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        if fraction < 0 {
            second -= 1
            fraction += 1_000_000_000
        }
        if self.second != second { render(second) }

        var end = 19
        if digits > 0 {
            rendered[19] = UInt8(ascii: ".")
            // Nine digits fit into 32 bits, whose division is the cheaper one.
            var rest = UInt32(truncatingIfNeeded: fraction)
            for position in (20..<29).reversed() {
                rendered[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            end = 20 + min(digits, 9)
        }
        rendered[end] = UInt8(ascii: "Z")
        return end + 1
    }

    private mutating func render(_ second: Int64) {
        let secondsPerDay: Int64 = 86_400
        var (days, time) = second.quotientAndRemainder(dividingBy: secondsPerDay)
        if time < 0 {
            days -= 1
            time += secondsPerDay
        }
        let (year, month, day) = CivilDay.civil(fromDays: days)
        putPair(year / 100, at: 0)
        putPair(year % 100, at: 2)
        rendered[4] = UInt8(ascii: "-")
        putPair(month, at: 5)
        rendered[7] = UInt8(ascii: "-")
        putPair(day, at: 8)
        rendered[10] = UInt8(ascii: "T")
        putPair(time / 3600, at: 11)
        rendered[13] = UInt8(ascii: ":")
        putPair(time / 60 % 60, at: 14)
        rendered[16] = UInt8(ascii: ":")
        putPair(time % 60, at: 17)
        self.second = second
    }

    private mutating func putPair(_ value: Int64, at position: Int) {
        rendered[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10)
        rendered[position + 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
    }
}
