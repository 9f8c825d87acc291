// Every answer of HTTP says when it was given, by which a clock can be told from ours.

/// The `Date` of an HTTP message (RFC 9110, section 5.6.7), such as `Mon, 23 Nov 2026 00:05:42 GMT`.
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    /// From 1970-01-01, a Thursday.
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

    /// Nanoseconds since 1970, or nil when this is no such date. The weekday is not held against it, and the two
    /// obsolete forms are not read.
    package static func parse(_ text: [UInt8]) -> Int64? {
        guard text.count == 29 else { return nil }
        var scan = DigitScan(text)
        scan.skip(3)
        guard scan.take(","), scan.take(" "), let day = scan.number(digits: 2), scan.take(" ") else { return nil }
        guard let name = scan.word(3), let index = months.firstIndex(of: name), scan.take(" "),
            let year = scan.number(digits: 4),
            scan.take(" "), let hour = scan.number(digits: 2), scan.take(":"), let minute = scan.number(digits: 2),
            scan.take(":"),
            let second = scan.number(digits: 2), scan.word(4) == " GMT"
        else { return nil }
        let month = Int64(index) + 1
        guard (1678...2261).contains(year), day >= 1, day <= CivilDay.length(ofMonth: month, in: year), hour < 24,
            minute < 60, second < 61
        else { return nil }
        return (CivilDay.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second)
            * 1_000_000_000
    }

    /// Appends the second in which a time, in nanoseconds since 1970 and not before, lies.
    package static func append(_ nanoseconds: Int64, to bytes: inout [UInt8]) {
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
