// Who changed what, as an operator finds it: the file of the audit of a registry that runs (docs/rest-api.md,
// R690–R692).

import Foundation
import Glibc
import Testing

struct AuditTests {
    private static let token = "op-0123456789-0123456789-0123456789"

    /// The lines of a file, each an object.
    private static func lines(_ path: String) throws -> [[String: Any]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
    }

    private static func lines(_ path: String, when count: Int) throws -> [[String: Any]] {
        try Patience.wait("\(count) lines of the audit") {
            ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").filter { $0 == "\n" }.count >= count
        }
        return try lines(path)
    }

    private static func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    private static func file() -> String {
        FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID().uuidString)").path()
    }

    private static func id(_ answer: Client.Response) throws -> String {
        try #require(try answer.object()["id"] as? String, "\(answer.text)")
    }

    @Test func `each change by a client is a line with who, from where, what, before and after`() throws {
        // R690 With AUDIT_FILE …
        let path = Self.file()
        defer { unlink(path) }
        let registry = try RunningRegistry([
            "--audit_file=\(path)", "--auth_mode=trusted", "--operator_token=\(Self.token)",
        ])
        #expect(Self.mode(path) == 0o600)
        let client = try registry.connect()
        let tenant = ["Authorization: Bearer secret-tenant"]
        let id = try Self.id(
            try client.ask(
                "POST", "/api/v1/instances", headers: tenant,
                body: Sample.registration(endpoint: "10.0.0.1:1")))
        // The same again changes nothing, and other tags do.
        let same = Sample.registration(endpoint: "10.0.0.1:1")
        for again in [same, same.dropLast() + ",\"tags\":[\"v2\"]}"] {
            #expect(try client.ask("POST", "/api/v1/instances", headers: tenant, body: again).status == 201)
        }
        for (method, target) in [
            ("PUT", "/heartbeat"), ("PUT", "/status?value=DOWN&for=1h"), ("DELETE", "/status"),
            ("PUT", "/drain?for=10m"), ("DELETE", "/drain"),
        ] {
            let answer = try client.ask(method, "/api/v1/instances/\(id)\(target)", headers: tenant)
            #expect(answer.status == 200, "\(method) \(target): \(answer.text)")
        }
        let operatorsOwn = ["Authorization: Bearer \(Self.token)"]
        #expect(
            try client.ask("DELETE", "/api/v1/instances/\(id)?namespace=secret-tenant", headers: operatorsOwn).status
                == 200)
        let lines = try Self.lines(path, when: 7)
        #expect(
            lines.map { $0["msg"] as? String } == [
                "registered", "updated", "status overridden", "override removed", "drained", "override removed",
                "deregistered",
            ])
        #expect(lines.map { $0["changed"] as? String } == [nil, "tags", nil, nil, nil, nil, nil])
        #expect(lines.map { $0["by"] as? String } == Array(repeating: "client", count: 6) + ["operator"])
        #expect(lines.map { $0["was"] as? String } == [nil, "UP", "UP", "DOWN", "UP", "OUT_OF_SERVICE", "UP"])
        #expect(lines.map { $0["status"] as? String } == ["UP", "UP", "DOWN", "UP", "OUT_OF_SERVICE", "UP", nil])
        #expect(lines.map { $0["until"] != nil } == [false, false, true, false, true, false, false])
        for line in lines {
            #expect(line["client"] as? String == "127.0.0.1" && line["id"] as? String == id)
            #expect(line["namespace"] as? String == "secret-tenant" && line["logger"] as? String == "audit")
            #expect(line["time"] != nil && line["index"] != nil && line["service"] != nil)
        }
        // R692 No credential …: a token is in no line, however it came.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains(Self.token) && !text.contains("Bearer"))
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
    }

    @Test(arguments: [true, false])
    func `a file that is moved away is left, and another one is begun`(isAsked: Bool) throws {
        // R691 … opened again on SIGHUP, and within seconds when another file, or none, is at its path.
        let path = Self.file()
        defer { for path in [path, path + ".1"] { unlink(path) } }
        let registry = try RunningRegistry(["--audit_file=\(path)"])
        let client = try registry.connect()
        func register(_ endpoint: String) throws {
            let answer = try client.ask(
                "POST", "/api/v1/instances",
                body: Sample.registration(endpoint: endpoint))
            #expect(answer.status == 201)
        }
        try register("10.0.0.1:1")
        _ = try Self.lines(path, when: 1)
        #expect(rename(path, path + ".1") == 0)
        if isAsked { registry.send(SIGHUP) }
        _ = try registry.log(whenALine: "that the file was opened again") { $0.contains("audit file opened again") }
        try register("10.0.0.2:1")
        #expect(try Self.lines(path, when: 1).count == 1 && Self.mode(path) == 0o600)
        #expect(try Self.lines(path + ".1").count == 1)
        // What cannot be opened leaves the old one in use.
        #expect(rename(path, path + ".1") == 0 && mkdir(path, 0o700) == 0)
        registry.send(SIGHUP)
        _ = try registry.log(whenALine: "that it cannot be opened") { $0.contains("audit file cannot be opened again") }
        try register("10.0.0.3:1")
        #expect(try Self.lines(path + ".1", when: 2).count == 2)
        // … and is tried again until it can be.
        rmdir(path)
        try Patience.wait("another file, once it can be made") { Self.mode(path) == 0o600 }
        try register("10.0.0.4:1")
        #expect(try Self.lines(path, when: 1).count == 1)
    }

    @Test func `with AUDIT_LOG the lines are in the log, in its format`() throws {
        // R690 … With AUDIT_LOG the same is in the log.
        let registry = try RunningRegistry(["--audit_log=true", "--event_log=off", "--log_level=error"])
        let answer = try registry.connect().ask(
            "POST", "/api/v1/instances",
            body: Sample.registration(endpoint: "10.0.0.1:1"))
        #expect(answer.status == 201)
        let lines = try registry.log(whenALine: "of the audit") { $0.contains("logger=audit") }
        let line = try #require(lines.last)
        #expect(
            line.contains("msg=\"registered\" logger=audit by=client client=127.0.0.1 namespace=default"), "\(line)")
    }

    @Test func `an audit that cannot be stops the start`() throws {
        // R691 … A file that cannot be opened, a link or a directory, stops the start.
        let link = Self.file()
        #expect(symlink("/nowhere", link) == 0)
        defer { unlink(link) }
        for path in [link, "/nowhere/audit", FileManager.default.temporaryDirectory.path()] {
            let outcome = try RunningRegistry.outcome(["--api_port=0", "--audit_file=\(path)"])
            #expect(outcome.status == 64 && outcome.errors.contains("audit_file"), "\(outcome.errors)")
        }
        let outcome = try RunningRegistry.outcome(["--api_port=0", "--audit_log=true", "--change_log=0"])
        #expect(outcome.status == 64 && outcome.errors.contains("change_log"), "\(outcome.errors)")
    }
}
