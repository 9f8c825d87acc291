// How far a subscriber is behind, in changes and in time. Changes of a link are counted, and acknowledged by their
// count.

import Time

/// What was sent on a link and not yet acknowledged.
struct SubscriptionLag {
    /// When changes up to this count were sent.
    private struct Mark {
        var count: UInt64
        let at: MonotonicTime
    }

    /// Sends within this share a mark.
    private static let resolution: Duration = .milliseconds(10)
    private static let marksLimit = 1_024

    private(set) var sent: UInt64 = 0
    private(set) var acknowledged: UInt64 = 0
    /// Invariant: in the order of both fields, at most `marksLimit`, each with a count above `acknowledged`.
    private var marks: [Mark] = []

    var changes: Int { Int(sent - acknowledged) }

    mutating func sent(_ count: Int, at now: MonotonicTime) {
        sent += UInt64(count)
        if let last = marks.last, now - last.at < Self.resolution || marks.count == Self.marksLimit {
            marks[marks.count - 1].count = sent
        } else {
            marks.append(Mark(count: sent, at: now))
        }
    }

    /// Throws when more is acknowledged than was sent.
    mutating func acknowledge(_ count: UInt64) throws(FrameError) {
        guard count <= sent else { throw .value }
        acknowledged = max(acknowledged, count)
        let done = marks.firstIndex { $0.count > acknowledged } ?? marks.count
        marks.removeFirst(done)
    }

    /// When the oldest unacknowledged change was sent.
    var oldestSent: MonotonicTime? { marks.first?.at }

    /// How long the oldest unacknowledged change has waited, in milliseconds.
    func milliseconds(at now: MonotonicTime) -> Int64 {
        marks.first.map { max(0, (now - $0.at).wholeMilliseconds) } ?? 0
    }
}

#if DEBUG
    extension SubscriptionLag {
        /// Sentences on what must always hold and does not. For tests, after each step.
        func checkInvariants() -> [String] {
            var broken: [String] = []
            if acknowledged > sent { broken.append("more changes are acknowledged than were sent") }
            if marks.count > Self.marksLimit { broken.append("there are \(marks.count) marks of what was sent") }
            if marks.contains(where: { $0.count <= acknowledged }) {
                broken.append("a mark is kept of what is acknowledged")
            }
            if zip(marks, marks.dropFirst()).contains(where: { $0.count >= $1.count || $0.at > $1.at }) {
                broken.append("the marks of what was sent are not in order")
            }
            return broken
        }
    }
#endif
