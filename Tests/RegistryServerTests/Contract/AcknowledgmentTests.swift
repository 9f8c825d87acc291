// What a client is told of a change, and of what a member does not know, while other members have to be waited for
// (docs/rest-api.md, R270–R276). The cluster is the test's: it says when the others have something.

import Catalog
import Dispatch
import HTTP
import Synchronization
import System
import TestCatalog
import TestSupport
import TestTime
import Testing
import Time

@testable import Amalgam8
@testable import RegistryCore
@testable import Replication
@testable import Serving

/// A cluster whose members acknowledge and answer when the test says so.
private final class WaitingCluster: Cluster {
    private struct State {
        var tickets: [AcknowledgmentTicket] = []
        var questions: [(ticket: QuestionTicket, key: StateKey)] = []
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

    init(waits: Bool = true, mayBeUnderWay: Bool = false, behindSince: MonotonicTime? = nil) {
        standing.publish(ClusterStanding(waits: waits, mayBeUnderWay: mayBeUnderWay, behindSince: behindSince))
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

    var tickets: [AcknowledgmentTicket] { state.withLock { $0.tickets } }
    var questions: [(ticket: QuestionTicket, key: StateKey)] { state.withLock { $0.questions } }

    /// Returns when something more has been asked for.
    func awaitWish(_ what: String) throws {
        guard happened.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success else {
            throw WaitedInVain(for: what)
        }
    }

    /// Returns the number of the last ticket once it covers so many changes: each change of a loop has a number of its own.
    func awaitTicket(covering count: UInt64) throws -> UInt64 {
        while true {
            if let number = tickets.last?.number, number >= count { return number }
            try awaitWish("a ticket for \(count) changes")
        }
    }

    /// All that was asked for is so.
    func acknowledgeAll() {
        if let last = tickets.last { acknowledge(upTo: last.number) }
    }

    func acknowledge(upTo number: UInt64) {
        state.withLock { $0.receive }?(.acknowledged(upTo: number))
    }

    func answerAll(isSure: Bool) {
        let (questions, receive) = state.withLock { state in
            defer { state.questions = [] }
            return (state.questions, state.receive)
        }
        for question in questions { receive?(.answered(question.ticket.number, isSure: isSure)) }
    }
}

struct AcknowledgmentTests {
    private static let unknown = "0123456789abcdef"

    private final class Member {
        let cluster: WaitingCluster
        let context: ServerContext
        let server: LiveServer

        init(_ cluster: WaitingCluster, capacity: Int = KeptReplies.capacity) throws {
            self.cluster = cluster
            context = ServerContext(
                settings: .defaults, cluster: cluster, loops: 1, monotonic: MonotonicClock.now())
            server = try WaitingServer.start(context, capacity: capacity)
        }

        func send(_ request: TestRequest) throws -> ClientConnection {
            let connection = try ClientConnection(port: server.port)
            try connection.send(request.bytes)
            return connection
        }

        func ask(_ request: TestRequest) throws -> Answer { try send(request).answer(to: "\(request)") }

        /// As another member's word brings it.
        func learn(_ body: Body) throws -> String {
            let registration = try Registration(json: Array(body.text.utf8))
            let moment = context.registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
            let instance = registration.instance(policy: context.registry.leasePolicy, at: moment)
            _ = context.registry.store.apply(.register(instance), in: Namespace("default"), at: moment)
            return instance.id.description
        }

        func awaitWaiting(_ count: Int) throws {
            let deadline = Deadline()
            while context.loopMetrics[0].waitingReplies != count {
                guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "\(count) replies to wait") }
            }
        }
    }

    @Test func `a change is answered when the others have it`() throws {
        // R270 … a registration or removal is answered when every member that is linked to this one and keeps up with
        // it has it …
        let member = try Member(WaitingCluster())
        let registering = try member.send(.register(Body()))
        try member.cluster.awaitWish("an acknowledgment to be asked for")
        #expect(member.context.registry.store.counts.instances == 1)
        #expect(member.context.loopMetrics[0].requestCounts.count(.registerInstance, .created) == 0)
        member.cluster.acknowledgeAll()
        let answer = try registering.answer(to: "a registration")
        #expect(answer.status == 201)
        let id = try #require(try answer.object()["id"] as? String)
        let removing = try member.send(.remove(id))
        try member.cluster.awaitWish("an acknowledgment to be asked for")
        #expect(member.context.registry.store.counts.instances == 0)
        member.cluster.acknowledgeAll()
        #expect(try removing.answer(to: "a removal").status == 200)
        // Look-ups and heartbeats wait for nobody.
        #expect(try member.ask(.renew(id)).status == 410)
        #expect(try member.ask(.list()).status == 200)
    }

    @Test func `one acknowledgment answers all before it, and none behind it`() throws {
        let member = try Member(WaitingCluster())
        let first = try (0..<20).map { try member.send(.register(Body("web", "10.0.0.1:\($0 + 1)"))) }
        let covering = try member.cluster.awaitTicket(covering: 20)
        let last = try member.send(.register(Body("web", "10.0.0.1:99")))
        #expect(try member.cluster.awaitTicket(covering: 21) > covering)
        let tickets = member.cluster.tickets.map(\.number)
        #expect(tickets == tickets.sorted() && tickets.count <= 21)
        member.cluster.acknowledge(upTo: covering)
        for connection in first { #expect(try connection.answer(to: "a registration").status == 201) }
        try member.awaitWaiting(1)
        member.cluster.acknowledgeAll()
        #expect(try last.answer(to: "the last registration").status == 201)
        try member.awaitWaiting(0)
    }

    @Test func `where nobody counts, nobody is waited for`() throws {
        let member = try Member(WaitingCluster(waits: false))
        #expect(try member.ask(.register(Body())).status == 201)
        #expect(member.cluster.tickets.isEmpty)
    }

    @Test func `an unknown id is gone at once when nobody else can know it`() throws {
        // R272 An id that this member does not know is answered 410 at once, unless another member may know of it …
        let member = try Member(WaitingCluster())
        for request in [TestRequest.remove(Self.unknown), .renew(Self.unknown)] {
            #expect(try member.ask(request).status == 410)
        }
        #expect(member.cluster.questions.isEmpty)
    }

    @Test(arguments: [("DELETE", ""), ("PUT", "/heartbeat")])
    func `an unknown id that others may know is asked of them`(method: String, suffix: String) throws {
        // R272 … Then the other members are asked, and 410 is answered when all of them have, else 503 with
        // Retry-After.
        let member = try Member(WaitingCluster(waits: false, mayBeUnderWay: true))
        let request = TestRequest(method, "/api/v1/instances/\(Self.unknown)\(suffix)")
        for (isSure, status) in [(true, 410), (false, 503)] {
            let asking = try member.send(request)
            try member.cluster.awaitWish("a question")
            #expect(member.cluster.questions.map(\.key.id) == [try #require(InstanceID(Array(Self.unknown.utf8)[...]))])
            member.cluster.answerAll(isSure: isSure)
            let answer = try asking.answer(to: "\(request)")
            #expect(answer.status == status)
            #expect(answer["Retry-After"] == (isSure ? nil : "1"))
        }
    }

    @Test func `what the others know of an unknown id counts`() throws {
        let member = try Member(WaitingCluster(waits: false, mayBeUnderWay: true))
        let known = Body("web", "10.0.0.1:80")
        let id = try member.learn(known)
        #expect(try member.ask(.remove("\(id)")).status == 200)
        for request in [TestRequest.renew("\(id)"), .remove("\(id)")] {
            let asking = try member.send(request)
            try member.cluster.awaitWish("a question")
            _ = try member.learn(known)
            member.cluster.answerAll(isSure: true)
            #expect(try asking.answer(to: "\(request)").status == 200)
            if request.method == "PUT" { #expect(try member.ask(.remove("\(id)")).status == 200) }
        }
        #expect(member.context.registry.store.counts.instances == 0)
    }

    @Test
    func
        `a member that is behind says of nothing that it does not exist, and of look-ups that they may lack something`()
        throws
    {
        // R273 A member that was left out, or was paused for longer than ACKNOWLEDGE_TIMEOUT, … 503 … X-Registry-Stale:
        // SECONDS …
        let behindSince = MonotonicClock.now() - .milliseconds(3_500)
        let member = try Member(WaitingCluster(waits: false, mayBeUnderWay: true, behindSince: behindSince))
        let id = try member.learn(Body())
        for request in [
            TestRequest.remove(Self.unknown), .renew(Self.unknown), .instance(Self.unknown),
            // C112 … and so does one that is behind when a service is unknown to it (R273).
            .get("/api/v1/services/none"), .get("/v1/health/service/none"),
        ] {
            let answer = try member.ask(request)
            #expect(answer.status == 503, "\(request)")
            #expect(answer["Retry-After"] == "1", "\(request)")
        }
        #expect(member.cluster.questions.isEmpty)
        #expect(try member.ask(.renew("\(id)")).status == 200)
        for request in [TestRequest.list(), .instance("\(id)"), .get("/api/v1/services"), .get("/api/v1/services/web")]
        {
            let answer = try member.ask(request)
            #expect(answer.status == 200, "\(request)")
            #expect(answer["X-Registry-Stale"].flatMap { Int($0) } ?? 0 >= 3, "\(request)")
        }
        member.cluster.standing.publish(ClusterStanding(waits: true, mayBeUnderWay: false, behindSince: nil))
        let answer = try member.ask(.list())
        #expect(answer.status == 200 && answer["X-Registry-Stale"] == nil)
        #expect(try member.ask(.instance(Self.unknown)).status == 404)
    }

    @Test func `a batch waits once, for what it does not find`() throws {
        // R274 A batch of heartbeats is answered as its ids would be, and waits for all of them together.
        let member = try Member(WaitingCluster(waits: false, mayBeUnderWay: true))
        let known = try member.learn(Body("web", "10.0.0.1:1"))
        let later = try member.learn(Body("web", "10.0.0.1:2"))
        #expect(try member.ask(.remove("\(later)")).status == 200)
        let body = #"{"ids":["\#(known)","\#(Self.unknown)","\#(later)","\#(Self.unknown)"]}"#
        let request = TestRequest("PUT", "/api/v1/heartbeats", [("Content-Type", "application/json")], body: body)
        for (isSure, results) in [(true, "[200,410,200,410]"), (false, "[200,503,200,503]")] {
            let asking = try member.send(request)
            try member.cluster.awaitWish("questions")
            _ = try member.learn(Body("web", "10.0.0.1:2"))
            member.cluster.answerAll(isSure: isSure)
            #expect(try asking.answer(to: "a batch").text.contains("\"results\":\(results)"))
            #expect(try member.ask(.remove("\(later)")).status == 200)
        }
        member.cluster.standing.publish(ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: 0))
        #expect(try member.ask(request).text.contains("[200,503,503,503]"))
    }

    @Test func `a request is carried out though its client has gone`() throws {
        // R275 A request that has arrived whole is carried out, whether its client waits for the answer or not.
        let member = try Member(WaitingCluster())
        let client = try member.send(.register(Body()))
        try member.cluster.awaitWish("an acknowledgment to be asked for")
        client.reset()
        let deadline = Deadline()
        while member.server.gauge.open > 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "the client's end to be noticed") }
        }
        member.cluster.acknowledgeAll()
        while member.context.loopMetrics[0].requestCounts.count(.registerInstance, .created) == 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "the registration to be counted") }
        }
        #expect(member.context.registry.store.counts.instances == 1)
    }

    @Test func `when as many wait as may, more do not`() throws {
        // R276 While as many answers wait as may, 10,000 a loop, a change is answered as with ACKNOWLEDGE local, and a
        // question 503.
        #expect(KeptReplies.capacity == 10_000)
        let member = try Member(WaitingCluster(mayBeUnderWay: true), capacity: 2)
        let waiting = try (0..<2).map { try member.send(.register(Body("web", "10.0.0.1:\($0 + 1)"))) }
        try member.awaitWaiting(2)
        #expect(try member.ask(.register(Body("web", "10.0.0.1:3"))).status == 201)
        #expect(try member.ask(.remove(Self.unknown)).status == 503)
        #expect(member.context.loopMetrics[0].notWaitedReplies == 2)
        member.cluster.acknowledgeAll()
        for connection in waiting { #expect(try connection.answer(to: "a registration").status == 201) }
    }

    @Test func `a member that has not looked at what others say for too long is behind, until it has`() {
        let board = PublishedStanding(longestSilence: 100)
        #expect(board.behindSince(at: 1_000_000, in: nil) == nil, "nobody was ever to be heard")
        board.beat(at: 1_000)
        #expect(board.behindSince(at: 1_100, in: nil) == nil)
        #expect(board.behindSince(at: 1_101, in: nil) == 1_000)
        board.publish(ClusterStanding(waits: true, mayBeUnderWay: false, behindSince: 900))
        #expect(board.waits && !board.mayBeUnderWay)
        #expect(board.behindSince(at: 1_000, in: nil) == 900)
        board.publish(.alone)
        board.beat(at: 1_200)
        #expect(board.behindSince(at: 1_250, in: nil) == nil && !board.waits)
    }
    @Test func `what is said of some namespaces is not said of the others`() throws {
        let names = (0..<40).map { Namespace("tenant-\($0)") }
        let away = names[0]
        let other = try #require(names.first { NamespaceParts.part(of: $0) != NamespaceParts.part(of: away) })
        var parts = NamespaceParts.none
        parts.insert(NamespaceParts.part(of: away))
        let board = PublishedStanding()
        #expect(!board.refusesChanges && !board.refusesChanges(in: away))
        board.publish(
            ClusterStanding(waits: true, mayBeUnderWay: true, behindSince: 900, behind: parts, refusing: parts))
        #expect(board.refusesChanges)
        #expect(board.refusesChanges(in: away) && !board.refusesChanges(in: other))
        #expect(board.behindSince(at: 1_000, in: away) == 900 && board.behindSince(at: 1_000, in: other) == nil)
        #expect(board.behindSince(at: 1_000, in: nil) == 900)
        board.publish(
            ClusterStanding(waits: true, mayBeUnderWay: true, behindSince: 900, refusing: .all))
        #expect(names.allSatisfy { board.refusesChanges(in: $0) && board.behindSince(at: 1_000, in: $0) == 900 })
    }
}
