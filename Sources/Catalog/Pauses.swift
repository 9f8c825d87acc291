// Lease time stands still while the process is paused, so that nothing expires for it. But what another member is told of a lease's age must
// not stand still: it would take the dead for alive. So the lease clock keeps what it has lost, and when.

/// The time that a lease clock has lost to pauses.
public struct Pauses: Sendable, Equatable {
    /// How many are told apart; of older ones the sum is kept. Leases last minutes and pauses are rare.
    static let capacity = 16

    private struct Pause: Sendable, Equatable {
        /// When, in lease time, which stood still then.
        var at: LeaseTime
        /// Milliseconds.
        var length: Int64
    }

    /// In the order of time.
    private var pauses: [Pause] = []

    public init() {}

    public static let none = Pauses()

    /// Adds a pause of so many milliseconds at this lease time, which is not before the last one's.
    public mutating func add(milliseconds: Int64, at time: LeaseTime) {
        if let last = pauses.last, last.at == time {
            pauses[pauses.count - 1].length = last.length.addingSaturated(milliseconds)
        } else {
            pauses.append(Pause(at: time, length: milliseconds))
        }
        guard pauses.count > Self.capacity else { return }
        // The two oldest become one, at the later time: an age is then told too high rather than too low, and only of leases between them.
        let oldest = pauses.removeFirst()
        pauses[0].length = pauses[0].length.addingSaturated(oldest.length)
    }

    /// Milliseconds lost since the clock was started. It grows with every pause: whoever sees it grow has slept.
    public var total: Int64 { pauses.reduce(0) { $0.addingSaturated($1.length) } }

    /// Milliseconds lost since this lease time.
    public func lost(since time: LeaseTime) -> Int64 {
        pauses.reduce(0) { $1.at >= time ? $0.addingSaturated($1.length) : $0 }
    }
}
