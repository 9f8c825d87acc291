// Quotas of the real binary: read at start, and again when their file changes (docs/rest-api.md, R854 and R855).

import Foundation
import Glibc
import Testing

struct QuotaTests {
    private static func file(_ text: String) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "quotas-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url
    }

    @Test(arguments: [true, false])
    func `other quotas count when their file has changed, and a bad file leaves the old ones`(isAsked: Bool) throws {
        // R855 … It is read again as R915 says; one that cannot be used then leaves the old quotas in force, and the log
        // names the fault.
        let file = try Self.file(#"{"namespaces":[{"match":"team-*","instances":1,"watches":1}]}"#)
        defer { try? FileManager.default.removeItem(at: file) }
        let registry = try RunningRegistry([
            "--auth_mode=trusted", "--quotas_file=\(file.path())", "--log_level=info", "--access_log=off", "--loops=2",
        ])
        func register(_ endpoint: String) throws -> Client.Response {
            try registry.connect().ask(
                "POST", "/api/v1/instances", headers: ["Authorization: Bearer team-a"],
                body: Sample.registration(endpoint: endpoint))
        }
        #expect(try register("10.0.0.1:1").status == 201)
        #expect(try register("10.0.0.2:1").status == 403)
        for text in ["{", #"{"default":{"instances":"many"}}"#, String(repeating: " ", count: 70_000)] {
            let before = registry.logged.components(separatedBy: "the old ones stay").count
            try Data(text.utf8).write(to: file, options: .atomic)
            if isAsked { registry.send(SIGHUP) }
            try Patience.wait("the log to name the fault") {
                registry.logged.components(separatedBy: "the old ones stay").count > before
            }
            #expect(try register("10.0.0.2:1").status == 403)
        }
        try Data(#"{"namespaces":[{"match":"team-*","instances":2,"watches":1}]}"#.utf8).write(
            to: file, options: .atomic)
        if isAsked { registry.send(SIGHUP) }
        _ = try registry.log(whenALine: "that the quotas have changed") { $0.contains("quotas changed") }
        #expect(try register("10.0.0.2:1").status == 201)
        #expect(try register("10.0.0.3:1").status == 403)

        // R854 One more held answer than watches (a long poll, a stream, a blocking query) is answered 429 with
        // Retry-After: 5.
        let bearer = "Authorization: Bearer team-a"
        let watching = try registry.connect()
        try watching.send("GET", "/api/v1/watch", headers: [bearer])
        try Patience.wait("a stream to be held") {
            try registry.connect().ask("GET", "/metrics").text.contains("a8registry_watches 1\n")
        }
        let second = try registry.connect().ask("GET", "/api/v1/watch", headers: [bearer])
        #expect(second.status == 429 && second.header("Retry-After") == "5", "\(second)")
        #expect(second.text.contains("1 of 1 watches (quota team-*)"), "\(second)")
        watching.close()
        func watches(_ count: Int) throws -> Bool {
            try registry.connect().ask("GET", "/metrics").text.contains("a8registry_watches \(count)\n")
        }
        try Patience.wait("the place of a stream that has gone") { try watches(0) }
        let third = try registry.connect()
        try third.send("GET", "/api/v1/watch", headers: [bearer])
        try Patience.wait("another stream to be held") { try watches(1) }
        third.close()
    }

    @Test func `a file of quotas that cannot be used stops the start with a sentence`() throws {
        // R855 … stops the start with a sentence.
        for text in ["", "{", #"{"namespaces":[{"match":"a","instance":1}]}"#] {
            let file = try Self.file(text)
            defer { try? FileManager.default.removeItem(at: file) }
            for arguments in [[], ["--check_config"]] {
                let outcome = try RunningRegistry.outcome(["--quotas_file=\(file.path())"] + arguments)
                #expect(outcome.status == 64)
                #expect(outcome.errors.contains("quotas_file") && outcome.errors.contains("cannot be used"))
            }
        }
        #expect(try RunningRegistry.outcome(["--quotas_file=/no/such/file"]).status == 64)
    }
}
