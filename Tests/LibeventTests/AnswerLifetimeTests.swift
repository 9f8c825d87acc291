// What may happen to a connection while its answer is kept or only partly written: the client ends its sending, goes,
// or reads slowly; the server drains, ends the connection, or goes itself. Nobody else may notice, and whoever still
// listens gets all of the answer.

import HTTP
import Libevent
import Synchronization
import TestSupport
import Testing

struct AnswerLifetimeTests {
    /// More than the kernel takes for a client that reads nothing.
    private static let large = 16 << 20

    /// Ways to send a request for a path, of which only the first goes past evhttp.
    struct Form: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: @Sendable (String) -> [UInt8]
        /// Whether the connection ends with the answer.
        var closes = false
    }

    static let direct = Form(testDescription: "direct") { Array("GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }
    static let chunked = Form(testDescription: "chunked") {
        Array("POST \($0) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8)
    }
    static let closing = Form(
        testDescription: "closing", bytes: { Array("GET \($0) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8) },
        closes: true)
    static let old = Form(
        testDescription: "HTTP/1.0", bytes: { Array("GET \($0) HTTP/1.0\r\n\r\n".utf8) }, closes: true)

    /// What the handler was asked, in order.
    private final class Asked: Sendable {
        let paths = Mutex<[String]>([])

        func await(_ path: String) throws {
            let deadline = Deadline()
            while !paths.withLock({ $0.contains(path) }) {
                guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "\(path) to be asked") }
            }
        }
    }

    /// `/large…` is answered with many bytes, `/kept…` when the test says so, `/later…` a little later.
    private func server(_ connectionLimits: ConnectionLimits = ConnectionLimits(), asked: Asked? = nil) throws
        -> LiveServer
    {
        try LiveServer(connectionLimits: connectionLimits) { _ in
            LoopHandler(
                moment: { request in
                    let path = String(decoding: request.head.path, as: UTF8.self)
                    return path.hasPrefix("/kept") ? .whenTold : path.hasPrefix("/later") ? .later : .atOnce
                },
                respond: { request in
                    let path = String(decoding: request.head.path, as: UTF8.self)
                    asked?.paths.withLock { $0.append(path) }
                    let count = path.contains("large") ? Self.large : 2
                    return Response(.ok, contentType: .json, body: [UInt8](repeating: 0x20, count: count))
                })
        }
    }

    /// Of a server that takes the next request whatever still waits for the client.
    private static func ahead(_ change: (inout LimitRules) -> Void = { _ in }) -> ConnectionLimits {
        var rules = LimitRules()
        rules.answersAhead = .max
        change(&rules)
        return ConnectionLimits(rules)
    }

    private func expectServed(_ server: LiveServer) throws {
        let client = try ClientConnection(port: server.port)
        try client.send(Self.direct.bytes("/after"))
        #expect(try client.answer(to: "somebody else's request").status == 200)
    }

    private func awaitNobody(_ server: LiveServer) throws {
        let deadline = Deadline()
        while server.gauge.open > 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "the connection to be freed") }
        }
    }

    // MARK: - The client

    @Test(arguments: [direct, chunked, closing, old])
    func `a client that has ended its sending gets the whole answer`(form: Form) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(form.bytes("/large"))
        client.endSending()
        #expect(try client.answer(to: "the request").body.count == Self.large)
        #expect(try client.bytesUntilClosed(after: "the answer").isEmpty)
        withExtendedLifetime(server) {}
    }

    @Test(arguments: [direct, chunked])
    func `a client that has ended its sending gets every answer`(form: Form) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        let paths = (0..<600).map { $0 % 50 == 7 ? "/later/\($0)" : "/\($0)" } + ["/large", "/last"]
        try client.send(paths.flatMap(form.bytes))
        client.endSending()
        for path in paths { #expect(try client.answer(to: path).status == 200) }
        #expect(try client.bytesUntilClosed(after: "the last").isEmpty)
        withExtendedLifetime(server) {}
    }

    @Test(arguments: [direct, chunked])
    func `who does not take a large answer is not asked what comes behind it`(form: Form) throws {
        let asked = Asked()
        let server = try server(asked: asked)
        let client = try ClientConnection(port: server.port)
        try client.send(Self.direct.bytes("/large") + form.bytes("/second"))
        let other = try ClientConnection(port: server.port)
        // Those of the first client arrived before.
        try asked.await("/large")
        for number in 0..<3 {
            try other.send(form.bytes("/other"))
            #expect(try other.answer(to: "request \(number)").status == 200)
        }
        #expect(asked.paths.withLock { $0 } == ["/large", "/other", "/other", "/other"])
        #expect(try client.answer(to: "the first").body.count == Self.large)
        #expect(try client.answer(to: "the second").status == 200)
    }

    @Test(arguments: [direct, chunked], [direct, chunked])
    func `what comes behind a late answer is served, however large that is`(first: Form, second: Form) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(first.bytes("/later/large") + second.bytes("/later/large") + first.bytes("/"))
        #expect(try client.answer(to: "the first").body.count == Self.large)
        #expect(try client.answer(to: "the second").body.count == Self.large)
        #expect(try client.answer(to: "the third").status == 200)
        withExtendedLifetime(server) {}
    }

    @Test(arguments: [direct, chunked], ["/", "/large"])
    func `an answer does not wait for the one behind it`(form: Form, path: String) throws {
        let server = try server(Self.ahead())
        let client = try ClientConnection(port: server.port)
        try client.send(Self.direct.bytes(path) + form.bytes("/kept") + Self.direct.bytes("/third"))
        try server.awaitKept()
        #expect(try client.answer(to: "the first, while the second is kept").status == 200)
        server.answerKept()
        #expect(try client.answer(to: "the second").status == 200)
        #expect(try client.answer(to: "the third").status == 200)
    }

    @Test(arguments: [direct, chunked], ["", "/large"])
    func `a client may go while its reply is kept`(form: Form, path: String) throws {
        let server = try server(Self.ahead())
        let client = try ClientConnection(port: server.port)
        try client.send((path.isEmpty ? [] : Self.direct.bytes(path)) + form.bytes("/kept/large"))
        try server.awaitKept()
        client.reset()
        // It is noticed before there is anything to be written.
        try awaitNobody(server)
        server.answerKept()
        try expectServed(server)
    }

    @Test(arguments: [direct, chunked])
    func `a client that ends its sending while its reply is kept gets it`(form: Form) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(form.bytes("/kept/large"))
        try server.awaitKept()
        client.endSending()
        // By now the end has been read: others are served in later turns.
        for _ in 0..<3 { try expectServed(server) }
        server.answerKept()
        #expect(try client.answer(to: "the request").body.count == Self.large)
        #expect(try client.bytesUntilClosed(after: "the answer").isEmpty)
        try awaitNobody(server)
    }

    @Test(arguments: [direct, chunked])
    func `a client that goes for good after it has ended its sending is noticed while its reply is kept`(form: Form)
        throws
    {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(form.bytes("/kept"))
        try server.awaitKept()
        client.endSending()
        for _ in 0..<3 { try expectServed(server) }
        client.reset()
        try awaitNobody(server)
        server.answerKept()
        try expectServed(server)
    }

    @Test(arguments: [direct, chunked], [direct, chunked])
    func `what a client sends while its reply is kept is served behind it`(first: Form, second: Form) throws {
        let asked = Asked()
        let server = try server(asked: asked)
        let client = try ClientConnection(port: server.port)
        try client.send(first.bytes("/kept"))
        try server.awaitKept()
        let rest = second.bytes("/second") + first.bytes("/later/third") + second.bytes("/fourth")
        try client.send(Array(rest.prefix(30)))
        for _ in 0..<3 { try expectServed(server) }
        #expect(asked.paths.withLock { $0 } == ["/kept", "/after", "/after", "/after"])
        server.answerKept()
        #expect(try client.answer(to: "the kept one").status == 200)
        try client.send(Array(rest.dropFirst(30)))
        for path in ["/second", "/third", "/fourth"] { #expect(try client.answer(to: path).status == 200) }
        #expect(asked.paths.withLock { $0.suffix(3) } == ["/second", "/later/third", "/fourth"])
    }

    @Test(arguments: [direct, chunked])
    func `what a client sends while its reply is kept is bounded`(form: Form) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(form.bytes("/kept"))
        try server.awaitKept()
        // More than the kernel takes on both sides, of requests and of bytes that are none.
        let requests = Array([[UInt8]](repeating: Self.direct.bytes("/more"), count: 1_000_000).joined())
        let taken = try client.sendWhatIsTaken(requests)
        #expect(taken < requests.count)
        server.answerKept()
        #expect(try client.answer(to: "the kept one").status == 200)
        #expect(try client.answer(to: "the one behind it").status == 200)
    }

    @Test(arguments: [direct, chunked])
    func `what cannot be read behind a kept reply is refused behind it`(form: Form) throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(form.bytes("/kept"))
        try server.awaitKept()
        try client.send(Array("GET / HTTP/1.1\nHost: a\n\n".utf8))
        for _ in 0..<3 { try expectServed(server) }
        server.answerKept()
        #expect(try client.answer(to: "the kept one").status == 200)
        #expect(try client.answer(to: "bare line feeds").status == 400)
        #expect(try client.bytesUntilClosed(after: "400").isEmpty)
    }

    @Test func `a client that has ended its sending is told why it is refused`() throws {
        let server = try server()
        for _ in 0..<20 {
            let client = try ClientConnection(port: server.port)
            try client.send(Self.direct.bytes("/first") + Array("GET / HTTP/1.1\nHost: a\n\n".utf8))
            client.endSending()
            #expect(try client.answer(to: "the first").status == 200)
            #expect(try client.answer(to: "bare line feeds").status == 400)
            #expect(try client.bytesUntilClosed(after: "400").isEmpty)
        }
        try awaitNobody(server)
    }

    @Test(arguments: [direct, chunked])
    func `a client that does not read may be let go while its next reply is kept`(form: Form) throws {
        let connectionLimits = Self.ahead { $0.deadlines.answer = 100 }
        let server = try server(connectionLimits)
        let client = try ClientConnection(port: server.port)
        try client.send(Self.direct.bytes("/large") + form.bytes("/kept/large"))
        try server.awaitKept()
        try awaitNobody(server)
        #expect(connectionLimits.tally()[LimitEvent.answer.rawValue].count == 1)
        server.answerKept()
        try expectServed(server)
        withExtendedLifetime(client) {}
    }

    @Test func `what a client still sends behind its last request does not cost it the answer`() throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        try client.send(Self.closing.bytes("/kept/large"))
        try server.awaitKept()
        try client.send(Array("\r\n".utf8))
        server.answerKept()
        #expect(try client.answer(to: "the request").body.count == Self.large)
        #expect(try client.bytesUntilClosed(after: "the answer").isEmpty)
    }

    // MARK: - The server

    @Test(arguments: [direct, chunked]) func `a drain lets an answer be taken whole`(form: Form) throws {
        let server = try server(Self.ahead())
        let client = try ClientConnection(port: server.port)
        try client.send(Self.direct.bytes("/large") + form.bytes("/kept"))
        try server.awaitKept()
        server.drain()
        server.answerKept()
        #expect(try client.answer(to: "the first").body.count == Self.large)
        #expect(try client.answer(to: "the kept one")["connection"] == "close")
        #expect(try client.bytesUntilClosed(after: "the kept one").isEmpty)
    }

    @Test func `a drain waits for the request that has begun behind an answer`() throws {
        let server = try server()
        let client = try ClientConnection(port: server.port)
        let second = Self.direct.bytes("/second")
        try client.send(Self.direct.bytes("/large") + second.prefix(20))
        let other = try ClientConnection(port: server.port)
        try other.send(Self.direct.bytes("/kept"))
        try server.awaitKept()
        server.drain()
        #expect(try client.answer(to: "the first").body.count == Self.large)
        try client.send(Array(second.dropFirst(20)))
        #expect(try client.answer(to: "the second")["connection"] == "close")
        #expect(try client.bytesUntilClosed(after: "the second").isEmpty)
        server.answerKept()
        #expect(try other.answer(to: "the kept one")["connection"] == "close")
    }

    @Test(arguments: [direct, chunked]) func `a server may go while replies are kept`(form: Form) throws {
        let server = try server(Self.ahead())
        let clients = try (0..<4).map { _ in try ClientConnection(port: server.port) }
        for (index, client) in clients.enumerated() {
            try client.send((index % 2 == 0 ? [] : Self.direct.bytes("/large")) + form.bytes("/kept"))
            try server.awaitKept()
        }
        server.stop()
        _ = try clients[0].bytesUntilClosed(after: "the stop")
    }
}
