// Requests that go past evhttp, beside those that do not: the client must not be able to tell.

import HTTP
import Libevent
import TestRandom
import TestSupport
import Testing

struct DirectAnswerTests {
    /// Ways to ask for the same, of which the first goes past evhttp.
    private static let forms: [(name: String, bytes: @Sendable (Int) -> [UInt8])] = [
        ("plain", { Array("GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }),
        ("keep-alive", { Array("GET /\($0) HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".utf8) }),
        ("with a connection option", { Array("GET /\($0) HTTP/1.1\r\nHost: a\r\nConnection: te\r\n\r\n".utf8) }),
        ("with a body", { Array("POST /\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".utf8) }),
        (
            "with a chunked body",
            {
                Array(
                    "POST /\($0) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8)
            }
        ),
        // What the gate takes and evhttp does not (R818, R126, R831).
        (
            "behind an empty line",
            { Array("\r\nPOST /\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".utf8) }
        ),
        (
            "in absolute form, with a body",
            { Array("POST http://b/\($0) HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".utf8) }
        ),
        (
            "with chunk extensions and trailer fields",
            {
                Array(
                    ("POST /\($0) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nhe\r\n0003 ;c\r\nllo\r\n0;d\r\n"
                        + "X: y\r\nContent-Length: 7\r\n\r\n").utf8)
            }
        ),
        (
            "in absolute form with chunk extensions, behind an empty line, before a tab",
            {
                Array(
                    ("\r\nPOST http://b/\($0) HTTP/1.1\r\nHost: a\r\nConnection:\tte\r\nTransfer-Encoding:\tchunked\r\n\r\n5;x\r\nhello\r\n0\r\n"
                        + "X: y\r\n\r\n").utf8)
            }
        ),
    ]

    /// Answers with the path, what the body was, and padding.
    private func server(answersLater: Bool = false, padding: Int = 0) throws -> LiveServer {
        try LiveServer { _ in
            LoopHandler(
                moment: { _ in answersLater ? .later : .atOnce },
                respond: { request in
                    Response(
                        .ok, contentType: .json,
                        body: Array(request.head.target) + request.body + [UInt8](repeating: 0x20, count: padding))
                })
        }
    }

    private func expected(_ number: Int, _ form: Int) -> String { "/\(number)" + (form >= 3 ? "hello" : "") }

    @Test(arguments: [(false, 0), (false, 30_000), (true, 0), (true, 30_000)])
    func `answers come in the order of the requests, whichever way each goes`(answersLater: Bool, padding: Int) throws {
        let server = try server(answersLater: answersLater, padding: padding)
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<5 {
            let client = try ClientConnection(port: server.port)
            var forms: [Int] = []
            var bytes: [UInt8] = []
            for number in 0..<40 {
                forms.append(Int.random(in: 0..<Self.forms.count, using: &generator))
                bytes += Self.forms[forms[number]].bytes(number)
                // Some leave together, some apart, some cut in the middle.
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    let cut = Int.random(in: 0...bytes.count, using: &generator)
                    try client.send(Array(bytes[..<cut]))
                    bytes.removeFirst(cut)
                }
            }
            try client.send(bytes)
            for number in forms.indices {
                let answer = try client.answer(to: "request \(number), \(Self.forms[forms[number]].name), seed \(seed)")
                #expect(answer.status == 200)
                let text = String(decoding: answer.body.prefix { $0 != 0x20 }, as: UTF8.self)
                #expect(text == expected(number, forms[number]), "seed \(seed)")
                #expect(answer.body.count == text.utf8.count + padding, "seed \(seed)")
            }
        }
    }

    @Test func `a refusal comes behind the answers before it, and ends the connection`() throws {
        for padding in [0, 300_000] {
            let server = try server(padding: padding)
            let client = try ClientConnection(port: server.port)
            try client.send(Self.forms[0].bytes(1) + Self.forms[0].bytes(2) + Array("GET / HTTP/1.1\nHost: a\n\n".utf8))
            #expect(try client.answer(to: "the first").status == 200)
            #expect(try client.answer(to: "the second").status == 200)
            #expect(try client.answer(to: "bare line feeds").status == 400)
            #expect(try client.bytesUntilClosed(after: "400").isEmpty)
            withExtendedLifetime(server) {}
        }
    }

    @Test func `HEAD has the length of the body and no body`() throws {
        let server = try server(padding: 10)
        let client = try ClientConnection(port: server.port)
        try client.send(Array("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n".utf8) + Self.forms[0].bytes(1))
        let head = try client.answer(to: "HEAD", isToHead: true)
        #expect(head.status == 200)
        #expect(head["content-length"] == "12")
        #expect(try client.answer(to: "GET behind it").body.count == 12)
        withExtendedLifetime(server) {}
    }
}
