// The registry at work, as seen through its sockets: that the pieces which have tests of their own were put together
// right.

import Foundation
import Testing

@Suite struct ServingTests {
    @Test func `an instance is registered, renewed, listed and removed over one connection that stays open`() throws {
        let registry = try RunningRegistry()
        let client = try registry.connect()
        let registered = try client.ask("POST", "/api/v1/instances", body: Sample.registration())
        #expect(registered.status == 201)
        let id = try #require(try registered.object()["id"] as? String)
        #expect(registered.header("Location") == "http://registry.test/api/v1/instances/\(id)")
        #expect(try client.ask("PUT", "/api/v1/instances/\(id)/heartbeat").status == 200)
        let listed = try client.ask("GET", "/api/v1/services/orders")
        #expect(try (listed.object()["instances"] as? [[String: Any]])?.map { $0["id"] as? String } == [id])
        #expect(try client.ask("DELETE", "/api/v1/instances/\(id)").status == 200)
        #expect(try client.ask("GET", "/api/v1/instances/\(id)").status == 404)
    }

    @Test func `requests sent in one piece are answered in order`() throws {
        let registry = try RunningRegistry()
        let client = try registry.connect()
        let targets = (0..<50).map { "/api/v1/services/s\($0)" } + ["/livez", "/readyz"]
        try client.send(targets.map { "GET \($0) HTTP/1.1\r\nHost: a\r\nX-Request-Id: \($0)\r\n\r\n" }.joined())
        for target in targets {
            #expect(try client.receive("the answer to \(target) among others").header("X-Request-Id") == target)
        }
    }

    @Test func `a registry that stood still closes nobody who spoke meanwhile`() throws {
        // R826 … and by as much as the registry itself stood still: what it could not read meanwhile is not held
        // against a client.
        let registry = try RunningRegistry(["--idle_timeout=3s", "--header_timeout=2s"])
        let clients = try (0..<200).map { _ in try registry.connect() }
        for client in clients { #expect(try client.ask("GET", "/livez").status == 200) }
        // Half of them are idle, half have begun a request.
        for client in clients.prefix(100) { try client.send("GET /livez HTTP/1.1\r\nHo") }
        #expect(try registry.connect().ask("GET", "/livez").status == 200)
        registry.send(SIGSTOP)
        try Patience.wait("the process to stand still") { try registry.state == "T" }
        for client in clients.prefix(100) { try client.send("st: a\r\n\r\n") }
        for client in clients.dropFirst(100) { try client.send("GET", "/livez") }
        usleep(3_500_000)  // The pause is what is tested: more than either deadline.
        registry.send(SIGCONT)
        for client in clients {
            #expect(try client.receive("the answer to a request from before the pause").status == 200)
        }
    }

    @Test func `every loop serves its share of the connections, from one catalog`() throws {
        let registry = try RunningRegistry(["--loops=2"])
        let before = try registry.turns()
        #expect(before.count == 2)
        let clients = try (0..<64).map { _ in try registry.connect() }
        for (number, client) in clients.enumerated() {
            #expect(
                try client.ask("POST", "/api/v1/instances", body: Sample.registration(endpoint: "10.0.0.1:\(number)"))
                    .status == 201)
        }
        for client in clients {
            let listed = try client.ask("GET", "/api/v1/services/orders").object()["instances"] as? [Any]
            #expect(listed?.count == clients.count)
        }
        // The kernel spreads connections by a hash of their ports: that one loop gets fewer than eight of 64 does not
        // happen.
        let after = try registry.turns()
        for (thread, turns) in after {
            #expect(turns - (before[thread] ?? 0) >= 16, "\(thread) served next to nothing")
        }
    }

    @Test func `the port file names the port while the registry serves, and goes with it`() throws {
        let registry = try RunningRegistry()
        // Whoever has seen the file may ask at once.
        #expect(try registry.connect().ask("GET", "/readyz").status == 200)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: registry.folder.path()).sorted() == ["log", "port"])
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        #expect(!registry.portFileExists)
    }

    /// evhttp takes what follows `//` for an authority, and refuses this one by itself before any handler of ours. The
    /// connection option is what makes the request evhttp's.
    @Test(arguments: ["//host:port/", "//[::1/", "//a:b/api/v1/services"])
    func `what evhttp refuses by itself is refused in JSON, and the connection closed`(target: String) throws {
        let registry = try RunningRegistry()
        let client = try registry.connect()
        try client.send(
            "GET \(target) HTTP/1.1\r\nHost: a\r\nConnection: te\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        let refusal = try client.receive("the refusal of \(target)")
        #expect(refusal.status == 400)
        #expect(refusal.head.hasPrefix("HTTP/1.1 400 "))
        #expect(try refusal.object()["Error"] is String)
        #expect(refusal.header("Content-Type") == "application/json")
        #expect(refusal.header("Connection") == "close")
        #expect(refusal.header("X-Request-Id") != nil)
        #expect(
            try client.receiveEnd("the end of the connection after a refusal") == "",
            "the request behind the refused one was served")
    }

    @Test(arguments: ["CONNECT", "TRACE", "OPTIONS", "PATCH", "PROPFIND", "HEAD", "get"])
    func `whatever the method, the answer has an end and the connection serves on`(method: String) throws {
        let registry = try RunningRegistry()
        let client = try registry.connect()
        try client.send(method, "/livez")
        try client.send("GET", "/livez", headers: ["X-Request-Id: behind"])
        let first = try client.receive("the answer to \(method)", isHead: method == "HEAD")
        #expect(first.status == (method == "HEAD" ? 200 : method == "OPTIONS" ? 204 : 405))
        let second = try client.receive("the answer behind the one to \(method)")
        #expect(second.status == 200)
        #expect(second.header("X-Request-Id") == "behind")
    }

    @Test func `a client that trickles on after a refusal is not listened to for ever`() throws {
        let registry = try RunningRegistry()
        let client = try registry.connect()
        try client.send("BAD\r\n")
        #expect(try client.receive("the refusal of a bad request line").status == 400)
        #expect(try client.receiveEnd("the end of what the registry sends") == "")
        // Each byte comes before the registry would have lost its patience with silence.
        try Patience.wait("the connection to be closed under a client that goes on sending") {
            usleep(200_000)
            do { try client.send("x") } catch Client.Failure.closed { return true }
            return false
        }
    }

    @Test func `connections that have ended, in whatever state, are forgotten`() throws {
        let registry = try RunningRegistry()
        for start in [
            "", "GET /li", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "BAD\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nBAD\r\n",
        ] {
            for _ in 0..<10 {
                let client = try registry.connect()
                try client.send(start)
                client.close()
            }
        }
        let client = try registry.connect()
        try Patience.wait("the connections to be forgotten") {
            try client.ask("GET", "/metrics").text.contains("\na8registry_open_connections 1\n")
        }
    }

    @Test func `a client that uploads into a refusal still reads the refusal`() throws {
        let registry = try RunningRegistry()
        let client = try registry.connect()
        try client.send("POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n")
        try client.send([UInt8](repeating: 0x20, count: 500_000))
        #expect(try client.receive("the refusal of a body that is too long").status == 413)
        #expect(try client.receiveEnd("the end of the connection after a refusal") == "")
    }
}

extension RunningRegistry {
    /// How often each loop's thread has gone to sleep: at least once for every request that came alone.
    fileprivate func turns() throws -> [String: Int] {
        var turns: [String: Int] = [:]
        for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") {
            let status = try String(contentsOfFile: "/proc/\(pid)/task/\(task)/status", encoding: .utf8)
            guard let name = status.firstMatch(of: /Name:\s*(api-\d+)/),
                let count = status.firstMatch(of: /\nvoluntary_ctxt_switches:\s*(\d+)/)
            else { continue }
            turns[String(name.1)] = Int(count.1)
        }
        return turns
    }
}
