// A member over two nodes of a cluster of Redis, of which one goes away or has a slot on its way: what it says of which
// namespaces, and what it goes on doing for the others. Everything that it directs is carried out at once.

import Catalog
import RESP
import Replication
import TestRedisStore
import Testing
import Time

@testable import RedisStore

/// A member, its catalog and two nodes.
private final class Scene {
    static let nodes = ["one", "two"].map { StoreNode(host: $0, port: 6_379) }
    /// The shards of each node.
    static let shares = [Array(StoreShard.all[..<8]), Array(StoreShard.all[8...])]

    let store: Store
    let member: StoreMember
    var servers = ["run1", "run2"].map { ModelServer(prefix: "a8", run: $0) }
    /// What is said of a shard instead of an answer.
    var faults: [StoreShard: RESPFault] = [:]
    var standing: ClusterStanding?
    var held: NamespaceParts = .none
    var notes: [StoreNote] = []
    var outcomes: [Bool] = []
    var answers: [Bool] = []
    private(set) var now: Int64 = 1_000
    private var reads: [StoreDirective] = []
    private var tickets: UInt64 = 0

    init() throws {
        var limits = StoreLimits()
        limits.readsApart = true
        let id = MemberID(bits: 1)
        store = Store(namespaceCapacity: nil, replicating: id, leaseKeeper: .store, wake: {})
        member = StoreMember(limits, prefix: "a8", member: id, about: "{}", store: store) { _ in nil }
        for number in 0..<2 { try connect(number) }
    }

    /// Milliseconds.
    var time: NodeTime {
        let wall = 1_790_000_000_000_000_000 + now * 1_000_000
        let moment = Moment(
            monotonic: MonotonicTime(nanoseconds: now * 1_000_000), lease: LeaseTime(milliseconds: now), wall: wall)
        return NodeTime(moment: moment, wall: wall)
    }

    func connect(_ number: Int) throws {
        let facts = try #require(
            ServerFacts(Array("redis_version:7.0.15\nrun_id:\(servers[number].run)\nrole:master".utf8)))
        carryOut(member.connected(Self.nodes[number], facts, has: Self.shares[number], at: time))
    }

    func disconnect(_ number: Int) { carryOut(member.disconnected(Self.nodes[number], at: time)) }

    /// Time passes, in which the member is called as often as by its thread.
    func pass(_ milliseconds: Int64) {
        for _ in 0..<milliseconds / 50 {
            now += 50
            let reads = reads
            self.reads = []
            carryOut(reads)
            carryOut(member.renewed(at: time))
            carryOut(member.tick(at: time))
            carryOut(member.goOn(at: time))
        }
    }

    private func carryOut(_ directives: [StoreDirective]) {
        var rest = directives[...]
        while let directive = rest.popFirst() {
            switch directive {
            case .send(let command, let question, let node, _, _):
                guard let number = Self.nodes.firstIndex(of: node) else { continue }
                let fault = (question.shard ?? question.read?.first).flatMap { faults[$0] }
                let reply =
                    fault.map { .error($0) } ?? servers[number].execute(command.words, at: time.wall / 1_000_000)
                let next = member.answered(question, reply ?? .nothing, at: time)
                // A read that finds nothing waits: it is asked again when time has passed.
                reads += next.filter(\.isRead)
                rest += next.filter { !$0.isRead }
            case .standing(let standing): self.standing = standing
            case .hold(let parts, _, _): held = parts
            case .endHold: held = .none
            case .note(let note): notes.append(note)
            case .acknowledged: outcomes.append(true)
            case .unacknowledged: outcomes.append(false)
            case .answered(_, let isSure): answers.append(isSure)
            case .again, .leave, .lookAgain, .becameReady, .correctClock: break
            }
        }
    }

    /// A namespace of a node.
    func namespace(of node: Int) throws -> Namespace {
        try #require(
            (0..<100).map { Namespace("tenant-\($0)") }.first { Self.shares[node].contains(StoreShard(of: $0)) })
    }

    /// Registers an instance, and says whether that was acknowledged.
    func register(_ id: InstanceID, in namespace: Namespace, ttl: Int64 = 10_000) -> Bool? {
        let instance = Instance(
            id: id, serviceName: Name("s"), endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"), status: .up,
            ttl: ttl,
            tags: [], metadata: nil, registered: time.wall)
        _ = store.register(instance, in: namespace, at: time.moment)
        tickets += 1
        outcomes = []
        carryOut(member.changed([AcknowledgmentTicket(loop: 0, number: tickets)], at: time))
        return outcomes.last
    }

    func isHeld(_ id: InstanceID, in namespace: Namespace) -> Bool {
        store.instance(id, in: namespace, at: time.moment.lease) != nil
    }

    /// Whether an answer about an id of a namespace is sure.
    func ask(in namespace: Namespace) -> Bool? {
        answers = []
        let key = StateKey(namespace: namespace, id: .digest(7))
        carryOut(member.ask([(QuestionTicket(loop: 0, number: 1), key)], at: time))
        return answers.last
    }
}

extension StoreQuestion {
    fileprivate var read: [StoreShard]? { if case .read(_, let shards) = self { shards } else { nil } }
}

extension StoreDirective {
    fileprivate var isRead: Bool { if case .send(_, .read, _, _, _) = self { true } else { false } }
}

struct StoreClusterTests {
    private let scene: Scene
    private let here: Namespace, elsewhere: Namespace
    private let id = InstanceID.digest(1)

    init() throws {
        scene = try Scene()
        here = try scene.namespace(of: 0)
        elsewhere = try scene.namespace(of: 1)
        scene.pass(500)
        try #require(scene.standing?.refusing == NamespaceParts.none)
    }

    @Test func `while a node is away, the namespaces of its shards refuse changes and are behind, and no others`()
        throws
    {
        scene.disconnect(0)
        let standing = try #require(scene.standing)
        for shard in StoreShard.all {
            #expect((standing.refusing.bits >> UInt16(shard.number) & 1 == 1) == Scene.shares[0].contains(shard))
        }
        #expect(standing.behindSince != nil && standing.behind == standing.refusing)
        #expect(scene.register(id, in: elsewhere) == true)
        #expect(scene.ask(in: elsewhere) == true && scene.ask(in: here) == false)
        try scene.connect(0)
        #expect(scene.standing?.refusing == NamespaceParts.none && scene.standing?.behindSince == nil)
        #expect(scene.ask(in: here) == true)
    }

    @Test func `leases of the other node go on running out, and only those of the one that was away are held`() throws {
        for namespace in [here, elsewhere] { #expect(scene.register(id, in: namespace, ttl: 5_000) == true) }
        scene.disconnect(0)
        scene.pass(8_000)
        #expect(scene.isHeld(id, in: here) && !scene.isHeld(id, in: elsewhere))
        #expect(scene.held.contains(here) && !scene.held.contains(elsewhere))
        try scene.connect(0)
        scene.pass(20_000)
        #expect(scene.isHeld(id, in: here) && scene.held.contains(here) && !scene.held.contains(elsewhere))
        scene.pass(15_000)
        #expect(!scene.isHeld(id, in: here) && scene.held.isEmpty)
    }

    @Test func `a slot that is on its way stops its namespaces alone, until it has arrived`() throws {
        let shard = StoreShard(of: here)
        #expect(scene.register(id, in: here) == true && scene.register(id, in: elsewhere) == true)
        scene.faults[shard] = RESPFault("ASK 7000 10.0.0.2:6379")
        scene.pass(500)
        var parts = NamespaceParts.none
        parts.insert(shard.number)
        #expect(scene.standing?.refusing == parts)
        #expect(scene.notes.filter { if case .paused = $0 { true } else { false } }.count == 1, "it is said once")
        #expect(scene.store.renew(id, in: here, at: scene.time.moment))
        scene.pass(5_000)
        let before = try #require(scene.servers[0].shards[shard.number].instances.values.first).deadline
        #expect(scene.register(.digest(2), in: elsewhere) == true)
        scene.faults = [:]
        scene.pass(500)
        #expect(scene.standing?.refusing == NamespaceParts.none)
        let after = try #require(scene.servers[0].shards[shard.number].instances.values.first).deadline
        #expect(after >= before + 500, "what was renewed meanwhile is sent")
        #expect(scene.register(.digest(3), in: here) == true)
    }

    @Test func `a node without memory refuses changes in the namespaces of all its shards`() {
        scene.servers[0].isFull = true
        #expect(scene.register(id, in: here) == false)
        #expect(scene.standing?.refusing == scene.parts(of: 0))
        #expect(scene.standing?.behindSince == nil)
        #expect(scene.register(id, in: elsewhere) == true)
        scene.servers[0].isFull = false
        scene.pass(3_000)
        #expect(scene.standing?.refusing == NamespaceParts.none)
        #expect(scene.register(.digest(2), in: here) == true)
    }

    @Test func `what one shard alone refuses stops its namespaces alone`() {
        let shard = StoreShard(of: here)
        scene.faults[shard] = RESPFault("WRONGTYPE Operation against a key holding the wrong kind of value")
        #expect(scene.register(id, in: here) == false)
        var parts = NamespaceParts.none
        parts.insert(shard.number)
        #expect(scene.standing?.refusing == parts)
    }

    @Test func `a member that leaves refuses changes in all`() {
        _ = scene.member.leave(at: scene.time)
        #expect(scene.member.standing?.refusing == NamespaceParts.all)
    }
}

extension Scene {
    fileprivate func parts(of node: Int) -> NamespaceParts {
        Self.shares[node].reduce(into: .none) { parts, shard in parts.insert(shard.number) }
    }
}
