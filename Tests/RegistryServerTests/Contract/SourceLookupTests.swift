// What clients see of sources that are read beside their registrations (docs/rest-api.md, R680 to R688). A source
// publishes here what a test says; how files and other registries are read is tested with each.

import Catalog
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryCore

struct SourceLookupTests {
    private static let space = Namespace("default")

    private static func instance(_ value: String, _ service: String = "reviews", tags: [String] = []) -> LeasedInstance
    {
        let key = EndpointKey(serviceName: Array(service.utf8)[...], kind: .http, value: Array(value.utf8)[...])
        return LeasedInstance(
            instance: Instance(
                id: key.instanceID, serviceName: Name(service), endpoint: Endpoint(kind: .http, value: value),
                status: .up,
                ttl: 0, tags: tags + [SourceKind.filesystem.tag], metadata: Array(#"{"zone":"a"}"#.utf8), registered: 0),
            lastHeartbeat: TestClock.start)
    }

    private static func registry(_ transport: Transport) throws -> (registry: Registry, publisher: SourcePublisher) {
        let registry = try Registry(transport) { settings in settings.fsCatalog = "/nowhere" }
        return (registry, try #require(registry.context.registry.sources?.publisher(of: .filesystem)))
    }

    private static func publish(_ instances: [LeasedInstance], by publisher: SourcePublisher) throws {
        let content = Dictionary(grouping: instances, by: \.instance.serviceName)
        try publisher.replace(with: [space: content], at: .now())
    }

    private static func register(_ value: String, in registry: Registry) throws -> String {
        try registry.register(Body("reviews", value, ["tags": #"["own"]"#]))
    }

    private static func list(_ registry: Registry, _ path: String = "/api/v1/services/reviews") throws -> [[String:
        Any]]
    {
        try #require(try registry.send(.get(path)).object()["instances"] as? [[String: Any]])
    }

    @Test func `what is registered and in a source counts once in hash codes of Eureka`() throws {
        // R683, E408, E411
        let (registry, publisher) = try Self.registry(.router)
        let both = ["10.0.0.1:1", "10.0.0.2:1"].map { Self.instance($0) }
        let content = [
            Self.space: Dictionary(
                grouping: both + [Self.instance("10.0.0.3:1"), Self.instance("10.0.0.4:1", "ratings")],
                by: \.instance.serviceName)
        ]
        try publisher.replace(
            with: content,
            at: SourceTime(monotonic: SourceTime.now().monotonic, wall: TestClock.start - 200_000_000_000))
        let id = try Self.register("10.0.0.1:1", in: registry)
        let other = try registry.register(Body("reviews", "10.0.0.2:1", ["status": #""OUT_OF_SERVICE""#]))
        #expect(Set(both.map { $0.instance.id.description }) == [id, other], "the very same instances")
        _ = try registry.register(Body("own", "10.0.0.9:1"))
        func hashCode(_ path: String) throws -> String? {
            let answer = try registry.send(
                TestRequest("GET", "/eureka/v2" + path, [("Accept", "application/json")])
            ).object()
            return (answer["applications"] as? [String: Any])?["apps__hashcode"] as? String
        }
        #expect(try hashCode("/apps") == "OUT_OF_SERVICE_1_UP_4_")
        #expect(try hashCode("/apps/delta") == "OUT_OF_SERVICE_1_UP_4_")
    }

    @Test(arguments: Transport.allCases)
    func `look-ups answer with what is registered and what sources have`(_ transport: Transport) throws {
        // R680 With a source, every look-up answers with what is registered and with what the source has: one list for
        // a namespace, in one order, with one entity tag.
        let (registry, publisher) = try Self.registry(transport)
        let own = try Self.register("10.0.0.1:1", in: registry)
        try Self.publish(
            [Self.instance("10.0.0.2:1", tags: ["v2"]), Self.instance("10.0.0.3:1", "ratings")], by: publisher)
        let services = try registry.send(.get("/api/v1/services"))
        #expect(try services.object()["services"] as? [String] == ["ratings", "reviews"])
        let listed = try Self.list(registry)
        #expect(listed.count == 2)
        #expect(listed.compactMap { $0["id"] as? String } == listed.compactMap { $0["id"] as? String }.sorted())
        #expect(listed.contains { $0["id"] as? String == own })
        #expect(try Self.list(registry, "/api/v1/instances").count == 3)
        // R681 It has the source's name as a tag, the last one: kubernetes, eureka or filesystem.
        let theirs = try #require(listed.first { $0["id"] as? String != own })
        #expect(theirs["tags"] as? [String] == ["v2", "filesystem"])
        #expect(try Self.list(registry, "/api/v1/instances?tags=filesystem").count == 2)
        let id = try #require(theirs["id"] as? String)
        #expect(try registry.send(.get("/api/v1/instances/\(id)")).object()["id"] as? String == id)
        // R682 It has no lease: its ttl is 0, and it does not expire.
        #expect(theirs["ttl"] as? Int == 0)
        registry.clock.advance(milliseconds: 3_600_000)
        registry.sweep()
        #expect(try Self.list(registry).count == 1)
    }

    @Test(arguments: Transport.allCases)
    func `a list's tag changes with what a source has, and comes back with it`(_ transport: Transport) throws {
        // R680 … with one entity tag.
        let (registry, publisher) = try Self.registry(transport)
        try Self.publish([Self.instance("10.0.0.2:1")], by: publisher)
        let first = try #require(try registry.send(.get("/api/v1/services/reviews"))["ETag"])
        try Self.publish([Self.instance("10.0.0.2:1"), Self.instance("10.0.0.2:2")], by: publisher)
        let changed = try registry.send(.get("/api/v1/services/reviews").with("If-None-Match", first))
        #expect(changed.status == 200)
        #expect(changed["ETag"] != first)
        try Self.publish([Self.instance("10.0.0.2:1")], by: publisher)
        #expect(try registry.send(.get("/api/v1/services/reviews").with("If-None-Match", first)).status == 304)
    }

    @Test(arguments: Transport.allCases)
    func `on one id the registered instance is shown`(_ transport: Transport) throws {
        // R683 On one id the registered instance is shown, and the source's again when that is gone.
        let (registry, publisher) = try Self.registry(transport)
        try Self.publish([Self.instance("10.0.0.1:1")], by: publisher)
        let id = try Self.register("10.0.0.1:1", in: registry)
        #expect(try Self.list(registry).compactMap { $0["tags"] as? [String] } == [["own"]])
        #expect(try registry.send(.renew(id)).status == 200)
        #expect(try registry.send(.remove(id)).status == 200)
        #expect(try Self.list(registry).compactMap { $0["tags"] as? [String] } == [["filesystem"]])
    }

    @Test(arguments: Transport.allCases)
    func `a source's instance can be neither renewed nor removed`(_ transport: Transport) throws {
        // R684 A heartbeat for it, or its removal, is answered 410 with a sentence that names the source.
        let (registry, publisher) = try Self.registry(transport)
        try Self.publish([Self.instance("10.0.0.1:1")], by: publisher)
        let id = try #require(try Self.list(registry).first?["id"] as? String)
        for request in [TestRequest.renew(id), .remove(id)] {
            let answer = try registry.send(request)
            #expect(answer.status == 410)
            #expect((try answer.object()["Error"] as? String)?.contains("FS_CATALOG") == true)
        }
        #expect(try Self.list(registry).count == 1)
    }

    @Test(arguments: Transport.allCases)
    func `a capacity does not count what sources have`(_ transport: Transport) throws {
        // R682 … and it counts for no capacity.
        let registry = try Registry(transport) { settings in
            settings.fsCatalog = "/nowhere"
            settings.namespaceCapacity = 1
        }
        let publisher = try #require(registry.context.registry.sources?.publisher(of: .filesystem))
        try Self.publish([Self.instance("10.0.0.2:1"), Self.instance("10.0.0.2:2")], by: publisher)
        _ = try Self.register("10.0.0.1:1", in: registry)
        #expect(try Self.list(registry).count == 3)
    }

    @Test(arguments: Transport.allCases)
    func `what sources change is among the events, with the source's name`(_ transport: Transport) throws {
        // R643 … One that a source has made (R680) has `source`, its name, instead.
        let (registry, publisher) = try Self.registry(transport)
        try Self.publish([Self.instance("10.0.0.1:1")], by: publisher)
        let own = try Self.register("10.0.0.2:1", in: registry)
        try Self.publish([], by: publisher)
        let page = try registry.send(.get("/api/v1/events?since=0")).object()
        let events = try #require(page["events"] as? [[String: Any]])
        #expect(events.map { $0["kind"] as? String } == ["registered", "registered", "deregistered"])
        #expect(events.map { $0["source"] as? String } == ["filesystem", nil, "filesystem"])
        #expect(events[1]["id"] as? String == own)
    }

    @Test(arguments: Transport.allCases)
    func `the pages for operators say how each source stands`(_ transport: Transport) throws {
        // R685 While a source cannot be read, what it had is shown. R686 GET /api/v1/catalogs.
        let (registry, publisher) = try Self.registry(transport)
        try Self.publish([Self.instance("10.0.0.1:1")], by: publisher)
        publisher.fail(SourceProblem("the directory is gone", at: "default.json"), at: .now())
        #expect(try Self.list(registry).count == 1)
        let page = try registry.send(.get("/api/v1/catalogs")).object()
        #expect(page["max_age_s"] as? Int == 3_600)
        let source = try #require((page["catalogs"] as? [[String: Any]])?.first)
        #expect(source["name"] as? String == "filesystem")
        #expect(source["state"] as? String == "failing")
        #expect(source["instances"] as? Int == 1)
        #expect((source["last_error"] as? [String: Any])?["text"] as? String == "the directory is gone")
        #expect((source["last_error"] as? [String: Any])?["place"] as? String == "default.json")
        // R687 The report of /uptime has each source, which is never unhealthy.
        let uptime = try registry.send(.get("/uptime"))
        #expect(uptime.status == 200)
        let component = try #require(try uptime.object()["CATALOG_FILESYSTEM"] as? [String: Any])
        #expect(component["healthy"] as? Bool == true)
        let properties = try #require(component["properties"] as? [String: Any])
        #expect(properties["state"] as? String == "failing")
        #expect(properties["error"] as? String == "the directory is gone")
        // R688 The metrics.
        let metrics = String(decoding: try registry.send(.get("/metrics")).body, as: UTF8.self)
        #expect(metrics.contains("a8registry_catalog_instances{source=\"filesystem\"} 1\n"))
        #expect(metrics.contains("a8registry_catalog_state{source=\"filesystem\",state=\"failing\"} 1\n"))
        #expect(metrics.contains("a8registry_catalog_failures_total{source=\"filesystem\"} 1\n"))
    }

    @Test(arguments: Transport.allCases)
    func `where credentials decide who sees what, a tenant is shown its own part of a source, and an operator all`(
        _ transport: Transport
    ) throws {
        // R689 It needs a credential, and shows all of R686 to an operator and without AUTH_MODE. A tenant is shown …
        let registry = try Registry(transport) { settings in
            settings.fsCatalog = "/nowhere"
            settings.authMode = [.trusted]
            settings.operatorToken = Secret(bytes: Array(OperatorTests.token.utf8))
        }
        let publisher = try #require(registry.context.registry.sources?.publisher(of: .filesystem))
        publisher.fail(SourceProblem("the JSON ends too early", at: "tenant-a.json:3:1"), at: .now())
        for path in ["/uptime", "/metrics"] {
            #expect(try !registry.send(.get(path)).text.contains("tenant-a"), "\(path)")
        }
        let page = TestRequest.get("/api/v1/catalogs")
        #expect(try registry.send(page).status == 401)
        func source(_ token: String, _ query: String = "") throws -> (text: String, source: [String: Any]) {
            let answer = try registry.send(.get("/api/v1/catalogs\(query)").bearing(token))
            return (answer.text, try #require((answer.object()["catalogs"] as? [[String: Any]])?.first))
        }
        // It cannot be read as a whole, which is everybody's affair.
        var shown = try source("tenant-b")
        #expect(shown.text.contains("the JSON ends too early") && !shown.text.contains("tenant-a"))
        #expect(try source(OperatorTests.token).text.contains("tenant-a.json:3:1"))

        // A part of it cannot be used: that of one tenant.
        let content = [
            Namespace("tenant-a"): [Name("web"): [Self.instance("10.0.0.1:1"), Self.instance("10.0.0.2:1")]],
            Namespace("tenant-b"): [Name("web"): [Self.instance("10.0.0.3:1")]],
        ]
        try publisher.replace(with: content, at: .now())
        publisher.confirm([SourceProblem("a port is no number", at: "tenant-a.json")], at: .now())
        for (tenant, count) in [("tenant-a", 2), ("tenant-b", 1), ("tenant-c", 0)] {
            shown = try source(tenant)
            #expect(shown.source["state"] as? String == "partial")
            #expect(shown.source["instances"] as? Int == count && shown.source["services"] as? Int == min(count, 1))
            #expect(
                shown.source["problems"] == nil && shown.source["namespaces"] == nil && shown.source["changes"] == nil)
            #expect(!shown.text.contains("tenant") && !shown.text.contains("a port is no number"), "\(shown.text)")
        }
        shown = try source(OperatorTests.token)
        #expect(shown.source["instances"] as? Int == 3 && shown.source["namespaces"] as? Int == 2)
        #expect(shown.text.contains("a port is no number") && shown.text.contains("tenant-a.json"))
    }

    @Test(arguments: Transport.allCases)
    func `without a source there is nothing to say`(_ transport: Transport) throws {
        // R686 … an empty array when no source is configured.
        let registry = try Registry(transport)
        let page = try registry.send(.get("/api/v1/catalogs"))
        #expect(String(decoding: page.body, as: UTF8.self) == #"{"max_age_s":3600,"catalogs":[]}"#)
        #expect(try registry.send(.get("/uptime")).object().keys.sorted() == ["UPTIME"])
    }
}
