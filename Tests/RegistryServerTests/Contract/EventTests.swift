// What happened to a tenant's instances (docs/rest-api.md, R640–R645).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import Serving

struct EventTests {
    private static let path = "/api/v1/events"

    private struct Page {
        let next: Int
        let missed: Bool
        let events: [[String: Any]]

        init(_ answer: Answer) throws {
            try #require(answer.status == 200, "\(answer)")
            let object = try answer.object()
            #expect(Set(object.keys) == ["next", "missed", "events"] && answer["Content-Type"] == "application/json")
            next = try #require(object["next"] as? Int)
            missed = try #require(object["missed"] as? Bool)
            events = try #require(object["events"] as? [[String: Any]])
        }

        func strings(_ key: String) -> [String?] { events.map { $0[key] as? String } }
    }

    @Test(arguments: Transport.allCases)
    func `a life is told from registration to its end`(_ transport: Transport) throws {
        // R640 GET /api/v1/events answers {"next":…,"missed":…,"events":[…]} …
        // R643 An event has index, time, kind, id, service_name and endpoint …
        let registry = try Registry(transport)
        let body = Body("web", "10.0.0.1:80", ["ttl": "10"])
        let id = try registry.register(Body("web", "10.0.0.1:80", ["ttl": "10", "status": #""STARTING""#]))
        registry.clock.advance(milliseconds: 1_000)
        try registry.register(body)
        registry.clock.advance(milliseconds: 1_000)
        try registry.register(body)
        #expect(try registry.send(.renew(id)).status == 200)
        registry.clock.advance(milliseconds: 10_100)
        registry.sweep()
        try registry.register(body)
        #expect(try registry.send(.remove(id)).status == 200)
        #expect(try registry.send(.remove(id)).status == 410)
        let page = try Page(try registry.send(.get(Self.path)))
        #expect(
            page.strings("kind") == ["registered", "updated", "refreshed", "expired", "registered", "deregistered"])
        #expect(page.strings("previous_status") == [nil, "STARTING", "UP", "UP", nil, "UP"])
        #expect(page.strings("status") == ["STARTING", "UP", "UP", nil, "UP", nil])
        let times = page.strings("time").compactMap { $0 }
        for (time, second) in zip(times, ["00.123", "01.123", "02.123", "12.223", "12.223", "12.223"]) {
            #expect(time.wholeMatch(of: /2026-01-01T00:00:(\d\d\.\d{3})\d{3}Z/)?.1 == second[...], "\(times)")
        }
        #expect(page.events.allSatisfy { $0["id"] as? String == id && $0["service_name"] as? String == "web" })
        #expect(
            page.events.allSatisfy { $0["endpoint"] as? [String: String] == ["type": "http", "value": "10.0.0.1:80"] })
        #expect(
            page.events.allSatisfy { ($0["member"] == nil) == (transport != .stored) },
            "a registry that is alone names no member")
        let client = "127.0.0.1"
        #expect(page.strings("client") == [client, client, client, nil, client, client], "nobody asks for an expiry")
        let indexes = page.events.compactMap { $0["index"] as? Int }
        #expect(indexes == indexes.sorted() && Set(indexes).count == 6 && indexes.last == page.next && !page.missed)
        #expect(indexes[1] / 1_000 == 1_767_225_601_123, "the microseconds of the change")
    }

    @Test(arguments: Transport.allCases)
    func `a member of a cluster names who took a change`(_ transport: Transport) throws {
        let registry = try Registry(transport, store: Store(namespaceCapacity: nil, replicating: MemberID(bits: 0xAB)))
        try registry.register(Body())
        #expect(try Page(try registry.send(.get(Self.path))).strings("member") == ["00000000000000ab"])
    }

    @Test(arguments: Transport.allCases)
    func `pages follow one another without a gap`(_ transport: Transport) throws {
        // R641 since=N lists the events after the index N … without it the newest are listed.
        // R642 limit=N is how many at most, 100 unless it is given.
        // R644 … next is what to ask with for what comes next.
        let registry = try Registry(transport)
        let ids = try (0..<120).map { try registry.register(Body("web", "\($0)")) }
        #expect(try Page(try registry.send(.get(Self.path))).strings("id") == ids.suffix(100))
        #expect(try Page(try registry.send(.get("\(Self.path)?limit=2"))).strings("id") == ids.suffix(2))
        var (seen, since): ([String?], Int) = ([], 0)
        while seen.count < 200 {
            let page = try Page(try registry.send(.get("\(Self.path)?since=\(since)&limit=50")))
            guard !page.events.isEmpty else { break }
            seen += page.strings("id")
            since = page.next
        }
        #expect(seen == ids)
        let end = try Page(try registry.send(.get("\(Self.path)?since=\(since)")))
        #expect(end.events.isEmpty && end.next == since && !end.missed)
        #expect(try registry.send(TestRequest("HEAD", Self.path)).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `a page that would hold its loop to be compressed is sent as it is`(_ transport: Transport) throws {
        // R117 A body … is sent with gzip …; a shorter one never is, nor one of more than 256 KiB that is no list.
        let registry = try Registry(transport)
        // Each of these characters takes six bytes in JSON.
        let long = String(repeating: "\u{1}", count: 120)
        for number in 0..<320 { try registry.register(Body("web", "\(long)\(number)")) }
        func page(_ limit: Int) throws -> Answer {
            try registry.send(TestRequest.get("\(Self.path)?limit=\(limit)").with("Accept-Encoding", "gzip"))
        }
        let large = try page(320)
        #expect(large.body.count > 256 << 10 && large["Content-Encoding"] == nil)
        #expect(try page(100)["Content-Encoding"] == "gzip")
    }

    @Test(arguments: Transport.allCases)
    func `what is kept no more is said to be missing`(_ transport: Transport) throws {
        // R645 missed is true when events after since are kept no more, or were before the registry's start.
        let store = Store(
            namespaceCapacity: nil,
            changes: ChangeLogLimits(bytes: 1 << 20, isFollowed: false, start: TestClock.start / 1_000))
        let registry = try Registry(transport, store: store)
        #expect(try Page(try registry.send(.get("\(Self.path)?since=5"))).missed)
        let start = try Page(try registry.send(.get(Self.path))).next
        registry.clock.advance(milliseconds: 1)
        try registry.register(Body())
        let page = try Page(try registry.send(.get("\(Self.path)?since=\(start)")))
        #expect(!page.missed && page.events.count == 1)
        #expect(try Page(try registry.send(.get("\(Self.path)?since=\(start - 1)"))).missed)
    }

    @Test(arguments: Transport.allCases)
    func `a tenant sees its own events`(_ transport: Transport) throws {
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        try registry.register(Body("a", "1"), token: "a")
        try registry.register(Body("b", "1"), token: "b")
        for tenant in ["a", "b"] {
            #expect(try Page(try registry.send(.get(Self.path).bearing(tenant))).strings("service_name") == [tenant])
        }
        #expect(try Page(try registry.send(.get(Self.path).bearing("c"))).events.isEmpty)
        #expect(try registry.send(.get(Self.path)).status == 401)
    }

    @Test(arguments: [
        "since=", "since=-1", "since=+1", "since=1.5", "since=x", "since=9007199254740992",
        "since=99999999999999999999", "limit=",
        "limit=0",
        "limit=1001", "limit=-5", "limit=1e2", "since=1&since=2", "id=x", "x", "since=%zz",
    ])
    func `a query that cannot be meant is refused`(_ query: String) throws {
        // R641 … a whole number below 2^53; anything else is answered 400.
        // R642 … Another parameter, or one given twice, is answered 400.
        for transport in Transport.allCases {
            let answer = try Registry(transport).send(.get("\(Self.path)?\(query)"))
            #expect(answer.status == 400, "\(answer)")
        }
    }

    @Test func `the largest numbers are taken`() throws {
        let registry = try Registry(.router)
        try registry.register(Body())
        #expect(
            try Page(try registry.send(.get("\(Self.path)?since=9007199254740991&limit=1000"))).next
                == 9_007_199_254_740_991)
        #expect(try Page(try registry.send(.get("\(Self.path)?since=0&limit=1"))).events.count == 1)
    }
}
