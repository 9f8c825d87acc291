// Lists that are asked for again (docs/rest-api.md, R318–R322, R407).

import Foundation
import TestSupport
import Testing

@testable import RegistryServer

extension TestRequest {
    fileprivate func ifNoneMatch(_ field: String) -> TestRequest { with("If-None-Match", field) }
}

struct ListTagTests {
    /// Every kind of list that has a tag.
    private static let lists = [
        "/api/v1/instances", "/api/v1/instances?status=ALL", "/api/v1/instances?service_name=web", "/api/v1/instances?service_name=none",
        "/api/v1/instances?service_name=web&status=UP", "/api/v1/instances?status=STARTING", "/api/v1/instances?status=",
        "/api/v1/instances?tags=a", "/api/v1/instances?fields=id,ttl", "/api/v1/instances?fields=", "/api/v1/instances?id=0123456789abcdef",
        "/api/v1/services", "/api/v1/services?x=y", "/api/v1/services/web", "/api/v1/services/w%65b?status=UP",
    ]

    @Test(arguments: Transport.allCases, lists)
    func `a client that has the list gets 304, until it changes`(_ transport: Transport, _ list: String) throws {
        // R319 A list carries a weak ETag, which changes with every registration, removal and expiry in the namespace and with no renewal, but one
        // that brings back what a list took for expired.
        // R320 A request for a list whose If-None-Match has the list's tag is answered 304 with the tag and no body.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "600", "tags": #"["a"]"#]))
        let changes: [(String, (Registry) throws -> Void)] = [
            ("registration", { try $0.register(Body("db", "b", ["ttl": "10"])) }),
            ("another value", { try $0.register(Body("db", "b", ["ttl": "11"])) }),
            ("another status", { try $0.register(Body("db", "b", ["ttl": "10", "status": #""STARTING""#])) }),
            ("removal", { _ = try $0.send(.remove(try $0.register(Body("db", "c")))) }),
            (
                "expiry",
                {
                    $0.clock.advance(milliseconds: 10_000)
                    $0.sweep()
                }
            ),
        ]
        var seen: Set<String> = []
        for (what, change) in changes {
            try change(registry)
            let first = try registry.send(.get(list))
            let tag = try #require(first["ETag"], "\(first)")
            try #require(first.status == 200 && tag.hasPrefix("W/\"") && tag.hasSuffix("\""))
            #expect(seen.insert(tag).inserted, "\(what) gives another tag")
            for field in [tag, String(tag.dropFirst(2)), "\"x\", \(tag)", "*"] {
                let answer = try registry.send(.get(list).ifNoneMatch(field))
                #expect(answer.status == 304 && answer.body.isEmpty && answer["ETag"] == tag, "\(what): \(answer)")
                #expect(answer["Content-Type"] == nil && answer["Vary"] == "Accept-Encoding" && answer["X-Request-Id"] != nil)
            }
            #expect(try registry.send(.get(list).with("If-None-Match", tag).with("Accept-Encoding", "gzip")).status == 304)
            for stale in seen where stale != tag { #expect(try registry.send(.get(list).ifNoneMatch(stale)).status == 200, "\(what)") }
            // Renewals are no change.
            registry.clock.advance(milliseconds: 1_500)
            #expect(try registry.send(.renew(id)).status == 200)
            #expect(try registry.send(.get(list).ifNoneMatch(tag)).status == 304, "\(what)")
            #expect(try registry.send(.get(list))["ETag"] == tag, "\(what)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `HEAD has the tag of GET, and gets 304 for it`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        try registry.register(Body())
        for list in Self.lists {
            let tag = try #require(try registry.send(TestRequest("HEAD", list))["ETag"], "\(list)")
            #expect(try registry.send(.get(list))["ETag"] == tag)
            let answer = try registry.send(TestRequest("HEAD", list).ifNoneMatch(tag))
            #expect(answer.status == 304 && answer["Content-Length"] == nil, "\(answer)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a tag is good for its list alone`(_ transport: Transport) throws {
        // R321 A tag is good for the list that it came with: no other list, namespace, member or boot of the registry takes it for its own.
        let configure = { (settings: inout Settings) in settings.authMode = [.trusted] }
        let registry = try Registry(transport, configure)
        let reborn = try Registry(transport, configure)
        var tags: [(list: String, tag: String)] = []
        for registry in [registry, reborn] {
            for tenant in ["a", "b"] { try registry.register(Body("web", "1", ["tags": #"["a"]"#]), token: tenant) }
        }
        for list in Self.lists where !list.contains("?x=y") {
            tags.append((list, try #require(try registry.send(.get(list).bearing("a"))["ETag"])))
        }
        #expect(Set(tags.map(\.tag)).count == tags.count)
        for (list, tag) in tags {
            #expect(try registry.send(.get(list).bearing("a").ifNoneMatch(tag)).status == 304, "\(list)")
            #expect(try registry.send(.get(list).bearing("b").ifNoneMatch(tag)).status == 200, "\(list)")
            #expect(try reborn.send(.get(list).bearing("a").ifNoneMatch(tag)).status == 200, "\(list)")
            for other in tags where other.list != list {
                #expect(try registry.send(.get(list).bearing("a").ifNoneMatch(other.tag)).status == 200, "\(list) by \(other.list)")
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func `a namespace that was emptied and filled again is another`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        let empty = try #require(try registry.send(.get("/api/v1/services"))["ETag"])
        let id = try registry.register(Body("web", "a"))
        let filled = try #require(try registry.send(.get("/api/v1/services"))["ETag"])
        #expect(try registry.send(.get("/api/v1/services").ifNoneMatch(empty)).status == 200)
        #expect(try registry.send(.remove(id)).status == 200)
        // Nobody is there, as before: the tag of then says so still.
        #expect(try registry.send(.get("/api/v1/services").ifNoneMatch(empty)).status == 304)
        #expect(try registry.send(.get("/api/v1/services").ifNoneMatch(filled)).text == #"{"services":[]}"#)
        try registry.register(Body("db", "b"))
        for tag in [empty, filled] {
            #expect(try registry.send(.get("/api/v1/services").ifNoneMatch(tag)).text == #"{"services":["db"]}"#)
        }
    }

    @Test(arguments: Transport.allCases)
    func `what is no list, or depends on who asks, has no tag`(_ transport: Transport) throws {
        // R319 A list with links carries none.
        // R322 If-None-Match: * is answered 304 where a list would be, also where that would have no tag.
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        let targets: [(String, Int)] = [
            ("/api/v1/instances/\(id)", 200),
            ("/api/v1/instances?x=y", 400), ("/api/v1/instances?status=UP&status=UP", 400), ("/api/v1/instances?fields=x", 400),
            ("/api/v1/services/none", 404), ("/api/v1/nothing", 404), ("/uptime", 200),
        ]
        for (target, status) in targets {
            for request in [TestRequest.get(target), .get(target).ifNoneMatch("*")] {
                let answer = try registry.send(request)
                #expect(answer.status == status && answer["ETag"] == nil, "\(target): \(answer)")
            }
        }
        for target in ["/api/v1/instances?fields=links", "/api/v1/instances?fields=id,links&tags=x"] {
            let (asked, known) = (try registry.send(.get(target)), try registry.send(.get(target).ifNoneMatch("*")))
            #expect(asked.status == 200 && asked["ETag"] == nil, "\(target): \(asked)")
            #expect(known.status == 304 && known["ETag"] == nil && known.body.isEmpty, "\(target): \(known)")
        }
        // R835 … so is If-None-Match: * with another method than GET and HEAD on a path that can be read.
        #expect(try registry.send(TestRequest.register(Body()).ifNoneMatch("*")).status == 412)
        #expect(try registry.send(TestRequest.renew(id).ifNoneMatch("*")).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `links are those of the client that asks`(_ transport: Transport) throws {
        // R111 Location and links are absolute URLs made of the scheme that the client used, Host exactly as it was sent, and the path.
        let registry = try Registry(transport)
        try registry.register(Body())
        for host in ["a:1", "b:2", "a:1"] {
            for query in ["fields=links", "fields=links&service_name=web"] {
                var request = TestRequest.list(query)
                request.host = host
                #expect(try registry.send(request).text.contains("http://\(host)/api"), "\(host)")
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func `a list of old is not shown for a list of now`(_ transport: Transport) throws {
        // R318 A list shows each last_heartbeat as it was at most one second ago; everything else in it is as it is when asked for.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        func shown(_ list: String) throws -> String? {
            let answer = try registry.send(.get(list))
            return try #require(try answer.object()["instances"] as? [[String: Any]]).first?["last_heartbeat"] as? String
        }
        let lists = ["/api/v1/instances", "/api/v1/instances?service_name=web", "/api/v1/services/web"]
        let before = try lists.map(shown)
        registry.clock.advance(milliseconds: 400)
        _ = try registry.send(.renew(id))
        let renewed = try #require(try registry.send(.instance(id)).object()["last_heartbeat"] as? String)
        registry.clock.advance(milliseconds: 600)
        #expect(try lists.map(shown) == [renewed, renewed, renewed])
        #expect(before.allSatisfy { $0 != renewed })
        // Nobody sweeps here: the lists know themselves when a lease in them ends.
        registry.clock.advance(milliseconds: 9_400)
        #expect(try registry.ids("") == [id])
        registry.clock.advance(milliseconds: 1)
        #expect(try registry.ids("") == [])
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":[]}"#)
        #expect(try registry.send(.get("/api/v1/services/web")).status == 404)
    }
}
