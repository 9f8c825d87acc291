// A member as the shell would run it: a store, a node, a lease clock that is ticked ten times a second, and clocks of
// its own that may be wrong.

import Catalog
import TestCatalog
import TestRandom
import TestTime
import Time

@testable import Replication

final class SimulatedMember {
    enum State {
        case up, paused, down
    }

    let index: Int
    let address: PeerAddress
    /// A second address that leads here too.
    let alias: PeerAddress
    unowned let simulation: Simulation

    private(set) var state = State.down
    /// How often it was started: what was planned for an earlier life is not done in this one.
    private(set) var boot = 0
    private(set) var isReady = false
    /// Has been told to stop, and takes no more requests.
    private(set) var isLeaving = false
    /// Milliseconds by which its wall clock is wrong.
    var skew: Int64 = 0
    private(set) var correction: Int64 = 0
    private(set) var wasPausedAt: MonotonicTime = 0
    private var startedAt: MonotonicTime = 0
    /// What is seen here: in which version, and since when without a break, as far as the oracle has looked.
    private(set) var seen: [Key: (version: Version, since: MonotonicTime)] = [:]
    /// How the cluster stands for requests, as the node has last told.
    private(set) var standing = ClusterStanding.starting
    /// What clients were not told yet, by the number of its ticket.
    private var unanswered: [(number: UInt64, at: MonotonicTime, answer: () -> Void)] = []
    private var lastTicket: UInt64 = 0
    private var questions: [UInt64: (Bool) -> Void] = [:]
    /// When the node is called for those who wait, if that is planned.
    private var plannedDeadline: MonotonicTime?
    /// How far the node had come after its last step.
    private var startup: Startup?
    private var monotonicStart: MonotonicTime = 0
    private var lastTick: MonotonicTime = 0

    private(set) var id = MemberID(bits: 0)
    private(set) var store = Store(namespaceCapacity: nil)
    private(set) var node: Node?
    private var clock = SharedLeaseClock(monotonic: 0)
    private var expiryHold = ExpiryHold()
    /// Until when leases last renewed elsewhere were held, and when they began anew, if ever. What is dead may be seen
    /// for longer by as much.
    private(set) var heldUntil: MonotonicTime = 0
    private(set) var restartedAt: MonotonicTime?
    private(set) var hearing = PeerHearing.whole(restarts: false)
    /// In between the wake of the store and the node's hearing of it.
    private let dirtyShards = DirtyShards()

    private final class DirtyShards: Sendable {
        let flag = Flag()
        func wake() { flag.raise() }
    }

    init(index: Int, simulation: Simulation) {
        self.index = index
        self.simulation = simulation
        address = PeerAddress(host: "10.0.0.\(index + 1)", port: 6_100)
        alias = PeerAddress(host: "10.0.1.\(index + 1)", port: 6_100)
    }

    // MARK: - Clocks

    private var monotonic: MonotonicTime { .zero + (simulation.now - monotonicStart) }

    var time: NodeTime {
        let wall = (simulation.wall + skew) * 1_000_000
        return NodeTime(
            moment: clock.moment(monotonic: monotonic, wall: wall + correction * 1_000_000), wall: wall)
    }

    // MARK: - Life

    /// What a member would find in its file at a start.
    struct File {
        let states: [Replicated]
        /// When they were read, in milliseconds since 1970.
        let read: Int64
    }

    /// What it holds now.
    var file: File {
        var (states, cursor): ([Replicated], CopyCursor?) = ([], .start)
        while let from = cursor {
            let piece = store.copy(from: from, limit: 256, at: time.moment)
            states += piece.items
            cursor = piece.next
        }
        return File(states: states, read: time.wall / 1_000_000)
    }

    /// - Parameter file: what it begins with.
    func start(_ file: File? = nil) {
        boot += 1
        startedAt = simulation.now
        state = .up
        isReady = false
        isLeaving = false
        correction = 0
        standing = .starting
        (unanswered, questions, plannedDeadline, startup) = ([], [:], nil, nil)
        monotonicStart = simulation.now - Duration.random(in: 0...1_000_000, using: &simulation.random)
        id = MemberID(bits: UInt64.random(in: 1 ... .max, using: &simulation.random))
        clock = SharedLeaseClock(monotonic: monotonic, isHeldByPauses: true, lost: LeaseClock.lostBeforeStart)
        expiryHold = ExpiryHold()
        hearing = .whole(restarts: false)
        restartedAt = nil
        lastTick = monotonic
        let dirtyShards = dirtyShards
        store = Store(namespaceCapacity: nil, replicating: id, wake: { dirtyShards.wake() })
        var configuration = NodeConfiguration(
            member: id, name: "member-\(index)", address: address, clusterSize: simulation.setting.clusterSize,
            syncTimeout: Simulation.syncTimeout)
        configuration.limits = simulation.setting.limits
        if isOlder { configuration.versions = 2...2 }
        if let file {
            let terms = RestoreTerms(
                elapsed: time.wall / 1_000_000 - file.read, latest: HybridTime(milliseconds: .max), now: .zero)
            store.restore(file.states.compactMap { terms.read($0) }, at: time.moment)
            configuration.isRestored = true
        }
        node = Node(
            configuration, store: store, random: SplitMix64(seed: simulation.random.next()),
            authenticator: .test("secret"), at: time)
        simulation.trace("\(self) starts, boot \(boot)")
        let learns = simulation.now + Duration.random(in: 0...2_000, using: &simulation.random)
        let boot = boot
        simulation.plan(at: learns) { [self] in
            guard self.boot == boot, state == .up else { return }
            carryOut(node?.members(simulation.addresses(seenBy: self), isComplete: true, at: time))
        }
        planTick()
    }

    func crash() {
        guard state != .down else { return }
        simulation.trace("\(self) crashes")
        state = .down
        node = nil
        simulation.network.drop(self)
    }

    /// Leaves as on SIGTERM, and is gone half a second later.
    func leave() {
        guard state == .up else { return }
        simulation.trace("\(self) leaves")
        isLeaving = true
        carryOut(node?.leave(at: time))
        let boot = boot
        simulation.plan(after: 500) { [self] in
            if self.boot == boot { simulation.stopped(self) }
        }
    }

    func pause() {
        guard state == .up else { return }
        simulation.trace("\(self) is paused")
        state = .paused
        wasPausedAt = simulation.now
    }

    /// Whether clients reach it.
    var isServing: Bool { state == .up && !isLeaving }

    func resume() {
        guard state == .paused else { return }
        simulation.trace("\(self) goes on")
        state = .up
        wasPausedAt = simulation.now
        tick()
    }

    private func planTick() {
        let boot = boot
        simulation.plan(after: 100) { [self] in
            guard self.boot == boot, state != .down else { return }
            if state == .up { tick() }
            planTick()
        }
    }

    private func tick() {
        let gap = monotonic - lastTick
        lastTick = monotonic
        clock.tick(monotonic: monotonic)
        if gap > LeaseClock.longestGap { carryOut(node?.paused(at: time)) }
        _ = store.expire(at: time.moment, bounds: expiryHold.bounds(at: time.moment.lease), budget: 10_000)
        carryOut(node?.tick(at: time))
    }

    /// What its sources say of who is a member.
    func told(_ addresses: Set<PeerAddress>) {
        if state == .up { carryOut(node?.members(addresses, isComplete: true, at: time)) }
    }

    // MARK: - Network

    func linkOpened(_ link: LinkID, role: LinkRole, address: PeerAddress) {
        carryOut(node?.linkOpened(link, role: role, address: address, boundTo: nil, at: time))
    }

    func linkClosed(_ link: LinkID) { carryOut(node?.linkClosed(link, at: time)) }

    func received(_ bytes: [UInt8], on link: LinkID) { carryOut(node?.received(bytes, on: link, at: time)) }

    func drained(_ link: LinkID, queuedBytes: Int) { carryOut(node?.drained(link, queuedBytes: queuedBytes, at: time)) }

    /// Whether it runs the release before, and speaks the protocol of that only.
    var isOlder: Bool { simulation.setting.olderMembers.contains(index) }

    /// Whether it has a connection to any other.
    var isConnected: Bool { node?.links.isEmpty == false }

    /// Whether it hears this one, in its present life.
    func hears(_ other: SimulatedMember) -> Bool {
        node?.links.values.contains { $0.subscriber != nil && $0.peer?.member == other.id } ?? false
    }

    /// Whether it hears this one, in its present life, and has had a whole copy of it.
    func hasCopied(_ other: SimulatedMember) -> Bool {
        node?.links.values.contains { $0.subscriber != nil && $0.lastCopy != nil && $0.peer?.member == other.id }
            ?? false
    }

    /// Whether it waits for this one, as far as it knows.
    func waits(for other: SimulatedMember) -> Bool {
        node?.links.values.contains { $0.attendance?.isWaitedFor == true && $0.peer?.member == other.id } ?? false
    }

    func dialFailed(_ address: PeerAddress) { carryOut(node?.dialFailed(address, at: time)) }

    private func carryOut(_ directives: [Directive]?) {
        for directive in directives ?? [] {
            if let transcript = simulation.transcript { tell(directive, to: transcript) }
            switch directive {
            case .send(let link, let bytes): simulation.network.send(bytes, on: link, from: self)
            case .close(let link, let reason):
                simulation.trace("\(self) closes \(link.number): \(reason)")
                simulation.network.close(link, from: self)
            case .dial(let address): simulation.network.dial(address, from: self)
            case .becameReady(let ground):
                isReady = true
                simulation.becameReady(self, ground)
            case .holdLeases(let interval): clock.hold(atMost: interval)
            case .releaseLeases: clock.release()
            case .peersHeard(let hearing): heard(hearing)
            case .settled: break
            case .correctClock(let milliseconds): correction = milliseconds
            case .offerToOriginals: break
            case .acknowledged(let ticket): acknowledged(upTo: ticket.number)
            case .answered(let ticket, let isSure): questions.removeValue(forKey: ticket.number)?(isSure)
            case .standing(let standing):
                self.standing = standing
                simulation.trace("\(self) stands: \(standing)")
            case .readiness: break
            case .note(let event): simulation.trace("\(self) \(event)")
            }
        }
        checkInvariants()
        planDeadline()
    }

    /// After each step of the node.
    private func checkInvariants() {
        #if DEBUG
            guard let node else { return startup = nil }
            for broken in node.checkInvariants(since: startup) { simulation.complain("\(self): \(broken)") }
            startup = node.startup
        #endif
    }

    private func tell(_ directive: Directive, to transcript: Transcript) {
        switch directive {
        case .becameReady(let ground): transcript.does(self, transcript.words(ground))
        case .readiness(let report):
            transcript.does(self, report.hold.map { "asks for no traffic: \($0)" } ?? "asks for traffic")
        case .holdLeases: transcript.does(self, "holds its leases")
        case .releaseLeases: transcript.does(self, "lets its leases run")
        case .peersHeard(let hearing): transcript.does(self, transcript.words(hearing))
        case .standing(let standing): transcript.does(self, transcript.words(standing))
        case .close(_, let reason): transcript.does(self, "closes a connection: \(reason)")
        case .dial(let address):
            transcript.does(self, "dials \(simulation.member(at: address).map { "\($0)" } ?? "nobody")")
        // Messages are told by the network, answers by whoever waits for them, and what is noted shows in them.
        case .send, .acknowledged, .answered, .correctClock, .offerToOriginals, .settled, .note: break
        }
    }

    // MARK: - Waiting

    private func planDeadline() {
        guard state == .up, let deadline = node?.nextDeadline, plannedDeadline.map({ deadline < $0 }) ?? true else {
            return
        }
        plannedDeadline = deadline
        let boot = boot
        simulation.plan(after: max(0, deadline - monotonic)) { [self] in
            guard self.boot == boot else { return }
            plannedDeadline = nil
            if state == .up { carryOut(node?.expireWaits(at: time)) }
        }
    }

    private func acknowledged(upTo number: UInt64) {
        let answered = unanswered.prefix { $0.number <= number }
        unanswered.removeFirst(answered.count)
        for waiter in answered {
            let limits = simulation.setting.limits
            // After its start a member waits until those that answer clients read from it.
            let isReached = waiter.at >= startedAt + limits.linkingTime
            let bound = (isReached ? waiter.at : startedAt + limits.linkingTime) + limits.acknowledgeTimeout
            if simulation.now > bound, waiter.at > wasPausedAt {
                simulation.complain("a client of \(self) has waited for \(simulation.now - waiter.at)")
            }
            waiter.answer()
        }
    }

    /// Calls back when what was changed here until now is at the others that are waited for.
    func whenAcknowledged(_ answer: @escaping () -> Void) {
        lastTicket += 1
        unanswered.append((lastTicket, simulation.now, answer))
        let (boot, ticket) = (boot, AcknowledgmentTicket(loop: 0, number: lastTicket))
        simulation.plan(after: 0) { [self] in
            if self.boot == boot, state == .up { carryOut(node?.acknowledge(ticket, at: time)) }
        }
    }

    /// Asks the others for an id.
    func ask(_ key: Key, _ answer: @escaping (Bool) -> Void) {
        lastTicket += 1
        questions[lastTicket] = answer
        let ticket = QuestionTicket(loop: 0, number: lastTicket)
        carryOut(node?.ask(ticket, StateKey(namespace: key.namespace, id: key.id), at: time))
    }

    private func heard(_ hearing: PeerHearing) {
        simulation.trace("\(self) hears \(hearing)")
        if self.hearing != .whole(restarts: false) { heldUntil = simulation.now }
        if hearing == .whole(restarts: true) { restartedAt = simulation.now }
        self.hearing = hearing
        expiryHold.peersAre(hearing, at: time.moment.lease)
    }

    /// Until when, at the earliest, somebody dead is seen no more who had a lease of so many milliseconds and was last
    /// heard then.
    func seesDead(heardAt: MonotonicTime, lifetime: Int64) -> MonotonicTime {
        let lifetime = Duration.milliseconds(lifetime)
        if case .whole = hearing {} else { heldUntil = simulation.now }
        return max(heardAt + lifetime, heldUntil, restartedAt.map { $0 + lifetime } ?? 0)
    }

    // MARK: - Clients

    /// A client's request. What it changes is told at once, as the wake callback does.
    @discardableResult
    func apply(_ command: Command, in namespace: Namespace) -> Outcome {
        let outcome = store.apply(command, in: namespace, at: time.moment).outcome
        if dirtyShards.flag.lower() {
            let boot = boot
            simulation.plan(after: 0) { [self] in
                if self.boot == boot, state == .up { carryOut(node?.localChanges(at: time)) }
            }
        }
        return outcome
    }

    /// A client's heartbeat; whether it was taken.
    func renew(_ key: Key) -> Bool { store.renew(key.id, in: key.namespace, at: time.moment) }

    /// What a look-up finds.
    func sees(_ key: Key) -> LeasedInstance? { store.instance(key.id, in: key.namespace, at: time.moment.lease) }

    /// Looks at what is seen here, for `seen`.
    func remember(_ keys: [Key]) {
        var now: [Key: (version: Version, since: MonotonicTime)] = [:]
        for key in keys where state != .down && sees(key) != nil {
            guard let version = record(key)?.version else { continue }
            let before = seen[key]
            now[key] = (version, before?.version == version ? before?.since ?? simulation.now : simulation.now)
        }
        seen = now
    }

    func record(_ key: Key) -> Replica? { store.state(of: key.id, in: key.namespace, at: time.moment)?.replica }
}

extension SimulatedMember: CustomStringConvertible {
    var description: String { "m\(index)" }
}

/// The name of an instance of some namespace.
struct Key: Hashable {
    let namespace: Namespace
    let id: InstanceID
}
