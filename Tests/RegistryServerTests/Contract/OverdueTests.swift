// What clients and operators see of leases that are held (docs/rest-api.md, R285, R286, R660–R663).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

struct OverdueTests {
    private static let elsewhere = "00000000000000aa"

    /// A member with one instance of its own and one that another member has vouched for, both with a TTL of 30 s.
    private func member(_ transport: Transport, isRequired: Bool = false) throws -> Registry {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        let registry = try Registry(transport, store: store) { $0.clusterSizeRequired = isRequired }
        registry.context.registry.lifecycle.advance(to: .ready)
        try registry.register(Body("web", "a", ["ttl": "30"]))
        let instance = Instance(
            id: .digest(0xAA), serviceName: Name("web"), endpoint: Endpoint(kind: .http, value: "b"), status: .up,
            ttl: 30_000, tags: [],
            metadata: nil, registered: 0)
        let version = Version(time: HybridTime(bits: 1 << 30), origin: MemberID(bits: 2))
        _ = store.merge(
            Replicated(
                namespace: Namespace("default"), replica: .present(instance, version, Heartbeat(age: 0, wall: 0))),
            at: registry.clock.moment)
        return registry
    }

    private func sweep(_ registry: Registry) {
        let now = registry.clock.moment
        _ = registry.context.registry.store.expire(
            at: now, bounds: registry.context.registry.expiryHold.bounds(at: now.lease), budget: 1_000)
    }

    private func hear(_ hearing: PeerHearing, _ registry: Registry) {
        registry.context.registry.expiryHold.peersAre(hearing, at: registry.clock.moment.lease)
        sweep(registry)
    }

    @Test(arguments: Transport.allCases)
    func `what a cut-off member keeps is marked in every answer, and another tag goes with it`(_ transport: Transport)
        throws
    {
        // R286 An instance that would have expired while leases are held (R660) stays in every answer with its status,
        // and has "overdue":true besides, whatever fields says; a heartbeat or a registration ends that, and no other
        // instance has the key. R319 A list carries a weak ETag, which changes … also when an instance becomes overdue
        // (R286), or no longer is. R661 Look-ups carry X-Registry-Stale: SECONDS while leases are held.
        let registry = try member(transport)
        registry.clock.advance(milliseconds: 10_000)
        hear(.cutOff(since: 10_000, until: 610_000), registry)
        let before = try registry.send(.list())
        #expect(before["X-Registry-Stale"] == "0")
        #expect(!before.text.contains("overdue"))
        registry.clock.advance(milliseconds: 22_500)
        sweep(registry)
        let paths = [
            "/api/v1/instances", "/api/v1/instances?fields=status", "/api/v1/instances/\(Self.elsewhere)",
            "/api/v1/services/web",
        ]
        for path in paths {
            let answer = try registry.send(.get(path))
            #expect(answer.status == 200 && answer["X-Registry-Stale"] == "22", "\(path)")
            #expect(answer.text.components(separatedBy: #","overdue":true}"#).count == 2, "\(path): \(answer.text)")
            #expect(answer.text.contains(#""status":"UP""#), "\(path)")
        }
        let held = try registry.send(.list())
        #expect(held["ETag"] != before["ETag"])
        let again = TestRequest.list().with("If-None-Match", before["ETag"] ?? "")
        #expect(try registry.send(again).status == 200, "what the client has says nothing of it")
        #expect(
            try registry.send(.get("/api/v1/instances/0000000000000000"))["X-Registry-Stale"] == "22",
            "what is not found may be stale too")
        #expect(try registry.send(.renew(Self.elsewhere)).status == 200)
        #expect(try registry.send(.renew(Self.elsewhere))["X-Registry-Stale"] == nil)
        let renewed = try registry.send(.list())
        #expect(renewed["ETag"] != held["ETag"] && !renewed.text.contains("overdue"))
        hear(.whole(restarts: false), registry)
        #expect(try registry.send(.list())["X-Registry-Stale"] == nil)
    }

    @Test(arguments: Transport.allCases)
    func `what holds leases is shown in one place`(_ transport: Transport) throws {
        // R662 While leases are held, the report of /uptime has
        // "EXPIRY":{"healthy":true,"properties":{"cut_off":12,"remaining":588,"overdue":3}} besides.
        let registry = try member(transport)
        registry.clock.advance(milliseconds: 20_000)
        hear(.cutOff(since: 20_000, until: 620_000), registry)
        registry.clock.advance(milliseconds: 12_000)
        sweep(registry)
        let report = #""EXPIRY":{"healthy":true,"properties":{"cut_off":12,"remaining":588,"overdue":1}}"#
        #expect(try registry.send(.get("/uptime")).text.contains(report))
        var metrics = try registry.send(.get("/metrics")).text
        #expect(
            metrics.contains("a8registry_expiry_held{cause=\"cut_off\"} 1\n")
                && metrics.contains("{cause=\"paused\"} 0\n"))
        #expect(metrics.contains("a8registry_instances_overdue 1\n"))
        // R673 SIGUSR1 writes … what the process holds …
        func isToldOnSignal() -> String? {
            StatusReport.process(registry.context, monotonic: registry.clock.moment.monotonic)["leases_held"].map {
                "\($0)"
            }
        }
        #expect(isToldOnSignal() == "true")
        hear(.whole(restarts: false), registry)
        registry.context.registry.expiryHold.clockStands(until: 47_000, at: 32_000)
        #expect(
            try registry.send(.get("/uptime")).text.contains(
                #""EXPIRY":{"healthy":true,"properties":{"paused":0,"remaining":15,"overdue":0}}"#))
        #expect(try registry.send(.list())["X-Registry-Stale"] == "0")
        registry.context.registry.expiryHold.clockStands(until: nil, at: 33_000)
        #expect(try !registry.send(.get("/uptime")).text.contains("EXPIRY"))
        #expect(isToldOnSignal() == "false")
        metrics = try registry.send(.get("/metrics")).text
        #expect(metrics.contains("a8registry_expiry_held{cause=\"cut_off\"} 0\n"))
    }

    @Test(arguments: [false, true])
    func `a cut-off member is ready unless it was told to need the others`(isRequired: Bool) throws {
        // R663 With CLUSTER_SIZE_REQUIRED a member that is cut off (R660) answers /readyz 503 {"status":"alone"}.
        let registry = try member(.router, isRequired: isRequired)
        #expect(try registry.send(.get("/readyz")).status == 200)
        hear(.cutOff(since: 0, until: 600_000), registry)
        #expect(try registry.send(.get("/readyz")).status == (isRequired ? 503 : 200))
        hear(.whole(restarts: false), registry)
        #expect(try registry.send(.get("/readyz")).status == 200)
    }
}
