// Times as Go writes them into JSON: RFC 3339 with as many sub-second digits as there are. The caller passes the time.

/// Times in Go's JSON, such as `2026-11-23T00:05:43.296493425Z`.
package enum GoTime {
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000
    private static let secondsPerDay: Int64 = 86_400
    /// The longest text that is read: nine digits of a fraction and an offset. Go writes no more.
    private static let longest = 35

    /// Nanoseconds since 1970, or nil when this is no such time. Times outside of the years 1677 to 2262, which do not
    /// fit (Go's zero time is one), become the nearest that does.
    package static func parse(_ text: [UInt8]) -> Int64? {
        guard text.count <= longest else { return nil }
        var scan = DigitScan(text)
        guard let year = scan.number(digits: 4), scan.take("-"), let month = scan.number(digits: 2), scan.take("-"),
            let day = scan.number(digits: 2), scan.take("T") || scan.take("t"), let hour = scan.number(digits: 2),
            scan.take(":"),
            let minute = scan.number(digits: 2), scan.take(":"), let second = scan.number(digits: 2),
            (1...12).contains(month), day >= 1, day <= CivilDay.length(ofMonth: month, in: year), hour < 24,
            minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if scan.take(".") || scan.take(",") {
            guard let read = scan.fraction() else { return nil }
            fraction = read
        }
        guard let offset = offset(&scan), scan.isAtEnd else { return nil }
        let seconds =
            CivilDay.days(year: year, month: month, day: day) * secondsPerDay + hour * 3600 + minute * 60 + second
            - offset
        let (product, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowSum) = product.addingReportingOverflow(fraction)
        return overflowSum ? .max : sum
    }

    /// Seconds east of Greenwich.
    private static func offset(_ scan: inout DigitScan) -> Int64? {
        if scan.take("Z") || scan.take("z") { return 0 }
        let isWest = scan.take("-")
        guard isWest || scan.take("+"), let hours = scan.number(digits: 2), scan.take(":"),
            let minutes = scan.number(digits: 2),
            hours < 24, minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }

    package enum FractionDigits {
        /// As Go writes them: up to the last that is not 0.
        case asNeeded
        /// Always nine, so that each time of these years is as long as any other.
        case nine
    }

    /// Appends a time, in nanoseconds since 1970, in UTC.
    package static func append(
        _ nanoseconds: Int64, fractionDigits: FractionDigits = .asNeeded, to bytes: inout [UInt8]
    ) {
        var (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: nanosecondsPerSecond)
        if fraction < 0 {
            seconds -= 1
            fraction += nanosecondsPerSecond
        }
        var (days, time) = seconds.quotientAndRemainder(dividingBy: secondsPerDay)
        if time < 0 {
            days -= 1
            time += secondsPerDay
        }
        let (year, month, day) = CivilDay.civil(fromDays: days)
        bytes.append(number: year, digits: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(number: month, digits: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(number: day, digits: 2)
        bytes.append(UInt8(ascii: "T"))
        bytes.append(secondOfDay: time)
        if fraction > 0 || fractionDigits == .nine {
            bytes.append(UInt8(ascii: "."))
            bytes.append(number: fraction, digits: 9)
            while fractionDigits == .asNeeded, bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
        }
        bytes.append(UInt8(ascii: "Z"))
    }
}
