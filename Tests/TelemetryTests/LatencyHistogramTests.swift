import TestRandom
import Testing

@testable import Telemetry

struct LatencyHistogramTests {
    @Test func `there is a count for each bucket, and nothing besides but the sum`() {
        #expect(MemoryLayout<LatencyHistogram>.size == 8 * (LatencyHistogram.bounds.count + 2))
    }

    @Test(arguments: [UInt64](1...5))
    func `histograms agree with a list of all latencies, also when added up`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var parts = [LatencyHistogram](repeating: LatencyHistogram(), count: 3)
        var all: [Int] = []
        for _ in 0..<2_000 {
            // Spread over the decades, with the bounds themselves among them.
            let latency =
                Bool.random(using: &random)
                ? LatencyHistogram.bounds.randomElement(using: &random).map {
                    $0 + Int.random(in: -1...1, using: &random)
                } ?? 0
                : Int.random(in: 0...Int.random(in: 1...20_000_000, using: &random), using: &random)
            all.append(latency)
            parts[Int.random(in: 0..<3, using: &random)].record(microseconds: latency)
        }
        var histogram = LatencyHistogram()
        for part in parts { histogram += part }

        #expect(histogram.count == 2_000)
        #expect(histogram.sum == UInt64(all.reduce(0, +)), "seed \(seed)")
        var lower = -1
        for (bucket, bound) in (LatencyHistogram.bounds + [Int.max]).enumerated() {
            let expected = all.count { $0 > lower && $0 <= bound }
            #expect(histogram[bucket] == UInt64(expected), "seed \(seed), bucket \(bucket)")
            lower = bound
        }
    }

    @Test func `a clock that steps back counts as no time`() {
        var histogram = LatencyHistogram()
        histogram.record(microseconds: -5)
        #expect(histogram[0] == 1 && histogram.sum == 0)
    }

    @Test func `the bounds rise`() {
        #expect(LatencyHistogram.bounds == LatencyHistogram.bounds.sorted())
        #expect(Set(LatencyHistogram.bounds).count == LatencyHistogram.bounds.count)
    }
}
