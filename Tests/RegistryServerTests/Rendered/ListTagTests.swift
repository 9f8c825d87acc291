// Lists that are asked for again (docs/rest-api.md, R318–R322, R407).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryCore

extension TestRequest {
    fileprivate func ifNoneMatch(_ field: String) -> TestRequest { with("If-None-Match", field) }
}

struct ListTagTests {
    /// Every kind of list that has a tag.
    private static let lists = [
        "/api/v1/instances", "/api/v1/instances?status=ALL", "/api/v1/instances?service_name=web",
        "/api/v1/instances?service_name=none",
        "/api/v1/instances?service_name=web&status=UP", "/api/v1/instances?status=STARTING",
        "/api/v1/instances?status=",
        "/api/v1/instances?tags=a", "/api/v1/instances?fields=id,ttl", "/api/v1/instances?fields=",
        "/api/v1/instances?id=0123456789abcdef",
        "/api/v1/services", "/api/v1/services?x=y", "/api/v1/services/web", "/api/v1/services/w%65b?status=UP",
    ]

    @Test(arguments: Transport.allCases, lists)
    func `a client that has the list gets 304, until it changes`(_ transport: Transport, _ list: String) throws {
        // R319 A list carries a weak ETag, which changes with every registration, removal and expiry in the namespace,
        // or in the one service that is listed, and with no renewal, but one that brings back what a list took for expired. R320 A request for a list whose
        // If-None-Match has the list's tag is answered 304 with the tag and no body.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "600", "tags": #"["a"]"#]))
        let service =
            list.contains("none") ? "none" : list.contains("=web") || list.contains("/w") ? "web" : "db"
        let changes: [(String, (Registry) throws -> Void)] = [
            ("registration", { try $0.register(Body(service, "b", ["ttl": "10"])) }),
            ("another value", { try $0.register(Body(service, "b", ["ttl": "11"])) }),
            ("another status", { try $0.register(Body(service, "b", ["ttl": "10", "status": #""STARTING""#])) }),
            ("another registration", { try $0.register(Body(service, "c")) }),
            ("a removal that undoes it", { _ = try $0.send(.remove(instanceID(service, "http", "c"))) }),
            ("another removal", { _ = try $0.send(.remove(instanceID(service, "http", "b"))) }),
            (
                "a registration like the one before",
                { try $0.register(Body(service, "b", ["ttl": "10", "status": #""STARTING""#])) }
            ),
            (
                "expiry, which undoes it",
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
            // Where what is there is what was there before, a client that has the list of then has the list of now.
            #expect(seen.insert(tag).inserted != what.contains("undoes"), "\(what) gives another tag")
            for field in [tag, String(tag.dropFirst(2)), "\"x\", \(tag)", "*"] {
                let answer = try registry.send(.get(list).ifNoneMatch(field))
                #expect(answer.status == 304 && answer.body.isEmpty && answer["ETag"] == tag, "\(what): \(answer)")
                #expect(
                    answer["Content-Type"] == nil && answer["Vary"] == "Accept-Encoding"
                        && answer["X-Request-Id"] != nil)
            }
            #expect(
                try registry.send(.get(list).with("If-None-Match", tag).with("Accept-Encoding", "gzip")).status == 304)
            for stale in seen where stale != tag {
                #expect(try registry.send(.get(list).ifNoneMatch(stale)).status == 200, "\(what)")
            }
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
        // R321 A tag is good for the list that it came with, on every member and after a restart: no other list,
        // namespace or content has it.
        let configure = { (settings: inout Settings) in settings.authMode = [.trusted] }
        let registry = try Registry(transport, configure)
        // It holds the same, but has not heard it from the first: other registrations.
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
            // What has nothing in it is the same everywhere.
            let status = list.contains("=none") ? 304 : 200
            #expect(try reborn.send(.get(list).bearing("a").ifNoneMatch(tag)).status == status, "\(list)")
            for other in tags where other.list != list {
                #expect(
                    try registry.send(.get(list).bearing("a").ifNoneMatch(other.tag)).status == 200,
                    "\(list) by \(other.list)")
            }
        }
    }

    /// What members of a cluster tell one another, in no order.
    private static func replicate(_ from: Registry, to others: [Registry]) {
        var cursor: CopyCursor? = .start
        while let next = cursor {
            let piece = from.context.registry.store.copy(from: next, limit: 100, at: from.clock.moment)
            for item in piece.items.shuffled() {
                for other in others { _ = other.context.registry.store.merge(item, at: other.clock.moment) }
            }
            cursor = piece.next
        }
    }

    private static func member(_ transport: Transport, _ name: UInt64) throws -> Registry {
        try Registry(transport, store: Store(namespaceCapacity: nil, replicating: MemberID(bits: name)))
    }

    @Test(arguments: Transport.allCases)
    func `members that hold the same take one another's tags, and so does one that was restarted`(
        _ transport: Transport
    ) throws {
        // R321 A tag is good for the list that it came with, on every member and after a restart: no other list,
        // namespace or content has it.
        var members = try (1...3).map { try Self.member(transport, $0) }
        for member in members { member.clock.advance(milliseconds: Int64.random(in: 0...5_000)) }
        let id = try members[0].register(Body("web", "a", ["tags": #"["a"]"#]))
        try members[0].register(Body("db", "b", ["status": #""STARTING""#]))
        Self.replicate(members[0], to: members)
        try members[1].register(Body("web", "c"))
        Self.replicate(members[1], to: members)
        // The third one is started anew, and copies.
        members[2] = try Self.member(transport, 4)
        Self.replicate(members[0], to: [members[2]])
        for list in Self.lists {
            let tag = try #require(try members[0].send(.get(list))["ETag"])
            for poll in 0..<30 {
                let answer = try members[poll % 3].send(.get(list).ifNoneMatch(tag))
                #expect(answer.status == 304 && answer["ETag"] == tag, "\(list), poll \(poll)")
            }
            #expect(try members.map { try $0.send(.get(list))["ETag"] } == [tag, tag, tag], "\(list)")
        }
        // What one has not heard yet makes a difference, and no difference once it has.
        let tag = try #require(try members[0].send(.get("/api/v1/services"))["ETag"])
        #expect(try members[1].send(.remove(id)).status == 200)
        #expect(try members[1].send(.get("/api/v1/services").ifNoneMatch(tag)).status == 200)
        #expect(try members[2].send(.get("/api/v1/services").ifNoneMatch(tag)).status == 304)
        Self.replicate(members[1], to: members)
        #expect(try Set(members.map { try $0.send(.get("/api/v1/services"))["ETag"] }).count == 1)
        #expect(try members[2].send(.get("/api/v1/services").ifNoneMatch(tag)).status == 200)
    }

    @Test(
        arguments: Transport.allCases,
        [
            "/api/v1/instances?status=ALL", "/api/v1/instances?service_name=web", "/api/v1/services/web",
            "/api/v1/instances?tags=a", "/api/v1/services", "/api/v1/instances?fields=id&status=ALL",
        ])
    func `a list without what is overdue has a tag of its own, good once that is swept and no more when it lives on`(
        _ transport: Transport, _ list: String
    ) throws {
        // R319 A list carries a weak ETag, which changes with every registration, removal and expiry in the namespace
        // and with no renewal, but one that brings back what a list took for expired.
        for isRevived in [false, true] {
            let registry = try Self.member(transport, 1)
            try registry.register(Body("web", "a", ["ttl": "600", "tags": #"["a"]"#]))
            let id = try registry.register(
                Body(list == "/api/v1/services" ? "db" : "web", "b", ["ttl": "10", "tags": #"["a"]"#]))
            let whole = try registry.send(.get(list))
            registry.clock.advance(milliseconds: 10_001)
            // Nobody has swept it yet.
            let without = try registry.send(.get(list))
            let tag = try #require(without["ETag"])
            #expect(tag != whole["ETag"] && !without.text.contains(id), "\(list): \(without)")
            #expect(try registry.send(.get(list).ifNoneMatch(tag)).status == 304, "\(list)")
            if isRevived {
                let instanceID = try #require(InstanceID(Array(id.utf8)[...]))
                let store = registry.context.registry.store
                let version = try #require(
                    store.stateForPeers(of: instanceID, in: Namespace("default"), at: registry.clock.moment)
                )
                .replica.version
                let heard = Replica.renewed(instanceID, version, Heartbeat(age: 5, wall: 7))
                _ = store.merge(
                    Replicated(namespace: Namespace("default"), replica: heard), at: registry.clock.moment)
                let answer = try registry.send(.get(list).ifNoneMatch(tag))
                #expect(answer.status == 200 && answer["ETag"] == whole["ETag"], "\(list): \(answer)")
            } else {
                registry.clock.advance(milliseconds: 100)
                registry.sweep()
                let answer = try registry.send(.get(list).ifNoneMatch(tag))
                #expect(answer.status == 304, "\(list): \(answer)")
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
        // R319 A list with links carries none. R322 If-None-Match: * is answered 304 where a list would be, without a
        // tag where that would have none, and nothing is rendered for it.
        let registry = try Registry(transport)
        let id = try registry.register(Body())
        let targets: [(String, Int)] = [
            ("/api/v1/instances/\(id)", 200),
            ("/api/v1/instances?x=y", 400), ("/api/v1/instances?status=UP&status=UP", 400),
            ("/api/v1/instances?fields=x", 400),
            ("/api/v1/nothing", 404), ("/uptime", 200),
        ]
        for (target, status) in targets {
            for request in [TestRequest.get(target), .get(target).ifNoneMatch("*")] {
                let answer = try registry.send(request)
                #expect(answer.status == status && answer["ETag"] == nil, "\(target): \(answer)")
            }
        }
        // R322 It is judged before anything is rendered.
        let rendered = registry.context.loopMetrics[0].rendered
        for target in Self.lists {
            let misses = rendered.missCount
            let known = try registry.send(.get(target).ifNoneMatch("*"))
            #expect(known.status == 304 || target.contains("services/w"), "\(target): \(known)")
            #expect(rendered.missCount == misses && rendered.hitCount == 0, "\(target)")
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
        // R111 Location and links are absolute URLs made of the scheme that the client used, Host exactly as it was
        // sent, and the path.
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
        // R318 A list shows each last_heartbeat as it was at most one second ago; everything else in it is as it is
        // when asked for.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        func shown(_ list: String) throws -> String? {
            let answer = try registry.send(.get(list))
            return try #require(try answer.object()["instances"] as? [[String: Any]]).first?["last_heartbeat"]
                as? String
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
