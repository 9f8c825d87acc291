// The store thread: an event loop with the connections to Redis, and the member that decides what is asked on them. It
// brings the member what happens and carries out what it directs; nothing of it is touched by another thread, which sends
// orders instead.

import Catalog
import Libevent
import Logging
import RESP
import RedisStore
import Replication
import System
import Time

/// Why a server cannot be used, until somebody changes a setting of it or of this registry.
package struct StoreRefusal: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// Everything on the store thread.
final class StoreLoop {
    /// What a loop is made of.
    struct Parts: Sendable {
        let configuration: StoreConfiguration
        let store: Store
        let leaseClock: SharedLeaseClock
        let expiryHold: ExpiryHold
        let board: StoreBoard
        let orders: MailboxSender<StoreOrder>
        let logger: Logger
        let capacity: @Sendable (Namespace) -> Int?
        let whenExpired: @Sendable (Int) -> Void
        let whenFailed: @Sendable (any Error) -> Void
    }

    /// How often the member is called as time passes, and heartbeats are passed on, in milliseconds.
    private static let tickPeriod = 50
    private static let renewalPeriod = 10
    /// How often the published status is renewed.
    private static let reportPeriod: Duration = .milliseconds(200)
    /// How long everything may take to be written when this member leaves.
    private static let flushTime: Duration = .milliseconds(1_500)

    let parts: Parts
    let member: StoreMember
    var links: StoreLinks
    var log: StoreLog
    private let loop: EventLoop
    private var mailbox: Mailbox<StoreOrder>?
    private var timers: [LoopEvent] = []
    /// Runs when the next lease may go, if that is before the next period.
    private var sweep: LoopEvent?
    /// What was put off to a turn of its own.
    private var later: LoopEvent?
    private var mail = StoreMail()
    private var hasChanges = false
    /// Events that came in this turn.
    private var events: [(question: StoreQuestion, value: RESPValue)] = []
    private var lastReport = MonotonicTime.zero
    private var countedExpired: UInt64 = 0
    private var leaving: (until: MonotonicTime, report: @Sendable () -> Void)?

    /// The thread's whole life.
    static func run(_ parts: Parts) {
        do {
            let loop = try StoreLoop(parts)
            loop.loop.run { onLoop in loop.endTurn(onLoop) }
            loop.leaving?.report()
        } catch {
            parts.whenFailed(error)
        }
    }

    private init(_ parts: Parts) throws {
        self.parts = parts
        let configuration = parts.configuration
        loop = try EventLoop()
        member = StoreMember(
            configuration.limits, prefix: configuration.prefix, member: configuration.member,
            about: configuration.about, store: parts.store, lastChange: configuration.lastChange,
            capacity: parts.capacity)
        log = StoreLog(parts.logger)
        links = try StoreLinks(configuration, on: loop)
        mailbox = try Mailbox(on: loop, receiving: parts.orders) { [unowned self] order, onLoop in
            received(order, onLoop)
        }
        later = try LoopEvent.timer(on: loop) { [unowned self] onLoop in carryOut(member.goOn(at: now), onLoop) }
        sweep = try LoopEvent.timer(on: loop) { [unowned self] onLoop in carryOut(member.tick(at: now), onLoop) }
        timers = [
            try LoopEvent.every(milliseconds: Self.tickPeriod, on: loop) { [unowned self] onLoop in tick(onLoop) },
            try LoopEvent.every(milliseconds: Self.renewalPeriod, on: loop) { [unowned self] onLoop in
                carryOut(member.renewed(at: now), onLoop)
            },
        ]
        links.handler = { [unowned self] event, onLoop in happened(event, onLoop) }
    }

    var now: NodeTime {
        let (monotonic, wall) = (MonotonicClock.now(), WallClock.nanoseconds())
        return NodeTime(
            moment: parts.leaseClock.moment(
                monotonic: monotonic, wall: wall.addingSaturated(parts.board.clockCorrection)),
            wall: wall)
    }

    // MARK: - Events

    private func tick(_ onLoop: borrowing OnLoop) {
        let now = now
        links.tick(at: now.monotonic, onLoop)
        member.budget = parts.expiryHold.budget
        carryOut(member.tick(at: now), onLoop)
        if let next = member.nextSweep, next - now.monotonic < .milliseconds(Self.tickPeriod) {
            sweep?.schedule(afterMilliseconds: Int(next.rest(at: now.monotonic)))
        }
        if now.monotonic - lastReport >= Self.reportPeriod { publish(at: now.monotonic) }
        if let leaving, member.isFlushed || now.monotonic >= leaving.until { loop.stop(onLoop) }
    }

    private func publish(at now: MonotonicTime) {
        lastReport = now
        var status = member.status(at: now)
        status.servers = links.servers
        parts.board.publish(status)
        let expired = status.counts.expired
        if expired > countedExpired { parts.whenExpired(Int(expired - countedExpired)) }
        countedExpired = expired
    }

    private func happened(_ event: StoreLinks.Event, _ onLoop: borrowing OnLoop) {
        switch event {
        case .connected(let node, let facts, let shards):
            log.connected(node, facts)
            carryOut(member.connected(node, facts, has: shards, at: now), onLoop)
        case .reply(let question, let value):
            // The event of a write comes with its reply, and clients wait for the latter alone.
            if case .read = question { return events.append((question, value)) }
            carryOut(member.answered(question, value, at: now), onLoop)
        case .lost(let question): carryOut(member.lost(question, at: now), onLoop)
        case .doubted(let sentinel, let reason): log.doubted(sentinel, reason)
        case .disconnected(let node, let sentence, let lost, let isRefusal):
            log.disconnected(node, sentence, isRefusal: isRefusal)
            // Before there is a view to serve, nobody is helped by waiting for an operator to find the line in the log.
            if isRefusal, !parts.board.hasCopy {
                parts.whenFailed(StoreRefusal(description: "\(node): \(sentence)"))
            }
            for question in lost { carryOut(member.lost(question, at: now), onLoop) }
            carryOut(member.disconnected(node, at: now), onLoop)
        }
    }

    private func received(_ order: StoreOrder, _ onLoop: borrowing OnLoop) {
        switch order {
        case .changes: hasChanges = true
        case .connect(let loop, let receive): mail.receivers[loop] = receive
        case .acknowledge(let ticket): mail.add(ticket)
        case .ask(let questions): carryOut(member.ask(questions, at: now), onLoop)
        case .settle(let word): carryOut(member.settle(word, at: now), onLoop)
        case .password(let password): links.change(password: password)
        case .sentinelPassword(let password): links.change(sentinelPassword: password)
        case .trust(let trust): links.change(trust: trust)
        case .leave(let report): leave(report, onLoop)
        }
    }

    /// All that came in this turn has been handled: what clients have changed is written, and the loops are told what was
    /// acknowledged.
    private func endTurn(_ onLoop: borrowing OnLoop) {
        mailbox?.receive(onLoop)
        if hasChanges || !mail.tickets.isEmpty {
            hasChanges = false
            carryOut(member.changed(mail.takeTickets(), at: now), onLoop)
        }
        parts.board.refuse(member.takeRefusals())
        mail.send()
        guard !events.isEmpty else { return }
        let events = events
        self.events = []
        for (question, value) in events { carryOut(member.answered(question, value, at: now), onLoop) }
        mail.send()
    }

    private func leave(_ report: @escaping @Sendable () -> Void, _ onLoop: borrowing OnLoop) {
        guard leaving == nil else { return }
        leaving = (MonotonicClock.now() + Self.flushTime, report)
        carryOut(member.changed([], at: now), onLoop)
        carryOut(member.renewed(at: now), onLoop)
        carryOut(member.leave(at: now), onLoop)
    }

    // MARK: - Directives

    private func carryOut(_ directives: [StoreDirective], _ onLoop: borrowing OnLoop) {
        for directive in directives {
            switch directive {
            case .send(let command, let question, let node, let line, let patience):
                if !links.send(command, question, to: node, line, patience: patience) {
                    carryOut(member.lost(question, at: now), onLoop)
                }
            case .leave(let node, let sentence, let isLasting):
                links.leave(node, sentence, isRefusal: isLasting, onLoop)
            case .lookAgain: links.lookAgain()
            case .acknowledged(let ticket): mail.acknowledge(ticket)
            case .unacknowledged(let ticket): mail.fail(ticket)
            case .answered(let ticket, let isSure): mail.answer(ticket, isSure: isSure)
            case .standing(let standing): parts.board.standing.publish(standing)
            case .becameReady: parts.board.becomeReady()
            case .hold(let namespaces, let since, let until): parts.expiryHold.store((namespaces, since, until))
            case .endHold: parts.expiryHold.store(nil)
            case .correctClock(let nanoseconds): parts.board.correctClock(nanoseconds: nanoseconds)
            case .note(let note): log.write(note)
            case .again: later?.schedule(afterMilliseconds: 0)
            }
        }
    }
}
