// Streams of what changes (docs/watch.md, W201–W210), over real sockets and on real clocks.

import Catalog
import Foundation
import HTTP
import Libevent
import System
import TestRandom
import TestSupport
import TestTime
import Testing
import Time

@testable import Amalgam8
@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

/// An event as a client reads it.
private struct Event {
    var name = ""
    var id: String?
    var retry: String?
    var data: [String: Any] = [:]

    var ids: [String] { ((data["instances"] as? [[String: Any]]) ?? []).compactMap { $0["id"] as? String } }
    var instanceID: String? { data["id"] as? String }
}

/// A client that watches, and what it knows by the events alone.
private final class Watcher {
    let connection: ClientConnection
    let head: String
    private(set) var instances: [String: [String: Any]] = [:]
    private(set) var lastID: String?
    private(set) var retry: String?

    init(_ scene: WatchScene, _ query: String = "", _ headers: [(String, String)] = [], knowing: Watcher? = nil) throws
    {
        var request = TestRequest.get("/api/v1/watch\(query)")
        for (name, value) in headers { request = request.with(name, value) }
        if let id = knowing?.lastID { request = request.with("Last-Event-ID", id) }
        instances = knowing?.instances ?? [:]
        lastID = knowing?.lastID
        connection = try scene.send(request)
        head = String(decoding: try connection.bytes(until: "\r\n\r\n", of: "the head"), as: UTF8.self)
    }

    /// The next event, applied.
    @discardableResult
    func next() throws -> Event {
        let bytes = try connection.bytes(until: "\n\n", of: "the stream")
        var event = Event()
        // Lines of chunks end in CRLF, those of events in LF.
        for line in bytes.split(separator: 0x0A) where line.last != 0x0D {
            let line = String(decoding: line, as: UTF8.self)
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            let value = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            switch parts.first {
            case "event": event.name = value
            case "id": event.id = value
            case "retry": event.retry = value
            case "data":
                event.data = try #require(try JSONSerialization.jsonObject(with: Data(value.utf8)) as? [String: Any])
            default: #expect(line == ":", "\(line)")
            }
        }
        apply(event)
        return event
    }

    private func apply(_ event: Event) {
        if let id = event.id { lastID = id }
        if let time = event.retry { retry = time }
        switch event.name {
        case "snapshot":
            instances = [:]
            for instance in (event.data["instances"] as? [[String: Any]]) ?? [] {
                if let id = instance["id"] as? String { instances[id] = instance }
            }
        case "put": if let id = event.instanceID { instances[id] = event.data }
        case "gone": if let id = event.instanceID { instances[id] = nil }
        default: Issue.record("an event without a name")
        }
    }

    /// What it knows, to be compared with `listed`.
    var known: String { text(Array(instances.values)) }

    func awaitKnowing(_ expected: () throws -> String, _ what: String) throws {
        let deadline = Deadline()
        while try known != expected() {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: what) }
            try next()
        }
    }
}

private func text(_ instances: [[String: Any]]) -> String {
    let sorted = instances.sorted { ($0["id"] as? String ?? "") < ($1["id"] as? String ?? "") }.map {
        var instance = $0
        instance["last_heartbeat"] = nil
        return instance
    }
    let json = try? JSONSerialization.data(withJSONObject: sorted, options: [.sortedKeys])
    return String(decoding: json ?? Data(), as: UTF8.self)
}

extension WatchScene {
    /// What a GET lists with the same filters.
    fileprivate func listed(_ query: String) throws -> String {
        text(try ask(.get("/api/v1/instances\(query)")).instances())
    }
}

struct WatchTests {
    @Test func `a stream begins with all there is, and tells what comes and goes`() throws {
        // W201 GET /api/v1/watch answers 200 with text/event-stream, Cache-Control: no-store, in chunks and never
        // compressed.
        let scene = try WatchScene()
        let first = try scene.register(Body("web", "1", ["metadata": "{\"a\":\n1}", "tags": #"["t"]"#]))
        let watcher = try Watcher(scene, "", [("Accept-Encoding", "gzip")])
        #expect(watcher.head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        for field in ["Content-Type: text/event-stream", "Cache-Control: no-store", "Transfer-Encoding: chunked"] {
            #expect(watcher.head.contains("\r\n\(field)\r\n"), "\(field)")
        }
        #expect(!watcher.head.contains("Content-Encoding") && !watcher.head.contains("ETag"))
        // W203 The first event is snapshot, {"instances":[…]}: what the list of the same filters has.
        let snapshot = try watcher.next()
        #expect(snapshot.name == "snapshot")
        #expect(snapshot.ids == [first])
        #expect(watcher.known == (try scene.listed("")))
        // W202 With the first event comes retry, 2,000 to 4,000 milliseconds at random.
        #expect((2_000...4_000).contains(try #require(Int(watcher.retry ?? ""))))
        // W204 put has an instance that was registered or has changed, as a whole but for last_heartbeat, links and
        // overdue …
        let second = try scene.register(Body("web", "2"))
        let put = try watcher.next()
        #expect(put.name == "put" && put.instanceID == second)
        #expect(put.data["last_heartbeat"] == nil && put.data["ttl"] != nil)
        #expect(put.retry == nil)
        // … gone has {"id","service_name","reason"}: removed, expired or filtered. … A heartbeat makes no event.
        #expect(try scene.ask(.renew(second)).status == 200)
        #expect(try scene.ask(.remove(second)).status == 200)
        let gone = try watcher.next()
        #expect(gone.name == "gone")
        #expect(gone.data as? [String: String] == ["id": second, "service_name": "web", "reason": "removed"])
        let registry = scene.context.registry
        let now = registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
        let late = Moment(monotonic: now.monotonic, lease: now.lease + 3_600_000, wall: now.wall)
        #expect(registry.store.expire(at: late, budget: 10).expired == 1)
        let expired = try watcher.next()
        #expect(expired.data as? [String: String] == ["id": first, "service_name": "web", "reason": "expired"])
    }

    @Test func `a stream has the filters of a list`() throws {
        // W201 … Its filters are those of a list, service_name, status, tags and id (R302–R309); another parameter,
        // fields too, is answered 400.
        let scene = try WatchScene()
        for query in ["?fields=id", "?x=y", "?status=UP&status=UP", "?since=1&since=2", "?tags=%zz"] {
            #expect(try scene.ask(.get("/api/v1/watch\(query)")).status == 400, "\(query)")
        }
        let id = try scene.register(Body("web", "1"))
        let up = try Watcher(scene)
        let service = try Watcher(scene, "?service_name=web")
        let other = try Watcher(scene, "?service_name=other")
        let single = try Watcher(scene, "?id=\(id)")
        for watcher in [up, service, other, single] { #expect(try watcher.next().name == "snapshot") }
        try scene.register(Body("stranger", "1"))
        try scene.register(Body("web", "1", ["status": #""STARTING""#]))
        // W204 … An instance that leaves the filter is gone with filtered.
        #expect(try up.next().data["service_name"] as? String == "stranger")
        let filtered = try up.next()
        #expect(filtered.name == "gone" && filtered.data["reason"] as? String == "filtered")
        // Others are told nothing of strangers.
        for watcher in [service, single] { #expect(try watcher.next().data["status"] as? String == "STARTING") }
        try scene.register(Body("other", "1"))
        #expect(try other.next().data["service_name"] as? String == "other")
    }

    @Test func `a client goes on where it was, on this member or another`() throws {
        // W206 With Last-Event-ID, or since=ID, a client is told only what came later …
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let watcher = try Watcher(scene)
        try watcher.next()
        try scene.register(Body("web", "2"))
        let id = try #require(try watcher.next().id)
        watcher.connection.reset()
        try scene.register(Body("web", "3"))
        let back = try Watcher(scene, knowing: watcher)
        #expect(try back.next().name == "put")
        #expect(back.known == (try scene.listed("")))
        #expect(
            try Watcher(scene, "?since=\(id)").next().data["endpoint"] as? [String: String] == [
                "type": "http", "value": "3",
            ])
        // … on another member, or after a restart, where what is registered is as it was when the client saw the event …
        let other = try WatchScene(store: scene.context.registry.store)
        let moved = try Watcher(other, knowing: back)
        try other.register(Body("web", "4"))
        #expect(try moved.next().name == "put")
        #expect(moved.known == (try scene.listed("")))
        // … and else is told all there is: a snapshot.
        #expect(try Watcher(other, knowing: back).next().name == "snapshot")
        #expect(try Watcher(scene, "?since=nonsense").next().name == "snapshot")
        #expect(try Watcher(scene, "?service_name=web&since=\(id)").next().name == "snapshot")
    }

    @Test func `who has missed too much is told all there is`() throws {
        // W206 … So is one that has missed more than 1,000 changes, or more than the change log has.
        let scene = try WatchScene()
        let watcher = try Watcher(scene)
        try watcher.next()
        for number in 0..<1_001 { try scene.change("web", number % 7, ["ttl": "\(10 + number)"]) }
        let back = try Watcher(scene, knowing: watcher)
        #expect(try back.next().name == "snapshot")
        #expect(back.known == (try scene.listed("")))
        let logless = try WatchScene { $0.changeLog = 0 }
        let blind = try Watcher(logless)
        try blind.next()
        try logless.register(Body("web", "1"))
        #expect(try blind.next().name == "snapshot")
        #expect(blind.known == (try logless.listed("")))
    }

    @Test func `the id stands on the last event of a delivery`() throws {
        // W205 Changes that come together are one delivery, and the last of their events has the id …
        var writer = EventWriter()
        let id = EventID(scope: 1, epoch: 2, index: 3, digest: 4)
        writer.appendGone(.digest(1), Name("a"), "removed")
        writer.appendGone(.digest(2), Name("a"), "expired")
        writer.identify(id)
        #expect(
            String(decoding: writer.bytes, as: UTF8.self) == """
                event: gone
                data: {"id":"0000000000000001","service_name":"a","reason":"removed"}

                id: \(id.text)
                event: gone
                data: {"id":"0000000000000002","service_name":"a","reason":"expired"}


                """)
        #expect(EventID(id.text) == id)
        for text in ["", "1.2", "1.2.3.4", "1.2.x", "-1.2.3", "1..3"] { #expect(EventID(text) == nil, "\(text)") }
        #expect(EventID(scope: 9, epoch: 2, index: 3, digest: 4).run != id.run)
        #expect(EventID(scope: 9, epoch: 2, index: 3, digest: 4).state != id.state)
        var empty = EventWriter()
        empty.identify(id)
        #expect(empty.bytes.isEmpty)
    }

    @Test func `a stream without news is kept alive by a comment`() throws {
        // W208 A client that is told nothing for 15 seconds, and up to half a second more, is sent a comment, a colon
        // and a line's end, and no empty line.
        let scene = try WatchScene()
        let watcher = try Watcher(scene)
        try watcher.next()
        let bytes = try watcher.connection.bytes(until: "\r\n:\n", of: "a comment")
        #expect(!String(decoding: bytes, as: UTF8.self).contains("event"))
        try scene.register(Body("web", "1"))
        #expect(try watcher.next().name == "put")
    }

    @Test func `a stop ends a stream, and so does the client's end`() throws {
        // W209 A stream ends when the registry stops, when the client's credential runs out (exp), and when the client
        // ends its sending. …
        let scene = try WatchScene()
        let watchers = try (0..<3).map { _ in try Watcher(scene) }
        for watcher in watchers { try watcher.next() }
        try scene.awaitHeld(3)
        watchers[0].connection.reset()
        watchers[1].connection.endSending()
        try scene.awaitHeld(1)
        scene.server.drain()
        let rest = String(decoding: try watchers[2].connection.bytesUntilClosed(after: "the stop"), as: UTF8.self)
        #expect(rest.hasSuffix("0\r\n\r\n"), "\(rest)")
        try scene.awaitHeld(0)
    }

    @Test func `a stream of HTTP 1.0 is not in chunks`() throws {
        let scene = try WatchScene()
        let client = try ClientConnection(port: scene.server.port)
        try client.send(Array("GET /api/v1/watch HTTP/1.0\r\n\r\n".utf8))
        let text = String(decoding: try client.bytes(until: "\n\n", of: "the stream"), as: UTF8.self)
        #expect(!text.contains("chunked") && text.hasSuffix("event: snapshot\ndata: {\"instances\":[]}\n\n"), "\(text)")
        scene.server.drain()
        #expect(try client.bytesUntilClosed(after: "the stop").isEmpty)
    }

    @Test func `a stream ends with its credential`() throws {
        // W209 … when the client's credential runs out (exp) …
        let scene = try WatchScene {
            $0.authMode = [.jwt]
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
        }
        let expires = WallClock.seconds() + 2
        let token = Forge.token(claims: #"{"namespace":"a","exp":\#(expires - 60)}"#)
        let watcher = try Watcher(scene, "", [("Authorization", "Bearer \(token)")])
        try watcher.next()
        _ = try watcher.connection.bytes(until: "0\r\n\r\n", of: "the end of the stream")
        #expect(WallClock.seconds() >= expires)
        try scene.awaitHeld(0)
    }

    @Test func `a member that is not ready streams nothing, and MAX_WATCHES counts streams`() throws {
        // W209 … A member that is not ready answers 503 before a stream, R620.
        let registry = try Registry(.router, cluster: ReportingCluster(hasCopy: false))
        #expect(try registry.send(.get("/api/v1/watch")).status == 503)
        // W210 One stream more than MAX_WATCHES allows is answered 429 with Retry-After: 5.
        let scene = try WatchScene(capacity: 0) { $0.maxWatches = 1 }
        let watcher = try Watcher(scene)
        try watcher.next()
        let refused = try scene.ask(.get("/api/v1/watch"))
        #expect(refused.status == 429)
        #expect(refused["Retry-After"] == "5")
        try scene.register(Body("web", "1"))
        #expect(try watcher.next().name == "put")
    }

    @Test func `a client that reads slowly is told less, and misses nothing`() throws {
        // W207 A client that reads slowly is told fewer and newer events: what has changed twice meanwhile it is told
        // once. At most 64 KiB and one delivery wait for it …
        let scene = try WatchScene()
        let watcher = try Watcher(scene)
        let padding = String(repeating: "x", count: 900)
        let last = 100
        for round in 0...last {
            for number in 0..<90 { try scene.change("web", number, ["metadata": "\"\(padding)\(round)\""]) }
            let end = MonotonicClock.now() + .milliseconds(20)
            while MonotonicClock.now() < end {}
        }
        // More than the kernel takes for a client that does not read.
        func knowsAll() -> Bool {
            watcher.instances.count == 90
                && watcher.instances.values.allSatisfy { ($0["metadata"] as? String)?.hasSuffix("x\(last)") ?? false }
        }
        while !knowsAll() { try watcher.next() }
        #expect(watcher.known == (try scene.listed("")))
    }

    @Test(arguments: 0..<6)
    func `who applies the events has what a list has`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let scene = try WatchScene()
        let queries = ["", "?service_name=a", "?status=ALL", "?tags=x", "?service_name=b&status=STARTING"]
        var watchers = try queries.map { try Watcher(scene, $0) }
        for _ in 0..<12 {
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let service = ["a", "b", "c"].randomElement(using: &random) ?? "a"
                let number = Int.random(in: 0..<6, using: &random)
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<3: try scene.remove(service, number)
                case 3:
                    _ = try scene.ask(
                        TestRequest(
                            "PUT",
                            "/api/v1/instances/\(instanceID(service, "http", "\(number)"))/status?value=OUT_OF_SERVICE")
                    )
                case 4:
                    _ = try scene.ask(
                        TestRequest("DELETE", "/api/v1/instances/\(instanceID(service, "http", "\(number)"))/status"))
                default:
                    let status = ["UP", "STARTING"].randomElement(using: &random) ?? "UP"
                    let tags = Bool.random(using: &random) ? #"["x"]"# : #"["y"]"#
                    try scene.change(
                        service, number,
                        [
                            "status": Body.quoted(status), "tags": tags,
                            "metadata": "\(Int.random(in: 0...3, using: &random))",
                        ])
                }
            }
            for (place, query) in queries.enumerated() {
                if Int.random(in: 0..<4, using: &random) == 0 {
                    watchers[place].connection.reset()
                    watchers[place] = try Watcher(scene, query, knowing: watchers[place])
                }
                try watchers[place].awaitKnowing({ try scene.listed(query) }, "\(query), seed \(seed)")
            }
        }
    }
}

extension WatchScene {
    /// Registers without a request, as another member's change would come.
    fileprivate func change(_ service: String, _ number: Int, _ rest: KeyValuePairs<String, String> = [:]) throws {
        let registry = context.registry
        let moment = registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
        let instance = try Registration(json: Array(Body(service, "\(number)", rest).text.utf8)).instance(
            policy: registry.leasePolicy, at: moment)
        _ = registry.store.register(instance, in: Namespace("default"), at: moment)
    }

    fileprivate func remove(_ service: String, _ number: Int) throws {
        let registry = context.registry
        let moment = registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
        let id = try #require(InstanceID(Array(instanceID(service, "http", "\(number)").utf8)[...]))
        _ = registry.store.deregister(id, in: Namespace("default"), at: moment)
    }
}
