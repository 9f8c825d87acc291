// Bodies that are larger than others may be, on the routes that take them.

import HTTP
import TestSupport
import Testing

struct LargeBodyTests {
    private static let largest = 1 << 20

    private func server(total: LargeBodies = LargeBodies()) throws -> LiveServer {
        try LiveServer { _ in
            var handler = LoopHandler(respond: { request in Response(.ok, body: request.body) })
            handler.bodyRule = BodyRule(largest: Self.largest, total: total) { head throws(Refusal) in
                guard head.path.equals("/large") else { throw Refusal(.unauthorized, "a credential is needed") }
                return Self.largest
            }
            return handler
        }
    }

    private func post(_ path: String, _ body: [UInt8], isChunked: Bool) -> [UInt8] {
        let head = "POST \(path) HTTP/1.1\r\nHost: a\r\n"
        guard isChunked else { return Array((head + "Content-Length: \(body.count)\r\n\r\n").utf8) + body }
        let half = body.count / 2
        return Array((head + "Transfer-Encoding: chunked\r\n\r\n\(String(half, radix: 16))\r\n").utf8) + body[..<half]
            + Array("\r\n\(String(body.count - half, radix: 16))\r\n".utf8) + body[half...]
            + Array("\r\n0\r\n\r\n".utf8)
    }

    @Test(arguments: [false, true])
    func `a route that takes large bodies gets them whole, and others are served after them`(
        isChunked: Bool
    ) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        for count in [10, RequestLimits().body + 1, 300_000, Self.largest] {
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 3) }
            try client.send(post("/large", body, isChunked: isChunked))
            #expect(try client.answer(to: "\(count) bytes").body == body)
        }
        try client.send(post("/", [1, 2, 3], isChunked: false))
        #expect(try client.answer(to: "a small body").body == [1, 2, 3])
    }

    @Test(arguments: [4_000, 4_096, 5_000, 40_000, RequestLimits().body, RequestLimits().body + 1, 300_000, 1 << 20])
    func `a body is the same however it comes, and what stands behind it is the next request`(count: Int) throws {
        let server = try server()
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 251 &+ $0) }
        let request = post("/large", body, isChunked: false)
        let next = post("/large", Array("next".utf8), isChunked: false)
        for piece in [1 << 21, 4_096, 5_003, 70_001] {
            let client = try ClientConnection(port: server.port)
            // The second time the connection's bounds are those of the first.
            for _ in 0..<2 {
                let bytes = request + next + request + next.dropLast()
                for start in stride(from: 0, to: bytes.count, by: piece) {
                    try client.send(Array(bytes[start..<min(bytes.count, start + piece)]))
                }
                #expect(try client.answer(to: "the first in pieces of \(piece)").body == body)
                #expect(try client.answer(to: "the next").text == "next")
                #expect(try client.answer(to: "the second").body == body)
                try client.send(Array(next.suffix(1)))
                #expect(try client.answer(to: "the last").text == "next")
            }
            // One that ends in the middle of a body leaves nothing behind.
            try client.send(Array(request.prefix(request.count - 1)))
            client.endSending()
            #expect(try client.bytesUntilClosed(after: "half a body").isEmpty)
        }
    }

    @Test func `a body that its route does not take is refused before it is read`() throws {
        let server = try server()
        for (path, length, status) in [("/large", Self.largest + 1, 413), ("/", RequestLimits().body + 1, 401)] {
            let client = try ClientConnection(port: server.port)
            try client.send(Array("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n".utf8))
            #expect(try client.answer(to: path).status == status)
            #expect(try client.bytesUntilClosed(after: "the refusal").isEmpty)
        }
    }

    @Test func `large bodies are bounded together, and one that does not fit is refused before it is read`() throws {
        // Three fit and no fourth; one that does not say how long it is counts as the longest.
        let server = try server(total: LargeBodies(limit: 3 * Self.largest))
        let head = "POST /large HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        let (declared, chunked) = ("Content-Length: \(Self.largest)\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n")
        func begin(_ framing: String) throws -> ClientConnection {
            let client = try ClientConnection(port: server.port)
            try client.send(Array((head + framing).utf8))
            return client
        }
        var held: [ClientConnection] = []
        for framing in [declared, chunked, declared] {
            let client = try begin(framing)
            _ = try client.bytes(until: "100 Continue\r\n\r\n", of: "a body that fits")
            held.append(client)
        }
        for framing in [declared, chunked, "Content-Length: \(RequestLimits().body + 1)\r\n\r\n"] {
            #expect(try begin(framing).answer(to: "a body that does not fit").status == 503)
        }
        // Small ones are not counted, and what is over makes room: an answer, and a connection that ends.
        let small = try ClientConnection(port: server.port)
        try small.send(post("/large", [1, 2, 3], isChunked: false))
        #expect(try small.answer(to: "a small body").status == 200)
        let body = [UInt8](repeating: 7, count: Self.largest)
        try held[0].send(body)
        #expect(try held[0].answer(to: "a large body").body == body)
        let next = try begin(declared)
        _ = try next.bytes(until: "100 Continue\r\n\r\n", of: "a body behind one that was answered")
        held[2].reset()
        let deadline = ContinuousClock.now + .seconds(30)
        while try begin(declared).bytes(until: "\r\n", of: "its answer") != Array("HTTP/1.1 100 Continue\r\n".utf8) {
            guard ContinuousClock.now < deadline else { return #expect(Bool(false), "no room after a reset") }
        }
    }
}
