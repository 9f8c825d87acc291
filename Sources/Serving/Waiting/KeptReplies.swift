// The replies that one loop keeps, and the events that end their waits: mail from the replication thread, the next
// turn, a time. The table decides which calls go on; this carries it out. However many calls begin to wait for
// acknowledgments in one turn of the loop, the replication thread gets one message.

import Catalog
import Configuration
import HTTP
package import Libevent
import RegistryCore
package import Replication
import System
import Time

/// What waits on one loop. Not Sendable.
package final class KeptReplies {
    /// How many replies may wait at a time: each keeps its request. More are answered as they can be without waiting.
    package static let capacity = 10_000
    /// How many waits may end by their time in one turn of the loop.
    private static let mostOverdue = 1_000
    /// How long calls that wait for their turn may go on in one turn of the loop; one goes on in any case.
    private static let turnBudget: Duration = .milliseconds(5)

    /// How much longer than the others are waited for a call waits for the replication thread: only when that is
    /// stuck.
    private static let backstop: Duration = .seconds(5)

    /// Which loop this is.
    private let index: Int
    let responder: Responder
    let context: ServerContext
    let metrics: LoopMetrics
    var table: WaiterTable<KeptCall>
    private var questions = OpenQuestions()
    /// Up to which ticket the others have acknowledged.
    private var acknowledged: UInt64 = 0
    /// Those of these for which nobody knows whether the change was stored. Invariant: in their order, and each to be taken
    /// yet.
    private var unacknowledged: [ClosedRange<UInt64>] = []
    /// The last ticket for acknowledgments of this turn, which the replication thread has not got yet.
    private var untold: UInt64?
    private var endOfTurn: LoopEvent?
    private var turn: LoopEvent?
    private var deadline: LoopEvent?
    /// How many calls wait for a turn in which their credentials are verified.
    var unverified = 0
    /// The tickets of those that wait for the issuer.
    var atIssuer: Set<UInt64> = []
    var watches = ChangeWatches<KeptCall>()
    var rhythm = DeliveryRhythm()
    /// Is told in which shards something has changed, for `watches`; nil before the loop begins.
    var listener: ChangeListener?
    /// The shards that it listens to. Invariant: has those of `watches`.
    var heard: UInt64 = 0
    /// That there are changes.
    private var changes: Mailbox<Void>?
    /// The next delivery of changes, where they come soon after another.
    var look: LoopEvent?
    /// So many polls of this loop are answered at once.
    let pollsAtOnce: Int
    /// Those that are answered one part after the other, and the time of the next.
    var spread = DeliverySpread<SpreadPoll>()
    var spreading: LoopEvent?
    /// Lists are there, for the calls of these tickets. Invariant: short, since each call that waits has one message at
    /// most.
    private var renderings: Mailbox<UInt64>?
    /// The calls that go on in the next turns, each with the wait that has ended, and why: a list or a change is there, or
    /// the wait's end. Invariant: each wait is here once, or again for its client's end or the server's.
    private var ready: [(kept: KeptCall, wait: UInt64, wake: Wake)] = []
    /// How many of these have gone on.
    private var delivered = 0
    private var delivery: LoopEvent?
    /// For which time `deadline` is set; nil when it is not.
    private var scheduled: MonotonicTime?

    package init(
        on loop: EventLoop, index: Int, capacity: Int = KeptReplies.capacity,
        pollsAtOnce: Int = DeliveryParts.atOnce, _ responder: Responder, _ context: ServerContext,
        _ metrics: LoopMetrics
    ) throws(LibeventError) {
        table = WaiterTable(capacity: capacity)
        self.pollsAtOnce = pollsAtOnce / context.loopMetrics.count
        self.index = index
        self.responder = responder
        self.context = context
        self.metrics = metrics
        endOfTurn = try LoopEvent.timer(on: loop) { [unowned self] _ in tellOfTickets() }
        turn = try LoopEvent.timer(on: loop) { [unowned self] _ in takeTurns() }
        deadline = try LoopEvent.timer(on: loop) { [unowned self] _ in
            scheduled = nil
            endOverdue()
        }
        renderings = try? Mailbox<UInt64>(on: loop) { [unowned self] ticket, _ in
            if let kept = table.waiter(ticket) { deliver(kept, .come) }
        }
        look = try LoopEvent.timer(on: loop) { [unowned self] _ in deliverChanges() }
        spreading = try LoopEvent.timer(on: loop) { [unowned self] _ in deliverPart() }
        changes = try? Mailbox<Void>(on: loop) { [unowned self] _, _ in changesCame() }
        listener = (changes?.sender).map { sender in context.registry.store.listener { sender.send(()) } }
        delivery = try LoopEvent.timer(on: loop) { [unowned self] _ in deliver() }
    }

    /// Keeps the reply of a call until what it waits for has come.
    package func keep(_ kept: KeptCall, _ reply: consuming PendingReply) {
        kept.reply = consume reply
        proceed(kept)
    }

    private func proceed(_ kept: KeptCall) {
        if case .stream(let first) = kept.next { beginStream(kept, first) } else { wait(kept) }
    }

    func wait(_ kept: KeptCall) {
        if case .change(let watch, let end) = kept.cause { return waitForChange(kept, watch, until: end) }
        leaveTable(kept)
        guard !table.isFull || kept.isWatch else {
            metrics.countNotWaited()
            return resume(kept, .tooMany)
        }
        switch kept.cause {
        case .acknowledgments:
            untold = table.waitForAcknowledgment(kept, until: MonotonicClock.now() + patience)
            endOfTurn?.activate()
        case .questions(let keys):
            kept.ticket = table.wait(kept, until: MonotonicClock.now() + patience)
            context.registry.cluster.ask(questions.ask(keys, for: kept.ticket, of: index))
        case .turn:
            guard mayWaitUnverified(kept) else { return resume(kept, .tooMany) }
            if !table.hasTurns { turn?.schedule(afterMilliseconds: 0) }
            table.waitForTurn(kept)
        case .rendering(let job): wait(kept, for: job)
        case .time(let interval):
            kept.ticket = table.wait(kept, until: MonotonicClock.now() + interval, isWatch: kept.isWatch)
        case .issuer(let end):
            guard atIssuer.count < Self.mostAtIssuer else { return resume(kept, .timeUp) }
            kept.ticket = table.wait(kept, until: end)
            atIssuer.insert(kept.ticket)
        case .change: break
        }
        metrics.recordWaiting(table.count)
        scheduleDeadline()
    }

    /// A call waits no longer for what it has a ticket of, or for a change.
    func forget(_ kept: KeptCall) {
        kept.wait &+= 1
        leaveTable(kept)
        stopWatching(kept)
    }

    func leaveTable(_ kept: KeptCall) {
        guard kept.ticket != 0 else { return }
        _ = table.take(kept.ticket)
        atIssuer.remove(kept.ticket)
        kept.ticket = 0
        kept.alarm = .distantFuture
    }

    private var patience: Duration { context.settings.acknowledgeTimeout.interval + Self.backstop }

    func resume(_ kept: KeptCall, _ wake: Wake) { resume(kept, wake, at: MonotonicClock.now()) }

    private func resume(_ kept: KeptCall, _ wake: Wake, at monotonic: MonotonicTime) {
        kept.wait &+= 1
        if case .over = kept.next { return }
        let now = context.registry.moment(monotonic: monotonic, wall: WallClock.nanoseconds())
        if case .piece(let waiting) = kept.next {
            kept.call.goOn(at: now)
            return goOn(kept, waiting, wake)
        }
        switch responder.resume(kept, wake, at: now, finished: MonotonicClock.now) {
        case .answered(let response):
            // Its place is free before its client can ask again.
            kept.next = .over
            kept.reply.take()?.send(response)
        case .waits(let kept): proceed(kept)
        }
    }

    // MARK: - Events

    /// What was changed in this turn is to be at the other members before its clients are answered.
    private func tellOfTickets() {
        guard let untold else { return }
        self.untold = nil
        context.registry.cluster.acknowledge(AcknowledgmentTicket(loop: index, number: untold))
    }

    /// The replication thread has something to say.
    package func received(_ reply: ClusterReply) {
        switch reply {
        case .acknowledged(let number):
            acknowledged = max(acknowledged, number)
            takeTurns()
        case .unacknowledged(let number):
            guard number > acknowledged else { return }
            unacknowledged.append(acknowledged + 1...number)
            acknowledged = number
            takeTurns()
        case .answered(let number, let isSure):
            guard let answer = questions.answer(number, isSure: isSure), let kept = table.take(answer.call) else {
                return
            }
            kept.ticket = 0
            resume(kept, answer.isSure ? .come : .timeUp)
            metrics.recordWaiting(table.count)
        }
    }

    /// Those that the others have acknowledged, then those whose turn it is now, until the budget is used up; those
    /// that wait again stand behind the others.
    private func takeTurns() {
        let end = MonotonicClock.now() + Self.turnBudget
        let last = table.lastTicket
        while let (kept, ticket) = table.takeAcknowledged(upTo: acknowledged) {
            resume(kept, isUnacknowledged(ticket) ? .timeUp : .come)
            if MonotonicClock.now() >= end { break }
        }
        while let kept = table.takeTurn(upTo: last) {
            noteTurn(of: kept)
            resume(kept, kept.hasClient ? .come : .clientGone)
            if MonotonicClock.now() >= end { break }
        }
        metrics.recordWaiting(table.count)
        if table.hasTurns || table.hasAcknowledged(upTo: acknowledged) { turn?.schedule(afterMilliseconds: 0) }
    }

    /// Whether it is not known what became of the change that a ticket stands for. To be asked in their order.
    private func isUnacknowledged(_ ticket: UInt64) -> Bool {
        while let first = unacknowledged.first, first.upperBound < ticket { unacknowledged.removeFirst() }
        return unacknowledged.first?.contains(ticket) ?? false
    }

    private func endOverdue() {
        let now = MonotonicClock.now()
        var count = 0
        while count < Self.mostOverdue, let kept = table.takeOverdue(at: now) {
            count += 1
            questions.forget(kept.ticket)
            atIssuer.remove(kept.ticket)
            kept.ticket = 0
            switch kept.cause {
            case .change: endWatch(kept, at: now)
            case .time: resume(kept, .come)
            case .rendering: lookAfter(kept)
            default: resume(kept, .timeUp)
            }
        }
        metrics.recordWaiting(table.count)
        scheduleDeadline()
    }

    func scheduleDeadline() {
        guard let next = table.nextDeadline, next < scheduled ?? .distantFuture else { return }
        scheduled = next
        deadline?.schedule(afterMilliseconds: Int(max(1, next.rest(at: MonotonicClock.now()))))
    }
}

// MARK: - Lists

extension KeptReplies {
    /// How often it is looked whether the client of a list that is being made is still there, and how long it may wait.
    private static let lookPeriod: Duration = .milliseconds(500)
    private static let longestRendering: Duration = .seconds(60)
    /// How many calls that waited for the same go on in one turn: to write to so many sockets takes a millisecond or
    /// two.
    private static let batch = 200

    private func wait(_ kept: KeptCall, for job: RenderJob) {
        guard let sender = renderings?.sender else { return resume(kept, .timeUp) }
        let ticket = table.wait(kept, until: MonotonicClock.now() + Self.lookPeriod)
        kept.ticket = ticket
        kept.rendering = job.whenDone { sender.send(ticket) }
    }

    /// What a call waits for is there, or does not come.
    func deliver(_ kept: KeptCall, _ wake: Wake) {
        if ready.isEmpty { delivery?.schedule(afterMilliseconds: 0) }
        ready.append((kept, kept.wait, wake))
    }

    /// Ends what is held until something changes, and the streams, as at a stop: this member is drained, and their
    /// clients are to go to another. What comes after is held as before.
    package func endWatches() { for kept in table.watches { deliver(kept, .draining) } }

    /// Answers those for which something is there, as many as may go on in one turn: ten thousand may have waited for
    /// one change.
    private func deliver() {
        var now = MonotonicClock.now()
        let end = now + Self.turnBudget
        let last = delivered + Self.batch
        while delivered < min(last, ready.count), now < end {
            let (kept, wait, wake) = ready[delivered]
            delivered += 1
            guard kept.wait == wait else { continue }
            stopWatching(kept)
            if kept.stream == nil { leaveTable(kept) }
            resume(kept, wake, at: now)
            now = MonotonicClock.now()
        }
        metrics.recordWaiting(table.count)
        if delivered < ready.count { delivery?.schedule(afterMilliseconds: 0) }
        // While changes go on there is always somebody who is told.
        if delivered > ready.count / 2 {
            ready.removeFirst(delivered)
            delivered = 0
        }
    }

    /// A list for which no client waits any more is not rendered.
    private func lookAfter(_ kept: KeptCall) {
        guard case .rendering(let job) = kept.cause else { return }
        if let rendering = kept.rendering { job.forget(rendering) }
        guard kept.hasClient else { return resume(kept, .clientGone) }
        guard MonotonicClock.now() - kept.call.arrived < Self.longestRendering else {
            return resume(kept, .timeUp)
        }
        wait(kept, for: job)
    }
}
