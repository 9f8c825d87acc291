// Leases do not depend on wall clocks, but which write is last does: a member whose clock is an hour ahead would win
// every race for an hour. Members send each other their clocks with every ping; the one that is far from the median is
// taken to be wrong, says so, and stamps by the median.

/// Whether this member's clock is to be believed, and if not, by how much it is off. Milliseconds.
struct ClockAlarm {
    enum Change: Equatable {
        case correct(Int64)
        case right
    }

    /// A correction is only changed when it is off by more than this, or it would follow every jitter of the network.
    private static let step: Int64 = 1_000
    /// The farthest that a clock is corrected, eighty years: one that was never set says 1970, and needs that much
    /// until 2050. Beyond that, the others are wrong or lie, and the clock follows them no further.
    static let farthest: Int64 = 80 * 31_557_600_000

    let tolerance: Int64
    /// What is added to the clock; 0 while it is believed. Invariant: no farther from 0 than `farthest`.
    private(set) var correction: Int64 = 0
    /// The median of the members' clocks, less ours.
    private(set) var offset: Int64 = 0
    /// Whether that is the median of more clocks than two, of which neither could tell whose is wrong.
    private(set) var hasMedian = false

    init(tolerance: Int64) {
        self.tolerance = tolerance
    }

    /// The median of how far the others' clocks are ahead of ours, and of ours, which is by 0. Of two middle ones the
    /// nearer: of two members neither can tell which clock is wrong, and each uses its own.
    static func median(_ offsets: [Int64]) -> Int64 {
        let sorted = (offsets + [0]).sorted()
        let upper = sorted[sorted.count / 2]
        guard sorted.count.isMultiple(of: 2) else { return upper }
        let lower = sorted[sorted.count / 2 - 1]
        return lower.magnitude < upper.magnitude ? lower : upper
    }

    /// - Parameter offsets: of each other member that was connected lately.
    mutating func judge(_ offsets: [Int64]) -> Change? {
        // Without anybody to compare with, what is believed stays: the last one to leave does not take our clock's
        // error with it.
        guard !offsets.isEmpty else { return nil }
        offset = Self.median(offsets)
        hasMedian = offsets.count >= 2
        if offset.magnitude <= UInt64(tolerance) {
            guard correction != 0 else { return nil }
            correction = 0
            return .right
        }
        let wanted = min(max(offset, -Self.farthest), Self.farthest)
        guard (wanted - correction).magnitude > UInt64(Self.step) else { return nil }
        correction = wanted
        return .correct(wanted)
    }
}
