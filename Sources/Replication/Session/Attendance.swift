// Whether a subscriber is waited for before clients are answered, and what it has still to acknowledge. One that
// answers late would cost every client the bound, so it is left out until it has been prompt for a while: a slow line
// costs one wait, and not one in so many.

import Time

/// A publisher's account of one subscriber that can be waited for.
struct Attendance {
    /// How long a subscriber that was late must have been prompt until it is waited for again.
    static let probation: Duration = .milliseconds(5_000)

    /// Changes up to this count are awaited by this wait and later ones.
    private struct Mark {
        let count: UInt64
        let wait: UInt64
    }

    /// An acknowledgment is prompt that comes within this: half of what is waited for at most, so that
    /// who just passes does not fail with the next.
    let promptness: Duration
    private(set) var isWaitedFor = false
    /// Whether it was left out because it was late, and has not been waited for since.
    private(set) var isLate = false
    /// What was sent before does not count.
    private var since = MonotonicTime.distantFuture
    private var promptAt: MonotonicTime?
    /// It is not waited for before.
    private var earliest = MonotonicTime.distantPast
    /// Invariant: in the order of both fields; empty unless it is waited for.
    private var marks: [Mark] = []

    /// - Parameter timeout: how long it is waited for at most.
    init(timeout: Duration) {
        promptness = timeout / 2
    }

    /// The earliest wait that needs an acknowledgment of it.
    var firstWait: UInt64? { marks.first?.wait }

    /// From now on it is heard how quick it is: what it was before goes for nothing, unless it was left out for it.
    /// Once when it is there, and once more when a copy has been sent to its end, for what is behind a copy is late by
    /// that.
    mutating func begin(at now: MonotonicTime) {
        since = now
        promptAt = nil
        if !isLate { earliest = .distantPast }
    }

    /// It has acknowledged what was sent at that time, a change or a ping.
    mutating func acknowledged(sentAt: MonotonicTime, at now: MonotonicTime) {
        guard sentAt >= since else { return }
        if now - sentAt <= promptness { promptAt = now } else { late(at: now) }
    }

    /// It has not yet acknowledged what was sent at that time.
    mutating func awaited(sentAt: MonotonicTime, at now: MonotonicTime) {
        if sentAt >= since, now - sentAt > promptness { late(at: now) }
    }

    private mutating func late(at now: MonotonicTime) {
        earliest = now + Self.probation
        promptAt = nil
    }

    /// Begins to wait for it if that is due; returns whether it does.
    mutating func admit(at now: MonotonicTime) -> Bool {
        guard !isWaitedFor, promptAt != nil, now >= earliest else { return false }
        (isWaitedFor, isLate) = (true, false)
        return true
    }

    /// It is waited for no longer.
    ///
    /// - Parameter isLate: whether that is because of its lateness.
    mutating func leaveOut(isLate: Bool, at now: MonotonicTime) {
        (isWaitedFor, marks) = (false, [])
        guard isLate else { return }
        self.isLate = true
        late(at: now)
    }

    /// This wait, and those after it, need all that was sent so far.
    mutating func expect(_ wait: UInt64, lag: borrowing SubscriptionLag) {
        guard isWaitedFor, lag.sent > lag.acknowledged, marks.last.map({ $0.count < lag.sent }) ?? true else { return }
        marks.append(Mark(count: lag.sent, wait: wait))
    }

    /// It has the changes up to this count.
    mutating func has(_ count: UInt64) {
        guard let first = marks.first, first.count <= count else { return }
        marks.removeFirst(marks.firstIndex { $0.count > count } ?? marks.count)
    }
}

#if DEBUG
    extension Attendance {
        /// Sentences on what must always hold and does not. For tests, after each step.
        func checkInvariants() -> [String] {
            var broken: [String] = []
            if !isWaitedFor, !marks.isEmpty { broken.append("a subscriber that is not waited for holds waits up") }
            if isWaitedFor, isLate { broken.append("a subscriber is waited for and left out") }
            if zip(marks, marks.dropFirst()).contains(where: { $0.count >= $1.count || $0.wait > $1.wait }) {
                broken.append("what a subscriber must acknowledge is not in order")
            }
            return broken
        }
    }
#endif
