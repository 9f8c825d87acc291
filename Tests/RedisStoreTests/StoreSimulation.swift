// Members of a store, their server and the network between them in one thread that owns the time: what is sent takes a
// while, connections break, and the server loses what it had, as a seed says. Members are the real ones, with real
// catalogs.

import Catalog
import Foundation
import RESP
import RedisStore
import Replication
import Synchronization
import TestRandom
import TestRedisStore
import Time

/// Whether a catalog has something to be written.
final class Bell: Sendable {
    private let rung = Atomic<Bool>(false)

    func ring() { rung.store(true, ordering: .relaxed) }
    func take() -> Bool { rung.exchange(false, ordering: .relaxed) }
}

/// A member with its catalog and its connection.
final class SimulatedMember {
    let number: Int
    let id: MemberID
    let store: Store
    let bell = Bell()
    let member: StoreMember
    /// Which connection it has, nil for none; they are numbered.
    var connection: Int?
    /// What is asked and not answered, by the number of the question, and when it was asked.
    var open: [Int: (question: StoreQuestion, since: Int64, patience: Int64)] = [:]
    /// When the last that was sent or answered on each line arrives: nothing overtakes.
    var arrival: [StoreLine: Int64] = [:]
    var reply: [StoreLine: Int64] = [:]
    var isReady = false
    var standing: ClusterStanding?
    var tickets: [AcknowledgmentTicket] = []
    var isTurning = false
    /// Whether events stay where they are, while commands are answered.
    var isDeaf = false

    init(_ number: Int, _ limits: StoreLimits, _ random: SplitMix64, capacity: @escaping (Namespace) -> Int?) {
        self.number = number
        id = MemberID(bits: UInt64(number + 1))
        store = Store(
            namespaceCapacity: nil, replicating: id, leaseKeeper: .store, wake: { [bell] in bell.ring() })
        member = StoreMember(
            limits, prefix: "a8", member: id, about: "{}", store: store, random: random,
            lastChange: { $0.extraUTF8.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } }, capacity: capacity)
    }
}

/// The world.
final class StoreSimulation {
    static let start: Int64 = 1_790_000_000_000_000_000
    static let millisecond: Int64 = 1_000_000
    private static let node = StoreNode(host: "store", port: 6379)

    private struct Plan {
        let at: Int64
        let order: Int
        let action: () -> Void
    }

    /// Nanoseconds since the start.
    private(set) var now: Int64 = 0
    var random: SplitMix64
    var server: ModelServer
    /// What it had some commands ago, the oldest first: replicas that lag.
    private var copies: [ModelServer] = []
    var isDown = false
    private(set) var members: [SimulatedMember] = []
    private var plans: [Plan] = []
    private var order = 0
    private var questions = 0
    private var connections = 0
    private var runs = 1
    var whenAcknowledged: (AcknowledgmentTicket, Bool) -> Void = { _, _ in }
    var whenAnswered: (QuestionTicket, Bool) -> Void = { _, _ in }
    var whenRanOut: (ModelKey, [UInt8]) -> Void = { _, _ in }
    var notes: [StoreNote] = []

    init(seed: UInt64, members count: Int, limits: StoreLimits, capacity: @escaping (Namespace) -> Int?) {
        random = SplitMix64(seed: seed)
        server = ModelServer(prefix: "a8", run: "run1")
        for number in 0..<count {
            let member = SimulatedMember(
                number, limits, SplitMix64(seed: random.next()), capacity: capacity)
            members.append(member)
            connect(member)
            every(Self.tickPeriod, member) { [unowned self] in tick(member) }
            every(20, member) { [unowned self] in carryOut(member.member.renewed(at: time), member) }
        }
    }

    /// Where what happens is printed, for whoever looks for a fault.
    static let isTraced = ProcessInfo.processInfo.environment["STORE_TRACE"] != nil

    func trace(_ sentence: @autoclosure () -> String) {
        if Self.isTraced { print(now / Self.millisecond, sentence()) }
    }

    // MARK: - Time

    /// Milliseconds of the server's clock.
    var serverTime: Int64 { (Self.start + now) / Self.millisecond }

    var time: NodeTime {
        let moment = Moment(
            monotonic: MonotonicTime(nanoseconds: now), lease: LeaseTime(milliseconds: now / Self.millisecond),
            wall: Self.start + now)
        return NodeTime(moment: moment, wall: Self.start + now)
    }

    /// - Parameter delay: in milliseconds.
    func plan(after delay: Int64, _ action: @escaping () -> Void) { plan(at: now + delay * Self.millisecond, action) }

    private func plan(at time: Int64, _ action: @escaping () -> Void) {
        order += 1
        // A heap would be faster, and there are a few dozen.
        let place = plans.lastIndex { $0.at <= time }.map { $0 + 1 } ?? 0
        plans.insert(Plan(at: time, order: order, action: action), at: place)
    }

    private func every(_ period: Int64, _ member: SimulatedMember, _ action: @escaping () -> Void) {
        plan(after: period + Int64.random(in: 0...period / 10, using: &random)) { [unowned self] in
            action()
            checkPatience(of: member)
            turn(member)
            every(period, member, action)
        }
    }

    private static let tickPeriod: Int64 = 50

    /// Time has passed. As in the loop the member is called besides when it has a lease to let go before the next time.
    private func tick(_ member: SimulatedMember) {
        carryOut(member.member.tick(at: time), member)
        guard let rest = member.member.nextSweep?.rest(at: time.monotonic), rest < Self.tickPeriod else { return }
        plan(after: rest) { [unowned self] in
            carryOut(member.member.tick(at: time), member)
            turn(member)
        }
    }

    /// Goes on until a time in milliseconds since the start.
    func run(until end: Int64) {
        while let first = plans.first, first.at <= end * Self.millisecond {
            plans.removeFirst()
            now = max(now, first.at)
            first.action()
        }
        now = max(now, end * Self.millisecond)
    }

    // MARK: - Members

    /// What a member does once it has handled what came.
    func turn(_ member: SimulatedMember) {
        guard !member.isTurning else { return }
        member.isTurning = true
        defer { member.isTurning = false }
        if member.bell.take() || !member.tickets.isEmpty {
            let tickets = member.tickets
            member.tickets = []
            carryOut(member.member.changed(tickets, at: time), member)
        }
    }

    func carryOut(_ directives: [StoreDirective], _ member: SimulatedMember) {
        for directive in directives {
            switch directive {
            case .send(let command, let question, _, let line, let patience):
                send(command, question, line, patience, member)
            case .leave: cut(member)
            case .acknowledged(let ticket): whenAcknowledged(ticket, true)
            case .unacknowledged(let ticket): whenAcknowledged(ticket, false)
            case .answered(let ticket, let isSure): whenAnswered(ticket, isSure)
            case .standing(let standing): member.standing = standing
            case .becameReady: member.isReady = true
            case .again:
                plan(after: 0) { [unowned self] in
                    carryOut(member.member.goOn(at: time), member)
                    turn(member)
                }
            case .note(let note):
                notes.append(note)
                trace("member \(member.number): \(note)")
            case .lookAgain, .hold, .endHold, .correctClock: break
            }
        }
    }

    // MARK: - Network

    private func send(
        _ command: RESPCommand, _ question: StoreQuestion, _ line: StoreLine, _ patience: Duration?,
        _ member: SimulatedMember
    ) {
        guard let connection = member.connection else {
            return carryOut(member.member.lost(question, at: time), member)
        }
        questions += 1
        let number = questions
        member.open[number] = (question, now, (patience?.wholeMilliseconds ?? 1_000) * Self.millisecond)
        let arrival = max(member.arrival[line] ?? 0, now + latency())
        member.arrival[line] = arrival
        let words = command.words
        plan(at: arrival) { [unowned self] in
            deliver(words, number, line, connection, member, waiting: 20)
        }
    }

    private func latency() -> Int64 {
        let slow = Int.random(in: 0..<50, using: &random) == 0
        return Int64.random(in: 100_000...(slow ? 60_000_000 : 3_000_000), using: &random)
    }

    /// A command is at the server. What was on its way when the connection broke may have come, or not.
    private func deliver(
        _ words: [[UInt8]], _ number: Int, _ line: StoreLine, _ connection: Int, _ member: SimulatedMember, waiting: Int
    ) {
        let isCut = member.connection != connection
        if isCut, line == .stream || Bool.random(using: &random) { return }
        guard !isDown else { return }
        if line == .stream, member.isDeaf {
            guard waiting > 0 else { return answer(.nothing, number, line, connection, member) }
            return plan(after: 10) { [unowned self] in
                deliver(words, number, line, connection, member, waiting: waiting - 1)
            }
        }
        guard let reply = server.execute(words, at: serverTime) else {
            guard waiting > 0 else { return answer(.nothing, number, line, connection, member) }
            return plan(after: 10) { [unowned self] in
                deliver(words, number, line, connection, member, waiting: waiting - 1)
            }
        }
        if Self.isTraced, line == .commands {
            let names = words.map {
                String(decoding: $0.prefix(40).filter { (0x20...0x7E).contains($0) }, as: UTF8.self)
            }
            trace(
                "member \(member.number): \(names.dropFirst().prefix(30).joined(separator: " ")) → \(reply)".prefix(700)
                    .description)
        }
        for gone in server.ranOut { whenRanOut(gone.key, gone.version) }
        if line == .commands { keepCopy() }
        answer(reply, number, line, connection, member)
    }

    private func answer(
        _ value: RESPValue, _ number: Int, _ line: StoreLine, _ connection: Int, _ member: SimulatedMember
    ) {
        let arrival = max(member.reply[line] ?? 0, now + latency())
        member.reply[line] = arrival
        plan(at: arrival) { [unowned self] in
            guard member.connection == connection, let open = member.open.removeValue(forKey: number) else { return }
            carryOut(member.member.answered(open.question, value, at: time), member)
            turn(member)
        }
    }

    private func checkPatience(of member: SimulatedMember) {
        if member.open.values.contains(where: { now - $0.since > $0.patience }) { cut(member) }
    }

    func connect(_ member: SimulatedMember) {
        guard member.connection == nil else { return }
        guard !isDown, let facts = ServerFacts(Array("redis_version:7.0.15\nrun_id:\(server.run)\nrole:master".utf8))
        else {
            return plan(after: 100) { [unowned self] in connect(member) }
        }
        connections += 1
        member.connection = connections
        (member.arrival, member.reply) = ([:], [:])
        carryOut(member.member.connected(Self.node, facts, has: StoreShard.all, at: time), member)
        turn(member)
    }

    /// The connection of a member ends; it is made again after a while, in milliseconds.
    func cut(_ member: SimulatedMember, for pause: Int64 = 100) {
        guard member.connection != nil else { return }
        member.connection = nil
        let lost = member.open.sorted { $0.key < $1.key }.map(\.value.question)
        member.open = [:]
        for question in lost { carryOut(member.member.lost(question, at: time), member) }
        carryOut(member.member.disconnected(Self.node, at: time), member)
        turn(member)
        plan(after: pause) { [unowned self] in connect(member) }
    }

    // MARK: - The server

    private func keepCopy() {
        copies.append(server)
        if copies.count > 60 { copies.removeFirst() }
    }

    private func newRun() -> String {
        runs += 1
        return "run\(runs)"
    }

    /// Another server takes over that lacks so many of the last commands.
    func promote(lagging lag: Int, down pause: Int64) {
        promote(to: lag > 0 && copies.count > lag ? copies[copies.count - 1 - lag] : server, down: pause)
    }

    func promote(to replica: ModelServer, down pause: Int64) {
        let isFull = server.isFull
        server = replica
        (server.run, server.isFull) = (newRun(), isFull)
        copies = []
        isDown = true
        for member in members { cut(member) }
        plan(after: pause) { [unowned self] in isDown = false }
    }

    /// FLUSHALL, or a restart without a file.
    func empty(restarting: Bool) {
        server = ModelServer(prefix: "a8", run: restarting ? newRun() : server.run)
        copies = []
        if restarting { for member in members { cut(member) } }
    }

    /// Streams keep so many events.
    func trim(to count: Int) {
        for number in server.shards.indices {
            server.shards[number].events = Array(server.shards[number].events.suffix(count))
        }
    }
}
