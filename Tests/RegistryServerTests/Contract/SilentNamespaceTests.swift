// What clients and operators see of a namespace in which many fell silent at once (docs/rest-api.md, R870–R876).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

struct SilentNamespaceTests {
    /// A registry with 30 instances of one tenant, a third of them registered through Eureka, and one of another; TTLs
    /// of 30 s, and the time at which all are over.
    private func registry(_ transport: Transport) throws -> Registry {
        let registry = try Registry(transport) {
            $0.expiryBudget = 20
            $0.authMode = [.trusted]
        }
        registry.context.registry.lifecycle.advance(to: .ready)
        registry.context.registry.judgeFromNowOn()
        for number in 0..<20 {
            try registry.register(Body("web", "10.0.0.1:\(1_000 + number)", ["ttl": "30"]), token: "one")
        }
        for number in 0..<10 {
            let body = """
                {"instance":{"instanceId":"e\(number)","hostName":"h\(number)","app":"E","ipAddr":"10.0.1.\(number)",\
                "port":{"$":80,"@enabled":"true"},"leaseInfo":{"durationInSecs":30},\
                "dataCenterInfo":{"@class":"x","name":"MyOwn"}}}
                """
            let request = TestRequest(
                "POST", "/eureka/v2/apps/E", [("Content-Type", "application/json")], body: Array(body.utf8))
            #expect(try registry.send(request.bearing("one")).status == 204)
        }
        try registry.register(Body("web", "b", ["ttl": "30"]), token: "two")
        registry.clock.advance(milliseconds: 31_000)
        return registry
    }

    /// What the control loop does.
    private func sweep(_ registry: Registry) {
        let (state, now) = (registry.context.registry, registry.clock.moment)
        _ = state.store.expire(at: now, bounds: state.expiryHold.bounds(at: now.lease), budget: 10_000)
        state.expiryHold.silence(state.store.silence(), at: now)
    }

    @Test(arguments: Transport.allCases)
    func `only look-ups of a silent namespace say so, in every protocol, and none has another body for it`(
        _ transport: Transport
    ) throws {
        // R873 While leases are held so, only look-ups of their namespace carry X-Registry-Stale: for how many seconds
        // leases have been held there.
        let registry = try registry(transport)
        #expect(try registry.send(.list().bearing("two"))["X-Registry-Stale"] == nil)
        sweep(registry)
        registry.clock.advance(milliseconds: 7_000)
        let list = try registry.send(.list().bearing("one"))
        #expect(list.status == 200 && list["X-Registry-Stale"] == "7")
        #expect(list.text.components(separatedBy: #","overdue":true}"#).count == 21, "10 of 30 have gone")
        let apps = TestRequest("GET", "/eureka/v2/apps", [("Accept", "application/json")])
        let shown = try registry.send(apps.bearing("one"))
        #expect(shown.status == 200 && shown["X-Registry-Stale"] == "7")
        #expect(shown.text.contains("\"UP\"") && !shown.text.contains("overdue"))
        let other = try registry.send(.list().bearing("two"))
        #expect(other.status == 200 && other["X-Registry-Stale"] == nil, "it is no trouble of theirs")
        #expect(!other.text.contains("\"id\""), "one that is alone expires as ever")
        // A heartbeat is answered as ever, and ends it for its instance.
        let first = try #require(try list.object()["instances"] as? [[String: Any]]).first?["id"] as? String
        let id = try #require(first)
        #expect(try registry.send(TestRequest.renew(id).bearing("one")).status == 200)
        #expect(try !registry.send(TestRequest.instance(id).bearing("one")).text.contains("overdue"))
    }

    @Test(arguments: Transport.allCases)
    func `it is shown where all that holds leases is`(_ transport: Transport) throws {
        // R873 … R662 counts it as the cause silence, from the first namespace on.
        let registry = try registry(transport)
        #expect(try !registry.send(.get("/uptime")).text.contains("EXPIRY"))
        sweep(registry)
        registry.clock.advance(milliseconds: 10_000)
        sweep(registry)
        #expect(
            try registry.send(.get("/uptime")).text.contains(
                #""EXPIRY":{"healthy":true,"properties":{"silence":10,"remaining":589,"overdue":20}}"#))
        var metrics = try registry.send(.get("/metrics")).text
        #expect(metrics.contains("a8registry_expiry_held{cause=\"silence\"} 1\n"))
        #expect(metrics.contains("a8registry_instances_overdue 20\n"))
        // Without a bound all whose time is over go at once.
        registry.context.registry.expiryHold.change(budget: .off)
        sweep(registry)
        #expect(try !registry.send(.get("/uptime")).text.contains("EXPIRY"))
        #expect(try registry.send(.list().bearing("one"))["X-Registry-Stale"] == nil)
        metrics = try registry.send(.get("/metrics")).text
        #expect(metrics.contains("a8registry_expiry_held{cause=\"silence\"} 0\n"))
        #expect(metrics.contains("a8registry_instances_overdue 0\n"))
    }
}
