// Answers that go on, over real sockets: they arrive piece by piece, are bounded by what their client takes, and end
// when their sender, their client or their server does.

import HTTP
import Libevent
import Synchronization
import TestSupport
import Testing

struct StreamedAnswerTests {
    /// What the senders were told, and what they could not send.
    private final class Log: Sendable {
        let ends = Mutex<[AnswerEnd]>([])
        let refused = Atomic<Int>(0)
        let queued = Atomic<Int>(0)

        func await(_ what: String, _ condition: () -> Bool) throws {
            let deadline = Deadline()
            while !condition() {
                guard deadline.remainingMilliseconds > 0 else {
                    throw WaitedInVain(for: what, "\(ends.withLock { $0 })")
                }
            }
        }
    }

    /// The sender of one answer: a piece each millisecond.
    private final class Sender {
        private var reply: StreamReply?
        private var timer: LoopEvent?
        private var number = 0

        init(
            _ reply: consuming PendingReply, on loop: EventLoop, pieces: Int, of size: Int, last: String, _ log: Log,
            done: @escaping () -> Void
        ) throws {
            let response = Response(.ok, contentType: ContentType("text/event-stream"))
            self.reply = .some(
                reply.stream(response) { [unowned self] reason, _ in
                    log.ends.withLock { $0.append(reason) }
                    if reason == .draining { send(Array(last.utf8), log) }
                    end(done)
                })
            timer = try LoopEvent.every(milliseconds: 1, on: loop) { [unowned self] _ in
                guard number < pieces else { return end(done) }
                number += 1
                send(Array("data: \(number)\n\n".utf8) + [UInt8](repeating: 0x20, count: size), log)
            }
        }

        private func send(_ bytes: [UInt8], _ log: Log) {
            let isTaken = reply?.send(StreamPiece(bytes)) ?? false
            if isTaken {
                log.queued.add(bytes.count, ordering: .relaxed)
            } else {
                log.refused.add(1, ordering: .relaxed)
            }
        }

        private func end(_ done: () -> Void) {
            timer = nil
            reply.take()?.end()
            done()
        }
    }

    private final class Senders {
        var all: [Int: Sender] = [:]
        var count = 0
    }

    /// `/PIECES/SIZE` is streamed so, `/lost` begins and is lost; all else is answered with its path.
    private func server(_ connectionLimits: ConnectionLimits, _ log: Log) throws -> LiveServer {
        try LiveServer(connectionLimits: connectionLimits) { _ in
            var handler = LoopHandler(respond: { _ in Response(.notFound) })
            handler.makeAnswering = { loop in
                let senders = Senders()
                return { request, reply in
                    let path = String(decoding: request.head.path, as: UTF8.self)
                    let numbers = path.split(separator: "/").compactMap { Int($0) }
                    if path == "/lost" {
                        let stream = reply.stream(Response(.ok)) { _, _ in }
                        _ = stream.send(StreamPiece(Array("some".utf8)))
                        return
                    }
                    guard numbers.count == 2 else {
                        reply.send(Response(.ok, body: Array(path.utf8)))
                        return
                    }
                    senders.count += 1
                    let number = senders.count
                    senders.all[number] = try? Sender(
                        reply, on: loop, pieces: numbers[0], of: numbers[1], last: "bye", log
                    ) { [weak senders] in
                        // Weak, since a sender whose answer ended before it did goes with the server.
                        senders?.all[number] = nil
                    }
                }
            }
            return handler
        }
    }

    private func get(_ path: String, version: String = "HTTP/1.1") -> [UInt8] {
        Array("GET \(path) \(version)\r\nHost: a\r\n\r\n".utf8)
    }

    private func awaitNobody(_ server: LiveServer, _ log: Log) throws {
        try log.await("the connection to end") { server.gauge.open == 0 }
    }

    @Test func `pieces arrive as they are sent, and the connection serves on`() throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(get("/3/0") + get("/next"))
        let text = String(decoding: try client.bytes(until: "0\r\n\r\n", of: "the stream"), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("\r\nTransfer-Encoding: chunked\r\n") && !text.contains("Content-Length"))
        #expect(text.hasSuffix("\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n"))
        #expect(try client.answer(to: "the request after it").text == "/next")
        #expect(log.ends.withLock { $0.isEmpty }, "who has ended it is not told")
    }

    @Test func `a client of HTTP/1.0 gets the bytes, and the connection's end`() throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(get("/2/0", version: "HTTP/1.0"))
        let text = String(decoding: try client.bytesUntilClosed(after: "the stream"), as: UTF8.self)
        #expect(text.contains("\r\nConnection: close\r\n") && !text.contains("Transfer-Encoding"))
        #expect(text.hasSuffix("\r\n\r\ndata: 1\n\ndata: 2\n\n"))
    }

    @Test(arguments: ["/2/0", "/lost"])
    func `a request that evhttp has read is answered in chunks, too, and its connection ends with that`(path: String)
        throws
    {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(Array("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: te\r\n\r\n".utf8))
        let text = String(decoding: try client.bytesUntilClosed(after: "the stream"), as: UTF8.self)
        #expect(text.contains("\r\nTransfer-Encoding: chunked\r\n") && text.contains("\r\nConnection: close\r\n"))
        #expect(text.hasSuffix(path == "/lost" ? "\r\n\r\n4\r\nsome\r\n0\r\n\r\n" : "9\r\ndata: 2\n\n\r\n0\r\n\r\n"))
        try awaitNobody(server, log)
        #expect(log.ends.withLock { $0.isEmpty }, "who has ended it is not told")
    }

    @Test(arguments: [true, false]) func `an evhttp client that goes, or ends its sending, ends its stream`(
        resets: Bool
    ) throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(Array("GET /1000000/10 HTTP/1.1\r\nHost: a\r\nConnection: te\r\n\r\n".utf8))
        _ = try client.bytes(until: "data: 3", of: "the stream")
        if resets { client.reset() } else { client.endSending() }
        try awaitNobody(server, log)
        #expect(log.ends.withLock { $0 } == [.clientGone])
    }

    @Test(arguments: ["", "Connection: te\r\n"]) func `a server may go while answers go on`(field: String) throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(Array("GET /1000000/10 HTTP/1.1\r\nHost: a\r\n\(field)\r\n".utf8))
        _ = try client.bytes(until: "data: 3", of: "the stream")
        server.stop()
        _ = try client.bytesUntilClosed(after: "the stop")
    }

    @Test func `HEAD has the head alone`() throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(Array("HEAD /100/0 HTTP/1.1\r\nHost: a\r\n\r\n".utf8) + get("/next"))
        let text = String(decoding: try client.bytes(until: "/next", of: "both answers"), as: UTF8.self)
        #expect(!text.contains("data:"))
    }

    @Test func `an answer whose sender is lost ends whole`() throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(get("/lost") + get("/next"))
        #expect(try client.bytes(until: "some\r\n0\r\n\r\n", of: "the lost one").count > 0)
        #expect(try client.answer(to: "the request after it").text == "/next")
    }

    @Test(arguments: [true, false]) func `a client that goes, or ends its sending, ends its stream`(resets: Bool) throws
    {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let client = try ClientConnection(port: server.port)
        try client.send(get("/1000000/10"))
        _ = try client.bytes(until: "data: 3", of: "the stream")
        if resets { client.reset() } else { client.endSending() }
        try awaitNobody(server, log)
        #expect(log.ends.withLock { $0 } == [.clientGone])
    }

    @Test func `what waits for a slow client is bounded, and a client that takes nothing is let go`() throws {
        var rules = LimitRules()
        rules.deadlines.answer = 1_000
        rules.streamedAhead = 100_000
        let connectionLimits = ConnectionLimits(rules)
        let log = Log()
        let server = try server(connectionLimits, log)
        let client = try ClientConnection(port: server.port)
        try client.send(get("/1000000/30000"))
        try log.await("the client to have too much") { log.refused.load(ordering: .relaxed) > 0 }
        try log.await("the sweep to see it") { connectionLimits.waitingBytes > 0 }
        #expect(connectionLimits.waitingBytes <= 100_000 + 100)
        try awaitNobody(server, log)
        #expect(log.ends.withLock { $0 } == [.clientGone])
        #expect(connectionLimits.tally()[LimitEvent.answer.rawValue].count == 1)
        withExtendedLifetime(client) {}
    }

    @Test func `a stop tells the senders, whose last words arrive`() throws {
        let log = Log()
        let server = try server(ConnectionLimits(), log)
        let clients = try (0..<3).map { _ in try ClientConnection(port: server.port) }
        for client in clients {
            try client.send(get("/1000000/0"))
            _ = try client.bytes(until: "data: 2", of: "the stream")
        }
        server.drain()
        for client in clients {
            let rest = String(decoding: try client.bytesUntilClosed(after: "the stop"), as: UTF8.self)
            #expect(rest.hasSuffix("3\r\nbye\r\n0\r\n\r\n"), "\(rest.suffix(40))")
        }
        try awaitNobody(server, log)
        #expect(log.ends.withLock { $0 } == [.draining, .draining, .draining])
    }
}
