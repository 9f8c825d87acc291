// An operator's word on an instance's status, by the REST API (docs/rest-api.md, R290–R294).

import Foundation
import TestSupport
import Testing

@testable import RegistryServer

extension TestRequest {
    static func setStatus(_ id: String, _ query: String) -> TestRequest {
        TestRequest("PUT", "/api/v1/instances/\(id)/status\(query)")
    }
    static func removeStatus(_ id: String) -> TestRequest { TestRequest("DELETE", "/api/v1/instances/\(id)/status") }
}

struct StatusTests {
    @Test(arguments: Transport.allCases)
    func `a status is overridden until that is removed`(_ transport: Transport) throws {
        // R290, R291
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        let answer = try registry.send(.setStatus(id, "?value=out_of_service"))
        #expect(answer.status == 200)
        #expect(try answer.object()["status"] as? String == "OUT_OF_SERVICE")
        #expect(try answer.object()["registered_status"] as? String == "UP")
        #expect(try registry.ids("") == [] && registry.ids("status=OUT_OF_SERVICE") == [id])
        #expect(try registry.send(.instance(id)).object()["registered_status"] as? String == "UP")
        let json = TestRequest(
            "PUT", "/api/v1/instances/\(id)/status", [("Content-Type", "application/json")],
            body: #"{"status":"maintenance"}"#)
        #expect(try registry.send(json).object()["status"] as? String == "MAINTENANCE")
        let removed = try registry.send(.removeStatus(id))
        #expect(try removed.status == 200 && removed.object()["status"] as? String == "UP")
        #expect(try removed.object()["registered_status"] == nil)
        #expect(try registry.send(.removeStatus(id)).status == 200)
        #expect(try registry.ids("") == [id])
    }

    @Test func `an override ends after as long as was said, and a list's tag with it`() throws {
        // R291
        let registry = try Registry(.router)
        let id = try registry.register(Body("web", "10.0.0.1:80", ["ttl": "600"]))
        #expect(try registry.send(.setStatus(id, "?value=DOWN&for=1m")).status == 200)
        let tag = try #require(try registry.send(.list())["ETag"])
        registry.clock.advance(milliseconds: 59_000)
        registry.sweep()
        #expect(try registry.send(.list().with("If-None-Match", tag)).status == 304)
        registry.clock.advance(milliseconds: 1_001)
        registry.sweep()
        let after = try registry.send(.list().with("If-None-Match", tag))
        #expect(try after.status == 200 && after.instances().first?["status"] as? String == "UP")
    }

    @Test func `an override decides nothing about a lease, and outlives it`() throws {
        // R292
        let registry = try Registry(.router)
        let id = try registry.register(Body())
        #expect(try registry.send(.setStatus(id, "?value=OUT_OF_SERVICE")).status == 200)
        registry.clock.advance(milliseconds: 31_000)
        registry.sweep()
        #expect(try registry.send(.instance(id)).status == 404)
        try registry.register(Body())
        #expect(try registry.send(.instance(id)).object()["status"] as? String == "OUT_OF_SERVICE")
    }

    @Test(arguments: [
        "", "?value=", "?value=a,b", "?value=%C3%A9", "?value=a%20b", "?value=UP&for=", "?value=UP&for=0s",
        "?value=UP&for=-1m", "?value=UP&x=1",
    ])
    func `what is no status or no duration is 400`(_ query: String) throws {
        // R290
        let registry = try Registry(.router)
        let id = try registry.register(Body())
        #expect(try registry.send(.setStatus(id, query)).status == 400, "\(query)")
        #expect(try registry.send(.setStatus(id, "?value=" + String(repeating: "a", count: 65))).status == 400)
        #expect(try registry.send(.instance(id)).object()["status"] as? String == "UP")
    }

    @Test func `an unknown id is 410, in another namespace too`() throws {
        // R293, and R294 is for CatalogTests: neither an override nor a registration undoes the other.
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        let id = try registry.register(Body(), token: "one")
        #expect(try registry.send(TestRequest.setStatus(id, "?value=DOWN").bearing("two")).status == 410)
        #expect(try registry.send(TestRequest.removeStatus(id).bearing("two")).status == 410)
        #expect(try registry.send(TestRequest.setStatus(id, "?value=DOWN").bearing("one")).status == 200)
    }
}
