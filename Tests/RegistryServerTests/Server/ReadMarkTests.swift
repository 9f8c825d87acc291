// Whether a loop has read what it says that it has, on a real loop with real sockets, busy as one is that renders a
// long list.

import Catalog
import Dispatch
import Glibc
import HTTP
import Libevent
import Synchronization
import System
import TestSupport
import Testing

@testable import Serving

struct ReadMarkTests {
    /// What clients have sent and the loop has not handled, by number, with when it had been sent. Milliseconds of the
    /// monotonic clock.
    private final class Outstanding: Sendable {
        let sent = Mutex<[Int: Int64]>([:])
        let handled = Mutex<Set<Int>>([])
        let clients = Atomic<Int>(0)
        let broken = Mutex<[String]>([])
    }

    private static let (connections, requests) = (6, 40)

    /// Sends one request at a time on a connection of its own, opened anew now and then, and notes when each had been
    /// sent.
    private static func send(from first: Int, to port: UInt16, _ outstanding: Outstanding) throws {
        defer { outstanding.clients.subtract(1, ordering: .relaxed) }
        var client = try ClientConnection(port: port)
        for number in first..<first + requests {
            if number % 10 == 9 { client = try ClientConnection(port: port) }
            try client.send(Array("PUT /api/v1/instances/\(number)/heartbeat HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
            let now = MonotonicClock.milliseconds()
            outstanding.sent.withLock { $0[number] = now }
            _ = try client.answer(to: "heartbeat \(number)")
        }
    }

    @Test func `what was sent before the time that a loop says it has read has been handled, however busy the loop is`()
        throws
    {
        // R285 A lease does not run out while what was sent to this member before its end lies unread there.
        let listening = try LoopbackPort()
        let port = listening.port
        let outstanding = Outstanding()
        let loop = try EventLoop()
        let server = try HTTPServer(
            on: loop, listening: listening.descriptor, limits: RequestLimits(), gauge: ConnectionGauge(),
            connectionLimits: ConnectionLimits(),
            refused: LoopHandler.refuse
        ) { request, reply, _ in
            let path = request.head.target.split(separator: UInt8(ascii: "/"))
            let number = path.count > 3 ? Int(String(decoding: path[3], as: UTF8.self)) ?? -1 : -1
            outstanding.handled.withLock { _ = $0.insert(number) }
            if number % 7 == 0 { usleep(15_000) }
            reply.send(Response(.ok))
        }
        let mark = ReadMark()
        let timer = try LoopEvent.every(milliseconds: 3, on: loop) { onLoop in
            mark.turn(at: LeaseTime(milliseconds: MonotonicClock.milliseconds()))
            let handled = outstanding.handled.withLock { $0 }
            let unread = outstanding.sent.withLock { sent in
                sent.filter { $0.value < mark.time.milliseconds && !handled.contains($0.key) }
            }
            if mark.time != .distantFuture, !unread.isEmpty {
                outstanding.broken.withLock { $0.append("\(unread) of before \(mark.time.milliseconds)") }
            }
            if outstanding.clients.load(ordering: .relaxed) == 0 { loop.stop(onLoop) }
        }
        outstanding.clients.store(Self.connections, ordering: .relaxed)
        let threads = try (0..<Self.connections).map { index in
            try NamedThread("client-\(index)") {
                do {
                    try Self.send(from: index * Self.requests, to: port, outstanding)
                } catch {
                    outstanding.broken.withLock { $0.append("\(error)") }
                }
            }
        }
        loop.run()
        for thread in threads { thread.join() }
        withExtendedLifetime((server, timer)) {}
        #expect(outstanding.broken.withLock { $0 }.isEmpty)
        #expect(outstanding.handled.withLock { $0.count } == Self.connections * Self.requests)
        #expect(mark.time != .distantFuture, "the loop has said nothing")
    }
}
