// Small answers that go straight into the socket: those that were kept, and the pieces of streams. What the kernel does
// not take at once arrives whole and in its order; nothing overtakes it, and whoever takes nothing is let go.

import HTTP
import Libevent
import Synchronization
import System
import TestSupport
import Testing
import Time

struct AnswerAtOnceTests {
    /// Of a socket that takes a few kilobytes.
    private static let smallBuffer: Int32 = 4_608
    /// Of a kept answer: more than such a socket takes, and less than what is not sent at once.
    private static let keptBytes = 15_000
    private static let largeBytes = 16 << 20

    private static let get = AnswerLifetimeTests.direct.bytes

    /// `/kept…` is answered when the test says so, with what its path says: many bytes or few.
    private func server(_ connectionLimits: ConnectionLimits = ConnectionLimits(), sendBuffer: Int32? = nil) throws
        -> LiveServer
    {
        try LiveServer(connectionLimits: connectionLimits, sendBuffer: sendBuffer) { _ in
            LoopHandler(
                moment: { $0.head.path.starts(with: "/kept".utf8) ? .whenTold : .atOnce },
                respond: { request in
                    let path = String(decoding: request.head.path, as: UTF8.self)
                    let count =
                        path.contains("large") ? Self.largeBytes : path.contains("middling") ? Self.keptBytes : 0
                    return Response(.ok, body: Array(path.utf8) + [UInt8](repeating: 0x20, count: count))
                })
        }
    }

    private func awaitThat(_ what: String, _ condition: () -> Bool) throws {
        let deadline = Deadline()
        while !condition() {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: what) }
        }
    }

    // MARK: - Kept answers

    @Test(arguments: ["/kept", "/kept/middling"])
    func `a kept answer arrives whole, however little the kernel takes at once, and its client comes back`(
        path: String
    ) throws {
        let server = try server(sendBuffer: Self.smallBuffer)
        let client = try ClientConnection(port: server.port, receiveBuffer: Self.smallBuffer)
        for number in 0..<30 {
            try client.send(Self.get("\(path)/\(number)"))
            try server.awaitKept()
            server.answerKept()
            let answer = try client.answer(to: "poll \(number)")
            #expect(answer.text.hasPrefix("\(path)/\(number)"))
            #expect(answer.body.count >= (path == "/kept" ? 7 : Self.keptBytes))
        }
    }

    @Test func `what came while an answer was kept is answered behind it`() throws {
        let server = try server(sendBuffer: Self.smallBuffer)
        let client = try ClientConnection(port: server.port, receiveBuffer: Self.smallBuffer)
        for number in 0..<10 {
            try client.send(Self.get("/kept/middling/\(number)"))
            try server.awaitKept()
            // Of the last the end is still missing when the answer leaves.
            let last = Self.get("/last/\(number)")
            try client.send(Self.get("/next/\(number)") + last[..<10])
            server.answerKept()
            #expect(try client.answer(to: "the poll").text.hasPrefix("/kept/middling/\(number)"))
            #expect(try client.answer(to: "the next").text == "/next/\(number)")
            try client.send(Array(last[10...]))
            #expect(try client.answer(to: "the last").text == "/last/\(number)")
        }
    }

    @Test func `a kept answer to HEAD has no body, and one to HTTP 1.0 ends its connection`() throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(Array("HEAD /kept HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        try server.awaitKept()
        server.answerKept()
        #expect(try client.answer(to: "HEAD", isToHead: true)["Content-Length"] == "5")
        try client.send(Self.get("/next"))
        #expect(try client.answer(to: "the next").text == "/next")
        let old = try ClientConnection(port: server.port)
        try old.send(AnswerLifetimeTests.old.bytes("/kept"))
        try server.awaitKept()
        server.answerKept()
        #expect(try old.answer(to: "HTTP/1.0").text == "/kept")
        #expect(try old.bytesUntilClosed(after: "the answer").isEmpty)
    }

    @Test(arguments: [false, true])
    func `who ends its sending while its answer is kept gets it, and the connection ends`(isMiddling: Bool) throws {
        let server = try server(sendBuffer: Self.smallBuffer)
        let client = try ClientConnection(port: server.port, receiveBuffer: Self.smallBuffer)
        try client.send(Self.get(isMiddling ? "/kept/middling" : "/kept"))
        try server.awaitKept()
        client.endSending()
        server.answerKept()
        #expect(try client.answer(to: "the poll").body.count == (isMiddling ? Self.keptBytes + 14 : 5))
        #expect(try client.bytesUntilClosed(after: "the answer").isEmpty)
    }

    @Test func `a stop answers who waits, and says that the connection ends`() throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(Self.get("/kept"))
        try server.awaitKept()
        server.drain()
        server.answerKept()
        let answer = try client.answer(to: "the poll")
        #expect(answer.text == "/kept" && answer["Connection"] == "close")
        #expect(try client.bytesUntilClosed(after: "the answer").isEmpty)
    }

    // MARK: - Streams

    /// What the sender of a stream has sent, and whether anything was too much.
    private final class Sent: Sendable {
        let bytes = Mutex<[UInt8]>([])
        let refused = Atomic<Int>(0)
    }

    /// A piece each millisecond, in turn a few bytes and many.
    private final class Sender {
        private var reply: StreamReply?
        private var timer: LoopEvent?
        private var number = 0

        init(_ reply: consuming PendingReply, on loop: EventLoop, pieces: Int, _ sent: Sent) throws {
            self.reply = .some(reply.stream(Response(.ok)) { [unowned self] _, _ in end() })
            timer = try LoopEvent.every(milliseconds: 1, on: loop) { [unowned self] _ in
                guard number < pieces else { return end() }
                number += 1
                let padding = number % 2 == 0 ? 0 : 3_000
                let bytes = Array("\(number)\n".utf8) + [UInt8](repeating: 0x20, count: padding)
                if self.reply?.send(StreamPiece(bytes)) ?? false {
                    sent.bytes.withLock { $0 += bytes }
                } else {
                    sent.refused.add(1, ordering: .relaxed)
                }
            }
        }

        private func end() {
            timer = nil
            reply.take()?.end()
        }
    }

    private func streaming(pieces: Int, _ sent: Sent) throws -> LiveServer {
        var rules = LimitRules()
        rules.streamedAhead = 20_000
        return try LiveServer(connectionLimits: ConnectionLimits(rules), sendBuffer: Self.smallBuffer) { _ in
            var handler = LoopHandler(respond: { _ in Response(.notFound) })
            handler.makeAnswering = { loop in
                var senders: [Sender] = []
                return { _, reply in
                    if let sender = try? Sender(reply, on: loop, pieces: pieces, sent) { senders.append(sender) }
                }
            }
            return handler
        }
    }

    @Test(arguments: ["HTTP/1.1", "HTTP/1.0"])
    func `pieces that the kernel takes in part arrive whole, and small ones do not overtake them`(version: String)
        throws
    {
        let sent = Sent()
        let server = try streaming(pieces: 200, sent)
        let client = try ClientConnection(port: server.port, receiveBuffer: Self.smallBuffer)
        try client.send(Array("GET / \(version)\r\nHost: a\r\n\r\n".utf8))
        try awaitThat("the client to have too much") { sent.refused.load(ordering: .relaxed) > 0 }
        let body: [UInt8]
        if version == "HTTP/1.1" {
            _ = try client.bytes(until: "\r\n\r\n", of: "the head")
            body = joined(try client.bytes(until: "\r\n0\r\n\r\n", of: "the stream"))
        } else {
            _ = try client.bytes(until: "\r\n\r\n", of: "the head")
            body = try client.bytesUntilClosed(after: "the stream")
        }
        #expect(body == sent.bytes.withLock { $0 })
    }

    /// The bytes of chunks, to the first that is none.
    private func joined(_ chunks: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = chunks[...]
        while let end = rest.firstIndex(of: 0x0D),
            let count = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16),
            count > 0, rest.count >= end - rest.startIndex + count + 4
        {
            bytes += rest[(end + 2)..<(end + 2 + count)]
            rest = rest[(end + 4 + count)...]
        }
        return bytes
    }

    @Test func `pieces are framed once, and nothing is no piece`() {
        let piece = StreamPiece(Array("0123456789abcdef".utf8))
        #expect(piece.chunk == Array("10\r\n0123456789abcdef\r\n".utf8))
        #expect(Array(piece.bytes) == Array("0123456789abcdef".utf8) && piece.count == 16)
        #expect(StreamPiece.empty.isEmpty && StreamPiece.empty.chunk.isEmpty && StreamPiece.empty.bytes.isEmpty)
    }

    // MARK: - The sweep

    /// Returns when connections that have nothing to do have been passed over: a silent one has been closed for it.
    private func awaitSweeps(_ server: LiveServer) throws {
        let silent = try ClientConnection(port: server.port)
        #expect(try silent.bytesUntilClosed(after: "its time").isEmpty)
    }

    private func limits() -> ConnectionLimits {
        var rules = LimitRules()
        rules.deadlines.idle = 600
        rules.deadlines.answer = 1_000
        return ConnectionLimits(rules)
    }

    @Test func `who has waited for long and then takes nothing is let go`() throws {
        let limits = limits()
        let server = try server(limits)
        let client = try ClientConnection(port: server.port)
        try client.send(Self.get("/kept/large"))
        try server.awaitKept()
        try awaitSweeps(server)
        server.answerKept()
        try awaitThat("the connection to end") { server.gauge.open == 0 }
        #expect(limits.tally()[LimitEvent.answer.rawValue].count == 1)
        withExtendedLifetime(client) {}
    }

    @Test func `who has waited for long and is answered has its time for the next request`() throws {
        let limits = limits()
        let server = try server(limits)
        let client = try ClientConnection(port: server.port)
        try client.send(Self.get("/kept"))
        try server.awaitKept()
        try awaitSweeps(server)
        server.answerKept()
        #expect(try client.answer(to: "the poll").status == 200)
        #expect(try client.bytesUntilClosed(after: "its time").isEmpty)
        #expect(limits.tally()[LimitEvent.idle.rawValue].count == 2, "its own, and that of the silent one")
    }

    @Test func `who has waited for long, ends its sending and then goes is let go`() throws {
        let server = try server(limits())
        let client = try ClientConnection(port: server.port)
        try client.send(Self.get("/kept"))
        try server.awaitKept()
        try awaitSweeps(server)
        client.endSending()
        client.reset()
        try awaitThat("the connection to end") { server.gauge.open == 0 }
    }
}
