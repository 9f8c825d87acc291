// Answers that go past evhttp, over TLS: whole records, retried writes, and ends in good form whatever the client does
// meanwhile.

import CTLS
import Glibc
import Testing

@testable import TLS

@Suite(.serialized) struct DirectAnswerTests {
    private static let versions = [TestClient.Options.tls12, .tls13]
    private static let forms = ["", "Connection: close\r\n"]

    private func client(_ fixture: Fixture, _ options: TestClient.Options) throws -> TestClient {
        try TestClient(options, trusting: fixture.authority.issued.certificate)
    }

    private func get(_ path: String, _ header: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\n\(header)\r\n"
    }

    /// Reads `count` answers of `size` bytes each, and nothing behind them.
    private func expectAnswers(_ count: Int, of size: Int, on connection: LiveClient) throws {
        var received: [UInt8] = []
        for number in 0..<count {
            var end = received.firstRange(of: Array("\r\n\r\n".utf8))
            while end.map({ received.count - $0.upperBound < size }) ?? true {
                let more = connection.read()
                try #require(!more.isEmpty, "in answer \(number)")
                received += more
                end = end ?? received.firstRange(of: Array("\r\n\r\n".utf8))
            }
            #expect(received.starts(with: "HTTP/1.1 200 ".utf8))
            if let end { received.removeFirst(end.upperBound + size) }
        }
        #expect(received.isEmpty)
    }

    @Test func `a goodbye right behind a request does not cost its answer`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions {
            let connection = try LiveClient(port: server.port, client(fixture, options))
            _ = try connection.get("/")
            connection.setCork(true)
            connection.send(get("/large/10000"))
            connection.sayGoodbye()
            connection.setCork(false)
            try expectAnswers(1, of: 10_000, on: connection)
            #expect(connection.ending() == .clean)
        }
    }

    @Test(arguments: [100, 3_000, 6_000, 7_000, 14_000, 15_500])
    func `a goodbye right behind the rest of a body does not cost its answer`(first: Int) throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions {
            let connection = try LiveClient(port: server.port, client(fixture, options))
            let body = String(repeating: "b", count: first + 300)
            connection.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body.prefix(first))
            // So that the rest is read by itself. Were it not, the test would only test less.
            usleep(50_000)
            connection.setCork(true)
            connection.send(String(body.suffix(300)))
            connection.sayGoodbye()
            connection.setCork(false)
            #expect(try connection.answer().hasSuffix("\r\n\r\n" + body))
            #expect(connection.ending() == .clean)
        }
    }

    @Test(arguments: forms) func `a goodbye while an answer is being written does not cut it`(header: String) throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions {
            let connection = try LiveClient(port: server.port, client(fixture, options))
            connection.send(get("/large/16000000", header))
            // Some of it has come, so it is being written, and most of it is not in the kernel yet.
            let first = connection.read()
            connection.sayGoodbye()
            var received = first.count
            while case let more = connection.read(), !more.isEmpty { received += more.count }
            #expect(received > 16_000_000)
            #expect(connection.ending() == .clean)
        }
    }

    @Test func `writes that the socket did not take are tried again, byte for byte`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for (size, count) in [(100, 5_000), (15_000, 1_000), (16_000, 1_000), (40_000, 400)] {
            let connection = try LiveClient(port: server.port, client(fixture, .tls13))
            for _ in 0..<count / 20 { connection.send(String(repeating: get("/large/\(size)"), count: 20)) }
            try expectAnswers(count, of: size, on: connection)
        }
    }

    @Test func `a refusal behind large answers comes last, and the end is clean`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions {
            let connection = try LiveClient(port: server.port, client(fixture, options))
            connection.send(get("/large/5000000") + get("/large/5000000") + "GET / HTTP/1.1\r\n\r\n")
            var received: [UInt8] = []
            while case let more = connection.read(), !more.isEmpty { received += more }
            #expect(received.count > 10_000_000)
            #expect(String(decoding: received.suffix(600), as: UTF8.self).contains("HTTP/1.1 400 "))
            #expect(connection.ending() == .clean)
        }
    }

    @Test(arguments: forms) func `a stop lets an answer be taken whole, and says goodbye`(header: String) throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        for options in Self.versions.prefix(1) {
            let connection = try LiveClient(port: server.port, client(fixture, options))
            connection.send(get("/large/16000000", header))
            var received = connection.read().count
            server.stop()
            while case let more = connection.read(), !more.isEmpty { received += more.count }
            #expect(received > 16_000_000)
            #expect(connection.ending() == .clean)
        }
    }

    @Test func `a client that goes in mid-answer disturbs nobody`() throws {
        let fixture = try Fixture()
        let server = try RunningServer(fixture.context())
        let bystander = try LiveClient(port: server.port, client(fixture, .tls13))
        for options in Self.versions {
            for _ in 0..<20 {
                let connection = try LiveClient(port: server.port, client(fixture, options))
                connection.send(get("/large/16000000") + get("/"))
                _ = connection.read()
                connection.resetWhenReleased()
            }
            #expect(try bystander.get("/").contains("secure true"))
        }
        while server.gauge.open > 1 { usleep(1_000) }
        #expect(!server.hasFailures)
    }
}
