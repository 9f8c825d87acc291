// Which answers wait for which writes. Writes are made in groups, one for each look at what has changed, and a group is
// done when every server that it was written to has answered. A ticket is an answer to all of its loop before it, so groups
// end in their order, whichever is answered first.

import Replication

/// The groups of writes that are on their way.
struct Acknowledgments {
    private struct Group {
        var tickets: [AcknowledgmentTicket]
        /// Commands that are not answered yet, and one more until all are sent.
        var open = 1
        var isFailed = false
    }

    /// In order; the first has this number.
    private var groups: [Group] = []
    private var first = 0

    /// How many groups wait.
    var count: Int { groups.count }

    /// Begins a group for the changes that these tickets stand for; returns its number.
    mutating func begin(_ tickets: [AcknowledgmentTicket]) -> Int {
        groups.append(Group(tickets: tickets))
        return first + groups.count - 1
    }

    mutating func sent(_ number: Int) { groups[number - first].open += 1 }

    /// What was not sent at all.
    mutating func fail(_ number: Int) { groups[number - first].isFailed = true }

    /// A command of a group was answered; or, to end the sending, all are sent.
    mutating func answered(_ number: Int, isDone: Bool = true) {
        guard number >= first, number - first < groups.count else { return }
        groups[number - first].open -= 1
        if !isDone { groups[number - first].isFailed = true }
    }

    /// The tickets of the groups that are done, in order.
    mutating func take() -> [(ticket: AcknowledgmentTicket, isDone: Bool)] {
        var done: [(AcknowledgmentTicket, Bool)] = []
        while let group = groups.first, group.open == 0 {
            groups.removeFirst()
            first += 1
            for ticket in group.tickets { done.append((ticket, !group.isFailed)) }
        }
        return done
    }
}
