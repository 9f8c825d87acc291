// Handlers whose answers go on, over real sockets: they have what every answer has, are made as their client takes
// them, and end when their producer, their client or the server does.

import Catalog
import HTTP
import Libevent
import Synchronization
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Operations
@testable import RegistryServer
@testable import Serving

struct StreamedReplyTests {
    /// How often producers were asked.
    private final class Asked: Sendable {
        let pieces = Atomic<Int>(0)
        let lastWords = Atomic<Int>(0)
        let tooMany = Atomic<Int>(0)
    }

    private static let events = Response(.ok, contentType: ContentType("text/event-stream"))

    /// A body of so many pieces, each a millisecond after the one before and with so much padding.
    private static func step(_ number: Int, of count: Int, padding: Int = 0, _ asked: Asked) -> StreamStep {
        asked.pieces.add(1, ordering: .relaxed)
        let piece = StreamPiece(Array("data: \(number)\n\n".utf8) + [UInt8](repeating: 0x20, count: padding))
        guard number < count else { return .last(piece) }
        return .piece(
            piece,
            then: StreamWaiting(for: .time(.milliseconds(1))) { _, wake in
                switch wake {
                case .come: return step(number + 1, of: count, padding: padding, asked)
                case .draining:
                    asked.lastWords.add(1, ordering: .relaxed)
                    return .last(StreamPiece(Array("data: bye\n\n".utf8)))
                default:
                    asked.tooMany.add(1, ordering: .relaxed)
                    return .piece(.empty, then: StreamWaiting(for: .turn) { _, _ in .last(.empty) })
                }
            })
    }

    /// `/swagger.json` has three pieces, `/uptime` as many as its client takes, `/readyz` waits before its only one.
    private static func routes(_ asked: Asked) -> [Route] {
        [
            Route(
                .get, "/swagger.json", .swagger,
                patient: { _ in .stream(events, first: step(1, of: 3, asked)) }),
            Route(
                .get, "/uptime", .uptime,
                patient: { call in
                    .stream(
                        events, first: step(1, of: .max, padding: call.request.head.query == nil ? 0 : 30_000, asked))
                }),
            Route(
                .get, "/readyz", .readyz,
                patient: { _ in
                    .later(
                        Waiting(for: .turn) { _, _ throws(Refused) in .stream(events, first: step(1, of: 1, asked)) })
                }),
            Route(.get, "/livez", .livez, handler: { _ in Response(.ok) }),
            Route(
                .get, "/watch", watching,
                patient: { call throws(Refused) in
                    .stream(events, first: .piece(.empty, then: changes(after: try watch(of: call), call.monotonic)))
                }),
        ]
    }

    private static let watching = Operation("watch", .lookUp)

    /// The default namespace, from its present state on.
    private static func watch(of call: borrowing Call) throws(Refused) -> ChangeWatch {
        let namespace = try call.tenant()
        return ChangeWatch(namespace: namespace, revision: call.registry.lookup.revision(of: namespace))
    }

    /// One piece for each change, and one for half a second without.
    private static func changes(after watch: ChangeWatch, _ since: MonotonicTime) -> StreamWaiting {
        StreamWaiting(for: .change(watch, until: since + .milliseconds(500))) { call, wake in
            guard wake != .timeUp else {
                return .last(
                    StreamPiece(Array((call.monotonic - since < .milliseconds(500) ? "early" : "quiet").utf8)))
            }
            let revision = call.registry.lookup.revision(of: watch.namespace)
            let next = ChangeWatch(namespace: watch.namespace, revision: revision)
            return .piece(StreamPiece(Array("change\n".utf8)), then: changes(after: next, call.monotonic))
        }
    }

    private struct Scene {
        let asked = Asked()
        let context: ServerContext
        let server: LiveServer

        init(
            beside others: [Route] = [], capacity: Int = KeptReplies.capacity,
            _ connectionLimits: ConnectionLimits = ConnectionLimits()
        ) throws {
            let routes = RouteTable(StreamedReplyTests.routes(asked) + others)
            context = ServerContext(
                settings: .defaults, loops: 1, monotonic: MonotonicClock.now(), routes: routes)
            server = try WaitingServer.start(context, routes, capacity: capacity, connectionLimits)
        }

        /// A client that has asked for a path.
        func client(_ path: String, _ header: String = "", method: String = "GET") throws -> ClientConnection {
            let client = try ClientConnection(port: server.port)
            try client.send(Array("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(header)\r\n".utf8))
            return client
        }

        func waitFor(_ what: String, _ condition: () -> Bool) throws {
            let deadline = Deadline()
            while !condition() {
                guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: what) }
            }
        }

        func awaitCount(of operation: Serving.Operation, _ count: UInt64 = 1) throws {
            try waitFor("\(operation.name) to be counted") {
                context.loopMetrics[0].requestCounts.count(operation, .ok) == count
            }
            try waitFor("no reply to wait") { context.loopMetrics[0].waitingReplies == 0 }
        }
    }

    @Test func `a stream has the fields of every answer, and its connection serves on`() throws {
        let scene = try Scene()
        let client = try scene.client("/swagger.json", "X-Request-Id: mine\r\nAccept-Encoding: gzip\r\n")
        let text = String(decoding: try client.bytes(until: "\r\n0\r\n\r\n", of: "the stream"), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        for field in ["X-Request-Id: mine", "X-Accel-Buffering: no", "Transfer-Encoding: chunked"] {
            #expect(text.contains("\r\n\(field)\r\n"), "\(field)")
        }
        #expect(!text.contains("Content-Encoding") && !text.contains("Content-Length"))
        #expect(text.hasSuffix("\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n"))
        try scene.awaitCount(of: .swagger)
        try client.send(Array("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(try client.answer(to: "the request after it").status == 200)
    }

    @Test func `a call may wait before it streams`() throws {
        let scene = try Scene()
        let client = try scene.client("/readyz")
        let text = String(decoding: try client.bytes(until: "\r\n0\r\n\r\n", of: "the stream"), as: UTF8.self)
        #expect(text.hasSuffix("\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n"))
        try scene.awaitCount(of: .readyz)
    }

    @Test func `HEAD is answered by the head alone, and no piece is made beyond the first`() throws {
        let scene = try Scene()
        let client = try scene.client("/uptime", method: "HEAD")
        let text = String(decoding: try client.bytes(until: "\r\n\r\n", of: "the head"), as: UTF8.self)
        #expect(text.contains("text/event-stream"))
        try scene.awaitCount(of: .uptime)
        #expect(scene.asked.pieces.load(ordering: .relaxed) == 1)
    }

    @Test(arguments: [true, false]) func `a client that goes, or ends its sending, ends its stream`(resets: Bool) throws
    {
        let scene = try Scene()
        let client = try scene.client("/uptime")
        _ = try client.bytes(until: "data: 3", of: "the stream")
        if resets { client.reset() } else { client.endSending() }
        try scene.awaitCount(of: .uptime)
        #expect(scene.asked.lastWords.load(ordering: .relaxed) == 0)
    }

    @Test func `a slow client is asked for no more than it has room for, and is let go`() throws {
        var rules = LimitRules()
        rules.deadlines.answer = 1_000
        rules.streamedAhead = 100_000
        let connectionLimits = ConnectionLimits(rules)
        let scene = try Scene(connectionLimits)
        let client = try scene.client("/uptime?large")
        try scene.waitFor("the sweep to see what waits") { connectionLimits.waitingBytes > 0 }
        #expect(connectionLimits.waitingBytes <= 100_000 + 100)
        try scene.awaitCount(of: .uptime)
        // The kernel takes a few megabytes of what nobody reads.
        #expect(scene.asked.pieces.load(ordering: .relaxed) < 1_000)
        #expect(connectionLimits.tally()[LimitEvent.answer.rawValue].count == 1)
        withExtendedLifetime(client) {}
    }

    @Test func `a slow client gets every piece once`() throws {
        var rules = LimitRules()
        rules.streamedAhead = 40_000
        let scene = try Scene(ConnectionLimits(rules))
        let client = try scene.client("/uptime?large")
        // By then its pieces have been offered again for a while.
        try scene.waitFor("the kernel to have taken what it takes") {
            let before = scene.asked.pieces.load(ordering: .relaxed)
            let end = MonotonicClock.now() + .milliseconds(200)
            while MonotonicClock.now() < end {}
            return before > 10 && scene.asked.pieces.load(ordering: .relaxed) == before
        }
        let last = scene.asked.pieces.load(ordering: .relaxed) + 20
        for number in 1...last {
            // The padding of the piece before it, and no other piece.
            let count = try client.bytes(until: "data: \(number)\n", of: "the stream").count
            #expect(count < 31_000, "piece \(number)")
        }
    }

    @Test func `a stop asks for a last word, which arrives`() throws {
        let scene = try Scene()
        let clients = try (0..<3).map { _ in try scene.client("/uptime") }
        for client in clients { _ = try client.bytes(until: "data: 2", of: "the stream") }
        scene.server.drain()
        for client in clients {
            let rest = String(decoding: try client.bytesUntilClosed(after: "the stop"), as: UTF8.self)
            #expect(rest.hasSuffix("b\r\ndata: bye\n\n\r\n0\r\n\r\n"), "\(rest.suffix(40))")
        }
        try scene.awaitCount(of: .uptime, 3)
        #expect(scene.asked.lastWords.load(ordering: .relaxed) == 3)
    }

    @Test func `a stream may wait for changes, and for a time without one`() throws {
        let scene = try Scene(beside: Protocols.routes.routes)
        let client = try scene.client("/watch")
        _ = try client.bytes(until: "\r\n\r\n", of: "the head")
        let body = #"{"service_name":"s","endpoint":{"type":"tcp","value":"a"}}"#
        for number in 1...2 {
            let other = try ClientConnection(port: scene.server.port)
            let body = body.replacing("\"a\"", with: "\"a\(number)\"")
            try other.send(
                Array(
                    "POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                        .utf8))
            #expect(try other.answer(to: "a registration").status == 201)
            _ = try client.bytes(until: "change\n", of: "the stream")
        }
        _ = try client.bytes(until: "quiet\r\n0\r\n\r\n", of: "the stream")
        try scene.awaitCount(of: Self.watching)
    }

    @Test func `one stream more than may wait is refused`() throws {
        let scene = try Scene(capacity: 1)
        let client = try scene.client("/uptime")
        _ = try client.bytes(until: "data: 2", of: "the stream")
        let other = try scene.client("/uptime")
        let answer = try other.answer(to: "one too many")
        #expect(answer.status == 503)
        #expect(answer["Retry-After"] == "1")
    }
}
