// How a member says that it stands with its store, and takes an operator's word (docs/rest-api.md, R632–R634). What the
// store does with the word is tested with the store.

import Catalog
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryCore
@testable import Replication

/// A member of a store whose status the test says.
final class StoredCluster: Cluster {
    let hasCopy = true
    let isLargeEnough = true
    let clockCorrection: Int64 = 0
    let components: [ComponentHealth] = []
    let report: ClusterReport? = nil
    let store: StoreStatus?
    let standing = PublishedStanding()
    private let said = Mutex<[StoreWord]>([])

    init(_ status: StoreStatus) { store = status }

    var words: [StoreWord] { said.withLock { $0 } }

    func settle(_ word: StoreWord) { said.withLock { $0.append(word) } }
}

struct StorePageTests {
    private static var status: StoreStatus {
        var status = StoreStatus(member: "62dbbd1253922554", prefix: "a8")
        status.servers = [
            StoreStatus.Server(
                address: "10.0.0.9:6379", engine: "redis 7.0.15", isConnected: false, reason: "refused by 10.0.0.9")
        ]
        status.members = [
            StoreStatus.Member(
                id: "62dbbd1253922554", about: #"{"name":"m1","address":"10.0.0.1:8080","version":"2.0","more":[1]}"#),
            StoreStatus.Member(id: "74641d6cff6cb8ff", about: "\",\"owned\":true"),
        ]
        (status.shards, status.following, status.reading, status.estranged) = (16, 12, 1, 2)
        status.trouble = "OOM at 10.0.0.9"
        status.clockOffset = -1_250
        status.counts.puts = 7
        status.counts.swept = 3
        return status
    }

    private static func withOperators(_ settings: inout Settings) {
        settings.authMode = [.trusted]
        settings.operatorToken = Secret(bytes: Array(OperatorTests.token.utf8))
    }

    private static let page = TestRequest.get("/api/v1/store")
    private static let reseed = TestRequest("POST", "/api/v1/store/reseed").bearing(OperatorTests.token)
    private static let acceptEmpty = TestRequest("POST", "/api/v1/store/accept-empty").bearing(OperatorTests.token)

    @Test(arguments: Transport.allCases)
    func `a member says how it stands with the store`(_ transport: Transport) throws {
        // R632 GET /api/v1/store answers 200 with how this member stands with the store …
        var status = Self.status
        status.awaySince = .zero
        let registry = try Registry(transport, cluster: StoredCluster(status))
        registry.clock.advance(milliseconds: 1_500)
        let answer = try registry.send(Self.page)
        #expect(answer.status == 200)
        let page = try answer.object()
        #expect(page["boot_id"] as? String == "62dbbd1253922554" && page["prefix"] as? String == "a8")
        #expect(page["ready"] as? Bool == true && page["healthy"] as? Bool == false)
        #expect(page["refused_because"] as? String == "OOM at 10.0.0.9")
        #expect(page["away_since"] as? String == "2026-01-01T00:00:00.123Z")
        #expect(
            page["shards"] as? [String: Int] == ["all": 16, "following": 12, "reading": 1, "undecided": 2])
        let server = try #require((page["servers"] as? [[String: Any]])?.first)
        #expect(server["address"] as? String == "10.0.0.9:6379" && server["engine"] as? String == "redis 7.0.15")
        #expect(server["connected"] as? Bool == false && server["reason"] as? String == "refused by 10.0.0.9")
        let members = try #require(page["members"] as? [[String: String]])
        #expect(
            members == [
                ["boot_id": "62dbbd1253922554", "name": "m1", "address": "10.0.0.1:8080", "version": "2.0"],
                ["boot_id": "74641d6cff6cb8ff"],
            ], "what cannot be read in the store is left out")
        #expect((page["counts"] as? [String: Int])?["puts"] == 7)
        let cluster = try registry.send(.get("/api/v1/cluster")).object()
        #expect(cluster["store"] as? String == "redis" && cluster["replication"] as? Bool == false)
        #expect(cluster["size"] as? Int == 2 && cluster["boot_id"] as? String == "62dbbd1253922554")

        // R634 The metrics a8registry_store_… say the same …
        let metrics = try registry.send(.get("/metrics")).text
        for line in [
            "up 0", "servers{connected=\"false\"} 1", "shards{state=\"undecided\"} 2", "shards{state=\"away\"} 1",
            "members 2", "age_seconds 1.5", "clock_offset_seconds -1.25", "puts_total 7", "swept_total 3",
            "full_total 0",
        ] { #expect(metrics.contains("\na8registry_store_\(line)\n"), "\(line)") }
    }

    @Test(arguments: Transport.allCases)
    func `addresses and errors of the store are shown to operators only, once there are any`(
        _ transport: Transport
    ) throws {
        // R632 … Where an operator is configured, addresses, reason and refused_because are shown to operators only.
        let cluster = StoredCluster(Self.status)
        let open = try Registry(transport, cluster: cluster).send(Self.page).text
        let registry = try Registry(transport, cluster: cluster, Self.withOperators)
        #expect(try registry.send(Self.page.bearing(OperatorTests.token)).text == open)
        for request in [Self.page, Self.page.bearing("tenant")] {
            let answer = try registry.send(request)
            #expect(answer.status == 200)
            #expect(!answer.text.contains("10.0.0."), "\(answer.text)")
            #expect(answer.text.contains("redis 7.0.15") && answer.text.contains("\"m1\""))
        }
    }

    @Test func `the page can be put behind the operator's credential`() throws {
        // R528 With OPERATIONS_AUTH operator, … and /api/v1/store are pages of operators.
        let registry = try Registry(.router, cluster: StoredCluster(Self.status)) {
            Self.withOperators(&$0)
            $0.operationsAuth = .operator
        }
        #expect(try registry.send(Self.page).status == 401)
        #expect(try registry.send(Self.page.bearing("tenant")).status == 403)
        #expect(try registry.send(Self.page.bearing(OperatorTests.token)).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `an operator says what becomes of a store that was emptied`(_ transport: Transport) throws {
        // R633 POST /api/v1/store/reseed and POST /api/v1/store/accept-empty, for operators (R524) …
        let cluster = StoredCluster(Self.status)
        let registry = try Registry(transport, cluster: cluster, Self.withOperators)
        #expect(try registry.send(TestRequest("POST", "/api/v1/store/reseed").bearing("tenant")).status == 403)
        #expect(try registry.send(TestRequest("POST", "/api/v1/store/reseed")).status == 401)
        #expect(cluster.words.isEmpty)
        let answer = try registry.send(Self.reseed)
        #expect(answer.status == 200)
        #expect(try (answer.object()["shards"] as? [String: Int])?["undecided"] == 2)
        #expect(cluster.words == [.reseed])
        #expect(try registry.send(Self.acceptEmpty).status == 200)
        #expect(cluster.words == [.reseed, .acceptEmpty])
        let acts = registry.context.registry.acts.take()
        #expect(acts.acts.map(\.what) == ["store reseeded", "empty store accepted"])

        var settled = Self.status
        settled.estranged = 0
        let other = StoredCluster(settled)
        let calm = try Registry(transport, cluster: other, Self.withOperators)
        #expect(try calm.send(Self.reseed).status == 409)
        #expect(try calm.send(Self.acceptEmpty).status == 409)
        #expect(other.words.isEmpty)
    }

    @Test(arguments: Transport.allCases)
    func `states of another registry are taken over, once for each version`(_ transport: Transport) throws {
        // R635 PUT /api/v1/store/states, for operators, has the store take over states of another registry …
        let cluster = StoredCluster(Self.status)
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 7), leaseKeeper: .store)
        let registry = try Registry(transport, cluster: cluster, store: store, Self.withOperators)
        let other = Store(namespaceCapacity: nil, replicating: MemberID(bits: 8))
        let moment = registry.clock.moment
        var parcel = [UInt8](repeating: 0, count: 8)
        for number in 1...400 as ClosedRange<UInt64> {
            let instance = Instance(
                id: .digest(number), serviceName: Name("web"), endpoint: Endpoint(kind: .tcp, value: "h:\(number)"),
                status: .up, ttl: 30_000, tags: [], metadata: Array("\"\(String(repeating: "x", count: 200))\"".utf8),
                registered: moment.wall)
            #expect(other.register(instance, in: Namespace("tenant"), at: moment).isDone)
        }
        for state in other.copy(from: .start, limit: 1_000, at: moment).items {
            StateCodec.append(state, to: &parcel)
        }
        #expect(parcel.count > 65_536)
        func put(_ token: String?, _ body: [UInt8]) throws -> Answer {
            let request = TestRequest("PUT", "/api/v1/store/states", body: body)
            return try registry.send(token.map { request.bearing($0) } ?? request)
        }
        #expect(try put("tenant", Array(parcel.prefix(2_000))).status == 403)
        #expect(try put(OperatorTests.token, Array("no states".utf8)).status == 400)
        #expect(try put(OperatorTests.token, [UInt8](repeating: 0, count: 1 << 20 + 1)).status == 413)
        #expect(store.counts.instances == 0)
        for taken in [400, 0] {
            let answer = try put(OperatorTests.token, parcel)
            #expect(answer.status == 200)
            #expect(
                answer.text == #"{"states":400,"taken":\#(taken),"renewed":0,"full":0,"unusable":0}"#, "\(answer.text)")
        }
        #expect(try registry.send(TestRequest.list().bearing("tenant")).instances().count == 400)
        #expect(registry.context.registry.acts.take().acts.map(\.what) == ["states taken over"])
        cluster.standing.publish(
            ClusterStanding(waits: false, mayBeUnderWay: false, behindSince: nil, refusing: .all))
        #expect(try put(OperatorTests.token, parcel).status == 503)
        let alone = try Registry(transport, Self.withOperators)
        let request = TestRequest("PUT", "/api/v1/store/states", body: Array(parcel.prefix(2_000)))
        #expect(try alone.send(request.bearing(OperatorTests.token)).status == 404)
    }

    @Test(arguments: Transport.allCases)
    func `a member without a store has no page of one`(_ transport: Transport) throws {
        // R632 … Where members keep everything themselves it is answered 404.
        let registry = try Registry(transport, Self.withOperators)
        for request in [Self.page, Self.reseed, Self.acceptEmpty] {
            #expect(try registry.send(request).status == 404)
        }
        #expect(try !registry.send(.get("/metrics")).text.contains("a8registry_store_"))
    }

    @Test func `a drain that names a member of a store finds it`() throws {
        // R679 With member=ID in the query …
        let registry = try Registry(.router, cluster: StoredCluster(Self.status), Self.withOperators)
        func drain(_ member: String) throws -> Int {
            try registry.send(
                TestRequest("PUT", "/api/v1/cluster/drain?member=\(member)").bearing(OperatorTests.token)
            ).status
        }
        #expect(try drain("74641d6cff6cb8ff") == 409)
        #expect(try drain("62dbbd1253922554") == 200)
    }
}
