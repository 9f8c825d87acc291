// A registry whose store is Redis, in one thread: the catalog is the view of a member (`StoreMember`) of a model of Redis.
// Everything that the member directs is carried out at once, so nothing is ever under way when a request has been
// answered, and time is the test's.

import Catalog
import RESP
import Synchronization
import TestRedisStore
import Time

@testable import RedisStore
@testable import RegistryCore
@testable import Replication

/// The cluster of a registry over a store.
final class StoredMember: Cluster {
    private static let node = StoreNode(host: "store", port: 6_379)
    /// One loop answers, in whose order tickets are given.
    private static let loop = 0

    /// What a request has to be told before it goes on.
    enum Outcome {
        case stored, unknown
    }

    /// Everything that only one call at a time may touch.
    private final class Parts {
        let member: StoreMember
        let id: MemberID
        let bell: Bell
        var server = ModelServer(prefix: "a8", run: "run1")
        /// Shards that no node of the cluster has, and what is said of them instead.
        var away: [StoreShard: RESPFault] = [:]
        /// The read that waits for events.
        var reading: (question: StoreQuestion, words: [[UInt8]])?
        var tickets: [AcknowledgmentTicket] = []
        var outcomes: [Outcome] = []
        var answers: [Bool] = []
        var refused: Set<StateKey> = []
        var isReady = false
        var counted: UInt64 = 0
        var standing: ClusterStanding?

        init(_ store: Store, _ id: MemberID, _ bell: Bell, capacity: @escaping (Namespace) -> Int?) {
            self.id = id
            self.bell = bell
            var limits = StoreLimits()
            // Leases run out at the moment that they are over, as they seem to where a catalog keeps them itself.
            limits.tickPeriod = .zero
            server.sweepDelay = 0
            member = StoreMember(
                limits, prefix: "a8", member: id, about: "{}", store: store, random: SystemRandomNumberGenerator(),
                capacity: capacity)
        }
    }

    /// Whether the catalog has something to be written.
    final class Bell: Sendable {
        private let rung = Atomic<Bool>(false)

        func ring() { rung.store(true, ordering: .relaxed) }
        func take() -> Bool { rung.exchange(false, ordering: .relaxed) }
    }

    /// The registry whose capacities count, once it is there.
    private final class Owner: Sendable {
        let registry = Mutex<RegistryState?>(nil)
    }

    let standing = PublishedStanding()
    let catalog: Store
    private let parts: Mutex<Parts>
    private let owner = Owner()

    init(namespaceCapacity: Int?, changes: ChangeLogLimits, at moment: Moment) {
        let id = MemberID(bits: .random(in: 1 ... .max >> 1))
        let bell = Bell()
        let (owner, catalog) = (
            owner,
            Store(
                namespaceCapacity: namespaceCapacity, replicating: id, changes: changes, leaseKeeper: .store,
                wake: { bell.ring() })
        )
        self.catalog = catalog
        parts = Mutex(
            Parts(catalog, id, bell) { namespace in
                owner.registry.withLock { $0 }?.capacity(of: namespace)
            })
        parts.withLock { parts in
            let time = Self.time(moment)
            guard let facts = ServerFacts(Array("redis_version:7.0.15\nrun_id:run1\nrole:master".utf8)) else { return }
            Self.carryOut(parts.member.connected(Self.node, facts, has: StoreShard.all, at: time), parts, at: time)
            Self.endRead(parts, at: time)
        }
        publish()
    }

    func belongs(to registry: RegistryState) { owner.registry.withLock { $0 = registry } }

    // MARK: - Time

    private static func time(_ moment: Moment) -> NodeTime { NodeTime(moment: moment, wall: moment.wall) }

    /// Time has passed, all of which the member was there; returns how many leases have run out.
    func pass(to moment: Moment) -> Int {
        defer { publish() }
        return parts.withLock { parts in
            let time = Self.time(moment)
            for number in parts.server.shards.indices where parts.server.shards[number].members["\(parts.id)"] != nil {
                parts.server.shards[number].members["\(parts.id)"] = moment.wall / 1_000_000
            }
            Self.flush(parts, at: time)
            Self.endRead(parts, at: time)
            Self.carryOut(parts.member.tick(at: time), parts, at: time)
            Self.flush(parts, at: time)
            let expired = parts.member.counts.expired
            defer { parts.counted = expired }
            return Int(expired - parts.counted)
        }
    }

    /// What was changed before is stored now, or it is not known whether it is.
    func awaitAcknowledgment(at moment: Moment) -> Outcome {
        defer { publish() }
        return parts.withLock { parts in
            parts.outcomes = []
            parts.tickets = [AcknowledgmentTicket(loop: Self.loop, number: 1)]
            Self.flush(parts, at: Self.time(moment))
            return parts.outcomes.last ?? .unknown
        }
    }

    /// Whether the store has said what it has of ids, all of which is in the catalog then.
    func ask(_ keys: [StateKey], at moment: Moment) -> Bool {
        defer { publish() }
        return parts.withLock { parts in
            let time = Self.time(moment)
            parts.answers = []
            let questions = keys.enumerated().map {
                (ticket: QuestionTicket(loop: Self.loop, number: UInt64($0.offset)), key: $0.element)
            }
            Self.carryOut(parts.member.ask(questions, at: time), parts, at: time)
            return parts.answers.count == keys.count && parts.answers.allSatisfy(\.self)
        }
    }

    /// From now on a node of the cluster answers so what is asked of a namespace; nil as it should.
    func answer(_ namespace: Namespace, by fault: RESPFault?) {
        parts.withLock { $0.away[StoreShard(of: namespace)] = fault }
    }

    /// When the lease of an instance ends, in milliseconds of the store's clock; nil when the store does not have it.
    func deadline(of id: InstanceID, in namespace: Namespace) -> Double? {
        parts.withLock { parts in
            parts.server.shards[StoreShard(of: namespace).number].instances.first {
                $0.key.namespace == Array(namespace.name.utf8) && $0.key.id == Array(id.description.utf8)
            }?.value.deadline
        }
    }

    /// What clients have changed and renewed is passed on.
    func flush(at moment: Moment) {
        parts.withLock { Self.flush($0, at: Self.time(moment)) }
        publish()
    }

    private func publish() {
        let standing = parts.withLock { $0.standing }
        if let standing { self.standing.publish(standing) }
    }

    /// A read that has found no event returns after a while, and is made again of all shards that are followed by then.
    private static func endRead(_ parts: Parts, at time: NodeTime) {
        guard let reading = parts.reading else { return }
        parts.reading = nil
        carryOut(parts.member.answered(reading.question, .nothing, at: time), parts, at: time)
    }

    private static func flush(_ parts: Parts, at time: NodeTime) {
        while parts.bell.take() || !parts.tickets.isEmpty {
            let tickets = parts.tickets
            parts.tickets = []
            carryOut(parts.member.changed(tickets, at: time), parts, at: time)
        }
        carryOut(parts.member.renewed(at: time), parts, at: time)
        parts.refused.formUnion(parts.member.takeRefusals())
    }

    private static func carryOut(_ directives: [StoreDirective], _ parts: Parts, at time: NodeTime) {
        var rest = directives[...]
        let now = time.wall / 1_000_000
        while true {
            guard let directive = rest.popFirst() else {
                guard let reading = parts.reading, let events = parts.server.execute(reading.words, at: now) else {
                    return
                }
                parts.reading = nil
                rest = parts.member.answered(reading.question, events, at: time)[...]
                continue
            }
            switch directive {
            case .send(let command, let question, _, .stream, _), .send(let command, let question, _, .streamOf, _):
                parts.reading = (question, command.words)
            case .send(let command, let question, _, .commands, _):
                let fault = question.shard.flatMap { parts.away[$0] }
                let reply = fault.map { .error($0) } ?? parts.server.execute(command.words, at: now) ?? .nothing
                rest += parts.member.answered(question, reply, at: time)
            case .acknowledged: parts.outcomes.append(.stored)
            case .unacknowledged: parts.outcomes.append(.unknown)
            case .answered(_, let isSure): parts.answers.append(isSure)
            case .standing(let standing): parts.standing = standing
            case .becameReady: parts.isReady = true
            case .again: rest += parts.member.goOn(at: time)
            case .leave, .lookAgain, .hold, .endHold, .correctClock, .note: break
            }
        }
    }

    // MARK: - Cluster

    var hasCopy: Bool { parts.withLock { $0.isReady } }
    let isLargeEnough = true
    let clockCorrection: Int64 = 0
    let components: [ComponentHealth] = []
    let report: ClusterReport? = nil

    func takeRefusal(of key: StateKey) -> Bool { parts.withLock { $0.refused.remove(key) != nil } }
}
