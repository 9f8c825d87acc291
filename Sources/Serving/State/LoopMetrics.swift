// What one loop counts. Each loop has its own, so that counting costs an uncontended lock; a scrape adds them up.

package import HTTP
import Synchronization
package import Telemetry

/// The request counters of one loop, or the sum of several.
package struct RequestCounts: Sendable {
    private static let statusCount = HTTP.Status.allCases.count

    /// Those that are counted, as the route table numbers them.
    package let operations: [Operation]
    /// Requests by operation and status: row by row.
    private var requests: [UInt64]
    private var latencies: [LatencyHistogram]

    package init(_ operations: [Operation]) {
        self.operations = operations
        requests = [UInt64](repeating: 0, count: operations.count * Self.statusCount)
        latencies = [LatencyHistogram](repeating: LatencyHistogram(), count: operations.count)
    }

    /// - Parameter number: the operation's among all.
    mutating func record(_ number: Int, _ status: HTTP.Status, microseconds: Int) {
        requests[number * Self.statusCount + status.ordinal] += 1
        latencies[number].record(microseconds: microseconds)
    }

    /// How many requests of this operation got this status.
    package func count(_ operation: Operation, _ status: HTTP.Status) -> UInt64 {
        operations.firstIndex(of: operation).map { requests[$0 * Self.statusCount + status.ordinal] } ?? 0
    }

    /// How long requests of this operation took.
    package func latency(_ operation: Operation) -> LatencyHistogram {
        operations.firstIndex(of: operation).map { latencies[$0] } ?? LatencyHistogram()
    }

    /// Requests of all kinds.
    package var total: UInt64 { requests.reduce(0, +) }

    package static func + (left: RequestCounts, right: RequestCounts) -> RequestCounts {
        var sum = left
        for index in sum.requests.indices { sum.requests[index] += right.requests[index] }
        for index in sum.latencies.indices { sum.latencies[index] += right.latencies[index] }
        return sum
    }
}

/// What one loop counts; written by its loop, read for each scrape.
package final class LoopMetrics: Sendable {
    private let counts: Mutex<RequestCounts>
    /// How late the loop's timer ran, in microseconds.
    private let lag = Atomic<Int>(0)
    /// Replies that wait now, and calls that did not wait though they should, because as many did as may.
    private let waiting = Atomic<Int>(0)
    private let notWaited = Atomic<UInt64>(0)
    package let rendered = RenderedCounts()
    /// Those that are counted.
    package let operations: [Operation]

    /// - Parameter operations: those that are counted.
    package init(_ operations: [Operation]) {
        self.operations = operations
        counts = Mutex(RequestCounts(operations))
    }

    /// - Parameter number: the operation's among all.
    func record(_ number: Int, _ status: HTTP.Status, microseconds: Int) {
        counts.withLock { $0.record(number, status, microseconds: microseconds) }
    }

    /// The loop's timer ran so late, in microseconds.
    package func recordLag(microseconds: Int) { lag.store(microseconds, ordering: .relaxed) }

    /// The replies that are kept until something has come.
    func recordWaiting(_ count: Int) { waiting.store(count, ordering: .relaxed) }

    /// Only the loop's thread writes, so no addition is lost.
    func countNotWaited() { notWaited.store(notWaited.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

    package var waitingReplies: Int { waiting.load(ordering: .relaxed) }
    package var notWaitedReplies: UInt64 { notWaited.load(ordering: .relaxed) }
    package var requestCounts: RequestCounts { counts.withLock { $0 } }
    package var lagMicroseconds: Int { lag.load(ordering: .relaxed) }
}
