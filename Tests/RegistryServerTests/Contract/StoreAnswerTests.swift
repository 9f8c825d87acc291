// What clients are answered where a store has the changes of all members (docs/redis.md, "What clients are answered"). The
// store is the test's: it says what it has, or nothing.

import Catalog
import Dispatch
import HTTP
import Synchronization
import System
import TestSupport
import Testing
import Time

@testable import RegistryCore
@testable import Replication
@testable import Serving

/// A store that acknowledges, refuses and answers when the test says so.
private final class SaidStore: Cluster {
    private struct State {
        var tickets: [AcknowledgmentTicket] = []
        var questions: [(ticket: QuestionTicket, key: StateKey)] = []
        var refused: Set<StateKey> = []
        var receive: (@Sendable (ClusterReply) -> Void)?
    }

    let hasCopy = true
    let isLargeEnough = true
    let clockCorrection: Int64 = 0
    let components: [ComponentHealth] = []
    let report: ClusterReport? = nil
    let standing = PublishedStanding()
    private let state = Mutex(State())
    private let happened = DispatchSemaphore(value: 0)

    init() { become(away: false) }

    func become(away isAway: Bool) {
        standing.publish(
            ClusterStanding(
                waits: true, mayBeUnderWay: true, behindSince: isAway ? MonotonicClock.now() : nil,
                refusing: isAway ? .all : .none, isStrict: true))
    }

    func connect(loop: Int, _ receive: @escaping @Sendable (ClusterReply) -> Void) {
        state.withLock { $0.receive = receive }
    }

    func acknowledge(_ ticket: AcknowledgmentTicket) {
        state.withLock { $0.tickets.append(ticket) }
        happened.signal()
    }

    func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)]) {
        state.withLock { $0.questions += questions }
        happened.signal()
    }

    func takeRefusal(of key: StateKey) -> Bool { state.withLock { $0.refused.remove(key) != nil } }

    /// Returns when something has been asked for.
    func awaitWish(_ what: String) throws {
        guard happened.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success else {
            throw WaitedInVain(for: what)
        }
    }

    /// What the last ticket stands for is stored, or it is not known whether it is.
    func say(_ isStored: Bool) {
        let (last, receive) = state.withLock { ($0.tickets.last?.number, $0.receive) }
        guard let last else { return }
        receive?(isStored ? .acknowledged(upTo: last) : .unacknowledged(upTo: last))
    }

    func refuse(_ key: StateKey) { state.withLock { _ = $0.refused.insert(key) } }

    func answerAll(isSure: Bool) {
        let (questions, receive) = state.withLock { state in
            defer { state.questions = [] }
            return (state.questions, state.receive)
        }
        for question in questions { receive?(.answered(question.ticket.number, isSure: isSure)) }
    }
}

struct StoreAnswerTests {
    private static let unknown = "0123456789abcdef"

    private final class Member {
        let store = SaidStore()
        let context: ServerContext
        let server: LiveServer

        init() throws {
            context = ServerContext(settings: .defaults, cluster: store, loops: 1, monotonic: MonotonicClock.now())
            server = try WaitingServer.start(context, capacity: KeptReplies.capacity)
        }

        func send(_ request: TestRequest) throws -> ClientConnection {
            let connection = try ClientConnection(port: server.port)
            try connection.send(request.bytes)
            return connection
        }

        func ask(_ request: TestRequest) throws -> Answer { try send(request).answer(to: "\(request)") }

        /// Registers an instance, which the store has then; returns its id.
        func register(_ service: String = "web") throws -> InstanceID {
            let registering = try send(.register(Body(service)))
            try store.awaitWish("the store to be asked for a registration")
            store.say(true)
            #expect(try registering.answer(to: "a registration").status == 201)
            return try held(service)
        }

        func held(_ service: String = "web") throws -> InstanceID {
            let held = context.registry.store.instances(of: Name(service), in: Namespace("default"), at: .zero)
            return try #require(held.first).instance.id
        }
    }

    @Test func `changes are refused while the store is away, and change nothing`() throws {
        // D201 While the store is away, or takes no changes, a change is answered 503 with `Retry-After` before anything
        // is changed. Look-ups and heartbeats are answered.
        let member = try Member()
        let id = try member.register().description
        member.store.become(away: true)
        for request in [
            TestRequest.register(Body("other")), TestRequest("DELETE", "/api/v1/instances/\(id)"),
            TestRequest("PUT", "/api/v1/instances/\(id)/status?value=OUT_OF_SERVICE"),
        ] {
            let answer = try member.ask(request)
            #expect(answer.status == 503, "\(request)")
            #expect(answer["Retry-After"] == "1", "\(request)")
        }
        #expect(member.context.registry.store.counts.instances == 1)
        let found = try member.ask(TestRequest("GET", "/api/v1/services"))
        #expect(found.status == 200)
        #expect(found["X-Registry-Stale"] != nil)
        #expect(try member.ask(TestRequest("PUT", "/api/v1/instances/\(id)/heartbeat")).status == 200)
        member.store.become(away: false)
        _ = try member.register("other")
        #expect(member.context.registry.store.counts.instances == 2)
    }

    @Test func `nobody is told that a change was made which the store may not have`() throws {
        // D202 A change that the store has not acknowledged within STORE_TIMEOUT is answered 503 …
        let member = try Member()
        let registering = try member.send(.register(Body()))
        try member.store.awaitWish("the store to be asked for a registration")
        member.store.say(false)
        let answer = try registering.answer(to: "a registration of unknown outcome")
        #expect(answer.status == 503)
        #expect(answer["Retry-After"] == "1")
        #expect(answer.text.contains("the store has not said in time whether it has the change"))
        // … It may have been made; to repeat it is safe.
        _ = try member.register()
        #expect(member.context.registry.store.counts.instances == 1)
    }

    @Test func `what is acknowledged before a failure stays acknowledged`() throws {
        let member = try Member()
        let first = try member.send(.register(Body("first")))
        try member.store.awaitWish("the store to be asked for the first registration")
        member.store.say(true)
        #expect(try first.answer(to: "the first registration").status == 201)
        let second = try member.send(.register(Body("second")))
        try member.store.awaitWish("the store to be asked for the second registration")
        member.store.say(false)
        #expect(try second.answer(to: "the second registration").status == 503)
        let third = try member.send(.register(Body("third")))
        try member.store.awaitWish("the store to be asked for the third registration")
        member.store.say(true)
        #expect(try third.answer(to: "the third registration").status == 201)
    }

    @Test func `a namespace that other members have filled refuses what one has let in`() throws {
        // D203 A registration that the store refuses because its namespace is full, with what other members took at the
        // same time, is answered 403 as any other is …
        let member = try Member()
        let registering = try member.send(.register(Body()))
        try member.store.awaitWish("the store to be asked for a registration")
        member.store.refuse(StateKey(namespace: Namespace("default"), id: try member.held()))
        member.store.say(true)
        #expect(try registering.answer(to: "a registration beyond the capacity").status == 403)
        // … The next one is judged anew.
        _ = try member.register()
    }

    @Test func `the store is asked for what is unknown here`() throws {
        // D204 A heartbeat or removal of an id that is unknown here is answered when the store was asked; 503, and never
        // 410, while it cannot be.
        let member = try Member()
        for request in [
            TestRequest("PUT", "/api/v1/instances/\(Self.unknown)/heartbeat"),
            TestRequest("DELETE", "/api/v1/instances/\(Self.unknown)"),
        ] {
            for (isSure, status) in [(true, 410), (false, 503)] {
                let asking = try member.send(request)
                try member.store.awaitWish("the store to be asked for an id")
                member.store.answerAll(isSure: isSure)
                #expect(try asking.answer(to: "\(request)").status == status, "\(request), sure: \(isSure)")
            }
        }
        member.store.become(away: true)
        #expect(try member.ask(TestRequest("PUT", "/api/v1/instances/\(Self.unknown)/heartbeat")).status == 503)
    }
}
