// How an operator has an instance leave, by the REST API (docs/rest-api.md, R295 and R296).

import Foundation
import TestSupport
import Testing

@testable import RegistryServer

extension TestRequest {
    static func drain(_ id: String, _ query: String = "") -> TestRequest {
        TestRequest("PUT", "/api/v1/instances/\(id)/drain\(query)")
    }
    static func endDrain(_ id: String) -> TestRequest { TestRequest("DELETE", "/api/v1/instances/\(id)/drain") }
}

struct DrainTests {
    @Test(arguments: Transport.allCases)
    func `a drained instance is out of default lists at once, and in those of every status`(_ transport: Transport)
        throws
    {
        // R295
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        let answer = try registry.send(.drain(id, "?for=2m"))
        #expect(answer.status == 200)
        #expect(try answer.object()["status"] as? String == "OUT_OF_SERVICE")
        #expect(try answer.object()["registered_status"] as? String == "UP")
        #expect(try answer.object()["drain_until"] as? String == "2026-01-01T00:02:00.123456789Z")
        #expect(try registry.ids("") == [] && registry.ids("status=ALL") == [id])
        let service = try registry.send(.get("/api/v1/services/web"))
        #expect(try service.instances().first?["drain_until"] as? String == "2026-01-01T00:02:00.123456789Z")
        let lifted = try registry.send(.endDrain(id))
        #expect(try lifted.status == 200 && lifted.object()["status"] as? String == "UP")
        #expect(try lifted.object()["drain_until"] == nil)
        #expect(try registry.send(.endDrain(id)).status == 200)
        #expect(try registry.ids("") == [id])
        // Without a time it is half a minute; a body is of no matter.
        let brief = try registry.send(TestRequest("PUT", "/api/v1/instances/\(id)/drain", body: "x"))
        #expect(try brief.object()["drain_until"] as? String == "2026-01-01T00:00:30.123456789Z")
        #expect(try registry.send(.removeStatus(id)).object()["status"] as? String == "UP")
        // An override that is no drain stays.
        #expect(try registry.send(.setStatus(id, "?value=DOWN")).status == 200)
        #expect(try registry.send(.endDrain(id)).object()["status"] as? String == "DOWN")
    }

    @Test func `it is deregistered at the end, its heartbeats are 410, and it stays out when it registers again`()
        throws
    {
        // R296
        let registry = try Registry(.router)
        let id = try registry.register(Body("web", "10.0.0.1:80", ["ttl": "600"]))
        #expect(try registry.send(.drain(id, "?for=1m")).status == 200)
        registry.clock.advance(milliseconds: 59_999)
        registry.sweep()
        #expect(try registry.send(.renew(id)).status == 200)
        registry.clock.advance(milliseconds: 1)
        registry.sweep()
        #expect(try registry.send(.instance(id)).status == 404 && registry.send(.renew(id)).status == 410)
        #expect(try registry.send(.endDrain(id)).status == 410)
        let events = try registry.send(.get("/api/v1/events")).object()["events"] as? [[String: Any]]
        #expect(events?.map { $0["kind"] as? String } == ["registered", "updated", "deregistered"])
        registry.clock.advance(milliseconds: 3_599_000)
        registry.sweep()
        try registry.register(Body("web", "10.0.0.1:80", ["ttl": "600"]))
        let back = try registry.send(.instance(id)).object()
        #expect(back["status"] as? String == "OUT_OF_SERVICE" && back["drain_until"] == nil)
        registry.clock.advance(milliseconds: 300_000)
        registry.sweep()
        #expect(try registry.send(.instance(id)).object()["status"] as? String == "OUT_OF_SERVICE")
        #expect(try registry.send(.removeStatus(id)).object()["status"] as? String == "UP")
    }

    @Test(arguments: ["?for=", "?for=0s", "?for=-1m", "?for=x", "?value=UP", "?for=1s&for=2s"])
    func `what is no duration is 400`(_ query: String) throws {
        // R295
        let registry = try Registry(.router)
        let id = try registry.register(Body())
        #expect(try registry.send(.drain(id, query)).status == 400)
        #expect(try registry.ids("") == [id])
    }

    @Test func `an unknown id is 410, in another namespace too`() throws {
        // R295
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        let id = try registry.register(Body(), token: "one")
        #expect(try registry.send(TestRequest.drain(id).bearing("two")).status == 410)
        #expect(try registry.send(TestRequest.endDrain(id).bearing("two")).status == 410)
        #expect(try registry.send(TestRequest.drain(id).bearing("one")).status == 200)
    }
}
