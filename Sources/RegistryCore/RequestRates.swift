// How much each namespace asks of this member, for operators. Each loop counts for itself, in windows of ten seconds, so
// that a request costs one look into a table of its own loop; where nobody may ask for it nothing is counted. What is
// told is the mean of the last minute: clients renew every few seconds to half a minute, and a shorter time would show
// a namespace of three instances as idle.

package import Catalog
import Synchronization
package import Time

/// How much a namespace asked in some time, or asks a second.
package struct NamespaceRate<Number: AdditiveArithmetic & Sendable & Equatable>: Sendable, Equatable {
    package var requests = Number.zero
    package var heartbeats = Number.zero
}

/// The counts of one loop. Safe to use from any thread; the loop alone writes, and others seldom read.
final class LoopRates: Sendable {
    /// In nanoseconds.
    static let window: Int64 = 10_000_000_000
    /// Whole windows that are told of.
    static let windows = 6
    /// Namespaces that are counted at a time: with all of them a loop's counts take some 3 MB.
    static let most = 16_384

    private struct Count {
        /// The last window that something was counted in.
        var last: Int64
        /// At the window's number modulo theirs. There is one more than are told of: the one that is not over.
        var windows = InlineArray<7, NamespaceRate<UInt32>>(repeating: NamespaceRate())

        private static func place(of window: Int64) -> Int { Int(window % Int64(LoopRates.windows + 1)) }

        mutating func add(_ number: UInt32, isHeartbeat: Bool, in window: Int64) {
            move(to: window)
            if isHeartbeat {
                windows[Self.place(of: window)].heartbeats &+= number
            } else {
                windows[Self.place(of: window)].requests &+= number
            }
        }

        /// Empties the windows in which nothing was counted.
        private mutating func move(to window: Int64) {
            guard window > last else { return }
            for empty in max(last + 1, window - Int64(LoopRates.windows))...window {
                windows[Self.place(of: empty)] = NamespaceRate()
            }
            last = window
        }

        /// What the whole windows before this one have.
        consuming func sum(before window: Int64) -> NamespaceRate<Int> {
            move(to: window)
            var sum = NamespaceRate<Int>()
            for index in windows.indices where index != Self.place(of: window) {
                sum.requests += Int(windows[index].requests)
                sum.heartbeats += Int(windows[index].heartbeats)
            }
            return sum
        }
    }

    private let counts = Mutex<[Namespace: Count]>([:])

    func count(_ namespace: Namespace, _ number: Int = 1, isHeartbeat: Bool, at now: MonotonicTime) {
        let window = now.nanoseconds / Self.window
        counts.withLock { counts in
            if counts.count >= Self.most, counts[namespace] == nil {
                counts = counts.filter { $0.value.last >= window - 1 }
                // Where tokens are trusted, anybody makes up names.
                if counts.count >= Self.most { counts = [:] }
            }
            counts[namespace, default: Count(last: window)].add(
                UInt32(clamping: number), isHeartbeat: isHeartbeat, in: window)
        }
    }

    func sum(of namespace: Namespace, at now: MonotonicTime) -> NamespaceRate<Int> {
        let window = now.nanoseconds / Self.window
        return counts.withLock { counts in
            guard let count = counts[namespace], count.last <= window else { return NamespaceRate() }
            return count.sum(before: window)
        }
    }
}

/// The counts of all loops. Safe to use from any thread.
package final class RequestRates: Sendable {
    private let isOn: Bool
    private let start: MonotonicTime
    private let loops = Mutex<[LoopRates]>([])
    /// Of what no loop counts as a request: heartbeats that come in batches.
    private let batches = LoopRates()

    /// - Parameters:
    ///   - isOn: whether anybody may ask.
    ///   - start: since when is counted.
    package init(isOn: Bool, start: MonotonicTime) {
        self.isOn = isOn
        self.start = start
    }

    /// The counts of one more loop; nil where nothing is counted.
    func addLoop() -> LoopRates? {
        guard isOn else { return nil }
        let rates = LoopRates()
        loops.withLock { $0.append(rates) }
        return rates
    }

    /// Counts heartbeats of a batch.
    func countBatch(_ number: Int, _ namespace: Namespace, at now: MonotonicTime) {
        if isOn { batches.count(namespace, number, isHeartbeat: true, at: now) }
    }

    /// How much a namespace asked a second in the last minute, in whole windows; of a process that has started since,
    /// from then on. Zero in its first seconds.
    package func rate(of namespace: Namespace, at now: MonotonicTime) -> NamespaceRate<Double> {
        guard isOn else { return NamespaceRate() }
        let end = now.nanoseconds / LoopRates.window * LoopRates.window
        let time = min(end - start.nanoseconds, LoopRates.window * Int64(LoopRates.windows))
        guard time >= LoopRates.window / 2 else { return NamespaceRate() }
        let sum = loops.withLock { $0 }.reduce(batches.sum(of: namespace, at: now)) { sum, loop in
            let more = loop.sum(of: namespace, at: now)
            return NamespaceRate(requests: sum.requests + more.requests, heartbeats: sum.heartbeats + more.heartbeats)
        }
        let seconds = Double(time) / 1e9
        return NamespaceRate(requests: Double(sum.requests) / seconds, heartbeats: Double(sum.heartbeats) / seconds)
    }
}
