// How often the replication thread wakes up. A turn costs some fifty microseconds whatever it carries, so under load it is the number of turns that costs:
// the thread then rests after each, and what the clients and the other members have to say meanwhile is handled in one turn. When there is little
// to do it never rests, and everything is handled at once.

/// The rests of one thread between its turns, by how busy it was lately. Pure: it is told the time. All times are nanoseconds.
struct Pace {
    /// How long it is watched until it is judged anew.
    static let window: Int64 = 10_000_000
    /// Below one in so many of its time it is idle.
    static let idleShare: Int64 = 20
    /// From one in so many of its time on it is busy.
    static let busyShare: Int64 = 3

    /// How much is to be done.
    enum Load: Int64 {
        case idle = 0
        case moderate = 500_000
        case busy = 1_000_000

        /// The least time from the end of one turn to the end of the next.
        var period: Int64 { rawValue }
    }

    private(set) var load = Load.idle
    private var windowBegan: Int64?
    private var spentBefore: Int64 = 0
    private var lastEnd = Int64.min

    /// A turn has ended; returns how long to rest now.
    ///
    /// - Parameter spent: asks how much processor time the thread has taken in all. Asked once in a window: it is a system call.
    mutating func rest(at now: Int64, spent: () -> Int64) -> Int64 {
        judge(at: now, spent: spent)
        let rest = load == .idle || lastEnd == .min ? 0 : min(max(0, lastEnd + load.period - now), load.period)
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
        load = busy * Self.busyShare >= length ? .busy : busy * Self.idleShare >= length ? .moderate : .idle
        (windowBegan, spentBefore) = (now, total)
    }
}
