// Renewing, removing and running out, at exact times (docs/rest-api.md, R251–R259).

import Catalog
import Foundation
import TestCatalog
import TestSupport
import Testing

@testable import RegistryCore
@testable import Serving

struct LeaseTests {
    @Test(arguments: Transport.allCases, [true, false])
    func `an instance lives until its ttl has passed and no longer`(_ transport: Transport, _ sweeps: Bool) throws {
        // R256 An instance expires when its ttl has passed since its last heartbeat: never before, and at most one
        // second after. R258 An expired or removed instance is gone from every answer, and a service without instances
        // disappears.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        let other = try registry.register(Body("db", "b", ["ttl": "600"]))
        registry.clock.advance(milliseconds: 10_000)
        if sweeps { registry.sweep() }
        #expect(try registry.ids("") == [other, id])
        registry.clock.advance(milliseconds: 1)
        if sweeps { registry.sweep() }
        #expect(try registry.ids("") == [other])
        #expect(try registry.ids("id=\(id)") == [])
        #expect(try registry.ids("service_name=web") == [])
        #expect(try registry.send(.instance(id)).status == 404)
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":["db"]}"#)
        #expect(try registry.send(.get("/api/v1/services/web")).status == 404)
        #expect(try registry.send(.renew(id)).status == 410)
        #expect(try registry.send(.remove(id)).status == 410)
        try registry.register(Body("web", "a"))
        #expect(try registry.ids("service_name=web") == [id])
    }

    @Test(arguments: Transport.allCases)
    func `a heartbeat restarts the lease`(_ transport: Transport) throws {
        // R253 PUT /api/v1/instances/{id}/heartbeat restarts the lease and answers 200 with an empty body; a request
        // body is ignored.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10", "status": #""STARTING""#]))
        for body in ["", #"{"status":"UP","ttl":600}"#, "not json", String(repeating: "x", count: 65_536)] {
            registry.clock.advance(milliseconds: 10_000)
            registry.sweep()
            var request = TestRequest.renew(id)
            request.body = Array(body.utf8)
            let answer = try registry.send(request)
            #expect(answer.status == 200)
            #expect(answer.body.isEmpty)
            #expect(answer["Content-Length"] == "0")
            #expect(answer["Content-Type"] == nil)
        }
        let object = try registry.send(.instance(id)).object()
        #expect(object["status"] as? String == "STARTING")
        #expect(object["ttl"] as? Int == 10)
        registry.clock.advance(milliseconds: 10_000)
        registry.sweep()
        #expect(try registry.send(.instance(id)).status == 200)
        registry.clock.advance(milliseconds: 1)
        registry.sweep()
        #expect(try registry.send(.instance(id)).status == 404)
    }

    @Test(arguments: Transport.allCases)
    func `an instance out of service stays`(_ transport: Transport) throws {
        // R257 An instance whose status is OUT_OF_SERVICE does not expire.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10", "status": #""out_of_service""#]))
        registry.clock.advance(milliseconds: 365 * 86_400_000)
        registry.sweep()
        #expect(try registry.ids("status=OUT_OF_SERVICE") == [id])
        #expect(try registry.send(.renew(id)).status == 200)
        // Registered again with another status it has a lease again.
        try registry.register(Body("web", "a", ["ttl": "10"]))
        registry.clock.advance(milliseconds: 10_000)
        registry.sweep()
        #expect(try registry.ids("") == [id])
        registry.clock.advance(milliseconds: 1)
        registry.sweep()
        #expect(try registry.ids("") == [])
    }

    @Test(arguments: Transport.allCases)
    func `taking an instance out of service ends its deadline`(_ transport: Transport) throws {
        // R257 An instance whose status is OUT_OF_SERVICE does not expire.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        try registry.register(Body("web", "a", ["ttl": "10", "status": #""OUT_OF_SERVICE""#]))
        registry.clock.advance(milliseconds: 20_000)
        registry.sweep()
        #expect(try registry.ids("status=ALL") == [id])
    }

    @Test(arguments: Transport.allCases)
    func `a removed instance is gone at once`(_ transport: Transport) throws {
        // R254 DELETE /api/v1/instances/{id} removes the instance and answers 200 with an empty body.
        // R258 An expired or removed instance is gone from every answer, and a service without instances disappears.
        let registry = try Registry(transport)
        let first = try registry.register(Body("web", "a"))
        let second = try registry.register(Body("web", "b"))
        let answer = try registry.send(.remove(first))
        #expect(answer.status == 200)
        #expect(answer.body.isEmpty)
        #expect(answer["Content-Length"] == "0")
        #expect(answer["Content-Type"] == nil)
        #expect(try registry.ids("status=ALL") == [second])
        #expect(try registry.send(.instance(first)).status == 404)
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":["web"]}"#)
        #expect(try registry.send(.remove(second)).status == 200)
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":[]}"#)
        #expect(try registry.send(.get("/api/v1/services/web")).status == 404)
        #expect(try registry.everything() == #"{"instances":[]}"#)
    }

    @Test(arguments: Transport.allCases)
    func `an unknown instance is gone to those who write and not found to those who read`(_ transport: Transport) throws
    {
        // R255 A heartbeat for, or a removal of, an id that the namespace does not have is answered 410.
        // R251 GET /api/v1/instances/{id} answers 200 with the instance, whatever its status, or 404.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a"))
        for unknown in ["0000000000000000", id.uppercased(), id + "0", String(id.dropLast()), "%C3%A9", "a%2Fb", "%20"]
        {
            for request in [TestRequest.renew(unknown), .remove(unknown)] {
                let answer = try registry.send(request)
                #expect(answer.status == 410 && answer.error != nil, "\(request): \(answer)")
            }
            let answer = try registry.send(.instance(unknown))
            #expect(answer.status == 404 && answer.error != nil, "\(unknown): \(answer)")
        }
        #expect(try registry.ids("") == [id])
        for status in ["STARTING", "OUT_OF_SERVICE", "UP"] {
            try registry.register(Body("web", "a", ["status": Body.quoted(status)]))
            #expect(try registry.send(.instance(id)).object()["status"] as? String == status)
        }
    }

    @Test(arguments: Transport.allCases)
    func `an instance of another protocol is served with its own id and status`(_ transport: Transport) throws {
        // R259 An instance registered through another protocol is served here too; its id may have another form and its
        // status may be another token, for example DOWN.
        let registry = try Registry(transport)
        let id = "host:é/1 a"
        let instance = Instance(
            id: try #require(InstanceID(Array(id.utf8)[...])), serviceName: Name("WEB"),
            endpoint: Endpoint(kind: .http, value: "a"),
            status: InstanceStatus("DOWN"), ttl: 90_000, tags: [], metadata: nil, registered: 0)
        let decision = registry.context.registry.store.apply(
            .register(instance), in: Namespace("default"), at: registry.clock.moment)
        #expect(decision.outcome == .done)
        let path = "host:%C3%A9%2F1%20a"
        let answer = try registry.send(.instance(path))
        #expect(try answer.object()["id"] as? String == id)
        #expect(try answer.object()["status"] as? String == "DOWN")
        #expect(try registry.ids("") == [])
        #expect(try registry.ids("status=ALL") == [id])
        // R304 UP, STARTING, OUT_OF_SERVICE and ALL match in any letter case; any other status is compared exactly.
        #expect(try registry.ids("status=DOWN") == [id])
        #expect(try registry.ids("status=down") == [])
        #expect(try registry.ids("id=host:%C3%A9/1+a") == [id])
        let links =
            try registry.send(.list("id=host:%C3%A9/1+a&fields=links")).instances().first?["links"] as? [String: String]
        #expect(links?["self"] == "http://registry.test:8080/api/v1/instances/\(path)")
        #expect(links?["heartbeat"] == "http://registry.test:8080/api/v1/instances/\(path)/heartbeat")
        registry.clock.advance(milliseconds: 89_999)
        #expect(try registry.send(.renew(path)).status == 200)
        #expect(try registry.send(.remove(path)).status == 200)
        #expect(try registry.send(.remove(path)).status == 410)
    }

    @Test(arguments: Transport.allCases)
    func `instances that come from another member are not refused for capacity`(_ transport: Transport) throws {
        // R242 Registering again, and instances that come from other members of the cluster, are never refused for
        // capacity.
        let registry = try Registry(transport) { $0.namespaceCapacity = 1 }
        try registry.register(Body("web", "a"))
        let instance = Instance(
            id: .digest(1), serviceName: Name("web"), endpoint: Endpoint(kind: .tcp, value: "b"), status: .up,
            ttl: 30_000, tags: [],
            metadata: nil, registered: 0)
        let told = Replicated(
            namespace: Namespace("default"), replica: .present(instance, .none, Heartbeat(age: 0, wall: 0)))
        #expect(registry.context.registry.store.merge(told, at: registry.clock.moment) == .applied)
        #expect(try registry.ids("").contains("0000000000000001"))
        #expect(try registry.send(.register(Body("web", "a"))).status == 201)
        #expect(try registry.send(.register(Body("web", "c"))).status == 403)
    }
}
