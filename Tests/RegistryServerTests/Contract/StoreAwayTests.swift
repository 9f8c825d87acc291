// What clients are answered while a part of a cluster of Redis is away: those of the namespaces that it has, and those of
// all others (docs/redis.md, "What clients are answered").

import Catalog
import RESP
import TestSupport
import Testing

@testable import RegistryServer
@testable import Replication
@testable import Serving

struct StoreAwayTests {
    private let registry: Registry
    private let store: StoredMember
    /// Two tenants, of two shards.
    private let away: String, other: String

    init() throws {
        registry = try Registry(.stored) { $0.authMode = [.trusted] }
        store = try #require(registry.context.registry.cluster as? StoredMember)
        away = "tenant"
        let part = NamespaceParts.part(of: Namespace("tenant"))
        other = try #require(
            (0..<100).map { "tenant-\($0)" }.first { NamespaceParts.part(of: Namespace($0)) != part })
    }

    /// The sentences by which a node says that it has not all of a shard.
    static let faults = [
        "CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served", "ASK 7000 10.0.0.2:6379",
        "TRYAGAIN Multiple keys request during rehashing of slot", "MOVED 7000 10.0.0.2:6379",
        "ERR Script attempted to access a non local key in a cluster node",
    ]

    private func become(away fault: String?) {
        store.answer(Namespace(away), by: fault.map { RESPFault($0) })
        registry.clock.advance(milliseconds: 300)
    }

    private func send(_ request: TestRequest, as tenant: String) throws -> Answer {
        try registry.send(request.bearing(tenant))
    }

    @Test(arguments: faults)
    func `while a part of the store is away, changes are refused in the namespaces that it has, and in no others`(
        _ fault: String
    ) throws {
        // D206 While a part of a cluster of Redis is away, or a slot on its way, that is so for the namespaces of its shards
        // alone: changes in all others are taken, …
        for tenant in [away, other] { #expect(try send(.register(Body("web")), as: tenant).status == 201) }
        become(away: fault)
        // What was sent when it was not known yet may have been taken, so that the next one counts.
        _ = try send(.register(Body("first")), as: away)
        let held = registry.context.registry.store.counts.instances
        let id = instanceID("web", "http", "10.0.0.1:80")
        let changes = [
            TestRequest.register(Body("more")),
            TestRequest("PUT", "/api/v1/instances/\(id)/status?value=OUT_OF_SERVICE"),
            TestRequest("DELETE", "/api/v1/instances/\(id)"),
        ]
        for change in changes {
            let refused = try send(change, as: away)
            #expect(refused.status == 503 && refused["Retry-After"] == "1", "\(change)")
            #expect(refused.text.contains("takes no changes now"), "\(change): \(refused.text)")
        }
        #expect(registry.context.registry.store.counts.instances == held, "nothing is changed that is refused")
        for change in changes { #expect([200, 201].contains(try send(change, as: other).status), "\(change)") }
        become(away: nil)
        for change in changes { #expect([200, 201].contains(try send(change, as: away).status), "\(change)") }
    }

    @Test func `look-ups and questions of the other namespaces are answered as ever`() throws {
        // D206 … look-ups there carry no X-Registry-Stale for it, and an id that Redis does not have is answered 410.
        for tenant in [away, other] { #expect(try send(.register(Body("web")), as: tenant).status == 201) }
        become(away: "CLUSTERDOWN The cluster is down")
        let unknown = TestRequest("PUT", "/api/v1/instances/0123456789abcdef/heartbeat")
        _ = try send(.list(), as: away)
        #expect(try send(unknown, as: away).status == 503)
        #expect(try send(unknown, as: other).status == 410)
        for (tenant, isStale) in [(away, true), (other, false)] {
            let list = try send(.list(), as: tenant)
            #expect(list.status == 200 && (list["X-Registry-Stale"] != nil) == isStale, "\(tenant)")
            #expect(try send(.get("/api/v1/services/nothing"), as: tenant).status == (isStale ? 503 : 404), "\(tenant)")
        }
    }

    @Test func `heartbeats are kept while a slot is on its way, and are in Redis when it has arrived`() throws {
        let namespace = Namespace(away)
        let path = "/api/v1/instances/\(instanceID("web", "http", "10.0.0.1:80"))"
        let id = try #require(InstanceID(Array(instanceID("web", "http", "10.0.0.1:80").utf8)[...]))
        #expect(try send(.register(Body("web", "10.0.0.1:80", ["ttl": "10"])), as: away).status == 201)
        let first = try #require(store.deadline(of: id, in: namespace))
        become(away: "ASK 7000 10.0.0.2:6379")
        registry.clock.advance(milliseconds: 5_000)
        for _ in 0..<2 {
            #expect(try send(TestRequest("PUT", "\(path)/heartbeat"), as: away).status == 200)
        }
        #expect(store.deadline(of: id, in: namespace) == first, "nothing arrives while the slot is on its way")
        become(away: nil)
        registry.sweep()
        registry.sweep()
        let last = try #require(store.deadline(of: id, in: namespace))
        #expect(last - first >= 5_000, "the lease is as long as from the heartbeat on, or longer")
        #expect(try send(.list(), as: away).instances().count == 1)
    }

    @Test func `leases of the other namespaces go on running out`() throws {
        // D206 … Leases there end as ever.
        for tenant in [away, other] {
            #expect(try send(.register(Body("web", "a", ["ttl": "10"])), as: tenant).status == 201)
        }
        become(away: "CLUSTERDOWN The cluster is down")
        for _ in 0..<6 {
            registry.clock.advance(milliseconds: 2_000)
            registry.sweep()
        }
        #expect(try send(.list(), as: away).instances().count == 1, "no lease ends while its part is away")
        #expect(try send(.list(), as: other).instances().isEmpty)
    }
}
