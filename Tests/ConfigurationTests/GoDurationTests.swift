// Known answers are those of Go's own time package: its test tables, and its documentation.
import TestRandom
import TestSupport
import Testing

@testable import Configuration

struct GoDurationTests {
    private static let second: Int64 = 1_000_000_000
    private static let minute = 60 * second
    private static let hour = 60 * minute

    @Test(
        arguments: [
            ("0", 0), ("5s", 5 * second), ("30s", 30 * second), ("1478s", 1478 * second),
            ("-5s", -5 * second), ("+5s", 5 * second), ("-0", 0), ("+0", 0),
            ("5.0s", 5 * second), ("5.6s", 5_600_000_000), ("5.s", 5 * second), (".5s", 500_000_000), ("1.0s", second),
            ("1.00s", second), ("1.004s", 1_004_000_000), ("1.0040s", 1_004_000_000), ("100.00100s", 100_001_000_000),
            ("10ns", 10), ("11us", 11_000), ("12µs", 12_000), ("12μs", 12_000), ("13ms", 13_000_000),
            ("14s", 14 * second),
            ("15m", 15 * minute), ("16h", 16 * hour),
            ("3h30m", 3 * hour + 30 * minute), ("10.5s4m", 4 * minute + 10_500_000_000),
            ("-2m3.4s", -(2 * minute + 3_400_000_000)),
            ("1h2m3s4ms5us6ns", hour + 2 * minute + 3 * second + 4_005_006),
            ("39h9m14.425s", 39 * hour + 9 * minute + 14_425_000_000),
            ("52763797000ns", 52_763_797_000), ("0.3333333333333333333h", 20 * minute),
            ("9007199254740993ns", 9_007_199_254_740_993),
            ("9223372036854775807ns", Int64.max), ("9223372036854775.807us", Int64.max),
            ("9223372036s854ms775us807ns", Int64.max),
            ("-9223372036854775808ns", Int64.min), ("-9223372036854775.808us", Int64.min),
            ("-9223372036s854ms775us808ns", Int64.min),
            ("-2562047h47m16.854775808s", Int64.min), ("0.100000000000000000000h", 6 * minute),
            ("0.830103483285477580700h", 49 * minute + 48_372_539_827),
        ] as [(String, Int64)])
    func `a duration reads as Go reads it`(text: String, nanoseconds: Int64) {
        // R906 Durations are written as Go writes them: 30s, 1m30s, 500ms, 1h.
        #expect(GoDuration(parsing: text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "30 s", " 30s", "30s ", "1e3s", "30S", "--5s", "1m-30s",
        "\u{85}\u{85}", "\u{FFFF}", "hello \u{FFFF} world", "9223372036854775810ns", "9223372036854775808ns",
        "-9223372036854775809ns", "9223372036854776us", "3000000h", "9223372036854775.808us",
        "9223372036854ms775us808ns1h999999999h",
        "-9223372036854775808ns9223372036854775808ns", "99999999999999999999ns",
    ])
    func `what Go refuses or cannot hold is refused`(text: String) {
        #expect(GoDuration(parsing: text) == nil)
    }

    @Test(
        arguments: [
            (0, "0s"), (1, "1ns"), (1_100, "1.1µs"), (2_200_000, "2.2ms"), (3_300_000_000, "3.3s"),
            (4 * minute + 5 * second, "4m5s"),
            (4 * minute + 5_001_000_000, "4m5.001s"), (5 * hour + 6 * minute + 7_001_000_000, "5h6m7.001s"),
            (8 * minute + 1, "8m0.000000001s"),
            (second, "1s"), (hour, "1h0m0s"), (hour + 2 * minute + 3 * second, "1h2m3s"), (500_000_000, "500ms"),
            (-second, "-1s"),
            (Int64.max, "2562047h47m16.854775807s"), (Int64.min, "-2562047h47m16.854775808s"),
        ] as [(Int64, String)])
    func `a duration is written as Go writes it`(nanoseconds: Int64, text: String) {
        #expect(GoDuration(nanoseconds: nanoseconds).description == text)
    }

    @Test func `what is written reads back as the same span`() {
        let seed: UInt64 = 0x5EED
        var random = SplitMix64(seed: seed)
        for _ in 0..<2_000 {
            // Every magnitude comes up, so that each unit is exercised. Under 100 days the fraction is exact in Go's
            // arithmetic too.
            let span = Int64(random.next() >> (11 + random.next() % 53)) * (random.next() % 2 == 0 ? 1 : -1)
            let duration = GoDuration(nanoseconds: span)
            #expect(GoDuration(parsing: duration.description) == duration, "seed \(seed), span \(span)")
        }
    }
}
