// The client against servers that behave: what it sends, what it passes on, and how it keeps connections.

import Gzip
import HTTP
import TestSupport
import Testing

@testable import HTTPClient

struct HTTPClientTests {
    @Test func `an answer comes with its status, fields and body`() throws {
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 404 Not Found\r\nX-One: a\r\nx-one: b\r\nContent-Length: 5\r\n\r\nhello")
            try peer.awaitEnd()
        }
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port))
        #expect(outcome.status == 404 && outcome.text == "hello" && outcome.failure == nil)
        #expect(outcome.head?.first("X-ONE") == "a" && outcome.head?.elements("X-One") == ["a", "b"])
    }

    @Test func `what is sent names the host, and how long the body is`() throws {
        let server = try RawServer { peer, _ in
            let request = try peer.request() ?? ""
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.utf8.count)\r\n\r\n\(request)")
            try peer.awaitEnd()
        }
        let bench = try ClientBench()
        var request = try OutgoingRequest(.delete, port: server.port, "/a?b=c", host: "u:p%40@127.0.0.1")
        request.body = Array("body".utf8)
        request.fields = [("X-Mine", "1")]
        let lines = try bench.outcome(of: request).text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.first == "DELETE /a?b=c HTTP/1.1")
        #expect(lines.last == "body")
        for line in [
            "Host: 127.0.0.1:\(server.port)", "Content-Length: 4", "X-Mine: 1", "Accept-Encoding: gzip",
            "Authorization: Basic dTpwQA==",
        ] {
            #expect(lines.filter { $0 == line }.count == 1, "\(line) in \(lines)")
        }
    }

    @Test(arguments: [true, false])
    func `a body in chunks comes whole, however it is cut`(isByteByByte: Bool) throws {
        let body = (0..<3_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            if isByteByByte {
                for byte in body { peer.sendChunk([byte]) }
            } else {
                peer.sendChunk(body)
            }
            peer.send("0\r\n\r\n")
            try peer.awaitEnd()
        }
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port))
        #expect(outcome.body == body && outcome.failure == nil)
    }

    @Test func `a long body comes in pieces, whole and in order`() throws {
        let body = (0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let server = try RawServer { peer, _ in
            while try peer.request() != nil {
                peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for start in stride(from: 0, to: body.count, by: 4_000_000) {
                    peer.sendChunk(Array(body[start..<start + 4_000_000]))
                }
                peer.send("0\r\n\r\n")
            }
        }
        let bench = try ClientBench()
        for _ in 0..<2 {
            let outcome = try bench.outcome(of: OutgoingRequest(port: server.port))
            #expect(outcome.body == body && outcome.pieces >= 20_000_000 / (256 << 10))
        }
        #expect(server.connections == 1)
    }

    @Test func `a body without a length ends with its connection`() throws {
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nto the end")
        }
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port))
        #expect(outcome.text == "to the end" && outcome.failure == nil)
    }

    @Test(arguments: ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"])
    func `an answer without a body is whole, and its connection is kept`(answer: String) throws {
        let server = try RawServer { peer, _ in while try peer.request() != nil { peer.send(answer) } }
        let bench = try ClientBench()
        for _ in 0..<3 {
            let outcome = try bench.outcome(of: OutgoingRequest(port: server.port))
            #expect(outcome.failure == nil && outcome.body.isEmpty)
        }
        #expect(server.connections == 1)
    }

    @Test func `a HEAD has no body`() throws {
        let server = try RawServer { peer, _ in
            while try peer.request() != nil { peer.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n") }
        }
        let outcome = try ClientBench().outcome(of: OutgoingRequest(.head, port: server.port))
        #expect(outcome.status == 200 && outcome.body.isEmpty && outcome.failure == nil)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
        // What follows would be taken for the answer to the next request.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
    ])
    func `a connection that cannot be kept is not used again`(answer: String) throws {
        let server = try RawServer { peer, _ in
            while try peer.request() != nil { peer.send(answer) }
        }
        let bench = try ClientBench()
        for _ in 0..<2 { #expect(try bench.outcome(of: OutgoingRequest(port: server.port)).text == "ok") }
        #expect(server.connections == 2)
    }

    @Test func `a request on a kept connection that has just died is sent again, once`() throws {
        let server = try RawServer { peer, index in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            // Dies with the second request in it, as a server does whose patience ends just then.
            if index == 0 { _ = try peer.request() } else { try peer.awaitEnd() }
        }
        let bench = try ClientBench()
        for _ in 0..<2 { #expect(try bench.outcome(of: OutgoingRequest(port: server.port)).text == "ok") }
        #expect(server.connections == 2)
    }

    @Test func `a request that may not be repeated is not sent again`() throws {
        let server = try RawServer { peer, index in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if index == 0 { _ = try peer.request() } else { try peer.awaitEnd() }
        }
        let bench = try ClientBench()
        #expect(try bench.outcome(of: OutgoingRequest(.post, port: server.port)).text == "ok")
        #expect(try bench.outcome(of: OutgoingRequest(.post, port: server.port)).failure == .connection(.cut))
        #expect(server.connections == 1)
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `a redirect to the same server is followed`(status: Int) throws {
        let server = try RawServer { peer, _ in
            while let request = try peer.request() {
                if request.hasPrefix("GET /new?x=1 ") {
                    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")
                } else {
                    peer.send("HTTP/1.1 \(status) Moved\r\nLocation: /new?x=1\r\nContent-Length: 3\r\n\r\nold")
                }
            }
        }
        #expect(try ClientBench().outcome(of: OutgoingRequest(port: server.port, "/old")).text == "new")
    }

    @Test func `a compressed answer is inflated`() throws {
        let body = [UInt8](repeating: 7, count: 1_000_000)
        let packed = try #require(Gzip.compress(body))
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(packed.count)\r\n\r\n")
            peer.send(packed)
            try peer.awaitEnd()
        }
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port))
        #expect(outcome.body == body && outcome.failure == nil)
    }

    @Test func `a host name is looked up, and each of its addresses tried`() throws {
        // `localhost` may stand for ::1 too, where nobody listens.
        let server = try RawServer { peer, _ in
            _ = try peer.request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            try peer.awaitEnd()
        }
        let outcome = try ClientBench().outcome(of: OutgoingRequest(port: server.port, host: "localhost"))
        #expect(outcome.text == "ok")
    }

    @Test func `a whole answer is fetched at once`() throws {
        let server = try RawServer { peer, _ in
            while let request = try peer.request() {
                guard request.hasPrefix("GET /cut ") else {
                    peer.send("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for part in ["a", "b", "c"] { peer.sendChunk(Array(part.utf8)) }
                    peer.send("0\r\n\r\n")
                    continue
                }
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
                return
            }
        }
        let bench = try ClientBench()
        #expect(try bench.fetched(OutgoingRequest(port: server.port)).get().body == Array("abc".utf8))
        #expect(try bench.fetched(OutgoingRequest(port: server.port)).get().status == 201)
        let cut = try bench.fetched(OutgoingRequest(port: server.port, "/cut"))
        #expect(throws: ClientFailure.connection(.cut)) { try cut.get() }
    }

    @Test func `a stream goes on while other requests are made, and ends when it is cancelled`() throws {
        let server = try RawServer { peer, _ in
            while let request = try peer.request() {
                guard request.hasPrefix("GET /watch ") else {
                    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    continue
                }
                peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while peer.sendChunk(Array("event\n".utf8)) {}
                return
            }
        }
        let bench = try ClientBench()
        var stream = try OutgoingRequest(port: server.port, "/watch")
        stream.deadlines.whole = nil
        stream.limits.body = .max
        let outcome = try bench.outcome(of: stream, stopAfter: 3_000_000)
        #expect(outcome.failure == nil && outcome.body.count >= 3_000_000)
        #expect(try bench.outcome(of: OutgoingRequest(port: server.port)).text == "ok")
    }
}
