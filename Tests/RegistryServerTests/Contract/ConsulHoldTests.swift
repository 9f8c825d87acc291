// Queries of Consul's clients that wait for a change (docs/consul.md, C410–C415), over real sockets and on real clocks.

import Catalog
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Configuration
@testable import Consul
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

extension WatchScene {
    /// The index of what there is now.
    fileprivate func index(_ path: String) throws -> UInt64 {
        let answer = try ask(.get("/v1" + path))
        try #require(answer.status == 200, "\(answer.text)")
        return try #require(answer.consulIndex)
    }

    /// A client whose query is held.
    fileprivate func hold(_ path: String, _ index: UInt64, wait: String? = nil) throws -> ClientConnection {
        let held = context.watches.count
        let client = try send(.get(Self.target(path, index, wait)))
        try awaitHeld(held + 1)
        return client
    }

    fileprivate static func target(_ path: String, _ index: UInt64, _ wait: String? = nil) -> String {
        "/v1\(path)?index=\(index)" + (wait.map { "&wait=\($0)" } ?? "")
    }
}

struct ConsulHoldTests {
    private static let paths = [
        "/catalog/services", "/catalog/service/web", "/health/service/web", "/health/checks/web", "/health/state/any",
    ]

    @Test(arguments: paths)
    func `a query is held while its index is the list's, and answered when that changes`(_ path: String) throws {
        // C410 With the list's present index the answer is held: until the list has another index, then it is 200 with
        // the list and its index.
        let scene = try WatchScene()
        // C410 … also of what there is not yet.
        let absent = try scene.index(path)
        #expect(absent == 1)
        let first = try scene.hold(path, absent)
        try scene.register(Body("web", "10.0.0.1:1"))
        let appeared = try first.answer(to: "a query for what is not there")
        #expect(appeared.status == 200 && appeared.text.contains("web"))
        let index = try scene.index(path)
        #expect(appeared.consulIndex == index && index > absent)
        let second = try scene.hold(path, index, wait: "9m")
        try scene.register(Body("web", "10.0.0.1:2", ["tags": #"["new"]"#]))
        let changed = try second.answer(to: "a held query")
        #expect(changed.status == 200 && changed.text.contains("new"))
        #expect(changed.consulIndex ?? 0 > index)
        #expect(changed["X-Consul-KnownLeader"] == "true" && changed["Content-Type"] == "application/json")
        try scene.awaitHeld(0)
        // The connection serves on.
        try second.send(TestRequest.get("/v1\(path)").bytes)
        #expect(try second.answer(to: "the next request").body == changed.body)
    }

    @Test func `strangers and heartbeats end no wait`() throws {
        // C411 Nothing else ends a wait: no heartbeat, no other service, and for catalog/services no instance that
        // brings no name and no tag.
        let scene = try WatchScene()
        let id = try scene.register(Body("web", "10.0.0.1:1", ["tags": #"["v1"]"#]))
        let other = try scene.register(Body("other", "10.0.0.1:1", ["tags": #"["v1"]"#]))
        let health = try scene.hold("/health/service/web", try scene.index("/health/service/web"))
        let services = try scene.hold("/catalog/services", try scene.index("/catalog/services"))
        for _ in 0..<3 { #expect(try scene.ask(.renew(id)).status == 200) }
        try scene.register(Body("other", "10.0.0.1:2", ["tags": #"["v1"]"#]))
        #expect(try scene.ask(.remove(other)).status == 200)
        // What the loop looks for in between has been there for all of them.
        let state = try scene.index("/health/state/any")
        let everything = try scene.hold("/health/state/any", state)
        try scene.register(Body("other", "10.0.0.1:3"))
        #expect(try everything.answer(to: "a query of everything").consulIndex ?? 0 > state)
        try scene.awaitHeld(2)
        #expect(try scene.ask(.remove(id)).status == 200)
        let gone = try health.answer(to: "the service to go")
        #expect(gone.status == 200 && gone.text == "[]")
        #expect(gone.consulIndex == (try scene.index("/health/service/web")))
        #expect(try services.answer(to: "its name to go").text == #"{"other":["v1"]}"#)
    }

    @Test(arguments: paths)
    func `a wait that is over is answered by the list and the same index`(_ path: String) throws {
        // C410 … or until wait is over, then it is 200 with the list and the same index.
        let scene = try WatchScene()
        try scene.register(Body("web", "10.0.0.1:1"))
        let plain = try scene.ask(.get("/v1" + path))
        let index = try #require(plain.consulIndex)
        let began = MonotonicClock.now()
        let answer = try scene.ask(.get(WatchScene.target(path, index, "50ms")))
        #expect(answer.status == 200 && answer.consulIndex == index && answer.body == plain.body)
        #expect(MonotonicClock.now() - began >= .milliseconds(50))
    }

    @Test(arguments: paths)
    func `who has no index, or an older one, is answered at once`(_ path: String) throws {
        // C412 Without index, with 0, and with a lower one than the list's, the answer comes at once.
        let scene = try WatchScene()
        try scene.register(Body("web", "10.0.0.1:1"))
        let index = try scene.index(path)
        for query in ["wait=5m", "index=0&wait=5m", "index=&wait=5m", "index=\(index - 1)&wait=5m", "index=1"] {
            let answer = try scene.ask(.get("/v1\(path)?\(query)"))
            #expect(answer.status == 200 && answer.consulIndex == index, "\(query)")
        }
        #expect(scene.context.watches.refused == 0 && scene.context.watches.count == 0)
    }

    @Test func `an index from a member that is ahead is waited for, but not for long`() throws {
        // C413 With a higher one the answer is held for 2 s at most, for this member to catch up with the one that gave
        // it, and then comes with the list's own.
        let scene = try WatchScene()
        try scene.register(Body("web", "10.0.0.1:1"))
        let path = "/health/service/web"
        let index = try scene.index(path)
        let began = MonotonicClock.now()
        let answer = try scene.ask(.get(WatchScene.target(path, index + 60_000_000_000, "5m")))
        #expect(answer.status == 200 && answer.consulIndex == index)
        #expect(MonotonicClock.now() - began >= ConsulHold.catchingUp)
        // A shorter wait is not made longer.
        _ = try scene.ask(.get(WatchScene.target(path, index + 60_000_000_000, "10ms")))
        // It catches up, and goes beyond.
        let client = try scene.hold(path, index + 1, wait: "5m")
        try scene.register(Body("web", "10.0.0.1:2"))
        let caughtUp = try client.answer(to: "a query that was ahead")
        #expect(caughtUp.consulIndex ?? 0 > index + 1 && caughtUp.text.contains("10.0.0.1:2"))
    }

    @Test func `a wait is a span of time`() throws {
        // C414 wait is a span of time such as 10s or 5m: 5 minutes where it is absent or 0 … Anything else is answered
        // 400.
        #expect(try ConsulQuery(Array("index=1".utf8)[...], datacenter: "dc1").wait == .seconds(300))
        #expect(try ConsulQuery(Array("index=1&wait=0s".utf8)[...], datacenter: "dc1").wait == .seconds(300))
        #expect(try ConsulQuery(Array("index=1&wait=".utf8)[...], datacenter: "dc1").wait == .seconds(300))
        #expect(try ConsulQuery(Array("index=1&wait=1m30s".utf8)[...], datacenter: "dc1").wait == .seconds(90))
        #expect(try ConsulQuery(Array("index=1&wait=99h".utf8)[...], datacenter: "dc1").wait == .seconds(600))
        let scene = try WatchScene()
        for wait in ["10", "x", "-1s", "5m5"] {
            let answer = try scene.ask(.get("/v1/health/service/web?index=1&wait=\(wait)"))
            #expect(answer.status == 400 && answer.text.hasPrefix("wait must be"), "\(wait)")
        }
    }

    @Test func `more than may be are refused, and a client that goes frees its place`() throws {
        // C415 They count in MAX_WATCHES; one more is answered 429 with Retry-After (W106).
        let scene = try WatchScene { $0.maxWatches = 1 }
        do {
            let client = try scene.hold("/health/service/web", 1)
            let refused = try scene.ask(.get("/v1/health/service/web?index=1"))
            #expect(refused.status == 429 && refused["Retry-After"] == "5")
            #expect(refused["Content-Type"] == "text/plain; charset=utf-8" && refused.text.contains("MAX_WATCHES"))
            #expect(try scene.ask(.get("/v1/health/service/web")).status == 200)
            withExtendedLifetime(client) {}
        }
        try scene.awaitHeld(0)
        let next = try scene.hold("/catalog/services", 1)
        try scene.register(Body("web", "10.0.0.1:1"))
        #expect(try next.answer(to: "the next one").text == #"{"web":[]}"#)
    }

    @Test func `all who wait for a list get it from one rendering`() throws {
        // C416 All who wait for the same list get the same bytes, rendered once.
        let scene = try WatchScene()
        let path = "/health/service/web"
        let clients = try (0..<10).map { _ in try scene.hold(path, 1) }
        let before = scene.context.loopMetrics[0].rendered.missCount
        try scene.register(Body("web", "10.0.0.1:1"))
        let answers = try clients.map { try $0.answer(to: "one of many queries") }
        #expect(Set(answers.map(\.body)).count == 1 && Set(answers.map(\.consulIndex)).count == 1)
        #expect(scene.context.loopMetrics[0].rendered.missCount == before + 1)
    }

    @Test func `the stop gives what is held, with the same index`() throws {
        // C415 … and is given early, with the index that it has then, when the credential runs out, when its client ends
        // its sending, and when the registry stops, with Connection: close.
        let scene = try WatchScene()
        try scene.register(Body("web", "10.0.0.1:1"))
        var clients: [(ClientConnection, UInt64)] = []
        for path in Self.paths {
            let index = try scene.index(path)
            clients.append((try scene.hold(path, index), index))
        }
        scene.server.drain()
        for (client, index) in clients {
            let answer = try client.answer(to: "a query that is held at the stop")
            #expect(answer.status == 200 && answer.consulIndex == index && answer["Connection"] == "close")
        }
    }
}
