// The log as whoever collects it gets it: one line an event that parses, with no credential in it, and never a reason
// to wait.

import Foundation
import Testing

@Suite struct LogTests {
    /// What an access line tells, in the formats that are objects.
    private static let accessFields: Set = [
        "request_id", "namespace", "operation", "method", "path", "status", "bytes", "us", "client",
    ]
    /// Of one that was refused, and of one that could not be read.
    private static let refusalFields: Set = ["error", "received"]

    /// One request of each kind that the log sees: served, refused by its contents, unknown, and not even readable.
    private func makeRequests(_ registry: RunningRegistry) throws -> [String] {
        let client = try registry.connect()
        var responses = [
            try client.ask(
                "POST", "/api/v1/instances", headers: ["X-Request-Id: \"quoted\\id\""], body: Sample.registration()),
            try client.ask("GET", "/api/v1/services/orders?a=%22"),
            try client.ask("POST", "/api/v1/instances", body: "{"),
            try client.ask("GET", "/%22quoted%22\"\\/%F0%9F%90%9D%FF?x=y"),
        ]
        try client.send("GET /livez HTTP/9.9\r\n\r\n")
        responses.append(try client.receive("the refusal of a version that does not exist"))
        return responses.compactMap { $0.header("X-Request-Id") }
    }

    @Test(arguments: ["json", "logstash"])
    func `in the formats that are objects every line is one, and an access line has its fields`(format: String) throws {
        let registry = try RunningRegistry(["--log_format=\(format)"])
        let ids = try makeRequests(registry)
        #expect(ids.count == 5)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)

        let message = format == "json" ? "msg" : "message"
        let common: Set = format == "json" ? ["time", "level", "msg"] : ["@timestamp", "@version", "level", "message"]
        var logged: [String] = []
        for line in registry.logged.split(separator: "\n") {
            let object = try #require(
                try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "not an object: \(line)")
            #expect(common.isSubset(of: object.keys), "\(line)")
            guard object[message] as? String == "request" else { continue }
            #expect(Set(object.keys).subtracting(Self.refusalFields) == common.union(Self.accessFields), "\(line)")
            #expect((object["error"] != nil) == ((object["status"] as? Int ?? 0) >= 400), "\(line)")
            #expect(
                (object["received"] as? String) == (object["path"] as? String == "" ? "GET /livez HTTP/9.9" : nil),
                "\(line)")
            #expect(object["client"] as? String == "127.0.0.1")
            #expect((object["status"] as? Int).map { 100..<600 ~= $0 } == true)
            logged.append(try #require(object["request_id"] as? String))
        }
        #expect(logged == ids, "one access line a request, under the id that its answer had")
    }

    @Test func `in text every line has its time, level and message, and an access line its fields`() throws {
        let registry = try RunningRegistry(["--log_format=text"])
        let ids = try makeRequests(registry)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        var requests = 0
        for line in registry.logged.split(separator: "\n") {
            #expect(
                line.contains(
                    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=[a-z]+ msg="[^"]*"( [^ ="]+=([^ "=\\]+|"([^"\\]|\\.)*"))*$/
                ),
                "\(line)")
            guard line.contains("msg=\"request\"") else { continue }
            requests += 1
            for field in Self.accessFields { #expect(line.contains(" \(field)="), "\(line)") }
        }
        #expect(requests == ids.count)
    }

    @Test func `the log of requests is a choice of its own`() throws {
        // R670 ACCESS_LOG says which requests write a line, whatever LOG_LEVEL is.
        let registry = try RunningRegistry(["--log_level=error", "--access_log=errors", "--event_log=off"])
        let ids = try makeRequests(registry)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        let lines = registry.logged.split(separator: "\n")
        #expect(
            lines.count == ids.count - 2
                && lines.allSatisfy { $0.contains("msg=\"request\"") && $0.contains(" error=\"") }, "\(lines)")
    }

    @Test func `nothing is logged where nothing was asked for`() throws {
        let registry = try RunningRegistry(["--log_level=error", "--access_log=off", "--event_log=off"])
        _ = try makeRequests(registry)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        #expect(registry.logged == "")
    }

    /// Signed with the secret below: `{"namespace":"shop"}`.
    private static let token =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJzaG9wIn0.Q9d-rPFYGl0CBOWZM14lLrWx53NawJFtyqC39xvD4qI"
    private static let secret = "process-test-secret-of-thirty-two-bytes!"

    @Test func `neither the secret nor a token, good or refused, gets into the log`() throws {
        let secretFile = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        try Data(Self.secret.utf8).write(to: secretFile)
        defer { try? FileManager.default.removeItem(at: secretFile) }
        let registry = try RunningRegistry([
            "--auth_mode=jwt", "--jwt_secret_file=\(secretFile.path())", "--log_level=debug",
        ])
        let client = try registry.connect()
        let parts = Self.token.split(separator: ".")
        let credentials = [
            ("Bearer \(Self.token)", 200), ("bearer jwt.\(Self.token)", 200), ("Bearer \(Self.token)x", 401),
            ("Bearer \(parts[0]).\(parts[1]).", 401),
            ("Bearer recognisable-but-wrong", 401), ("Basic recognisable-but-wrong", 401),
            ("Bearer \(Self.secret)", 401),
        ]
        for (credential, status) in credentials {
            #expect(
                try client.ask("GET", "/api/v1/instances", headers: ["Authorization: \(credential)"]).status == status,
                "\(credential)")
        }
        // What the gate refuses, it refuses with the credential read.
        try client.send(
            "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(Self.token)\r\nAuthorization: recognisable-but-wrong\r\n\r\n"
        )
        #expect(try client.receive("the refusal of two credentials").status == 400)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)

        let log = registry.logged
        #expect(log.contains("namespace=shop"), "the log has the accepted requests")
        #expect(log.split(separator: "\n").count { $0.contains("status=401") } == 5)
        for secret in [Self.secret, "recognisable-but-wrong"] + parts.map(String.init) {
            #expect(!log.contains(secret), "the log has \(secret)")
        }
    }

    /// A trusted token is the namespace (R507), which the access line names: what was accepted is no secret, what was
    /// refused might be.
    @Test func `a refused trusted token does not get into the log, an accepted one as the namespace only`() throws {
        let registry = try RunningRegistry(["--auth_mode=trusted"])
        let client = try registry.connect()
        let long = String(repeating: "recognisable", count: 40)
        #expect(try client.ask("GET", "/api/v1/instances", headers: ["Authorization: Bearer tenant"]).status == 200)
        #expect(try client.ask("GET", "/api/v1/instances", headers: ["Authorization: Bearer \(long)"]).status == 401)
        #expect(
            try client.ask("GET", "/api/v1/instances", headers: ["Authorization: Basic recognisable"]).status == 401)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        #expect(registry.logged.contains("namespace=tenant "))
        #expect(registry.logged.ranges(of: "tenant").count == 1)
        #expect(!registry.logged.contains("recognisable"))
    }

    @Test func `a log that nobody reads holds up no request, and what is lost is counted`() throws {
        let unread = Pipe()
        let registry = try RunningRegistry(["--log_level=info"], standardError: unread.fileHandleForWriting)
        let client = try registry.connect()
        // The pipe holds 64 KiB and the registry 4 MiB; each of these is worth a line of nearly 4 KiB.
        let path = "/" + String(repeating: "p", count: 3_900)
        for _ in 0..<2_700 { #expect(try client.ask("GET", path).status == 404) }
        let metrics = try client.ask("GET", "/metrics").text
        let dropped = metrics.firstMatch(of: /\na8registry_log_dropped_lines_total (\d+)\n/).flatMap { Int($0.1) }
        #expect((dropped ?? 0) > 1_000, "\(dropped.map(String.init) ?? "no such metric") of 2700 lines dropped")
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end with a log that nobody reads") == 0)
        withExtendedLifetime(unread) {}
    }

    @Test func `a log whose reader has gone neither ends the registry nor holds it up`() throws {
        let gone = Pipe()
        try gone.fileHandleForReading.close()
        let registry = try RunningRegistry(["--log_level=info"], standardError: gone.fileHandleForWriting)
        let client = try registry.connect()
        for _ in 0..<100 { #expect(try client.ask("GET", "/livez").status == 200) }
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end with a log whose reader has gone") == 0)
    }
}
