// The answers that wait on API loops for the store: what the member says of their tickets goes back to each loop in its
// order, what was said in one turn together.

import Replication

/// What the waiting loops are to be told.
struct StoreMail {
    /// By loop; mail about its tickets goes there.
    var receivers: [Int: @Sendable (ClusterReply) -> Void] = [:]
    /// By loop, the last ticket that the member has not been given.
    private(set) var tickets: [Int: UInt64] = [:]
    private var outgoing: [(loop: Int, reply: ClusterReply)] = []

    /// A ticket is an answer to all of its loop before it, so only the last counts.
    mutating func add(_ ticket: AcknowledgmentTicket) {
        tickets[ticket.loop] = max(ticket.number, tickets[ticket.loop] ?? 0)
    }

    mutating func takeTickets() -> [AcknowledgmentTicket] {
        defer { tickets.removeAll(keepingCapacity: true) }
        return tickets.map { AcknowledgmentTicket(loop: $0.key, number: $0.value) }
    }

    mutating func acknowledge(_ ticket: AcknowledgmentTicket) {
        outgoing.append((ticket.loop, .acknowledged(upTo: ticket.number)))
    }

    mutating func fail(_ ticket: AcknowledgmentTicket) {
        outgoing.append((ticket.loop, .unacknowledged(upTo: ticket.number)))
    }

    mutating func answer(_ ticket: QuestionTicket, isSure: Bool) {
        outgoing.append((ticket.loop, .answered(ticket.number, isSure: isSure)))
    }

    /// Sends what has come up in this turn; of acknowledgments that follow one another only the last.
    mutating func send() {
        guard !outgoing.isEmpty else { return }
        var last: [Int: ClusterReply] = [:]
        for (loop, reply) in outgoing {
            if let held = last.removeValue(forKey: loop) {
                switch (held, reply) {
                case (.acknowledged, .acknowledged): break
                default: receivers[loop]?(held)
                }
            }
            last[loop] = reply
        }
        for (loop, reply) in last { receivers[loop]?(reply) }
        outgoing.removeAll(keepingCapacity: true)
    }
}
