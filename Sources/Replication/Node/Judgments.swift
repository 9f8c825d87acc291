// What a node concludes once a second, or with each tick, from all that it hears: whose clock is wrong, whether there
// are enough members, whether two are called the same, whether this one is cut off. Each judge is a value of its own;
// here is when they are asked, and what they have said.

import Catalog
import Time

/// The judges of a node, and what they said last. A value of the node's thread.
struct Judgments {
    /// How often clocks, sizes and names are judged.
    static let period: Duration = .milliseconds(1_000)

    private(set) var clock: ClockAlarm
    private(set) var hearing: Hearing
    private var size = SizeWatch()
    private var twins = TwinWatch()
    private var next: MonotonicTime = .zero
    /// The only other member, once its clock and ours were found to differ.
    private var differing: MemberID?
    /// Whether the log has a line that too few members are connected.
    private var isCutOff = false

    init(clock: ClockAlarm, hearing: Hearing) {
        self.clock = clock
        self.hearing = hearing
    }

    /// Whether it is time to judge, which then counts as done.
    mutating func areDue(at now: MonotonicTime) -> Bool {
        guard now >= next else { return false }
        next = now + Self.period
        return true
    }

    /// There is something new to judge by.
    mutating func hurry(at now: MonotonicTime) { next = now }

    // MARK: - Clocks

    struct ClockVerdict {
        /// Set when what is added to the clock changes.
        var change: ClockAlarm.Change?
        /// The only other member when its clock is found to differ, with milliseconds: of two nobody can say whose is
        /// wrong. Given once.
        var difference: (member: MemberID, milliseconds: Int64)?
    }

    /// - Parameter offsets: how far the clocks of the other members are ahead of ours, in milliseconds.
    mutating func judgeClock(_ offsets: [MemberID: Int64]) -> ClockVerdict {
        let change = clock.judge(Array(offsets.values))
        let only = offsets.count == 1 ? offsets.first { $0.value.magnitude > UInt64(clock.tolerance) } : nil
        defer { differing = only?.key }
        return ClockVerdict(change: change, difference: only.flatMap { $0.key == differing ? nil : ($0.key, $0.value) })
    }

    // MARK: - Members

    /// Returns what is to be logged.
    mutating func judgeSize(_ members: Int, of expected: Int, at now: MonotonicTime) -> ClusterEvent? {
        size.judge(members, of: expected, at: now)
    }

    /// Returns the conflicts that are to be logged.
    mutating func judgeTwins(_ members: Set<TwinWatch.Member>, at now: MonotonicTime) -> [MemberConflict] {
        twins.judge(members, at: now)
    }

    /// Those that last.
    var conflicts: [MemberConflict] { twins.conflicts }

    // MARK: - Hearing

    /// A member has said goodbye.
    mutating func left(_ member: MemberID) { hearing.left(member) }

    /// Returns how the others are heard when that has changed, and what is to be logged of it.
    mutating func judgeHearing(_ sight: Hearing.Sight, at now: MonotonicTime) -> (
        dirtyShards: PeerHearing, event: ClusterEvent?
    )? {
        guard let dirtyShards = hearing.judge(sight, at: now) else { return nil }
        let (heard, others) = hearing.counts
        if case .cutOff(let since, let until) = dirtyShards {
            isCutOff = true
            return (dirtyShards, .cutOff(heard: heard, others: others, milliseconds: (until - since).wholeMilliseconds))
        }
        guard isCutOff else { return (dirtyShards, nil) }
        isCutOff = false
        return (
            dirtyShards, .cutOffEnded(heard: heard, others: others, restarts: dirtyShards == .whole(restarts: true))
        )
    }
}
