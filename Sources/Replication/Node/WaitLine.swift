// The requests that wait for acknowledgments, in the order in which they came. All wait for the same time at most, so
// deadlines are in that order too, and a wait that is over ends all before it.

import Time

/// The queue of waiting requests.
struct WaitLine {
    private struct Waiter {
        let ticket: AcknowledgmentTicket
        let number: UInt64
        var deadline: MonotonicTime
    }

    /// So many that have gone are cut off at once.
    private static let compaction = 1_024

    /// Invariant: in the order of numbers and of deadlines. Those before `head` have gone.
    private var waiters: [Waiter] = []
    private var head = 0
    private var lastNumber: UInt64 = 0
    /// The first wait whose changes have not all been told yet, and the first that came before others read from this
    /// member. Invariant: each is in the line, or has waited long enough.
    private var untold: UInt64?
    private var unreached: UInt64?
    /// No deadline counts before: while this member was paused, it read nothing of what others acknowledged.
    private var floor = MonotonicTime.distantPast

    var isEmpty: Bool { head == waiters.count }

    /// The number of the first of them.
    var first: UInt64? { isEmpty ? nil : waiters[head].number }

    /// When the first of them has waited long enough.
    var deadline: MonotonicTime? { isEmpty ? nil : max(floor, waiters[head].deadline) }

    /// Returns the number of the wait, above that of all before.
    mutating func add(_ ticket: AcknowledgmentTicket, until deadline: MonotonicTime) -> UInt64 {
        lastNumber += 1
        waiters.append(Waiter(ticket: ticket, number: lastNumber, deadline: deadline))
        return lastNumber
    }

    /// What a wait, and those after it, must see happen before acknowledgments count for them.
    enum Event {
        /// All changes made until then have been told.
        case told
        /// Those that answer clients read from this member.
        case reached
    }

    /// This wait, and those after it, are held until then.
    mutating func hold(_ number: UInt64, until event: Event) {
        switch event {
        case .told: untold = untold ?? number
        case .reached: unreached = unreached ?? number
        }
    }

    /// It has happened. Returns the first of those that were held.
    mutating func release(_ event: Event) -> UInt64? {
        switch event {
        case .told:
            defer { untold = nil }
            return untold
        case .reached:
            defer { unreached = nil }
            return unreached
        }
    }

    /// Whether this wait, or one before it, is held.
    func isHeld(_ number: UInt64, until event: Event) -> Bool {
        let first = event == .told ? untold : unreached
        return first.map { $0 <= number } ?? false
    }

    /// The first of those that are held for anything.
    var firstHeld: UInt64? { [untold, unreached].compactMap(\.self).min() }

    /// None waits for longer than until then.
    mutating func shorten(to deadline: MonotonicTime) {
        for index in waiters.indices[head...] { waiters[index].deadline = min(waiters[index].deadline, deadline) }
    }

    mutating func postpone(to floor: MonotonicTime) { self.floor = floor }

    /// The last of those that have waited long enough.
    func lastExpired(at now: MonotonicTime) -> UInt64? {
        guard now >= floor else { return nil }
        var last: UInt64?
        for waiter in waiters[head...] {
            guard waiter.deadline <= now else { break }
            last = waiter.number
        }
        return last
    }

    /// Those before this number wait no longer. Returns the last ticket of each loop, which stands for all before it.
    mutating func complete(before number: UInt64) -> [AcknowledgmentTicket] {
        var tickets: [AcknowledgmentTicket] = []
        while head < waiters.count, waiters[head].number < number {
            let ticket = waiters[head].ticket
            head += 1
            if let index = tickets.firstIndex(where: { $0.loop == ticket.loop }) {
                tickets[index] = ticket
            } else {
                tickets.append(ticket)
            }
        }
        if isEmpty {
            waiters.removeAll(keepingCapacity: waiters.count <= Self.compaction)
            head = 0
        } else if head >= Self.compaction {
            waiters.removeFirst(head)
            head = 0
        }
        return tickets
    }
}

#if DEBUG
    extension WaitLine {
        /// Sentences on what must always hold and does not. For tests, after each step.
        func checkInvariants() -> [String] {
            var broken: [String] = []
            let waiting = waiters[head...]
            if zip(waiting, waiting.dropFirst()).contains(where: { $0.number >= $1.number || $0.deadline > $1.deadline }
            ) {
                broken.append("the waits are not in order")
            }
            if let firstHeld, firstHeld > lastNumber { broken.append("a wait is held that has not come") }
            return broken
        }
    }
#endif
