// What a registration is answered, and what it makes (docs/rest-api.md, R201–R205, R218, R241, R242).

import Foundation
import TestSupport
import Testing

@testable import Serving

struct RegistrationTests {
    @Test(arguments: Transport.allCases)
    func `a registration is answered with its id, its ttl and its links`(_ transport: Transport) throws {
        // R201 A registration is answered 201 with {"id":…,"ttl":…,"links":{"self":…,"heartbeat":…}}, and Location
        // equals links.self. R205 links.self is http://HOST/api/v1/instances/ID and links.heartbeat is
        // http://HOST/api/v1/instances/ID/heartbeat.
        let registry = try Registry(transport)
        let answer = try registry.send(.register(Body("web", "10.0.0.1:80")))
        let id = "a514120dc1beb9aa"
        #expect(answer.status == 201)
        #expect(answer.reason == "Created")
        #expect(answer["Location"] == "http://registry.test:8080/api/v1/instances/\(id)")
        let links =
            #"{"self":"http://registry.test:8080/api/v1/instances/\#(id)","#
            + #""heartbeat":"http://registry.test:8080/api/v1/instances/\#(id)/heartbeat"}"#
        #expect(answer.text == #"{"id":"\#(id)","ttl":30,"links":\#(links)}"#)
    }

    @Test(arguments: Transport.allCases)
    func `links.self answers the instance`(_ transport: Transport) throws {
        // Differences from Amalgam8 1.x: links.self answered 405 to GET; here it answers the instance (R251).
        let registry = try Registry(transport)
        let links = try #require(try registry.send(.register(Body())).object()["links"] as? [String: String])
        let link = try #require(URL(string: links["self"] ?? ""))
        #expect(try registry.send(.get(link.path)).status == 200)
        let heartbeat = try #require(URL(string: links["heartbeat"] ?? ""))
        #expect(try registry.send(TestRequest("PUT", heartbeat.path)).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `the id is made of the service name and the endpoint alone`(_ transport: Transport) throws {
        // R202 The id is the first 16 lowercase hexadecimal digits of the SHA-256 of
        // service_name/endpoint.type/endpoint.value; …
        let registry = try Registry(transport)
        for (service, value) in [
            ("web", "10.0.0.1:80"), ("ä/ö", "x y"), ("a", "/"), ("日本", "é\u{301}"), ("q\"\\", "\u{1}\u{1F600}"),
        ] {
            let id = try registry.register(Body(service, value, ["status": #""STARTING""#, "tags": #"["t"]"#]))
            #expect(id == instanceID(service, "http", value))
        }
    }

    @Test(arguments: Transport.allCases)
    func `services that share a text are two, and each has the id that every member gives it`(_ transport: Transport)
        throws
    {
        // R202 … where a shorter service name makes the same text, it is those of SHA-256(SHA-256(service_name) ‖
        // endpoint.type ‖ SHA-256(endpoint.value)).
        for isReversed in [false, true] {
            let registry = try Registry(transport)
            let cuts = [
                ("a", "http", "http/b/tcp/c", true), ("a/http", "http", "b/tcp/c", false),
                ("a/http/http/b", "tcp", "c", false),
            ]
            var ids: [String] = []
            for (service, type, value, isFirst) in isReversed ? cuts.reversed() : cuts {
                let body = #"{"service_name":"\#(service)","endpoint":{"type":"\#(type)","value":"\#(value)"}}"#
                let answer = try registry.send(.register(text: body))
                let id = try #require(try answer.object()["id"] as? String, "\(answer)")
                #expect(id == (isFirst ? instanceID(service, type, value) : instanceIDOfParts(service, type, value)))
                ids.append(id)
            }
            #expect(Set(ids).count == 3)
            #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":["a","a/http","a/http/http/b"]}"#)
            for id in ids { #expect(try registry.send(.remove(id)).status == 200) }
            #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":[]}"#)
        }
    }

    @Test(arguments: Transport.allCases)
    func `every field comes back`(_ transport: Transport) throws {
        // R252 That instance has every field of the table but links; its query string is ignored.
        let registry = try Registry(transport)
        let id = try registry.register(
            Body(
                "web", "10.0.0.1:80",
                ["ttl": "60", "status": #""STARTING""#, "tags": #"["a","b"]"#, "metadata": #"{"k": [1, 2]}"#]))
        let answer = try registry.send(.get("/api/v1/instances/\(id)?fields=id&status=UP&nonsense"))
        #expect(answer.status == 200)
        let object = try answer.object()
        #expect(
            Set(object.keys) == [
                "id", "service_name", "endpoint", "ttl", "status", "metadata", "last_heartbeat", "tags",
            ])
        #expect(object["id"] as? String == id)
        #expect(object["service_name"] as? String == "web")
        #expect(object["endpoint"] as? [String: String] == ["type": "http", "value": "10.0.0.1:80"])
        #expect(object["ttl"] as? Int == 60)
        #expect(object["status"] as? String == "STARTING")
        #expect(object["tags"] as? [String] == ["a", "b"])
        #expect(answer.text.contains(#""metadata":{"k": [1, 2]}"#))
    }

    @Test(arguments: Transport.allCases)
    func `the last heartbeat is a time in UTC with sub-second digits`(_ transport: Transport) throws {
        // R218 last_heartbeat is RFC 3339 in UTC, ends in Z, and has sub-second digits.
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        #expect(
            try registry.send(.instance(id)).object()["last_heartbeat"] as? String == "2026-01-01T00:00:00.123456789Z")
        registry.clock.advance(milliseconds: 5_001)
        #expect(
            try registry.send(.instance(id)).object()["last_heartbeat"] as? String == "2026-01-01T00:00:00.123456789Z")
        #expect(try registry.send(.renew(id)).status == 200)
        #expect(
            try registry.send(.instance(id)).object()["last_heartbeat"] as? String == "2026-01-01T00:00:05.124456789Z")
    }

    @Test(arguments: Transport.allCases)
    func `registering the same endpoint again replaces all that was said before`(_ transport: Transport) throws {
        // R203 Registering the same endpoint of the same service again overwrites the same instance as a whole,
        // restarts its lease and is answered 201.
        let registry = try Registry(transport)
        let first = try registry.register(
            Body("web", "a", ["ttl": "20", "status": #""STARTING""#, "tags": #"["t"]"#, "metadata": "1"]))
        registry.clock.advance(milliseconds: 19_000)
        let second = try registry.register(Body("web", "a", ["ttl": "25"]))
        #expect(first == second)
        #expect(try registry.ids("status=ALL") == [first])
        let object = try registry.send(.instance(first)).object()
        #expect(Set(object.keys) == ["id", "service_name", "endpoint", "ttl", "status", "last_heartbeat"])
        #expect(object["status"] as? String == "UP")
        #expect(object["ttl"] as? Int == 25)
        #expect(object["last_heartbeat"] as? String == "2026-01-01T00:00:19.123456789Z")
        registry.clock.advance(milliseconds: 25_000)
        #expect(try registry.send(.instance(first)).status == 200)
        registry.clock.advance(milliseconds: 1)
        #expect(try registry.send(.instance(first)).status == 404)
    }

    @Test(arguments: Transport.allCases)
    func `another service, type or value is another instance`(_ transport: Transport) throws {
        // R203 Registering the same endpoint of the same service again overwrites the same instance.
        let registry = try Registry(transport)
        var udp = Body("web", "a")
        udp.type = #""udp""#
        let ids = try [Body("web", "a"), Body("web2", "a"), Body("web", "b"), udp].map { try registry.register($0) }
        #expect(Set(ids).count == 4)
        #expect(try Set(registry.ids("status=ALL")) == Set(ids))
    }

    @Test(arguments: Transport.allCases)
    func `a full namespace refuses a new instance and takes a known one`(_ transport: Transport) throws {
        // R241 When the namespace holds NAMESPACE_CAPACITY instances, a new one is answered 403. R242 Registering
        // again, and instances that come from other members of the cluster, are never refused for capacity.
        let registry = try Registry(transport) {
            $0.namespaceCapacity = 2
            $0.authMode = [.trusted]
        }
        let first = try registry.register(Body("web", "a"), token: "t")
        try registry.register(Body("web", "b", ["status": #""OUT_OF_SERVICE""#]), token: "t")
        let before = try registry.everything(token: "t")
        let refused = try registry.send(.register(Body("web", "c")).bearing("t"))
        #expect(refused.status == 403)
        #expect(refused.error != nil)
        #expect(try registry.everything(token: "t") == before)
        try registry.register(Body("web", "a"), token: "t")
        try registry.register(Body("web", "c"), token: "another")

        // Room is made by removing, and by a lease that ran out, be it swept away yet or not (R256: at most one second
        // after).
        #expect(try registry.send(.remove(first).bearing("t")).status == 200)
        try registry.register(Body("web", "c", ["ttl": "10"]), token: "t")
        #expect(try registry.send(.register(Body("web", "d")).bearing("t")).status == 403)
        registry.clock.advance(milliseconds: 11_000)
        try registry.register(Body("web", "d"), token: "t")
    }

    @Test(arguments: Transport.allCases)
    func `a registry of no capacity refuses every registration`(_ transport: Transport) throws {
        // R241 When the namespace holds NAMESPACE_CAPACITY instances, a new one is answered 403.
        let registry = try Registry(transport) { $0.namespaceCapacity = 0 }
        #expect(try registry.send(.register(Body())).status == 403)
        // R119 …authorization, media type, contents, capacity. The first refusal is the answer.
        #expect(try registry.send(.register(text: "{}")).status == 400)
    }
}
