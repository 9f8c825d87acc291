// An operator's word on a whole service, by the REST API (docs/rest-api.md, R297–R299, R880, R881).

import Foundation
import TestEureka
import TestSupport
import Testing

@testable import RegistryServer

extension TestRequest {
    static func setStatus(ofService name: String, _ query: String) -> TestRequest {
        TestRequest("PUT", "/api/v1/services/\(name)/status\(query)")
    }
    static func removeStatus(ofService name: String) -> TestRequest {
        TestRequest("DELETE", "/api/v1/services/\(name)/status")
    }
    static func status(ofService name: String) -> TestRequest { TestRequest("GET", "/api/v1/services/\(name)/status") }
    static func drain(service name: String, _ query: String = "") -> TestRequest {
        TestRequest("PUT", "/api/v1/services/\(name)/drain\(query)")
    }
    static func endDrain(ofService name: String) -> TestRequest {
        TestRequest("DELETE", "/api/v1/services/\(name)/drain")
    }
}

struct ServiceStatusTests {
    private func ids(_ registry: Registry, _ count: Int, of service: String = "web") throws -> [String] {
        try (0..<count).map { try registry.register(Body(service, "10.0.0.\($0):80", ["ttl": "600"])) }
    }

    private func status(_ registry: Registry, _ id: String) throws -> String? {
        try registry.send(.instance(id)).object()["status"] as? String
    }

    @Test(arguments: Transport.allCases)
    func `a whole service is overridden, and those that register while that stands`(_ transport: Transport) throws {
        // R297, R298
        let registry = try Registry(transport)
        let web = try ids(registry, 2)
        let other = try ids(registry, 1, of: "api")
        let answer = try registry.send(.setStatus(ofService: "web", "?value=out_of_service&for=10m"))
        let object = try answer.object()
        #expect(answer.status == 200 && object["service_name"] as? String == "web")
        #expect(object["status"] as? String == "OUT_OF_SERVICE" && object["instances"] as? Int == 2)
        #expect(object["since"] is String && object["until"] is String && object["drain_until"] == nil)
        let late = try registry.register(Body("web", "10.0.0.9:80", ["ttl": "600"]))
        #expect(try registry.ids("") == other)
        #expect(try Set(registry.ids("status=OUT_OF_SERVICE")) == Set(web + [late]))
        let shown = try registry.send(.instance(late)).object()
        #expect(shown["registered_status"] as? String == "UP" && shown["service_override"] as? Bool == true)
        #expect(try registry.send(.status(ofService: "web")).object()["instances"] as? Int == 3)
        #expect(try registry.send(.setStatus(web[0], "?value=UP")).object()["service_override"] == nil)
        #expect(try Set(registry.ids("")) == Set(other + [web[0]]))
        let json = TestRequest(
            "PUT", "/api/v1/services/web/status", [("Content-Type", "application/json")],
            body: #"{"status":"maintenance"}"#)
        #expect(try registry.send(json).object()["until"] == nil && status(registry, late) == "MAINTENANCE")
        let removed = try registry.send(.removeStatus(ofService: "web"))
        #expect(try removed.status == 200 && removed.object()["status"] == nil)
        #expect(try removed.object()["instances"] as? Int == 3)
        #expect(try registry.send(.removeStatus(ofService: "web")).status == 200)
        #expect(try registry.ids("").count == 4)
    }

    @Test func `it changes the tags of lists, and a service keeps it without instances`() throws {
        // R297
        let registry = try Registry(.router)
        let web = try ids(registry, 1)
        let tag = try #require(try registry.send(.list())["ETag"])
        #expect(try registry.send(.setStatus(ofService: "web", "?value=DOWN")).status == 200)
        #expect(try registry.send(.list().with("If-None-Match", tag)).status == 200)
        #expect(try registry.send(TestRequest("DELETE", "/api/v1/instances/\(web[0])")).status == 200)
        #expect(try registry.send(TestRequest("GET", "/api/v1/services/web")).status == 404)
        #expect(try registry.send(.status(ofService: "web")).object()["instances"] as? Int == 0)
        let again = try ids(registry, 1)
        #expect(try status(registry, again[0]) == "DOWN")
        #expect(try registry.send(TestRequest("DELETE", "/api/v1/instances/\(web[0])")).status == 200)
        #expect(try registry.send(.removeStatus(ofService: "web")).status == 200)
        #expect(try registry.send(.status(ofService: "web")).status == 404)
    }

    @Test func `a drained service is out at once, deregistered at the end, and out for an hour if it comes back`()
        throws
    {
        // R299
        let registry = try Registry(.router)
        let web = try ids(registry, 3)
        #expect(try registry.send(.setStatus(web[2], "?value=UP")).status == 200)
        let answer = try registry.send(.drain(service: "web", "?for=1m")).object()
        #expect(answer["status"] as? String == "OUT_OF_SERVICE" && answer["drain_until"] is String)
        #expect(try registry.ids("") == [web[2]])
        #expect(
            try registry.send(.instance(web[0])).object()["drain_until"] as? String == answer["drain_until"] as? String)
        registry.clock.advance(milliseconds: 59_000)
        registry.sweep()
        #expect(try registry.send(.instance(web[0])).status == 200)
        registry.clock.advance(milliseconds: 1_001)
        registry.sweep()
        #expect(try [web[0], web[1]].allSatisfy { try registry.send(.instance($0)).status == 404 })
        #expect(try status(registry, web[2]) == "UP")
        let again = try ids(registry, 1)
        #expect(try status(registry, again[0]) == "OUT_OF_SERVICE")
        #expect(try registry.send(.instance(again[0])).object()["drain_until"] == nil)
        #expect(try registry.send(.endDrain(ofService: "web")).object()["status"] == nil)
        #expect(try status(registry, again[0]) == "UP")
    }

    @Test func `the end of a drain leaves an override that is none`() throws {
        // R299
        let registry = try Registry(.router)
        let web = try ids(registry, 1)
        #expect(try registry.send(.setStatus(ofService: "web", "?value=DOWN")).status == 200)
        #expect(try registry.send(.endDrain(ofService: "web")).object()["status"] as? String == "DOWN")
        #expect(try registry.send(.drain(service: "web")).status == 200)
        #expect(try registry.send(.removeStatus(ofService: "web")).object()["status"] == nil)
        #expect(try status(registry, web[0]) == "UP")
    }

    @Test(arguments: [
        "status", "status?value=", "status?value=a,b", "status?value=UP&for=0s", "status?value=UP&x=1", "drain?for=",
        "drain?for=-1s", "drain?value=UP",
    ])
    func `what is no status or no duration is 400`(_ target: String) throws {
        // R297, R299
        let registry = try Registry(.router)
        let web = try ids(registry, 1)
        #expect(try registry.send(TestRequest("PUT", "/api/v1/services/web/\(target)")).status == 400, "\(target)")
        #expect(try status(registry, web[0]) == "UP")
    }

    @Test func `a service that there is not is 404, in another namespace too`() throws {
        // R880
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        _ = try registry.register(Body(), token: "one")
        let service = "web"
        for request in [
            TestRequest.setStatus(ofService: service, "?value=DOWN"), .removeStatus(ofService: service),
            .status(ofService: service), .drain(service: service), .endDrain(ofService: service),
        ] {
            #expect(try registry.send(request.bearing("two")).status == 404, "\(request.target)")
            #expect(try registry.send(request.bearing("one")).status == 200, "\(request.target)")
        }
    }

    @Test func `the events have each instance, with who has done it`() throws {
        // R881
        let registry = try Registry(.live)
        let web = try ids(registry, 3)
        #expect(try registry.send(.setStatus(ofService: "web", "?value=DOWN")).status == 200)
        let events = try #require(
            try registry.send(TestRequest("GET", "/api/v1/events")).object()["events"] as? [[String: Any]])
        let updates = events.filter { $0["kind"] as? String == "updated" }
        #expect(Set(updates.compactMap { $0["id"] as? String }) == Set(web) && updates.count == 3)
        for update in updates {
            #expect(update["previous_status"] as? String == "UP" && update["status"] as? String == "DOWN")
            #expect(update["client"] as? String == "127.0.0.1")
        }
    }

    @Test func `every protocol shows it`() throws {
        // R297 and E504, C202, V304
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "WEB", "i")) == 204)
        _ = try registry.register(Body("WEB", "10.0.0.1:80"))
        func eureka() throws -> [JavaInstance] { try registry.java("/apps").applications["WEB"] ?? [] }
        func passing() throws -> Int { try registry.consul("/health/service/WEB?passing").objects().count }
        func endpoints() throws -> String? { try EndpointsTests.clusters(registry, ["WEB"]).first }
        let before = (try eureka().map { $0.fields["lastDirtyTimestamp"] }, try endpoints())
        #expect(try passing() == 2 && before.1 != "WEB ")
        #expect(try registry.send(.setStatus(ofService: "WEB", "?value=OUT_OF_SERVICE")).status == 200)
        for instance in try eureka() {
            #expect(instance.fields["status"] == "OUT_OF_SERVICE")
            #expect(instance.fields["overriddenStatus"] == "OUT_OF_SERVICE")
        }
        #expect(try eureka().map { $0.fields["lastDirtyTimestamp"] } == before.0)
        let delta = try registry.java("/apps/delta")
        #expect(delta.hashCode == "OUT_OF_SERVICE_2_")
        #expect(delta.applications["WEB"]?.allSatisfy { $0.fields["actionType"] == "MODIFIED" } == true)
        #expect(try passing() == 0 && endpoints() == "WEB ")
        #expect(try registry.send(.removeStatus(ofService: "WEB")).status == 200)
        #expect(try eureka().allSatisfy { $0.fields["overriddenStatus"] == "UNKNOWN" && $0.fields["status"] == "UP" })
        #expect(try passing() == 2 && endpoints() == before.1)
    }
}
