// Members of a store through cuts, promotions, floods and flushes, with clients that register, renew, deregister and set
// statuses at random. What was promised to them is compared with what every member shows at the end.

import Catalog
import Foundation
import RESP
import RedisStore
import Replication
import TestRandom
import TestRedisStore
import Testing
import Time

/// What clients were promised of one id.
private struct Promise {
    /// Of the last change that was acknowledged.
    var acknowledged = Version.none
    var isThere = false
    /// The latest deregistration that was acknowledged.
    var buried = Version.none
    /// The versions that were refused as too many.
    var refused: Set<Version> = []
}

/// Whoever keeps an instance registered.
private final class Agent {
    let key: StateKey
    let ttl: Int64
    var home: Int
    /// Whether it wants its instance to be there.
    var isOn = false
    /// Whether it has registered since it was turned on, and how often its instance was unknown since.
    var isRegistered = false
    var unknown = 0
    /// The last heartbeat that was taken, in milliseconds, where, and on which connection of that member.
    var heard: (at: Int64, member: Int, connection: Int?) = (0, 0, nil)
    /// When its instance ran out last.
    var ranOut: Int64 = -1

    init(_ key: StateKey, ttl: Int64, home: Int) {
        (self.key, self.ttl, self.home) = (key, ttl, home)
    }
}

private final class Play {
    static let namespaces = ["", "tenant", "crowded"].map { Namespace($0) }
    static let capacity = 3
    /// Milliseconds.
    static let troubles: Int64 = 60_000
    static let settling: Int64 = 50_000

    let simulation: StoreSimulation
    var promises: [StateKey: Promise] = [:]
    var agents: [Agent] = []
    var waiting: [AcknowledgmentTicket: (key: StateKey, version: Version, isThere: Bool)] = [:]
    var asking: [QuestionTicket: Agent] = [:]
    var tickets: UInt64 = 0
    var isQuiet = false
    var failures: [String] = []
    var acknowledged = 0, heartbeats = 0

    init(seed: UInt64) {
        var limits = StoreLimits()
        limits.tickPeriod = .milliseconds(500)
        let crowded = Self.namespaces[2]
        simulation = StoreSimulation(seed: seed, members: 3, limits: limits) { $0 == crowded ? Self.capacity : nil }
        for number in 0..<14 {
            let id = InstanceID(Array((number % 2 == 0 ? "00000000000000a\(number % 10)" : "id-\(number)").utf8)[...])
            guard let id else { continue }
            let namespace = Self.namespaces[number % 3]
            agents.append(
                Agent(
                    StateKey(namespace: namespace, id: id),
                    ttl: [3_000, 6_000, 20_000][number % 3 == 2 ? 1 : number % 2 + 1],
                    home: number % 3))
        }
        simulation.whenAcknowledged = { [unowned self] in acknowledged($0, isDone: $1) }
        simulation.whenAnswered = { [unowned self] in answered($0, isSure: $1) }
        simulation.whenRanOut = { [unowned self] in ranOut($0, $1) }
        for agent in agents { act(agent) }
        trouble()
    }

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &simulation.random) < percent }
    private func milliseconds(_ range: ClosedRange<Int64>) -> Int64 {
        Int64.random(in: range, using: &simulation.random)
    }

    // MARK: - Clients

    private func act(_ agent: Agent) {
        let member = simulation.members[agent.home]
        if !isQuiet, chance(8) { agent.home = Int.random(in: 0..<3, using: &simulation.random) }
        if !agent.isOn {
            if !isQuiet, chance(40) { agent.isOn = true; register(agent, at: member) }
        } else if !agent.isRegistered {
            register(agent, at: member)
        } else if !isQuiet, chance(6) {
            deregister(agent, at: member)
        } else if !isQuiet, chance(6) {
            register(agent, at: member)
        } else if !isQuiet, chance(4) {
            override(agent, at: member)
        } else {
            renew(agent, at: member)
        }
        simulation.turn(member)
        simulation.plan(after: agent.ttl / 4 + milliseconds(0...200)) { [unowned self] in act(agent) }
    }

    /// Whether a member takes changes: else it answers 503.
    private func takes(_ member: SimulatedMember) -> Bool {
        member.isReady && member.standing?.refusing == NamespaceParts.none
    }

    private func register(_ agent: Agent, at member: SimulatedMember) {
        guard takes(member) else { return }
        let instance = Instance(
            id: agent.key.id, serviceName: Name("s"), endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"),
            status: .up,
            ttl: agent.ttl, tags: [], metadata: Array("{\"at\":\(simulation.serverTime)}".utf8),
            registered: simulation.time.wall)
        let decision = member.store.register(instance, in: agent.key.namespace, at: simulation.time.moment)
        guard decision.isDone else { return failures.append("a registration was refused by a member") }
        agent.isRegistered = true
        heard(agent, by: member)
        wrote(agent.key, isThere: true, at: member)
    }

    private func deregister(_ agent: Agent, at member: SimulatedMember) {
        guard takes(member) else { return }
        guard member.store.deregister(agent.key.id, in: agent.key.namespace, at: simulation.time.moment).isDone else {
            return
        }
        (agent.isOn, agent.isRegistered) = (false, false)
        wrote(agent.key, isThere: false, at: member)
    }

    private func override(_ agent: Agent, at member: SimulatedMember) {
        guard takes(member) else { return }
        let order: OverrideOrder = chance(70) ? .set(.outOfService, until: nil) : .remove
        _ = member.store.override(agent.key.id, in: agent.key.namespace, order, at: simulation.time.moment)
    }

    private func renew(_ agent: Agent, at member: SimulatedMember) {
        guard member.isReady else { return }
        if member.store.renew(agent.key.id, in: agent.key.namespace, at: simulation.time.moment) {
            return heard(agent, by: member)
        }
        // Another member may know it: the store is asked, as before a 410.
        tickets += 1
        let ticket = QuestionTicket(loop: member.number, number: tickets)
        asking[ticket] = agent
        simulation.carryOut(member.member.ask([(ticket, agent.key)], at: simulation.time), member)
    }

    private func answered(_ ticket: QuestionTicket, isSure: Bool) {
        guard let agent = asking.removeValue(forKey: ticket), isSure, agent.isRegistered else { return }
        let member = simulation.members[ticket.loop]
        guard !member.store.renew(agent.key.id, in: agent.key.namespace, at: simulation.time.moment) else {
            return heard(agent, by: member)
        }
        // A 410: it registers again.
        let now = simulation.now / StoreSimulation.millisecond
        if now < agent.heard.at + agent.ttl, promises[agent.key]?.isThere == true, agent.ranOut < agent.heard.at {
            failures.append(
                "\(agent.key.id) is unknown at \(now), \(now - agent.heard.at) ms after a heartbeat of \(agent.ttl)")
        }
        agent.unknown += 1
        agent.isRegistered = false
    }

    private func heard(_ agent: Agent, by member: SimulatedMember) {
        heartbeats += 1
        agent.heard = (simulation.now / StoreSimulation.millisecond, member.number, member.connection)
    }

    private func wrote(_ key: StateKey, isThere: Bool, at member: SimulatedMember) {
        guard let state = member.store.state(of: key.id, in: key.namespace, at: simulation.time.moment) else { return }
        tickets += 1
        let ticket = AcknowledgmentTicket(loop: member.number, number: tickets)
        waiting[ticket] = (key, state.replica.version, isThere)
        member.tickets.append(ticket)
    }

    private func acknowledged(_ ticket: AcknowledgmentTicket, isDone: Bool) {
        guard let written = waiting.removeValue(forKey: ticket) else {
            return failures.append("an answer to \(ticket), which nobody waits for")
        }
        let refused = simulation.members[ticket.loop].member.takeRefusals()
        if refused.contains(written.key) {
            promises[written.key, default: Promise()].refused.insert(written.version)
            for agent in agents where agent.key == written.key { (agent.isOn, agent.isRegistered) = (false, false) }
            return
        }
        guard isDone else {
            // The client is told that nobody knows, and repeats it.
            for agent in agents where agent.key == written.key && written.isThere { agent.isRegistered = false }
            return
        }
        acknowledged += 1
        if !written.isThere {
            promises[written.key, default: Promise()].buried = max(
                promises[written.key]?.buried ?? .none, written.version)
        }
        guard written.version > promises[written.key]?.acknowledged ?? .none else { return }
        promises[written.key, default: Promise()].acknowledged = written.version
        promises[written.key]?.isThere = written.isThere
    }

    /// The store has let a lease run out.
    private func ranOut(_ key: ModelKey, _ version: [UInt8]) {
        guard let id = InstanceID(key.id[...]) else { return }
        let namespace = Namespace(String(decoding: key.namespace, as: UTF8.self))
        guard let agent = agents.first(where: { $0.key == StateKey(namespace: namespace, id: id) }), agent.isRegistered
        else {
            return
        }
        let now = simulation.now / StoreSimulation.millisecond
        agent.ranOut = now
        let member = simulation.members[agent.heard.member]
        // A heartbeat may be on its way only while the connection lasts on which it goes.
        guard now < agent.heard.at + agent.ttl, member.connection == agent.heard.connection, member.connection != nil,
            now - agent.heard.at > 300
        else { return }
        failures.append(
            "\(agent.key.id) ran out at \(now), \(now - agent.heard.at) ms after a heartbeat of \(agent.ttl)")
    }

    // MARK: - Troubles

    private func trouble() {
        simulation.plan(after: milliseconds(500...4_000)) { [unowned self] in
            guard !isQuiet else { return }
            let member = simulation.members[Int.random(in: 0..<3, using: &simulation.random)]
            let kind = Int.random(in: 0..<12, using: &simulation.random)
            simulation.trace("trouble \(kind) for member \(member.number)")
            switch kind {
            case 0...3: simulation.cut(member, for: milliseconds(0...6_000))
            case 4, 5:
                simulation.promote(
                    lagging: Int.random(in: 0...40, using: &simulation.random), down: milliseconds(0...3_000))
            case 6: simulation.promote(lagging: 0, down: milliseconds(0...9_000))
            case 7: simulation.empty(restarting: Bool.random(using: &simulation.random))
            case 8, 9: simulation.trim(to: Int.random(in: 0...3, using: &simulation.random))
            default:
                simulation.server.isFull = true
                simulation.plan(after: milliseconds(0...3_000)) { [unowned self] in simulation.server.isFull = false }
            }
            trouble()
        }
    }

    // MARK: - The end

    func run() {
        simulation.run(until: Self.troubles)
        isQuiet = true
        simulation.isDown = false
        simulation.server.isFull = false
        // From here on all want to be there, and register until that is acknowledged.
        for agent in agents where promises[agent.key]?.isThere != true || !agent.isOn {
            (agent.isOn, agent.isRegistered) = (true, false)
        }
        simulation.run(until: Self.troubles + 15_000)
        // Whoever was lost is registered again by now. From here on nothing may be lost.
        for agent in agents { agent.unknown = 0 }
        simulation.run(until: Self.troubles + Self.settling)
        compare()
    }

    private func compare() {
        var stored: [StateKey: Version] = [:]
        for shard in simulation.server.shards {
            for (key, held) in shard.instances {
                guard let id = InstanceID(key.id[...]) else { continue }
                let state = StateKey(namespace: Namespace(String(decoding: key.namespace, as: UTF8.self)), id: id)
                stored[state] = Play.version(held.value)
            }
        }
        for member in simulation.members {
            member.store.checkInvariants()
            var held: [StateKey: Version] = [:]
            var cursor: CopyCursor? = .start
            while let place = cursor {
                let piece = member.store.copy(from: place, limit: 1_000, at: simulation.time.moment)
                for state in piece.items {
                    if case .present(let instance, let version, _) = state.replica {
                        held[StateKey(namespace: state.namespace, id: instance.id)] = version
                    }
                }
                cursor = piece.next
            }
            if held != stored {
                failures.append("member \(member.number) holds \(list(held)), and the store \(list(stored))")
            }
            let status = member.member.status(at: simulation.time.monotonic)
            if !status.isHealthy { failures.append("member \(member.number) is not healthy: \(status)") }
            if !member.member.isFlushed { failures.append("member \(member.number) waits for answers") }
        }
        if !waiting.isEmpty { failures.append("\(waiting.count) tickets were never answered") }
        for agent in agents {
            let promise = promises[agent.key] ?? Promise()
            if agent.key.namespace != Self.namespaces[2], stored[agent.key] == nil || !promise.isThere {
                failures.append("\(agent.key.id) was not acknowledged when all was quiet, or is not there")
            }
            if let version = stored[agent.key] {
                if version < promise.buried {
                    failures.append("\(agent.key.id) was deregistered, and is back in an older version")
                }
                if promise.refused.contains(version) { failures.append("\(agent.key.id) was refused, and is there") }
                if version < promise.acknowledged {
                    failures.append("\(agent.key.id) is there in a version older than was acknowledged")
                }
            } else if agent.isRegistered {
                failures.append("\(agent.key.id) is renewed all the time, and is not there")
            }
            if agent.unknown > 0 {
                failures.append("\(agent.key.id) was unknown \(agent.unknown) times when all was quiet")
            }
        }
    }

    private func list(_ held: [StateKey: Version]) -> [String] {
        held.map { "\($0.key.id) \($0.value.time.milliseconds).\($0.value.origin.bits)" }.sorted()
    }

    static func version(_ value: [UInt8]) -> Version {
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return Version(time: HybridTime(bits: word(value[..<8])), origin: MemberID(bits: word(value[8..<16])))
    }
}

struct StoreMemberSimulationTests {
    private static let first =
        ProcessInfo.processInfo.environment["STORE_SEED"].flatMap(UInt64.init) ?? .random(in: 0..<1_000_000)
    private static let count = ProcessInfo.processInfo.environment["STORE_SEEDS"].flatMap(UInt64.init) ?? 6

    static let seeds = Array(first..<first + count)

    @Test(arguments: seeds)
    func `what was acknowledged stands on every member after all troubles`(seed: UInt64) {
        let play = Play(seed: seed)
        play.run()
        #expect(play.failures.isEmpty, "STORE_SEED=\(seed): \(play.failures.joined(separator: "\n"))")
    }
}
