// Bodies that are larger than others may be, on the routes that take them.

import HTTP
import TestSupport
import Testing

struct LargeBodyTests {
    private static let largest = 1 << 20

    private func server() throws -> LiveServer {
        try LiveServer { _ in
            var handler = LoopHandler(respond: { request in Response(.ok, body: request.body) })
            handler.bodyRule = BodyRule(largest: Self.largest) { head throws(Refusal) in
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

    @Test func `a body that its route does not take is refused before it is read`() throws {
        let server = try server()
        for (path, length, status) in [("/large", Self.largest + 1, 413), ("/", RequestLimits().body + 1, 401)] {
            let client = try ClientConnection(port: server.port)
            try client.send(Array("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n".utf8))
            #expect(try client.answer(to: path).status == status)
            #expect(try client.bytesUntilClosed(after: "the refusal").isEmpty)
        }
    }
}
