// How often the replication thread wakes up. A turn costs some fifty microseconds whatever it carries, so under load it
// is the number of turns that costs: the thread then rests after each, and what the clients and the other members have
// to say meanwhile is handled in one turn. When there is little to do it never rests, and everything is handled at
// once.

/// The rests of one thread between its turns, by how busy it was lately. Pure: it is told the time. All times are
/// nanoseconds.
struct Pace {
    /// How long it is watched until it is judged anew.
    static let window: Int64 = 10_000_000
    /// Below one in so many of its time it is idle.
    static let idleShare: Int64 = 20
    /// The period of a thread that is busy all the time, were there no longest one, which is so reached at a third.
    static let fullPeriod: Int64 = 3_000_000
    static let periods: ClosedRange<Int64> = 300_000...1_000_000

    /// The least time from the end of one turn to the end of the next; 0 while it is idle.
    private(set) var period: Int64 = 0
    private var windowBegan: Int64?
    private var spentBefore: Int64 = 0
    private var lastEnd = Int64.min

    /// A turn has ended; returns how long to rest now.
    ///
    /// - Parameter spent: asks how much processor time the thread has taken in all. Asked once in a window: it is a
    ///   system call.
    mutating func rest(at now: Int64, spent: () -> Int64) -> Int64 {
        judge(at: now, spent: spent)
        let rest = period == 0 || lastEnd == .min ? 0 : min(max(0, lastEnd + period - now), period)
        lastEnd = now + rest
        return rest
    }

    private mutating func judge(at now: Int64, spent: () -> Int64) {
        guard let began = windowBegan else {
            (windowBegan, spentBefore) = (now, spent())
            return
        }
        let length = now - began
        guard length >= Self.window else { return }
        let total = spent()
        let busy = total - spentBefore
        if busy * Self.idleShare < length {
            period = 0
        } else {
            let wanted = min(max(busy * Self.fullPeriod / length, Self.periods.lowerBound), Self.periods.upperBound)
            // Half-way: with longer rests there are fewer turns, so the thread is less busy, and would else go to and
            // fro between two periods.
            period = period == 0 ? wanted : (period + wanted) / 2
        }
        (windowBegan, spentBefore) = (now, total)
    }
}
