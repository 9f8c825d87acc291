// What one loop counts. Each loop has its own, so that counting costs an uncontended lock; a scrape adds them up.

import HTTP
import Synchronization
import Telemetry

/// The request counters of one loop, or the sum of several.
package struct RequestCounts: Sendable {
    private static let statusCount = HTTP.Status.allCases.count

    /// Requests by operation and status: row by row.
    private var requests = [UInt64](repeating: 0, count: Operation.allCases.count * statusCount)
    private var latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: Operation.allCases.count)

    package init() {}

    package mutating func record(_ operation: Operation, _ status: HTTP.Status, microseconds: Int) {
        requests[operation.rawValue * Self.statusCount + status.ordinal] += 1
        latencies[operation.rawValue].record(microseconds: microseconds)
    }

    /// How many requests of this operation got this status.
    package func count(_ operation: Operation, _ status: HTTP.Status) -> UInt64 {
        requests[operation.rawValue * Self.statusCount + status.ordinal]
    }

    /// How long requests of this operation took.
    package func latency(_ operation: Operation) -> LatencyHistogram { latencies[operation.rawValue] }

    /// Requests of all kinds.
    package var total: UInt64 { requests.reduce(0, +) }

    package static func + (left: RequestCounts, right: RequestCounts) -> RequestCounts {
        var sum = left
        for index in sum.requests.indices { sum.requests[index] += right.requests[index] }
        for index in sum.latencies.indices { sum.latencies[index] += right.latencies[index] }
        return sum
    }
}

/// What one loop counts; written by its loop, read by whoever scrapes.
package final class LoopMetrics: Sendable {
    private let counts = Mutex(RequestCounts())
    /// How late the loop's timer ran, in microseconds.
    private let lag = Atomic<Int>(0)
    /// Replies that wait now, and calls that did not wait though they should, because as many did as may.
    private let waiting = Atomic<Int>(0)
    private let notWaited = Atomic<UInt64>(0)
    package let rendered = RenderedCounts()

    package init() {}

    package func record(_ operation: Operation, _ status: HTTP.Status, microseconds: Int) {
        counts.withLock { $0.record(operation, status, microseconds: microseconds) }
    }

    /// The loop's timer ran so late, in microseconds.
    package func recordLag(microseconds: Int) { lag.store(microseconds, ordering: .relaxed) }

    /// So many replies are kept until something has come.
    func recordWaiting(_ count: Int) { waiting.store(count, ordering: .relaxed) }

    /// Only the loop's thread writes, so no addition is lost.
    func countNotWaited() { notWaited.store(notWaited.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

    package var waitingReplies: Int { waiting.load(ordering: .relaxed) }
    package var notWaitedReplies: UInt64 { notWaited.load(ordering: .relaxed) }
    package var requestCounts: RequestCounts { counts.withLock { $0 } }
    package var lagMicroseconds: Int { lag.load(ordering: .relaxed) }
}
