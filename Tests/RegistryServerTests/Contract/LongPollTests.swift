// Lists that are asked for with `wait` (docs/watch.md, W101–W109), over real sockets and on real clocks.

import Catalog
import HTTP
import Libevent
import Replication
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Amalgam8
@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

/// A server whose answers are held, and its clients.
struct WatchScene {
    let context: ServerContext
    let server: LiveServer

    init(
        _ rules: LimitRules = LimitRules(), capacity: Int = KeptReplies.capacity,
        pollsAtOnce: Int = DeliveryParts.atOnce, store: Store? = nil,
        _ configure: (inout Settings) -> Void = { _ in }
    ) throws {
        var settings = Settings.defaults
        configure(&settings)
        context = ServerContext(settings: settings, store: store, loops: 1, monotonic: MonotonicClock.now())
        server = try WaitingServer.start(
            context, capacity: capacity, pollsAtOnce: pollsAtOnce, ConnectionLimits(rules))
    }

    func send(_ request: TestRequest) throws -> ClientConnection {
        let connection = try ClientConnection(port: server.port)
        try connection.send(request.bytes)
        return connection
    }

    func ask(_ request: TestRequest) throws -> Answer { try send(request).answer(to: "\(request)") }

    @discardableResult
    func register(_ body: Body) throws -> String {
        let answer = try ask(.register(body))
        try #require(answer.status == 201, "\(answer)")
        return try #require(try answer.object()["id"] as? String)
    }

    /// The tag of what is there now.
    func tag(_ target: String) throws -> String { try #require(try ask(.get(target))["ETag"]) }

    /// A client of which the answer is held.
    func poll(_ target: String, _ tag: String) throws -> ClientConnection {
        let held = context.watches.count
        let client = try send(.get(target).with("If-None-Match", tag))
        try awaitHeld(held + 1)
        return client
    }

    func awaitHeld(_ count: Int) throws {
        try waitFor("\(count) answers to be held") { context.watches.count == count }
    }

    func waitFor(_ what: String, _ condition: () -> Bool) throws {
        let deadline = Deadline()
        while !condition() {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: what) }
        }
    }
}

struct LongPollTests {
    @Test(arguments: ["/api/v1/instances", "/api/v1/services", "/api/v1/services/web"])
    func `a list is held while the client has it, and given when it is another one`(_ path: String) throws {
        // W101 With wait, and an If-None-Match that has the list's tag (R319), the answer is held: until the list has
        // another tag, then it is 200 with the list and its tag …
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let tag = try scene.tag(path)
        let client = try scene.poll("\(path)?wait=5m", tag)
        try scene.register(Body(path.hasSuffix("services") ? "other" : "web", "2"))
        let answer = try client.answer(to: "a held poll")
        #expect(answer.status == 200)
        let other = try #require(answer["ETag"])
        #expect(other != tag)
        // W102 … wait is no part of what is asked for: the list and its tag are the same with it and without it.
        let plain = try scene.ask(.get(path))
        #expect(plain["ETag"] == other)
        #expect(answer["Content-Type"] == plain["Content-Type"])
        #expect(answer.text.contains(path.hasSuffix("services") ? "other" : #""value":"2""#))
        try scene.awaitHeld(0)
        // The connection serves on.
        try client.send(TestRequest.get("\(path)?wait=5m").bytes)
        #expect(try client.answer(to: "the next request").status == 200)
    }

    @Test func `a wait that is over is answered by 304 with the tag`() throws {
        // W101 … or until the wait is over, then it is 304 with the tag.
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let tag = try scene.tag("/api/v1/services/web")
        let began = MonotonicClock.now()
        let answer = try scene.ask(.get("/api/v1/services/web?wait=50ms").with("If-None-Match", tag))
        #expect(answer.status == 304)
        #expect(answer["ETag"] == tag)
        #expect(answer.body.isEmpty)
        #expect(MonotonicClock.now() - began >= .milliseconds(50))
        // A wait of nothing is none.
        #expect(try scene.ask(.get("/api/v1/services/web?wait=0").with("If-None-Match", tag)).status == 304)
    }

    @Test func `who has no tag, or not the present one, is answered at once`() throws {
        // W102 It is answered at once, as without wait, where If-None-Match is absent or *, and where it does not have
        // the present tag.
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let old = try scene.tag("/api/v1/services/web")
        try scene.register(Body("web", "2"))
        for path in [
            "/api/v1/instances?service_name=web&wait=5m", "/api/v1/services?wait=5m", "/api/v1/services/web?wait=5m",
        ] {
            #expect(try scene.ask(.get(path)).status == 200, "\(path)")
            #expect(try scene.ask(.get(path).with("If-None-Match", old)).status == 200, "\(path)")
            #expect(try scene.ask(.get(path).with("If-None-Match", "*")).status == 304, "\(path)")
        }
    }

    @Test func `a service is waited for`() throws {
        // W103 The 404 of a service without instances carries a tag. With wait and that tag the answer is held until the
        // service is there …
        let scene = try WatchScene()
        let path = "/api/v1/services/web"
        let missing = try scene.ask(.get("\(path)?wait=5m"))
        #expect(missing.status == 404)
        let tag = try #require(missing["ETag"])
        let client = try scene.poll("\(path)?wait=5m", tag)
        // … another one is not …
        try scene.register(Body("other", "1"))
        let id = try scene.register(Body("web", "1"))
        let answer = try client.answer(to: "a held poll")
        #expect(answer.status == 200)
        #expect(answer.text.contains(#""service_name":"web""#))
        // … or else is 404 with the tag when the wait is over.
        let present = try #require(answer["ETag"])
        let leaving = try scene.poll("\(path)?wait=5m", present)
        #expect(try scene.ask(.remove(id)).status == 200)
        let gone = try leaving.answer(to: "a held poll")
        #expect(gone.status == 404)
        #expect(gone["ETag"] == tag)
        let over = try scene.ask(.get("\(path)?wait=20ms").with("If-None-Match", tag))
        #expect(over.status == 404)
        #expect(over["ETag"] == tag)
        // Without wait nothing is 304 that is not there.
        #expect(try scene.ask(.get(path).with("If-None-Match", tag)).status == 404)
    }

    @Test(arguments: ["/api/v1/services/web", "/api/v1/instances?service_name=web"])
    func `heartbeats and strangers end no wait`(_ path: String) throws {
        // W104 A heartbeat ends no wait, nor does another namespace. A list of one service … has a tag that only the
        // changes of that service replace.
        let scene = try WatchScene { $0.authMode = [.trusted] }
        func bearing(_ request: TestRequest, _ token: String = "a") -> TestRequest { request.bearing(token) }
        let answer = try scene.ask(bearing(.register(Body("web", "1"))))
        let id = try #require(try answer.object()["id"] as? String)
        let tag = try #require(try scene.ask(bearing(.get(path)))["ETag"])
        let separator = path.contains("?") ? "&" : "?"
        let client = try scene.send(bearing(.get("\(path)\(separator)wait=5m")).with("If-None-Match", tag))
        try scene.awaitHeld(1)
        for _ in 0..<3 { #expect(try scene.ask(bearing(.renew(id))).status == 200) }
        #expect(try scene.ask(bearing(.register(Body("web", "2")), "b")).status == 201)
        #expect(try scene.ask(bearing(.register(Body("stranger", "1")))).status == 201)
        #expect(try scene.ask(bearing(.get(path)))["ETag"] == tag)
        let end = MonotonicClock.now() + .milliseconds(100)
        try scene.waitFor("some looks at what has changed") { MonotonicClock.now() > end }
        #expect(scene.context.watches.count == 1)
        #expect(try scene.ask(bearing(.register(Body("web", "2")))).status == 201)
        #expect(try client.answer(to: "a held poll").status == 200)
    }

    @Test func `a wait that is no span of time is refused`() throws {
        // W105 … Anything else, a negative span, and wait twice are answered 400.
        let scene = try WatchScene()
        for path in ["/api/v1/instances", "/api/v1/services", "/api/v1/services/web"] {
            for wait in ["wait=", "wait", "wait=30", "wait=-1s", "wait=soon", "wait=%zz", "wait=1s&wait=1s"] {
                let answer = try scene.ask(.get("\(path)?\(wait)"))
                #expect(answer.status == 400 && answer.error != nil, "\(path)?\(wait)")
            }
        }
        // Other parameters are as without it: R310, R311.
        #expect(try scene.ask(.get("/api/v1/instances?wait=1s&unknown=1")).status == 400)
        #expect(try scene.ask(.get("/api/v1/instances?status=UP&wait=1s&status=UP")).status == 400)
        #expect(try scene.ask(.get("/api/v1/instances?status=ALL&wait=1s&fields=id")).status == 200)
    }

    @Test func `one poll more than may be held is refused, and others are served`() throws {
        // W106 At most MAX_WATCHES answers are held at a time … One more is answered 429 with Retry-After: 5; everybody
        // else is served meanwhile. A poll that is answered at once counts for none.
        // The table of other waits may be full meanwhile.
        let scene = try WatchScene(capacity: 0) { $0.maxWatches = 2 }
        try scene.register(Body("web", "1"))
        let tag = try scene.tag("/api/v1/services")
        let held = try (0..<2).map { _ in try scene.poll("/api/v1/services?wait=5m", tag) }
        for _ in 0..<2 {
            let refused = try scene.ask(.get("/api/v1/services?wait=5m").with("If-None-Match", tag))
            #expect(refused.status == 429)
            #expect(refused["Retry-After"] == "5")
        }
        #expect(scene.context.watches.refused == 2)
        #expect(try scene.ask(.get("/api/v1/services?wait=5m")).status == 200)
        try scene.register(Body("other", "1"))
        for client in held { #expect(try client.answer(to: "a held poll").status == 200) }
        try scene.awaitHeld(0)
        let next = try scene.poll("/api/v1/services?wait=5m", try scene.tag("/api/v1/services"))
        withExtendedLifetime(next) {}
    }

    @Test func `a stop gives what is held, and ends the connections`() throws {
        // W107 A held answer is given early, as it is then, … when the registry stops, with Connection: close …
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let present = try scene.tag("/api/v1/services")
        let missing = try scene.tag("/api/v1/services/none")
        let clients = [
            (try scene.poll("/api/v1/services?wait=5m", present), 304),
            (try scene.poll("/api/v1/services/none?wait=5m", missing), 404),
        ]
        // In pieces, so that evhttp reads it.
        let piecewise = try ClientConnection(port: scene.server.port)
        let bytes = TestRequest.get("/api/v1/services?wait=5m").with("If-None-Match", present).bytes
        try piecewise.send(Array(bytes[..<20]))
        _ = try scene.ask(.get("/livez"))
        try piecewise.send(Array(bytes[20...]))
        try scene.awaitHeld(3)
        scene.server.drain()
        for (client, status) in clients + [(piecewise, 304)] {
            let answer = try client.answer(to: "a held poll")
            #expect(answer.status == status)
            #expect(answer["Connection"] == "close")
            #expect(try client.bytesUntilClosed(after: "the stop").isEmpty)
        }
    }

    @Test(arguments: [true, false]) func `a client that goes frees its place`(resets: Bool) throws {
        // W107 … A client that closes its connection frees its place at once.
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let tag = try scene.tag("/api/v1/services")
        let client = try scene.poll("/api/v1/services?wait=5m", tag)
        if resets {
            client.reset()
        } else {
            // W107 … when the client ends its sending …
            client.endSending()
            #expect(try client.answer(to: "a poll whose client has ended its sending").status == 304)
        }
        try scene.awaitHeld(0)
        #expect(scene.context.loopMetrics[0].waitingReplies == 0)
    }

    @Test func `a credential that runs out ends the wait`() throws {
        // W107 … when the client's credential runs out (exp) …
        let scene = try WatchScene {
            $0.authMode = [.jwt]
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
        }
        // It is taken for a minute longer (R510).
        let expires = WallClock.seconds() + 2
        let token = Forge.token(claims: #"{"namespace":"a","exp":\#(expires - 60)}"#)
        let tag = try #require(try scene.ask(.get("/api/v1/services").bearing(token))["ETag"])
        let client = try scene.send(
            .get("/api/v1/services?wait=5m").bearing(token).with("If-None-Match", tag))
        #expect(try client.answer(to: "a poll whose credential runs out").status == 304)
        #expect(WallClock.seconds() >= expires)
        try client.send(TestRequest.get("/api/v1/services?wait=5m").bearing(token).bytes)
        #expect(try client.answer(to: "the next poll").status == 401)
    }

    @Test func `no deadline of connections runs while an answer is held`() throws {
        // W107 … IDLE_TIMEOUT and REQUEST_TIMEOUT do not run while an answer is held.
        var rules = LimitRules()
        rules.deadlines.idle = 300
        rules.deadlines.request = 300
        let scene = try WatchScene(rules)
        try scene.register(Body("web", "1"))
        let tag = try scene.tag("/api/v1/services")
        let answer = try scene.ask(.get("/api/v1/services?wait=1200ms").with("If-None-Match", tag))
        #expect(answer.status == 304)
    }

    @Test func `a change is delivered to all who wait, be there ever so many`() throws {
        // W108 The first change after 20 ms without one is delivered at once, and what follows within 20 ms together at
        // their end. All who wait for the same get the same bytes. Changes of catalog sources, of other members and by
        // expiry are delivered as those of clients.
        let scene = try WatchScene()
        try scene.register(Body("web", "1"))
        let tag = try scene.tag("/api/v1/services/web")
        // More than go on in one turn.
        let clients = try (0..<450).map { _ in
            try scene.send(.get("/api/v1/services/web?wait=5m").with("If-None-Match", tag))
        }
        try scene.awaitHeld(clients.count)
        let context = scene.context
        let moment = context.registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
        let instance = try Registration(json: Array(Body("web", "2").text.utf8)).instance(
            policy: context.registry.leasePolicy, at: moment)
        // By another thread, as the replication's or a source's.
        #expect(context.registry.store.register(instance, in: Namespace("default"), at: moment).isDone)
        let answers = try clients.map { try $0.answer(to: "a held poll") }
        #expect(answers.allSatisfy { $0.status == 200 && $0.body == answers[0].body })
        try scene.awaitHeld(0)
        // And by expiry.
        let last = try scene.poll("/api/v1/services/web?wait=5m", try #require(answers[0]["ETag"]))
        let late = Moment(monotonic: moment.monotonic, lease: moment.lease + 3_600_000, wall: moment.wall)
        #expect(context.registry.store.expire(at: late, budget: 100).expired == 2)
        #expect(try last.answer(to: "a held poll").status == 404)
    }

    @Test func `many polls that a change ends are answered one part after the other, and all of them`() throws {
        // W109 Where one change ends more than 1,000 polls, they are answered over 50 ms, so that they do not all come back
        // at once. Streams are told at once.
        let scene = try WatchScene(pollsAtOnce: 40)
        try scene.register(Body("web", "1"))
        let tag = try scene.tag("/api/v1/services/web")
        let stream = try scene.send(.get("/api/v1/watch?service_name=web"))
        _ = try stream.bytes(until: "event: snapshot\n", of: "a stream")
        let clients = try (0..<105).map { _ in
            try scene.send(.get("/api/v1/services/web?wait=5m").with("If-None-Match", tag))
        }
        try scene.awaitHeld(clients.count + 1)
        // One goes before it is its turn, and the next change comes before the last is told of the first.
        try clients[104].send(TestRequest.get("/livez").bytes)
        clients[103].reset()
        try scene.awaitHeld(clients.count)
        try scene.register(Body("web", "2"))
        try scene.register(Body("web", "3"))
        for client in clients[..<103] + clients[104...] {
            let answer = try client.answer(to: "a held poll")
            #expect(answer.status == 200 && answer.text.contains("\"value\":\"2\""), "\(answer)")
        }
        _ = try stream.bytes(until: "event: put\n", of: "a stream")
        try scene.awaitHeld(1)
    }

    @Test func `a wait is cut, and spread`() {
        // W105 wait is a span of time such as 30s, 5m or 1m30s. More than 10 minutes is taken for 10 minutes. Up to a
        // sixteenth of it is added at random.
        #expect(WatchWait.parse("1m30s") == .seconds(90))
        #expect(WatchWait.parse("48h") == .seconds(600))
        for text in ["", "30", "-1s", "1 s", "s"] { #expect(WatchWait.parse(text) == nil, "\(text)") }
        var random = SystemRandomNumberGenerator()
        let waits = (0..<200).map { _ in WatchWait.spread(.seconds(3_200), using: &random) }
        #expect(waits.allSatisfy { (.seconds(600) ... .milliseconds(637_500)).contains($0) })
        #expect(Set(waits).count > 1)
        #expect(WatchWait.spread(.zero, using: &random) == .zero)
    }
}
