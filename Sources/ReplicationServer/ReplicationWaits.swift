// The replication thread's part in answers that wait: tickets of API loops go to the node together with the changes
// that they stand for, and what the node says of them goes back to each loop in one mail a turn, however many it
// concerns.

import Libevent
import Replication
import System
import Time

/// The waiting loops, between the mail that comes in and the mail that goes out.
struct PendingWaits {
    /// By loop; mail about its tickets goes there.
    var receivers: [Int: @Sendable (ClusterReply) -> Void] = [:]
    /// By loop, the last ticket that the node has not been given.
    private(set) var tickets: [Int: UInt64] = [:]
    /// By loop, the ticket up to which it may answer and has no mail yet.
    private var acknowledged: [Int: UInt64] = [:]
    private var answered: [(ticket: QuestionTicket, isSure: Bool)] = []

    /// A ticket is an answer to all of its loop before it, so only the last counts.
    mutating func add(_ ticket: AcknowledgmentTicket) {
        tickets[ticket.loop] = max(ticket.number, tickets[ticket.loop] ?? 0)
    }

    var hasTickets: Bool { !tickets.isEmpty }

    mutating func takeTickets() -> [AcknowledgmentTicket] {
        defer { tickets.removeAll(keepingCapacity: true) }
        return tickets.map { AcknowledgmentTicket(loop: $0.key, number: $0.value) }
    }

    mutating func acknowledge(_ ticket: AcknowledgmentTicket) {
        acknowledged[ticket.loop] = max(ticket.number, acknowledged[ticket.loop] ?? 0)
    }

    mutating func answer(_ ticket: QuestionTicket, isSure: Bool) { answered.append((ticket, isSure)) }

    /// Sends what has come up in this turn.
    mutating func send() {
        for (loop, number) in acknowledged { receivers[loop]?(.acknowledged(upTo: number)) }
        for (ticket, isSure) in answered { receivers[ticket.loop]?(.answered(ticket.number, isSure: isSure)) }
        acknowledged.removeAll(keepingCapacity: true)
        answered.removeAll()
    }
}

extension ReplicationLoop {
    /// The least time between two looks at what others said while nothing happens.
    private static let leastBeat: Duration = .milliseconds(5)
    /// Looks in the time after which others leave a member out.
    private static let beatsInTimeout = 4

    /// How often it is shown that what others say is looked at.
    static func beatPeriod(_ limits: NodeLimits) -> Duration {
        max(leastBeat, limits.acknowledgeTimeout / beatsInTimeout)
    }

    /// Frames of others are processed up to now. After a pause the node looks first: it knows what that means.
    func beat(_ onLoop: borrowing OnLoop) {
        carryOut(node.expireWaits(at: now), onLoop)
        parts.board.standing.beat(at: MonotonicClock.now())
    }

    func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)], _ onLoop: borrowing OnLoop) {
        for question in questions { carryOut(node.ask(question.ticket, question.key, at: now), onLoop) }
    }

    func tell(_ directive: Directive) {
        switch directive {
        case .acknowledged(let ticket): waits.acknowledge(ticket)
        case .answered(let ticket, let isSure): waits.answer(ticket, isSure: isSure)
        default: return
        }
    }

    /// Has the node called when a wait has reached its deadline.
    func scheduleWaits() {
        guard let deadline = node.nextDeadline, deadline < scheduledWaits ?? .distantFuture else { return }
        scheduledWaits = deadline
        waitTimer?.schedule(afterMilliseconds: Int(max(1, deadline.rest(at: MonotonicClock.now()))))
    }

    func waitsExpired(_ onLoop: borrowing OnLoop) {
        scheduledWaits = nil
        carryOut(node.expireWaits(at: now), onLoop)
    }
}
