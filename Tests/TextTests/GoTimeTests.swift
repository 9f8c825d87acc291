import Foundation
import TestRandom
import Testing
import Text

struct GoTimeTests {
    @Test(arguments: [
        ("2026-11-23T00:05:43.296493425Z", 1_795_392_343_296_493_425),
        ("2026-11-23T00:05:43.5Z", 1_795_392_343_500_000_000),
        ("2026-11-23T00:05:43Z", 1_795_392_343_000_000_000), ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-02-29T12:00:00.000000001Z", 1_709_208_000_000_000_001), ("2262-04-11T23:47:16.854775807Z", Int64.max),
    ])
    func `times are read and written as Go writes them`(text: String, nanoseconds: Int64) {
        #expect(GoTime.parse(Array(text.utf8)) == nanoseconds)
        var written: [UInt8] = []
        GoTime.append(nanoseconds, to: &written)
        #expect(String(decoding: written, as: UTF8.self) == text)
    }

    @Test(arguments: [
        ("2026-11-23T02:05:43.5+02:00", 1_795_392_343_500_000_000),
        ("2026-11-22T18:35:43-05:30", 1_795_392_343_000_000_000),
        ("2026-11-23T00:05:43.500000000Z", 1_795_392_343_500_000_000), ("0001-01-01T00:00:00Z", Int64.min),
        ("9999-12-31T23:59:59Z", Int64.max), ("2262-04-11T23:47:16.999999999Z", Int64.max),
    ])
    func `other zones are understood, and what does not fit becomes the nearest that does`(
        text: String, nanoseconds: Int64
    ) {
        #expect(GoTime.parse(Array(text.utf8)) == nanoseconds)
    }

    @Test(arguments: [
        "", "now", "2026-11-23", "2026-11-23T00:05:43", "2026-11-23 00:05:43Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+2:00",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Zjunk", "-026-01-01T00:00:00Z", "2026-1-01T00:00:00Z",
    ])
    func `what is no time is none`(text: String) {
        #expect(GoTime.parse(Array(text.utf8)) == nil)
    }

    @Test func `every time is read back`() {
        var generator = SplitMix64(seed: 7)
        for _ in 0..<20_000 {
            let nanoseconds = Int64(bitPattern: generator.next())
            var written: [UInt8] = []
            GoTime.append(nanoseconds, to: &written)
            #expect(GoTime.parse(written) == nanoseconds)
        }
    }

    @Test(arguments: [
        ("Mon, 23 Nov 2026 00:05:42 GMT", 1_795_392_342), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
    ])
    func `dates of HTTP are read and written`(text: String, seconds: Int64) {
        #expect(HTTPDate.parse(Array(text.utf8)) == seconds * 1_000_000_000)
        var written: [UInt8] = []
        HTTPDate.append(seconds * 1_000_000_000 + 999_999_999, to: &written)
        #expect(String(decoding: written, as: UTF8.self) == text)
    }

    @Test(arguments: [
        "", "Mon, 23 Nov 2026 00:05:42 UTC", "Mon, 23 nov 2026 00:05:42 GMT", "Mon, 31 Feb 2026 00:05:42 GMT",
        "Monday, 23-Nov-26 00:05:42 GMT",
    ])
    func `what is no date of HTTP is none`(text: String) {
        #expect(HTTPDate.parse(Array(text.utf8)) == nil)
    }
}
