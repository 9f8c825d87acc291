// R614: "On SIGTERM or SIGINT the registry stops taking connections, answers what it has begun, and exits with 0 within
// 5 seconds."

import Foundation
import Glibc
import Testing

@Suite struct StopTests {
    /// What R614 promises, and what a busy test machine may add, in seconds.
    private static let promised = 5.0
    private static let slowness = 10.0

    @Test(arguments: [SIGTERM, SIGINT])
    func `idle connections are closed and the process exits with 0`(signal: Int32) throws {
        let registry = try RunningRegistry(["--loops=2"])
        let used = try (0..<10).map { _ in try registry.connect() }
        for client in used { #expect(try client.ask("GET", "/livez").status == 200) }
        let unused = try registry.connect()
        registry.send(signal)
        for client in used + [unused] { #expect(try client.receiveEnd("the end of an idle connection") == "") }
        #expect(try registry.waitForEnd("the end after signal \(signal)") == 0)
        #expect(throws: Client.Failure.connect(errno: ECONNREFUSED)) { try registry.connect() }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a request that has begun is answered, and its connection closed`(signal: Int32) throws {
        let registry = try RunningRegistry()
        let body = Sample.registration()
        let half =
            "POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n{"
        let inBody = try registry.connect()
        try inBody.send(half)
        let inHead = try registry.connect()
        try inHead.send("GET /readyz HTTP/1.1\r\nHost: a")
        let idle = try registry.connectAfterEverythingSent()

        registry.send(signal)
        #expect(try idle.receiveEnd("the end of an idle connection") == "")
        #expect(!inBody.hasNews && !inHead.hasNews)
        #expect(throws: Client.Failure.connect(errno: ECONNREFUSED)) { try registry.connect() }

        try inHead.send("\r\n\r\n")
        let readiness = try inHead.receive("the answer to a request that was begun before the signal")
        #expect(readiness.status == 503)
        #expect(readiness.text.hasPrefix(#"{"status":"draining","reason":"stopping","since":""#), "\(readiness.text)")
        #expect(readiness.header("Connection") == "close")
        #expect(try inHead.receiveEnd("the end of a draining connection") == "")

        try inBody.send(String(body.dropFirst()))
        let registered = try inBody.receive("the answer to a registration that was begun before the signal")
        #expect(registered.status == 201)
        #expect(registered.header("Connection") == "close")
        #expect(try inBody.receiveEnd("the end of a draining connection") == "")
        #expect(try registry.waitForEnd("the end after signal \(signal)") == 0)
    }

    @Test func `a request that had come before the signal, but was not yet read, is answered`() throws {
        let registry = try RunningRegistry()
        let clients = try (0..<300).map { _ in try registry.connect() }
        for client in clients { #expect(try client.ask("GET", "/livez").status == 200) }
        // While it stands still, both come: the requests, and then the signal.
        registry.send(SIGSTOP)
        try Patience.wait("the process to stand still") { try registry.state == "T" }
        for client in clients { try client.send("GET", "/readyz") }
        registry.send(SIGTERM)
        registry.send(SIGCONT)
        for client in clients {
            #expect([200, 503].contains(try client.receive("the answer to a request from before the signal").status))
        }
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
    }

    @Test func `a request that nobody finishes does not hold up the end`() throws {
        let registry = try RunningRegistry(["--loops=2"])
        let clients = try (0..<4).map { _ in try registry.connect() }
        for client in clients { try client.send("GET /livez HTTP/1.1\r\nHost: a\r\n") }
        _ = try registry.connectAfterEverythingSent()
        let stopped = Moment.now
        registry.send(SIGTERM)
        #expect(
            try registry.waitForEnd("the end with requests unfinished", seconds: Self.promised + Self.slowness) == 0)
        let seconds = Moment.now - stopped
        // Not a timing of this machine: without its own deadline the registry would wait for evhttp's, which is more
        // than a minute.
        #expect(seconds < Self.promised + Self.slowness)
        #expect(!registry.portFileExists)
        #expect(registry.logged.contains("connections still open"))
    }

    @Test(arguments: [(SIGTERM, SIGTERM), (SIGTERM, SIGINT), (SIGINT, SIGTERM)])
    func `a second signal ends it at once`(first: Int32, second: Int32) throws {
        let registry = try RunningRegistry()
        let unfinished = try registry.connect()
        try unfinished.send("GET /livez HTTP/1.1\r\nHost: a\r\n")
        let idle = try registry.connectAfterEverythingSent()
        registry.send(first)
        #expect(try idle.receiveEnd("the end of an idle connection") == "")
        registry.send(second)
        // With the deadline of the drain it would have been 0.
        #expect(try registry.waitForEnd("the end after a second signal") == 128 + second)
    }

    @Test func `while it drains it serves everybody, new connections too, and says that it drains`() throws {
        // R672 On SIGTERM or SIGINT, for DRAIN_TIME first, /readyz answers 503 draining and everything else is served
        // as before.
        let registry = try RunningRegistry(["--drain_time=1h"])
        let kept = try registry.connect()
        #expect(try kept.ask("GET", "/readyz").status == 200)
        registry.send(SIGTERM)
        try Patience.wait("the word that it drains") { try kept.ask("GET", "/readyz").status == 503 }
        for client in [kept, try registry.connect()] {
            let readiness = try client.ask("GET", "/readyz")
            #expect(readiness.status == 503 && readiness.text.contains("draining"), "\(readiness.text)")
            #expect(readiness.header("Connection") == nil)
            #expect(try client.ask("GET", "/livez").status == 200)
            #expect(try client.ask("POST", "/api/v1/instances", body: Sample.registration()).status == 201)
        }
        // R672 A second signal ends the process at once.
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after a second signal") == 128 + SIGTERM)
    }

    @Test func `behind its time to drain it stops as without`() throws {
        let registry = try RunningRegistry(["--drain_time=300ms"])
        let idle = try registry.connect()
        #expect(try idle.ask("GET", "/livez").status == 200)
        registry.send(SIGTERM)
        #expect(try idle.receiveEnd("the end of an idle connection") == "")
        #expect(try registry.waitForEnd("the end after the time to drain") == 0)
        #expect(!registry.portFileExists)
    }

    @Test func `signals that ask for no end end nothing, and one asks for a report`() throws {
        // R673 SIGUSR1 writes into the log, whatever its level … SIGUSR2 does nothing.
        let registry = try RunningRegistry(["--log_level=error", "--access_log=off"])
        let client = try registry.connect()
        #expect(try client.ask("POST", "/api/v1/instances", body: Sample.registration()).status == 201)
        for signal in [SIGUSR2, SIGHUP, SIGUSR1] { registry.send(signal) }
        let lines = try registry.log(whenALine: "reports") { $0.contains("msg=\"status\"") }
        for part in [
            " instances=1 ", " services=1 ", " registrations=1 ", " state=ready ", " connections=1 ",
            " resident_bytes=",
        ] {
            #expect(lines.last?.contains(part) == true, "\(part) is not in \(lines)")
        }
        #expect(
            !registry.logged.contains("orders") && !registry.logged.contains("namespace=") && lines.count == 1,
            "\(lines)")
        #expect(try client.ask("GET", "/livez").status == 200)
    }

    @Test func `the log tells of the start and the stop`() throws {
        let registry = try RunningRegistry(["--log_format=json"])
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        let lines = try registry.logged.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
        // What the machine's limit on open files makes of max_connections may be told before, and what is read of a
        // store meanwhile.
        let said = lines.filter { $0["allowed"] == nil && ($0["msg"] as? String)?.contains("the store") != true }
        #expect(said.compactMap { $0["msg"] as? String } == ["serving", "stopping", "stopped"])
        #expect(said.first?["api_port"] as? String == String(registry.port))
    }
}

extension RunningRegistry {
    /// A connection that has been served and is idle now. With one loop, what other connections sent before has been
    /// read by then: the loop turns to all that are readable before it answers a second time.
    func connectAfterEverythingSent() throws -> Client {
        let client = try connect()
        for _ in 0..<3 { #expect(try client.ask("GET", "/livez").status == 200) }
        return client
    }
}
