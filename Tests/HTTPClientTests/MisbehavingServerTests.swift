// The client against servers that do not behave. Each fails with its sentence, in time, and holds no more than it may.

import Glibc
import Gzip
import HTTP
import TestSupport
import Testing

@testable import HTTPClient
@testable import Libevent

struct MisbehavingServerTests {
    /// Answers each connection's first request with these bytes and waits for the client to close.
    private static func answering(_ answer: String, closes: Bool = false) throws -> RawServer {
        try RawServer { peer, _ in
            _ = try peer.request()
            peer.send(answer)
            if !closes { try peer.awaitEnd() }
        }
    }

    @Test func `nobody listens`() throws {
        let port = try LoopbackPort()
        close(port.descriptor)
        let failure = try ClientBench().outcome(of: OutgoingRequest(port: port.port)).failure
        #expect(failure == .connection(.refused("Connection refused")))
    }

    @Test func `the name has no address`() throws {
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: 80, host: "no-such-host.invalid"))
        guard case .noSuchHost = outcome.failure else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test(arguments: [
        ("", OutgoingFailure.cut), ("HTTP/1.1 200 OK\r\nContent-", .cut),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", .cut),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", .cut),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", .cut),
    ])
    func `an answer that is cut fails, after what came of it`(answer: String, failure: OutgoingFailure) throws {
        let server = try Self.answering(answer, closes: true)
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port))
        #expect(outcome.failure == .connection(failure))
        if answer.contains("half") { #expect(outcome.text == "half") }
        if answer.contains("hello") { #expect(outcome.text == "hello") }
    }

    @Test(arguments: [
        "220 smtp.example ESMTP\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
    ])
    func `what is not HTTP, or has no certain end, is malformed`(answer: String) throws {
        let server = try Self.answering(answer)
        var request = try OutgoingRequest(port: server.port)
        request.deadlines.head = 2_000
        let outcome = try ClientBench().outcome(of: request)
        switch outcome.failure {
        case .connection(.malformed), .malformed: break
        default: Issue.record("\(answer.debugDescription) came to \(outcome)")
        }
    }

    @Test func `a 100 is passed over, any other interim answer ends the connection`() throws {
        let answer = "\r\nContent-Length: 2\r\n\r\nok"
        let continuing = try Self.answering("HTTP/1.1 100 Continue\r\nX-No: 1\r\n\r\nHTTP/1.1 200 OK" + answer)
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: continuing.port))
        #expect(outcome.text == "ok" && outcome.head?.first("X-No") == nil)

        let hinting = try Self.answering("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK" + answer)
        let bench = try ClientBench()
        for _ in 0..<2 {
            let failure = try bench.outcome(of: OutgoingRequest(port: hinting.port)).failure
            #expect(failure == .connection(.interim(status: 103)))
        }
        #expect(hinting.connections == 2)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nX-Long: " + String(repeating: "x", count: 200_000),
        "HTTP/1.1 200 OK\r\n" + String(repeating: "X-Many: 1\r\n", count: 20_000),
        String(repeating: "x", count: 200_000),
    ])
    func `a head is bounded`(head: String) throws {
        let server = try Self.answering(head)
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port))
        #expect(outcome.failure == .connection(.headTooLong(limit: 64 << 10)))
    }

    @Test(arguments: ["7fffffff\r\n", "1", "100000000000000000000\r\n"])
    func `a chunk is bounded, and so is the line before it`(line: String) throws {
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line)
            while peer.send([UInt8](repeating: 0x31, count: 65_536)) {}
        }
        var request = try OutgoingRequest(port: server.port)
        request.limits.chunk = 1 << 20
        let outcome = try ClientBench().outcome(of: request)
        switch outcome.failure {
        case .connection(.chunkTooLong(limit: 1 << 20)), .connection(.malformed): break
        default: Issue.record("\(outcome)")
        }
    }

    @Test func `a body without end is bounded`() throws {
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while peer.sendChunk([UInt8](repeating: 0, count: 50_000)) {}
        }
        var request = try OutgoingRequest(port: server.port)
        request.limits.body = 1_000_000
        let outcome = try ClientBench().outcome(of: request)
        #expect(outcome.failure == .tooLong(limit: 1_000_000) && outcome.body.count <= 1_000_000)
    }

    @Test func `what compressed bytes come to is bounded`() throws {
        let packed = try #require(Gzip.compress([UInt8](repeating: 0, count: 50_000_000)))
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(packed.count)\r\n\r\n")
            peer.send(packed)
            try peer.awaitEnd()
        }
        var request = try OutgoingRequest(port: server.port)
        request.limits.body = 1_000_000
        #expect(try ClientBench().outcome(of: request).failure == .tooLong(limit: 1_000_000))
    }

    @Test func `gzip that is cut or is none is malformed`() throws {
        let packed = try #require(Gzip.compress([UInt8](repeating: 0, count: 5_000)))
        for bytes in [Array(packed.dropLast(6)), Array("no gzip at all, and no short text".utf8)] {
            let server = try RawServer { peer, _ in
                _ = try peer.request()
                peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bytes.count)\r\n\r\n")
                peer.send(bytes)
                try peer.awaitEnd()
            }
            guard case .malformed = try ClientBench().outcome(of: OutgoingRequest(port: server.port)).failure else {
                Issue.record("gzip of \(bytes.count) bytes was taken")
                return
            }
        }
    }

    @Test func `a redirect to another server is not followed, nor one without end`() throws {
        let there = try Self.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let here = try RawServer { peer, _ in
            while let request = try peer.request() {
                let location = request.hasPrefix("GET /round ") ? "/round" : "http://127.0.0.1:\(there.port)/"
                peer.send("HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
            }
        }
        for target in ["/", "/round"] {
            guard
                case .redirected = try ClientBench().outcome(of: OutgoingRequest(port: here.port, target)).failure
            else {
                Issue.record("\(target) was followed")
                return
            }
        }
        #expect(there.connections == 0)
    }

    @Test func `a server that is slow or silent fails by what it did not do in time`() throws {
        // Accepts, and says nothing.
        let silent = try RawServer { peer, _ in try peer.awaitEnd() }
        var request = try OutgoingRequest(port: silent.port)
        request.deadlines.head = 200
        let head = Lateness(cause: .phase(.head), milliseconds: 200)
        #expect(try ClientBench().outcome(of: request).failure == .tooSlow(head))

        let stalling = try Self.answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        request = try OutgoingRequest(port: stalling.port)
        request.deadlines.silence = 200
        let body = Lateness(cause: .phase(.body), milliseconds: 200)
        let outcome = try ClientBench().outcome(of: request)
        #expect(outcome.failure == .tooSlow(body) && outcome.text == "x")

        // A byte now and then, for ever.
        let dripping = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while peer.sendChunk([0x78]) { usleep(20_000) }
        }
        request = try OutgoingRequest(port: dripping.port)
        request.deadlines.whole = 500
        let whole = Lateness(cause: .whole, milliseconds: 500)
        #expect(try ClientBench().outcome(of: request).failure == .tooSlow(whole))
    }

    @Test func `a reset is a cut`() throws {
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
            peer.reset()
        }
        #expect(try ClientBench().outcome(of: OutgoingRequest(port: server.port)).failure == .connection(.cut))
    }

    @Test func `a request with a field that would end its line is not sent`() throws {
        let server = try Self.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        var request = try OutgoingRequest(port: server.port)
        request.fields = [("X-A", "b\r\nX-C: d")]
        guard case .unsendable = try ClientBench().outcome(of: request).failure else {
            Issue.record("it was sent")
            return
        }
        #expect(server.connections == 0)
    }

    @Test func `without descriptors a request fails, and the next succeeds`() throws {
        // A limit below what is open already lets nothing be opened, in this thread's process as a whole, so the
        // descriptors are not used up for other tests: the limit is put back before anything else is asked for.
        let loop = try EventLoop()
        let server = try Self.answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        var outcomes: [String] = []
        let timer = try LoopEvent.timer(on: loop) { onLoop in
            var before = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
            var none = rlimit(rlim_cur: 0, rlim_max: before.rlim_max)
            guard
                let connection = try? OutgoingConnection(to: "127.0.0.1", port: server.port, security: nil, on: loop)
            else { return }
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
            connection.send(.get, "/", fields: [("Host", "x")], body: nil, limits: OutgoingLimits(), onLoop) {
                event, onLoop in
                outcomes.append("\(event)")
                loop.stop(onLoop)
                withExtendedLifetime(connection) {}
            }
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
        }
        timer.schedule(afterMilliseconds: 0)
        loop.run()
        #expect(outcomes.count == 1 && outcomes.first?.contains("Too many open files") == true, "\(outcomes)")
        #expect(try ClientBench().outcome(of: OutgoingRequest(port: server.port)).text == "ok")
    }
}
