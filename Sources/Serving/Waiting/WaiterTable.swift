// The calls that wait on one loop, for what, and until when. Pure: its caller passes the time and the events.
// Acknowledgments come in order and cover all that was done before, so calls that wait for them are in one queue; calls
// that wait for a turn are in another, and the others are found by their ticket.

import Time

/// The waiters of one loop.
struct WaiterTable<Waiter> {
    /// A wait, and the number that stands for it outside.
    struct Ticketed {
        let ticket: UInt64
        let waiter: Waiter
        let deadline: MonotonicTime
    }

    private struct Other {
        let waiter: Waiter
        let isWatch: Bool
    }

    /// First come, first served; what has been served is given back in pieces.
    private struct Line {
        private var waiters: [Ticketed?] = []
        private var served = 0

        var first: Ticketed? { served < waiters.count ? waiters[served] : nil }
        var isEmpty: Bool { served == waiters.count }

        mutating func append(_ waiter: Ticketed) { waiters.append(waiter) }

        mutating func popFirst() -> Ticketed? {
            guard let first else { return nil }
            waiters[served] = nil
            served += 1
            if served == waiters.count {
                waiters.removeAll(keepingCapacity: waiters.count <= 1_024)
                served = 0
            } else if served >= 1_024, served > waiters.count / 2 {
                waiters.removeFirst(served)
                served = 0
            }
            return first
        }
    }

    /// How many may wait, watches aside, which have a limit of their own.
    let capacity: Int
    /// How many wait, watches aside.
    private(set) var count = 0
    /// Of the last wait. Invariant: rises with each.
    private(set) var lastTicket: UInt64 = 0
    /// Invariant: in the order of tickets and of deadlines alike.
    private var acknowledgments = Line()
    private var turns = Line()
    private var others: [UInt64: Other] = [:]
    private var deadlines = DeadlineHeap()

    init(capacity: Int) { self.capacity = capacity }

    var isFull: Bool { count >= capacity }

    /// Whether anybody waits for a turn.
    var hasTurns: Bool { !turns.isEmpty }

    /// The earliest deadline of a waiting call.
    var nextDeadline: MonotonicTime? {
        mutating get {
            guard let first = acknowledgments.first else { return deadlines.earliest }
            return min(first.deadline, deadlines.earliest ?? .distantFuture)
        }
    }

    // MARK: - Waiting

    /// Waits for the acknowledgment of this ticket or of a later one.
    mutating func waitForAcknowledgment(_ waiter: Waiter, until deadline: MonotonicTime) -> UInt64 {
        let ticket = begin()
        acknowledgments.append(Ticketed(ticket: ticket, waiter: waiter, deadline: deadline))
        return ticket
    }

    /// Waits for a turn, behind all that wait for theirs.
    mutating func waitForTurn(_ waiter: Waiter) {
        turns.append(Ticketed(ticket: begin(), waiter: waiter, deadline: .distantFuture))
    }

    /// Waits for what is known by this ticket, or for the time.
    ///
    /// - Parameter isWatch: whether it is counted elsewhere.
    mutating func wait(_ waiter: Waiter, until deadline: MonotonicTime, isWatch: Bool = false) -> UInt64 {
        let ticket = begin(isWatch: isWatch)
        others[ticket] = Other(waiter: waiter, isWatch: isWatch)
        deadlines.insert(ticket, at: deadline)
        return ticket
    }

    private mutating func begin(isWatch: Bool = false) -> UInt64 {
        if !isWatch { count += 1 }
        lastTicket += 1
        return lastTicket
    }

    // MARK: - Ending

    /// Whether a call waits whose ticket has been acknowledged.
    func hasAcknowledged(upTo ticket: UInt64) -> Bool { acknowledgments.first.map { $0.ticket <= ticket } ?? false }

    /// The next whose ticket has been acknowledged, and the ticket.
    mutating func takeAcknowledged(upTo ticket: UInt64) -> (waiter: Waiter, ticket: UInt64)? {
        guard let first = acknowledgments.first, first.ticket <= ticket else { return nil }
        return end(acknowledgments.popFirst()).map { ($0, first.ticket) }
    }

    /// The next whose turn it is, of those that have waited since this ticket or longer.
    mutating func takeTurn(upTo ticket: UInt64) -> Waiter? {
        guard let first = turns.first, first.ticket <= ticket else { return nil }
        return end(turns.popFirst())
    }

    /// The one of this ticket, if it still waits.
    func waiter(_ ticket: UInt64) -> Waiter? { others[ticket]?.waiter }

    /// The same; it waits no longer.
    mutating func take(_ ticket: UInt64) -> Waiter? {
        guard let other = others.removeValue(forKey: ticket) else { return nil }
        deadlines.remove(ticket)
        if !other.isWatch { count -= 1 }
        return other.waiter
    }

    /// All watches.
    var watches: [Waiter] { others.values.filter(\.isWatch).map(\.waiter) }

    /// The next that has waited long enough.
    mutating func takeOverdue(at now: MonotonicTime) -> Waiter? {
        if let first = acknowledgments.first, first.deadline <= now { return end(acknowledgments.popFirst()) }
        guard let ticket = deadlines.pop(at: now), let other = others.removeValue(forKey: ticket) else { return nil }
        if !other.isWatch { count -= 1 }
        return other.waiter
    }

    private mutating func end(_ ticketed: Ticketed?) -> Waiter? {
        guard let ticketed else { return nil }
        count -= 1
        return ticketed.waiter
    }
}
