// How long requests take, counted into fixed buckets. A plain value without locks: each thread keeps its own, and the
// thread that answers a scrape adds them up.

/// Counts of latencies by bucket, with their sum: 152 bytes, and no allocation.
package struct LatencyHistogram: Sendable {
    /// The inclusive upper bounds of the buckets in microseconds, rising; a last bucket without bound follows them.
    /// Three a decade, from a heartbeat's cost to what any client would wait.
    package static let bounds = [
        50, 100, 250, 500,
        1_000, 2_500, 5_000,
        10_000, 25_000, 50_000,
        100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000,
    ]

    /// Invariant: `counts[i]` is the number of latencies above `bounds[i - 1]` and at most `bounds[i]`; the last has
    /// those above all.
    private var counts = InlineArray<18, UInt64>(repeating: 0)

    /// The sum of all latencies in microseconds; it wraps after half a million years.
    package private(set) var sum: UInt64 = 0

    package init() {}

    /// How many latencies were recorded.
    package var count: UInt64 {
        var total: UInt64 = 0
        for index in counts.indices { total += counts[index] }
        return total
    }

    /// Records one latency. A negative one (a clock that stepped back) counts as 0.
    package mutating func record(microseconds: Int) {
        let latency = max(microseconds, 0)
        // Most latencies are in the first buckets, which a search from the front finds first.
        var bucket = 0
        while bucket < Self.bounds.count && latency > Self.bounds[bucket] { bucket += 1 }
        counts[bucket] += 1
        sum &+= UInt64(latency)
    }

    /// How many latencies are in the bucket, without those below it; `bucket` is an index of ``bounds``, or their count
    /// for the last.
    package subscript(bucket: Int) -> UInt64 { counts[bucket] }

    /// Adds what the other has recorded.
    package static func += (left: inout LatencyHistogram, right: LatencyHistogram) {
        for index in left.counts.indices { left.counts[index] += right.counts[index] }
        left.sum &+= right.sum
    }
}
