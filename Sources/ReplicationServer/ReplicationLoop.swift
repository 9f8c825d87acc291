// The replication thread: an event loop with the peers' port and all streams to peers, and the node that decides what
// is said on them. It brings the node what happens and carries out what it directs; nothing of it is touched by another
// thread, which sends orders instead.

import Catalog
import Glibc
import Libevent
import Logging
import Replication
import System
import TLS
import Text
import Time

/// Everything on the replication thread.
final class ReplicationLoop {
    /// What a loop is made of.
    struct Parts: Sendable {
        let configuration: ReplicationConfiguration
        let store: Store
        let leaseClock: SharedLeaseClock
        let expiryHold: ExpiryHold
        let board: ClusterSnapshot
        let security: PeerSecurity?
        let orders: MailboxSender<ReplicationOrder>
        let isRestored: Bool
        let logger: Logger
        let whenFailed: @Sendable (any Error) -> Void
    }

    /// How often the node is called as time passes, in milliseconds.
    private static let tickPeriod = 100
    /// How often the published snapshot of the cluster is renewed.
    private static let reportPeriod: Duration = .milliseconds(200)
    /// How long a dialed member may take to connect and to answer, in milliseconds.
    static let dialTime = 5_000
    /// How long an accepted one may take to ask; how long what is queued may take when a stream is closed.
    private static let askTime = 5_000
    static let drainTime = 2_000
    /// How long everybody may take, when this member leaves, to acknowledge everything, and what is queued then to go
    /// out, in milliseconds.
    private static let flushTime: Duration = .milliseconds(1_500)
    private static let closingTime = 1_000
    /// The longest that it takes to leave: the two, each of which is looked at ten times a second.
    static let longestLeave = flushTime + .milliseconds(closingTime + 2 * tickPeriod)

    let parts: Parts
    let node: Node
    /// Nil when no legacy peers are let in.
    let legacy: (any LegacyProtocol)?
    var occupants: [StreamID: Occupant] = [:]
    /// Members that are dialed without TLS next, though there is TLS: they did not speak it, and may be legacy peers,
    /// which cannot.
    var plainNext: Set<PeerAddress> = []
    /// Where the members are, by the last report.
    private(set) var members: Set<PeerAddress> = []
    /// Whether the node knows that these are all.
    private var isToldAllMembers = false
    private var sources: MemberSources?
    var log: ClusterLog
    private let loop: EventLoop
    private(set) var streams: Streams?
    private var listener: StreamListener?
    private var mailbox: Mailbox<ReplicationOrder>?
    private var timers: [LoopEvent] = []
    /// Whether the shared directory was of use since the start.
    private var directoryServes = false
    /// Nil without a directory, and before it is looked at.
    private var directoryWatchdog: DirectoryWatchdog?
    /// Whether another member writes this member's file in the shared directory.
    private var isAddressShared = false
    /// Whether there are changes to tell.
    private var hasChanges = false
    private var pace = Pace()
    var waits = PendingWaits()
    var waitTimer: LoopEvent?
    /// For when `waitTimer` is set; nil when it is not.
    var scheduledWaits: MonotonicTime?
    private var lastReport = MonotonicTime.zero
    private var health: ClusterHealth
    private var leaving: (until: MonotonicTime, report: @Sendable () -> Void)?
    private(set) var security: PeerSecurity?

    var logger: Logger { parts.logger }

    /// The thread's whole life.
    static func run(_ parts: Parts) {
        do {
            let loop = try ReplicationLoop(parts)
            defer { parts.expiryHold.peers.retire() }
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
        var nodeConfiguration = configuration.node
        nodeConfiguration.offersOriginals = configuration.legacy != nil
        nodeConfiguration.isRestored = parts.isRestored
        nodeConfiguration.limits.callPeriod = Self.beatPeriod(nodeConfiguration.limits)
        node = Node(
            nodeConfiguration, store: parts.store, random: SystemRandomNumberGenerator(),
            authenticator: try .hmac(secrets: configuration.secrets), at: Self.time(parts))
        legacy = configuration.legacy?(configuration.node.member, parts.store)
        log = ClusterLog(parts.logger)
        health = ClusterHealth(grace: configuration.grace)
        security = parts.security
        try open()
    }

    private func open() throws {
        var limits = StreamLimits()
        limits.lowWater = parts.configuration.node.limits.copyBytesInFlight
        limits.newcomerTime = Self.askTime
        let streams = try Streams(on: loop, limits: limits) { [unowned self] id, event, onLoop in
            happened(event, to: id, onLoop)
        }
        self.streams = streams
        if let descriptor = parts.configuration.port.descriptors.first {
            listener = try StreamListener(
                listening: descriptor, for: streams, security: security?.accepting,
                allowsPlain: allowsLegacy)
        }
        mailbox = try Mailbox(on: loop, receiving: parts.orders) { [unowned self] order, onLoop in
            received(order, onLoop)
        }
        waitTimer = try LoopEvent.timer(on: loop) { [unowned self] onLoop in waitsExpired(onLoop) }
        let beatPeriod = Int(Self.beatPeriod(parts.configuration.node.limits).wholeMilliseconds)
        timers = [
            try LoopEvent.every(milliseconds: Self.tickPeriod, on: loop) { [unowned self] onLoop in tick(onLoop) },
            try LoopEvent.every(milliseconds: beatPeriod, on: loop) { [unowned self] onLoop in beat(onLoop) },
        ]
    }

    // MARK: - Time

    private static func time(_ parts: Parts) -> NodeTime {
        let (monotonic, wall) = (MonotonicClock.now(), WallClock.nanoseconds())
        return NodeTime(
            moment: parts.leaseClock.moment(
                monotonic: monotonic, wall: wall.addingSaturated(parts.board.clockCorrection)),
            wall: wall)
    }

    var now: NodeTime { Self.time(parts) }

    var allowsLegacy: Bool { legacy != nil }

    private func tick(_ onLoop: borrowing OnLoop) {
        parts.expiryHold.peers.turn(at: now.moment.lease)
        tellQueues(onLoop)
        carryOut(node.tick(at: now), onLoop)
        carryOut(legacy?.tick(at: now) ?? [], onLoop)
        let now = MonotonicClock.now()
        log.turnedAway(streams?.turnedAway ?? 0)
        log.tick(at: now)
        if let event = directoryWatchdog?.tick(at: now) { log.write(event) }
        if now - lastReport >= Self.reportPeriod { publish(at: now) }
        if let leaving, node.isFlushed || now >= leaving.until { end(onLoop) }
    }

    /// A stream reports only that a queue which was over its low-water mark has fallen to it. So with each tick all are
    /// asked: one that stays over the mark may be moving, and one that stayed under it has emptied meanwhile.
    private func tellQueues(_ onLoop: borrowing OnLoop) {
        for id in Array(occupants.keys) { drained(id, streams?.queuedBytes(on: id) ?? 0, onLoop) }
    }

    func drained(_ id: StreamID, _ queued: Int, _ onLoop: borrowing OnLoop) {
        switch occupants[id]?.use {
        case .frames: carryOut(node.drained(id.link, queuedBytes: queued, at: now), onLoop)
        case .original: carryOut(legacy?.drained(id.link, queuedBytes: queued, at: now) ?? [], onLoop)
        case .asking, .dialing, nil: break
        }
    }

    private func publish(at monotonic: MonotonicTime) {
        lastReport = monotonic
        var status = node.status(at: now)
        let own = MemberConflict(
            kind: .address, value: status.address.description, addresses: [status.address, status.address])
        if isAddressShared, !status.conflicts.contains(where: { $0.kind == own.kind && $0.value == own.value }) {
            status.conflicts.append(own)
        }
        // Also those that are not named.
        streams?.expectedHosts = Set(status.peers.map(\.address.host.description))
        health.observe(status, at: monotonic)
        parts.board.publish(
            ClusterReport(status: status, originals: legacy?.status ?? LegacyStatus()), health, at: monotonic)
    }

    // MARK: - Orders

    private func received(_ order: ReplicationOrder, _ onLoop: borrowing OnLoop) {
        switch order {
        case .changes: hasChanges = true
        case .drained(let isDrained): node.isDrained = isDrained
        case .connect(let loop, let receive): waits.receivers[loop] = receive
        case .acknowledge(let ticket): waits.add(ticket)
        case .ask(let questions): ask(questions, onLoop)
        case .looking(let ways):
            let own = LocalAddresses.own(
                advertised: parts.configuration.node.address, listening: parts.configuration.listenAddress)
            let sources = MemberSources(own: own, sources: ways)
            self.sources = sources
            directoryWatchdog = parts.configuration.directory.map {
                DirectoryWatchdog(path: $0, at: MonotonicClock.now())
            }
            membersChanged(sources.addresses, isComplete: sources.isComplete, onLoop)
        case .found(let report):
            if report.source == .directory, let event = directoryWatchdog?.reported(serves: report.serves) {
                log.write(event)
            }
            for event in report.events {
                log.write(event)
                switch event {
                case .addressShared: isAddressShared = true
                case .addressAlone: isAddressShared = false
                default: break
                }
            }
            if report.serves, report.source == .directory, !directoryServes {
                directoryServes = true
                carryOut(node.directoryServes(at: now), onLoop)
            }
            guard let addresses = sources?.take(report) else { return }
            membersChanged(addresses, isComplete: sources?.isComplete ?? false, onLoop)
        case .paused: carryOut(node.paused(at: now), onLoop)
        case .secrets(let secrets): change(secrets)
        case .leave(let report): leave(report, onLoop)
        }
    }

    /// Authenticated links stay as they are: they would else have to be closed, all at once.
    private func change(_ secrets: [[UInt8]]) {
        do {
            node.authenticator = try .hmac(secrets: secrets)
            logger.info("cluster secrets changed", metadata: ["accepted": "\(secrets.count)"])
        } catch {
            logger.error(
                "the new cluster secrets cannot be used; the old ones stay in service", metadata: ["error": "\(error)"])
        }
    }

    private func membersChanged(_ addresses: Set<PeerAddress>, isComplete: Bool, _ onLoop: borrowing OnLoop) {
        guard addresses != members || isComplete != isToldAllMembers else { return }
        isToldAllMembers = isComplete
        members = addresses
        log.membersChanged(addresses)
        plainNext.formIntersection(addresses)
        streams?.expectedHosts = Set(addresses.map(\.host.description))
        carryOut(node.members(addresses, isComplete: isComplete, at: now), onLoop)
        letOriginalsGo(onLoop)
    }

    /// All that came in this turn has been handled: tells the others what clients have changed, and the loops what the
    /// others have, once for all of it. Then rests, if there is enough to do that what comes meanwhile is better
    /// handled in one turn.
    private func endTurn(_ onLoop: borrowing OnLoop) {
        mailbox?.receive(onLoop)
        if hasChanges || waits.hasTickets { drainChanges(onLoop) }
        waits.send()
        let rest = pace.rest(at: MonotonicClock.now().nanoseconds, spent: ThisThread.processorTime)
        ThisThread.sleep(nanoseconds: rest)
    }

    private func drainChanges(_ onLoop: borrowing OnLoop) {
        hasChanges = false
        let tickets = waits.takeTickets()
        if tickets.isEmpty { carryOut(node.localChanges(at: now), onLoop) }
        for ticket in tickets { carryOut(node.acknowledge(ticket, at: now), onLoop) }
    }

    // MARK: - Leaving

    private func leave(_ report: @escaping @Sendable () -> Void, _ onLoop: borrowing OnLoop) {
        guard leaving == nil else { return }
        leaving = (MonotonicClock.now() + Self.flushTime, report)
        listener?.stop(onLoop)
        carryOut(node.leave(at: now), onLoop)
        carryOut(legacy?.leave(at: now) ?? [], onLoop)
        if node.isFlushed { end(onLoop) }
    }

    private func end(_ onLoop: borrowing OnLoop) {
        guard !timers.isEmpty else { return }
        timers = []
        waitTimer = nil
        streams?.closeAll(drainingFor: Self.closingTime, onLoop) { [loop] onLoop in loop.stop(onLoop) }
    }

    // MARK: - Directives

    func carryOut(_ directives: [Directive], _ onLoop: borrowing OnLoop) {
        defer { scheduleWaits() }
        for directive in directives {
            switch directive {
            case .send(let link, let bytes): streams?.send(bytes, on: StreamID(link), onLoop)
            // A peer that does not read takes no last frames either.
            case .close(let link, .deaf): close(StreamID(link), drainingFor: 0, onLoop)
            case .close(let link, _): close(StreamID(link), drainingFor: Self.drainTime, onLoop)
            case .dial(let address): dial(address, .changes, onLoop)
            case .becameReady:
                parts.board.becomeReady()
                publish(at: MonotonicClock.now())
            case .readiness(let report): parts.board.tell(report)
            case .holdLeases(let interval): parts.leaseClock.hold(atMost: interval)
            case .releaseLeases: parts.leaseClock.release()
            case .peersHeard(let hearing): parts.expiryHold.peersAre(hearing, at: now.moment.lease)
            case .settled: parts.expiryHold.restoredIsSettled()
            case .correctClock(let milliseconds): parts.board.correctClock(milliseconds: milliseconds)
            case .offerToOriginals(let changes): carryOut(legacy?.offer(changes, at: now) ?? [], onLoop)
            case .acknowledged, .answered: tell(directive)
            case .standing(let standing): parts.board.standing.publish(standing)
            case .note(let event): log.write(event) { node.name(at: $0) }
            }
        }
    }

    func carryOut(_ directives: [LegacyDirective], _ onLoop: borrowing OnLoop) {
        for directive in directives {
            switch directive {
            case .send(let link, let bytes): streams?.send(bytes, on: StreamID(link), onLoop)
            case .abort(let link): close(StreamID(link), drainingFor: 0, onLoop)
            case .finish(let link): close(StreamID(link), drainingFor: Self.drainTime, onLoop)
            case .dialCopy(let address): dial(address, .copy, onLoop)
            case .merged(let states, let address): carryOut(node.originalTold(states, by: address, at: now), onLoop)
            case .lost(let address): carryOut(node.originalChanged(address, to: .lost, at: now), onLoop)
            case .copied(let address): carryOut(node.originalChanged(address, to: .copied, at: now), onLoop)
            case .reads(let address, let reads): carryOut(node.originalReads(address, reads, at: now), onLoop)
            case .note(let note): log.write(note)
            }
        }
    }

    func close(_ id: StreamID, drainingFor milliseconds: Int, _ onLoop: borrowing OnLoop) {
        occupants[id] = nil
        streams?.close(id, drainingFor: leaving == nil ? milliseconds : min(milliseconds, Self.closingTime), onLoop)
    }
}
