// HTTPS over real sockets: clean ends, resumption on another loop and after a reload, what is no TLS at all, and that
// nothing is left behind.

import CTLS
import Foundation
import Libevent
import Testing

@testable import TLS

@Suite(.serialized) struct HTTPSServerTests {
    private func client(_ fixture: Fixture, _ options: TestClient.Options = .init()) throws -> TestClient {
        try TestClient(options, trusting: fixture.authority.issued.certificate)
    }

    private static let versions = [TestClient.Options.tls12, .tls13]

    @Test func `a request is served over each version and known as secure`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions {
            let connection = try LiveClient(port: server.port, client(fixture, options))
            #expect(try connection.get("/").contains("secure true"))
            #expect(try connection.get("/").contains("secure true"), "keep-alive")
        }
    }

    @Test func `whoever ends, the server says goodbye`() throws {
        // R618 A TLS connection that the registry ends is ended with close_notify.
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions {
            let asked = try LiveClient(port: server.port, client(fixture, options))
            _ = try asked.get("/", closing: true)
            #expect(asked.ending() == .clean)

            let leaving = try LiveClient(port: server.port, client(fixture, options))
            _ = try leaving.get("/")
            leaving.sayGoodbye()
            #expect(leaving.ending() == .clean)

            let refused = try LiveClient(port: server.port, client(fixture, options))
            refused.send("GET / HTTP/1.1\r\n\r\n")
            #expect(try refused.answer().hasPrefix("HTTP/1.1 400 "))
            #expect(refused.ending() == .clean)
        }
        #expect(!server.hasFailures)
    }

    @Test func `a stop says goodbye on idle connections`() throws {
        // R618 A TLS connection that the registry ends is ended with close_notify.
        let fixture = try Fixture()
        var server: RunningServer? = try RunningServer(fixture.context())
        let connection = try LiveClient(port: #require(server).port, client(fixture))
        _ = try connection.get("/")
        server = nil
        #expect(connection.ending() == .clean)
    }

    @Test func `a small answer is one record`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let connection = try LiveClient(port: server.port, client(fixture))
        connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        let record = String(decoding: connection.read(), as: UTF8.self)
        #expect(record.hasPrefix("HTTP/1.1 200 ") && record.hasSuffix("units []"), "\(record)")
    }

    @Test(arguments: [1, 15_000, 16_384, 100_000, 3_000_000]) func `an answer of any size arrives whole`(count: Int)
        throws
    {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let connection = try LiveClient(port: server.port, client(fixture))
        for _ in 0..<2 {
            connection.send("GET /large/\(count) HTTP/1.1\r\nHost: x\r\n\r\n")
            var received = 0
            var head: [UInt8] = []
            while received - head.count < count {
                let bytes = connection.read()
                try #require(!bytes.isEmpty)
                if received == 0 {
                    let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
                    head = Array(bytes[..<end.upperBound])
                }
                received += bytes.count
            }
            #expect(received - head.count == count)
        }
    }

    @Test func `the largest legal body is read, and pipelined requests are answered in order`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let connection = try LiveClient(port: server.port, client(fixture))
        let body = String(repeating: "b", count: 65_536)
        connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n\(body)")
        #expect(try connection.answer().hasSuffix("\r\n\r\n" + body))
        let many = 2_000
        connection.send(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: many))
        var answers = 0
        while answers < many {
            let more = connection.read()
            try #require(!more.isEmpty, "after \(answers) answers")
            // Each body ends so, and nothing else holds this byte.
            answers += more.count { $0 == UInt8(ascii: "]") }
        }
        #expect(answers == many)
    }

    @Test(arguments: ["GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", "junk\r\n\r\n"])
    func `what follows a refused request in its record is never answered`(behind: String) throws {
        // R810 … the connection is closed, so that what follows it is never read as a request.
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let refused = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n"
        for options in Self.versions {
            // libevent reads a record in pieces; wherever the first may end, the next begins with what would be a
            // request.
            for length in [4_048, 4_096, 8_144, 8_192, 12_240, 16_300] {
                let connection = try LiveClient(port: server.port, client(fixture, options))
                let filling = String(repeating: "x", count: length - refused.utf8.count)
                connection.send(refused + filling + behind)
                #expect(try connection.answer().hasPrefix("HTTP/1.1 413 "), "after \(length) bytes")
                #expect(connection.ending() == .clean)
            }
        }
    }

    @Test func `one connection too many is told so over TLS too`() throws {
        // R823 A connection beyond MAX_CONNECTIONS … is answered 503 with `Retry-After` …
        let fixture = try Fixture()
        var rules = LimitRules()
        rules.connections = 1
        let server = try RunningServer(fixture.context(), rules: rules)
        let first = try LiveClient(port: server.port, client(fixture))
        _ = try first.get("/")
        for options in Self.versions {
            let second = try LiveClient(port: server.port, client(fixture, options))
            let answer = try second.answer()
            #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: "))
            #expect(second.ending() == .clean)
        }
        #expect(try first.get("/").contains("secure true"))
    }

    @Test func `who reads steadily has the time of each portion, over TLS too`() throws {
        // R822 A client that takes longer than ANSWER_TIMEOUT to read MAX_BUFFERED_OUTPUT bytes of an answer …
        let fixture = try Fixture()
        var rules = LimitRules()
        rules.deadlines.answer = 600
        rules.deadlines.portion = 65_536
        let clock = SweptClock()
        let server = try RunningServer(fixture.context(), rules: rules, clock: { clock.read() })
        let connection = try LiveClient(port: server.port, client(fixture))
        // More in each step than the kernel's buffers hold, so that every step moves what waits in the server.
        let (step, steps) = (10_000_000, 4)
        connection.send("GET /large/\(step * steps) HTTP/1.1\r\nHost: x\r\n\r\n")
        var received = 0
        for number in 1...steps {
            while received < number * step, case let more = connection.read(), !more.isEmpty { received += more.count }
            // The whole answer takes more than its deadline, and each step less.
            try clock.advance(milliseconds: 250)
        }
        #expect(received >= step * steps)
    }

    @Test func `a session resumes on every loop, and after a reload`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let server = try RunningServer(fixture.context(keys: keys), loops: 2)
        for options in Self.versions {
            let client = try client(fixture, options)
            let first = try LiveClient(port: server.port, client)
            _ = try first.get("/")
            let ticket = first.ticket
            defer { SSL_SESSION_free(ticket) }
            var loops: Set<String> = []
            // The kernel spreads connections by their ports: both loops are met soon.
            for attempt in 0..<200 where loops.count < 2 || attempt < 10 {
                let connection = try LiveClient(port: server.port, client, resuming: ticket)
                #expect(connection.isResumed)
                let answer = try connection.get("/")
                loops.insert(answer.contains("loop 0") ? "0" : "1")
            }
            #expect(loops.count == 2)
            try fixture.install(fixture.server(name: "renewed"))
            try server.contexts.replace(by: fixture.context(keys: keys))
            #expect(try LiveClient(port: server.port, client, resuming: ticket).isResumed)
        }
    }

    @Test func `the newest ticket always resumes, from loop to loop and through a reload`() throws {
        let fixture = try Fixture()
        let keys = TicketKeys(now: 0)
        let server = try RunningServer(fixture.context(keys: keys), loops: 2)
        for options in Self.versions {
            let client = try client(fixture, options)
            let first = try LiveClient(port: server.port, client)
            _ = try first.get("/")
            var newest = first.ticket
            defer { SSL_SESSION_free(newest) }
            var moves: Set<String> = []
            var last = ""
            for attempt in 0..<400 where moves.count < 2 || attempt < 20 {
                if attempt == 10 {
                    try fixture.install(fixture.server(name: "renewed"))
                    try server.contexts.replace(by: fixture.context(keys: keys))
                }
                let connection = try LiveClient(port: server.port, client, resuming: newest)
                #expect(connection.isResumed, "attempt \(attempt)")
                let loop = try connection.get("/").contains("loop 0") ? "0" : "1"
                if loop != last { moves.insert(last + loop) }
                last = loop
                SSL_SESSION_free(newest)
                newest = connection.ticket
            }
            #expect(moves.count >= 2)
        }
    }

    @Test func `a reload drops no connection, and new ones see the new certificate`() throws {
        // R619 … certificates are read again; connections are not dropped.
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let before = try (0..<20).map { _ in try LiveClient(port: server.port, client(fixture)) }
        for connection in before { _ = try connection.get("/") }
        let successor = try Fixture()
        try server.contexts.replace(by: successor.context())
        for connection in before { #expect(try connection.get("/").contains("secure true")) }
        #expect(try LiveClient(port: server.port, client(successor)).get("/").contains("secure true"))
        #expect(throws: LiveClient.Failed.self) { try LiveClient(port: server.port, client(fixture)) }
        #expect(server.nextFailure() == "tlsv1 alert unknown ca")
    }

    @Test func `the client's certificate reaches every request of its connection`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context(.optional))
        let known = try LiveClient(port: server.port, client(fixture, .init(identity: fixture.client(unit: "shop"))))
        for _ in 0..<2 { #expect(try known.get("/").hasSuffix(#"units ["shop"]"#)) }
        let unknown = try LiveClient(port: server.port, client(fixture))
        #expect(try unknown.get("/").hasSuffix("units []"))
    }

    // MARK: - What is refused

    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http request"),
            (String(repeating: "garbage ", count: 2_000), "wrong version number"),
            // A hello that announces 512 bytes and ends after two, and none at all.
            ("\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}", "the client has closed the connection"),
            ("", "the client has closed the connection"),
        ])
    func `what is no TLS is closed without a reset, told once, and disturbs nobody`(text: String, reason: String) throws
    {
        // R617 … whatever else arrives on it is closed without an answer.
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let bystander = try LiveClient(port: server.port, client(fixture))
        let odd = try LiveClient(port: server.port)
        odd.send(text)
        if reason == "the client has closed the connection" { shutdown(odd.descriptor, Int32(SHUT_WR)) }
        #expect(odd.ending() == .clean)
        #expect(server.nextFailure() == reason)
        #expect(try bystander.get("/").contains("secure true"))
        #expect(!server.hasFailures)
    }

    @Test func `an old version and a missing certificate get their alerts`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context(.require))
        let old = try client(fixture, .init(minimum: TLS1_1_VERSION, maximum: TLS1_1_VERSION))
        #expect { try LiveClient(port: server.port, old) } throws: {
            ($0 as? LiveClient.Failed)?.reason == "tlsv1 alert protocol version"
        }
        #expect(server.nextFailure() == "unsupported protocol")
        let anonymous = try LiveClient(port: server.port, client(fixture, .tls13))
        anonymous.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(anonymous.ending() == .error("tlsv13 alert certificate required"))
        #expect(server.nextFailure() == "peer did not return a certificate")
    }

    // MARK: - What is left behind

    private func openDescriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    private func residentKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }

    @Test func `two thousand handshakes, good and bad, leave neither descriptors nor memory`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let good = try client(fixture)
        func round(_ count: Int) throws {
            for number in 0..<count {
                if number % 4 == 3 {
                    let odd = try LiveClient(port: server.port)
                    odd.send("nonsense")
                    _ = odd.ending()
                    #expect(server.nextFailure() != nil)
                } else {
                    let connection = try LiveClient(port: server.port, good)
                    _ = try connection.get("/", closing: true)
                    _ = connection.ending()
                }
            }
        }
        try round(500)
        let (descriptors, memory) = (try openDescriptors(), try residentKilobytes())
        try round(2_000)
        // Other tests of this process run meanwhile; a leak would be one descriptor, and some 10 kB, for each.
        #expect(try openDescriptors() < descriptors + 200)
        #expect(try residentKilobytes() < memory + 8_000)
    }
}
