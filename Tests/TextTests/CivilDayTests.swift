// The days have the dates that the calendar gives them.

import Foundation
import Testing
import Text

@Test func `the days of six centuries have the dates the calendar gives them`() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    // The calendar of Foundation is Julian before 1582 only, so all these days are in its Gregorian part.
    for days in stride(from: Int64(-106_000), through: 106_000, by: 37) {
        let parts = calendar.dateComponents(
            [.year, .month, .day], from: Date(timeIntervalSince1970: Double(days) * 86_400))
        let civil = CivilDay.civil(fromDays: days)
        #expect(
            parts.year == Int(civil.year) && parts.month == Int(civil.month) && parts.day == Int(civil.day),
            "day \(days)")
        #expect(CivilDay.days(year: civil.year, month: civil.month, day: civil.day) == days)
        #expect(civil.day <= CivilDay.length(ofMonth: civil.month, in: civil.year))
    }
}
