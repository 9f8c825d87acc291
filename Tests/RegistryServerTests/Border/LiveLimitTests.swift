// The limits on connections over a real socket, with deadlines short enough to be awaited.

import HTTP
import TestSupport
import Testing

@testable import Libevent
@testable import Serving

struct LiveLimitTests {
    private static let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)

    private func server(answer: Int = 0, _ change: (inout LimitRules) -> Void) throws -> (LiveServer, ConnectionLimits)
    {
        var rules = LimitRules()
        change(&rules)
        let connectionLimits = ConnectionLimits(rules)
        let server = try LiveServer(connectionLimits: connectionLimits) { _ in
            LoopHandler(
                respond: { _ in Response(.ok, contentType: .json, body: [UInt8](repeating: 0x20, count: answer)) })
        }
        return (server, connectionLimits)
    }

    private func count(_ connectionLimits: ConnectionLimits, _ event: LimitEvent) -> UInt64 {
        connectionLimits.tally()[event.rawValue].count
    }

    @Test func `R816: a head that does not end is answered 408 and its connection closed`() throws {
        let (server, connectionLimits) = try server { $0.deadlines.header = 100 }
        let client = try ClientConnection(port: server.port)
        try client.send(Array("GET / HTTP/1.1\r\nHos".utf8))
        let answer = try client.answer(to: "half a head")
        #expect(answer.status == 408)
        #expect(try client.bytesUntilClosed(after: "408").isEmpty)
        #expect(count(connectionLimits, .header) == 1)
        #expect(connectionLimits.answers(.requestTimeout) == 1 && connectionLimits.answers(.serviceUnavailable) == 0)
    }

    @Test func `R816: a body that does not end is answered 408, and the request before it as ever`() throws {
        let (server, connectionLimits) = try server { $0.deadlines.request = 100 }
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request + Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf".utf8))
        #expect(try client.answer(to: "a request").status == 200)
        #expect(try client.answer(to: "half a body").status == 408)
        #expect(try client.bytesUntilClosed(after: "408").isEmpty)
        #expect(count(connectionLimits, .request) == 1)
        #expect(connectionLimits.answers(.requestTimeout) == 1)
    }

    @Test func `R821: an idle connection is closed without a word`() throws {
        let (server, connectionLimits) = try server { $0.deadlines.idle = 100 }
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request)
        #expect(try client.answer(to: "a request").status == 200)
        #expect(try client.bytesUntilClosed(after: "a pause").isEmpty)
        #expect(count(connectionLimits, .idle) == 1)
        #expect(connectionLimits.answers(.requestTimeout) == 0, "nobody was told")
    }

    @Test func `R822: a client that does not read its answer is let go`() throws {
        // More than the kernel takes for a client that reads nothing.
        let (server, connectionLimits) = try server(answer: 64 << 20) { $0.deadlines.answer = 100 }
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request)
        let deadline = Deadline()
        while count(connectionLimits, .answer) == 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "the answer's deadline") }
        }
        #expect(try client.bytesUntilClosed(after: "the deadline").count < 64 << 20)
    }

    @Test func `R822: where more waits for all than may, those who take nothing are let go`() throws {
        let (server, connectionLimits) = try server(answer: 64 << 20) { $0.waitingOutput = 1 << 20 }
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request)
        let deadline = Deadline()
        while count(connectionLimits, .waitingOutput) == 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "room to be made") }
        }
        #expect(try ClientConnection(port: server.port).bytesAfterRequest(Self.request) > 0)
    }

    @Test func `R828: where too much waits, large answers are refused and all others are given`() throws {
        let registry = try Registry(.router)
        let connectionLimits = registry.context.connectionLimits
        for number in 0..<200 {
            let value = "http://host-\(number):80/" + String(repeating: "x", count: 90)
            #expect(try registry.send(.register(text: Body("web", value).text)).status == 201)
        }
        let list = TestRequest.get("/api/v1/instances")
        #expect(try registry.send(list).body.count >= ConnectionLimits.largeBody)
        let megabyte = Fragment([UInt8](repeating: 0, count: 1 << 20))
        let waiting = FragmentChain([Fragment](repeating: megabyte, count: connectionLimits.rules.waitingOutput >> 20))
        connectionLimits.lend(waiting)
        connectionLimits.lend(waiting)
        let refused = try registry.send(list)
        #expect(refused.status == 503 && refused["retry-after"] != nil)
        #expect(try registry.send(TestRequest("HEAD", "/api/v1/instances")).status == 503, "as GET")
        #expect(try registry.send(.get("/api/v1/instances?fields=links")).status == 503)
        #expect(try registry.send(.get("/api/v1/instances?fields=links&service_name=none")).status == 200)
        for path in ["/", "/livez", "/metrics", "/swagger.json", "/api/v1/services"] {
            #expect(try registry.send(.get(path)).status == 200, "\(path)")
        }
        connectionLimits.takeBack(waiting)
        #expect(try registry.send(list).status == 503, "it waits for another")
        connectionLimits.takeBack(waiting)
        #expect(try registry.send(list).status == 200)
    }

    @Test func `R828: what a client does not read counts once it waits, and no longer when it has left`() throws {
        let (server, connectionLimits) = try server(answer: 64 << 20) { $0.waitingOutput = 1 << 20 }
        let another = Response(
            .ok, contentType: .json, body: [UInt8](repeating: 0x20, count: ConnectionLimits.largeBody)
        ).body
        #expect(connectionLimits.hasRoom(for: another))
        let client = try ClientConnection(port: server.port)
        try client.send(Self.request)
        for isFull in [true, false] {
            let deadline = Deadline()
            while connectionLimits.hasRoom(for: another) == isFull {
                guard deadline.remainingMilliseconds > 0 else {
                    throw WaitedInVain(for: isFull ? "the answer to wait" : "it to be let go of")
                }
            }
        }
        #expect(count(connectionLimits, .waitingOutput) == 1)
    }

    @Test func `R827: a request that says close in any way is told so, and its connection is closed`() throws {
        let (server, _) = try server { _ in }
        for value in ["close", "\tclose", "TE, close", "close, TE", "keep-alive\r\nConnection: close"] {
            let client = try ClientConnection(port: server.port)
            try client.send(Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: \(value)\r\n\r\n".utf8))
            #expect(try client.answer(to: "GET")["connection"] == "close", "\(value)")
            #expect(try client.bytesUntilClosed(after: value).isEmpty)
        }
    }

    @Test func `R823: one connection too many is answered 503, and there is room again when another ends`() throws {
        let (server, connectionLimits) = try server { $0.connections = 1 }
        let first = try ClientConnection(port: server.port)
        try first.send(Self.request)
        #expect(try first.answer(to: "a request").status == 200)
        let second = try ClientConnection(port: server.port)
        let answer = try second.answer(to: "a connection too many")
        #expect(answer.status == 503)
        #expect(try second.bytesUntilClosed(after: "503").isEmpty)
        try first.send(Self.request)
        #expect(try first.answer(to: "another request").status == 200)
        #expect(count(connectionLimits, .connections) == 1)
        #expect(connectionLimits.answers(.serviceUnavailable) == 1 && connectionLimits.answers(.requestTimeout) == 0)
        first.endSending()
        _ = try first.bytesUntilClosed(after: "the end")
        let third = try ClientConnection(port: server.port)
        try third.send(Self.request)
        #expect(try third.answer(to: "a request in the room made").status == 200)
    }

    @Test func `R823: a client has no more connections than a client may have`() throws {
        let (server, connectionLimits) = try server { $0.connectionsPerClient = 1 }
        let first = try ClientConnection(port: server.port)
        try first.send(Self.request)
        #expect(try first.answer(to: "a request").status == 200)
        #expect(try ClientConnection(port: server.port).answer(to: "a connection too many").status == 503)
        #expect(count(connectionLimits, .connectionsPerClient) == 1)
    }

    @Test func `what the connectionLimits answers is counted among the refusals`() throws {
        let registry = try Registry(.router)
        let connectionLimits = registry.context.connectionLimits
        connectionLimits.note(.header, nil)
        connectionLimits.note(.request, nil)
        connectionLimits.note(.header, nil, isAnswered: false)
        connectionLimits.note(.connections, nil)
        connectionLimits.note(.idle, nil)
        let lines = try registry.send(.get("/metrics")).text.split(separator: "\n")
        #expect(lines.contains(#"a8registry_http_refusals_total{status="408"} 2"#))
        #expect(lines.contains(#"a8registry_http_refusals_total{status="503"} 1"#))
    }

    @Test func `thousands of pipelined requests are all answered, though only so many are read ahead`() throws {
        let (server, _) = try server { _ in }
        let client = try ClientConnection(port: server.port)
        try client.send((0..<2_000).flatMap { _ in Self.request })
        for number in 0..<2_000 { #expect(try client.answer(to: "request \(number)").status == 200) }
    }

    @Test func `the largest body behind many requests is still read whole`() throws {
        let (server, _) = try server { _ in }
        let client = try ClientConnection(port: server.port)
        let body = [UInt8](repeating: 0x61, count: RequestLimits().body)
        let post = Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
        try client.send((0..<1_000).flatMap { _ in Self.request } + post + post + Self.request)
        for number in 0..<1_003 { #expect(try client.answer(to: "request \(number)").status == 200) }
    }
}

extension ClientConnection {
    /// Sends a request and counts the bytes of its answer's body.
    fileprivate func bytesAfterRequest(_ request: [UInt8]) throws -> Int {
        try send(request)
        return try answer(to: "a request").body.count
    }
}
