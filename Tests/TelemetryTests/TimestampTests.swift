import Foundation
import TestRandom
import Testing

@testable import Telemetry

struct TimestampTests {
    /// By a formatter that remembers nothing.
    private static func rendered(_ nanoseconds: Int64, _ digits: Int) -> [UInt8] {
        var formatter = TimestampFormatter()
        var bytes: [UInt8] = []
        formatter.append(nanoseconds: nanoseconds, digits: digits, to: &bytes)
        return bytes
    }

    @Test(
        arguments: [
            (0, 0, "1970-01-01T00:00:00Z"),
            (0, 9, "1970-01-01T00:00:00.000000000Z"),
            (1_795_392_343_413_815_927, 6, "2026-11-23T00:05:43.413815Z"),
            (1_795_392_343_413_815_927, 9, "2026-11-23T00:05:43.413815927Z"),
            (1_795_392_343_413_815_927, 3, "2026-11-23T00:05:43.413Z"),
            (999_999_999, 1, "1970-01-01T00:00:00.9Z"),
            (951_782_400_000_000_000, 0, "2000-02-29T00:00:00Z"),
            (951_868_800_000_000_000, 0, "2000-03-01T00:00:00Z"),
            (1_709_251_199_999_999_999, 9, "2024-02-29T23:59:59.999999999Z"),
            (2_147_483_647_000_000_000, 0, "2038-01-19T03:14:07Z"),
            (2_147_483_648_000_000_000, 0, "2038-01-19T03:14:08Z"),
            (4_107_542_399_000_000_000, 0, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000_000_000, 0, "2100-03-01T00:00:00Z"),
            (-1, 9, "1969-12-31T23:59:59.999999999Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (-1_000_000_000, 1, "1969-12-31T23:59:59.0Z"),
            (-2_203_891_200_000_000_000, 0, "1900-03-01T00:00:00Z"),
            (Int64.max, 9, "2262-04-11T23:47:16.854775807Z"),
            (Int64.min, 9, "1677-09-21T00:12:43.145224192Z"),
            (0, -1, "1970-01-01T00:00:00Z"),
            (0, 12, "1970-01-01T00:00:00.000000000Z"),
        ] as [(Int64, Int, String)])
    func `a moment reads as its RFC 3339 timestamp`(nanoseconds: Int64, digits: Int, expected: String) {
        #expect(text(Self.rendered(nanoseconds, digits)) == expected)
    }

    @Test func `a remembered second never shows in another second's timestamp`() {
        let seed: UInt64 = 20261123
        var random = SplitMix64(seed: seed)
        var formatter = TimestampFormatter()
        var moment: Int64 = 1_700_000_000_000_000_000
        for _ in 0..<5_000 {
            moment += Int64.random(in: -700_000_000...700_000_000, using: &random)
            let digits = Int.random(in: 0...9, using: &random)
            var cached: [UInt8] = []
            formatter.append(nanoseconds: moment, digits: digits, to: &cached)
            #expect(cached == Self.rendered(moment, digits), "seed \(seed), moment \(moment)")
        }
    }
}
