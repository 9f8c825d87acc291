// Calls whose handler answers later, over real sockets: what their clients get, and what is counted and logged, is what
// an answer at once would have been.

import Catalog
import HTTP
import Synchronization
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Operations
@testable import Serving

struct KeptReplyTests {
    /// How often a call that waits for turns has gone on.
    private final class Steps: Sendable {
        let count = Atomic<Int>(0)
    }

    /// `/swagger.json` in so many steps, `/uptime` after so many milliseconds, with a body that is worth compressing.
    private static func routes(steps: Int, _ taken: Steps = Steps()) -> [Route] {
        let body = [UInt8](repeating: 0x20, count: 5_000)
        @Sendable func step(_ rest: Int) -> Waiting {
            Waiting(for: .turn) { _, wake throws(Refused) in
                guard wake == .come else { throw .noRoom }
                taken.count.add(1, ordering: .relaxed)
                return rest > 1 ? .later(step(rest - 1)) : .now(Response(.ok, contentType: .json, body: body))
            }
        }
        return [
            Route(.get, "/swagger.json", .swagger, patient: { _ in .later(step(steps)) }),
            Route(
                .get, "/uptime", .uptime,
                patient: { _ in
                    .later(
                        Waiting(for: .time(.milliseconds(20))) { call, wake throws(Refused) in
                            guard call.monotonic - call.arrived >= 20 else { throw .noRoom }
                            return .now(Response(.ok))
                        })
                }),
            Route(
                .get, "/readyz", .readyz,
                patient: { _ in
                    .later(Waiting(for: .time(.milliseconds(1))) { _, _ throws(Refused) in throw .noSuchResource })
                }),
            Route(.get, "/livez", .livez, handler: { _ in Response(.ok) }),
        ]
    }

    /// Waits for a change that has come, for a third of a second, and for a change that does not come; its answer says why
    /// the last two waits ended.
    private static let poll = Route(
        .get, "/uptime", .uptime,
        patient: { call in
            let end = call.monotonic + .seconds(600)
            let namespace = Namespace("default")
            let other = ChangeWatch(namespace: namespace, revision: Revision(digest: 9, index: 9))
            return .later(
                Waiting(for: .change(other, until: end)) { _, _ throws(Refused) in
                    .later(
                        Waiting(for: .time(.milliseconds(300))) { call, time throws(Refused) in
                            let present = call.registry.lookup.revision(of: namespace)
                            let same = ChangeWatch(namespace: namespace, revision: present)
                            return .later(
                                Waiting(for: .change(same, until: end)) { _, wake throws(Refused) in
                                    .now(Response(.ok, body: Array("\(time) \(wake)".utf8)))
                                })
                        })
                })
        })

    @Test func `a client's end, and a stop, end the wait for a change, and not what comes before it`() throws {
        let routes = RouteTable([Self.poll])
        let server = try WaitingServer.start(context(routes), routes)
        let client = try ClientConnection(port: server.port)
        try client.send(request("/uptime"))
        client.endSending()
        #expect(try client.answer(to: "a poll").text == "come clientGone")
        let stopping = try WaitingServer.start(context(routes), routes)
        let other = try ClientConnection(port: stopping.port)
        try other.send(request("/uptime"))
        let deadline = Deadline()
        while stopping.gauge.open == 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "the connection") }
        }
        stopping.drain()
        #expect(try other.answer(to: "a poll").text == "come draining")
    }

    private func context(_ routes: RouteTable) -> ServerContext {
        ServerContext(settings: .defaults, loops: 1, monotonic: MonotonicClock.now(), routes: routes)
    }

    private func request(_ path: String, _ header: String = "") -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nHost: a\r\n\(header)\r\n".utf8)
    }

    @Test func `a late answer has what an answer at once has`() throws {
        let routes = RouteTable(Self.routes(steps: 5))
        let context = context(routes)
        let server = try WaitingServer.start(context, routes)
        let client = try ClientConnection(port: server.port)
        try client.send(request("/swagger.json", "X-Request-Id: mine\r\nAccept-Encoding: gzip\r\n"))
        let answer = try client.answer(to: "the steps")
        #expect(answer.status == 200)
        #expect(answer["X-Request-Id"] == "mine")
        #expect(answer["Content-Encoding"] == "gzip")
        #expect(answer.body.count < 1_000)
        #expect(context.loopMetrics[0].requestCounts.count(.swagger, .ok) == 1)
        let deadline = Deadline()
        while context.loopMetrics[0].waitingReplies != 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "no reply to wait") }
        }
    }

    @Test func `a call that waits for a time is counted with all of it`() throws {
        let routes = RouteTable(Self.routes(steps: 1))
        let context = context(routes)
        let server = try WaitingServer.start(context, routes)
        let client = try ClientConnection(port: server.port)
        for _ in 0..<3 {
            try client.send(request("/uptime"))
            #expect(try client.answer(to: "a time").status == 200)
        }
        let latency = context.loopMetrics[0].requestCounts.latency(.uptime)
        #expect(latency.count == 3)
        #expect(latency.sum >= 60_000)
    }

    @Test func `a refusal may come late, too`() throws {
        let routes = RouteTable(Self.routes(steps: 1))
        let context = context(routes)
        let server = try WaitingServer.start(context, routes)
        let client = try ClientConnection(port: server.port)
        try client.send(request("/readyz"))
        #expect(try client.answer(to: "a refusal").status == 404)
        #expect(context.loopMetrics[0].requestCounts.count(.readyz, .notFound) == 1)
    }

    @Test func `others are served between the steps of a long answer`() throws {
        let taken = Steps()
        let routes = RouteTable(Self.routes(steps: 2_000_000_000, taken))
        let context = context(routes)
        let server = try WaitingServer.start(context, routes)
        let endless = try ClientConnection(port: server.port)
        try endless.send(request("/swagger.json"))
        let other = try ClientConnection(port: server.port)
        for number in 0..<20 {
            try other.send(request("/livez"))
            #expect(try other.answer(to: "request \(number)").status == 200)
        }
        let deadline = Deadline()
        while taken.count.load(ordering: .relaxed) == 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "a first step") }
        }
        // Whose client has gone is not worked for.
        endless.reset()
        while context.loopMetrics[0].waitingReplies > 0
            || context.loopMetrics[0].requestCounts.count(.swagger, .serviceUnavailable) == 0
        {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "the steps to end") }
        }
    }
}
