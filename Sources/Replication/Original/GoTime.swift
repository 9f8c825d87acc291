// Times as Go writes them into JSON (RFC 3339 with as many sub-second digits as there are), and as HTTP writes them into `Date`. Both ways,
// without a calendar library: whoever has a clock passes the time.

/// The days of the proleptic Gregorian calendar.
///
/// Algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (https://howardhinnant.github.io/date_algorithms.html).
enum CivilDay {
    private static let daysPerEra: Int64 = 146_097  // 400 years

    /// Days from 1970-01-01 to a day. The month must be 1 to 12.
    static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        // Years begin with March, so that a leap day ends its year.
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * daysPerEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Year, month (1 to 12) and day (1 to 31) of the day so many days after 1970-01-01.
    static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - (daysPerEra - 1)) / daysPerEra
        let dayOfEra = shifted - era * daysPerEra
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    static func length(ofMonth month: Int64, in year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// Times in Go's JSON, such as `2026-11-23T00:05:43.296493425Z`.
enum GoTime {
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000
    private static let secondsPerDay: Int64 = 86_400
    /// The longest text that is read: nine digits of a fraction and an offset. Go writes no more.
    private static let longest = 35

    /// Nanoseconds since 1970, or nil when this is no such time. Times outside of the years 1677 to 2262, which do not fit (Go's zero time
    /// is one), become the nearest that does.
    static func parse(_ text: [UInt8]) -> Int64? {
        guard text.count <= longest else { return nil }
        var scan = DigitScan(text)
        guard let year = scan.number(digits: 4), scan.take("-"), let month = scan.number(digits: 2), scan.take("-"),
            let day = scan.number(digits: 2), scan.take("T") || scan.take("t"), let hour = scan.number(digits: 2), scan.take(":"),
            let minute = scan.number(digits: 2), scan.take(":"), let second = scan.number(digits: 2),
            (1...12).contains(month), day >= 1, day <= CivilDay.length(ofMonth: month, in: year), hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if scan.take(".") || scan.take(",") {
            guard let read = scan.fraction() else { return nil }
            fraction = read
        }
        guard let offset = offset(&scan), scan.isAtEnd else { return nil }
        let seconds = CivilDay.days(year: year, month: month, day: day) * secondsPerDay + hour * 3600 + minute * 60 + second - offset
        let (product, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowSum) = product.addingReportingOverflow(fraction)
        return overflowSum ? .max : sum
    }

    /// Seconds east of Greenwich.
    private static func offset(_ scan: inout DigitScan) -> Int64? {
        if scan.take("Z") || scan.take("z") { return 0 }
        let isWest = scan.take("-")
        guard isWest || scan.take("+"), let hours = scan.number(digits: 2), scan.take(":"), let minutes = scan.number(digits: 2),
            hours < 24, minutes < 60
        else { return nil }
        return (hours * 3600 + minutes * 60) * (isWest ? -1 : 1)
    }

    /// Appends a time, in nanoseconds since 1970, in UTC: as Go does, with sub-second digits only up to the last that is not 0.
    static func append(_ nanoseconds: Int64, to bytes: inout [UInt8]) {
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
        if fraction > 0 {
            bytes.append(UInt8(ascii: "."))
            bytes.append(number: fraction, digits: 9)
            while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
        }
        bytes.append(UInt8(ascii: "Z"))
    }
}

/// The `Date` of an HTTP message (RFC 9110, section 5.6.7), such as `Mon, 23 Nov 2026 00:05:42 GMT`.
public enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    /// From 1970-01-01, a Thursday.
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

    /// Nanoseconds since 1970, or nil when this is no such date. The weekday is not held against it, and the two obsolete forms are not read.
    public static func parse(_ text: [UInt8]) -> Int64? {
        guard text.count == 29 else { return nil }
        var scan = DigitScan(text)
        scan.skip(3)
        guard scan.take(","), scan.take(" "), let day = scan.number(digits: 2), scan.take(" ") else { return nil }
        guard let name = scan.word(3), let index = months.firstIndex(of: name), scan.take(" "), let year = scan.number(digits: 4),
            scan.take(" "), let hour = scan.number(digits: 2), scan.take(":"), let minute = scan.number(digits: 2), scan.take(":"),
            let second = scan.number(digits: 2), scan.word(4) == " GMT"
        else { return nil }
        let month = Int64(index) + 1
        guard (1678...2261).contains(year), day >= 1, day <= CivilDay.length(ofMonth: month, in: year), hour < 24, minute < 60, second < 61
        else { return nil }
        return (CivilDay.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000_000
    }

    /// Appends the second in which a time, in nanoseconds since 1970 and not before, lies.
    static func append(_ nanoseconds: Int64, to bytes: inout [UInt8]) {
        let (days, time) = (max(0, nanoseconds) / 1_000_000_000).quotientAndRemainder(dividingBy: 86_400)
        let (year, month, day) = CivilDay.civil(fromDays: days)
        bytes += Array(weekdays[Int(days % 7)].utf8)
        bytes += Array(", ".utf8)
        bytes.append(number: day, digits: 2)
        bytes += Array(" \(months[Int(month - 1)]) ".utf8)
        bytes.append(number: year, digits: 4)
        bytes.append(UInt8(ascii: " "))
        bytes.append(secondOfDay: time)
        bytes += Array(" GMT".utf8)
    }
}

/// Reads fixed forms digit by digit.
private struct DigitScan {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func skip(_ count: Int) {
        position = min(position + count, bytes.count)
    }

    mutating func word(_ count: Int) -> String? {
        guard position + count <= bytes.count else { return nil }
        defer { position += count }
        return String(decoding: bytes[position..<position + count], as: UTF8.self)
    }

    private mutating func digit() -> Int64? {
        guard position < bytes.count, (0x30...0x39).contains(bytes[position]) else { return nil }
        defer { position += 1 }
        return Int64(bytes[position] - 0x30)
    }

    mutating func number(digits: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// One to nine digits behind a point, as billionths.
    mutating func fraction() -> Int64? {
        var fraction: Int64 = 0
        var unit: Int64 = 100_000_000
        guard let first = digit() else { return nil }
        fraction = first * unit
        while unit > 1, let digit = digit() {
            unit /= 10
            fraction += digit * unit
        }
        return fraction
    }
}

extension [UInt8] {
    /// Appends a number that is not negative with so many digits, zeros in front.
    fileprivate mutating func append(number: Int64, digits: Int) {
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        var rest = number
        for index in (count - digits..<count).reversed() {
            self[index] += UInt8(rest % 10)
            rest /= 10
        }
    }

    fileprivate mutating func append(secondOfDay second: Int64) {
        append(number: second / 3600, digits: 2)
        append(UInt8(ascii: ":"))
        append(number: second / 60 % 60, digits: 2)
        append(UInt8(ascii: ":"))
        append(number: second % 60, digits: 2)
    }
}
