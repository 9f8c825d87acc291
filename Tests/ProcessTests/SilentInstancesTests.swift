// Many that fall silent at once, as an operator and a client of a real registry meet it (docs/expiry.md).

import Foundation
import Glibc
import Testing

@Suite struct SilentInstancesTests {
    /// What the pages and the lists of one registry say.
    private struct Observed {
        let client: Client

        func metric(_ name: String) throws -> Int {
            let lines = try client.ask("GET", "/metrics").text.split(separator: "\n")
            let line = lines.first { $0.hasPrefix("a8registry_\(name) ") }
            return try #require(line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) }, "\(name)")
        }

        /// The ids that are listed, and those of them that are said to be overdue.
        func listed() throws -> (all: Set<String>, overdue: Set<String>, isStale: Bool) {
            let answer = try client.ask("GET", "/api/v1/instances")
            let instances = try #require(try answer.object()["instances"] as? [[String: Any]])
            func ids(_ instances: [[String: Any]]) -> Set<String> { Set(instances.compactMap { $0["id"] as? String }) }
            return (
                ids(instances), ids(instances.filter { $0["overdue"] as? Bool == true }),
                answer.header("X-Registry-Stale") != nil
            )
        }
    }

    private func fill(_ client: Client, _ count: Int, ttl: Int) throws -> [String] {
        try (0..<count).map { number in
            let body = Sample.registration(endpoint: "10.0.0.1:\(1_000 + number)", ttl: ttl)
            let answer = try client.ask("POST", "/api/v1/instances", body: body)
            return try #require(try answer.object()["id"] as? String)
        }
    }

    @Test func `a fifth of those that fall silent goes in a minute, and the rest until it is heard or held too long`()
        throws
    {
        // R870, R872, R873, R874
        let ttl = 6
        let registry = try RunningRegistry([
            "--min_ttl=1s", "--expiry_budget=20%", "--expiry_hold=9s", "--log_level=info",
        ])
        let client = try registry.connect()
        let observed = Observed(client: client)
        let ids = try fill(client, 100, ttl: ttl)
        for id in ids.prefix(10) { #expect(try client.ask("DELETE", "/api/v1/instances/\(id)").status == 200) }
        try Patience.wait("everybody's lease to be over") {
            try observed.metric("instances_overdue") + observed.metric("expirations_total") == 90
        }
        // What was deregistered does not count, so it is a fifth of 90.
        let expired = try observed.metric("expirations_total")
        #expect(expired == 18)
        let held = try observed.listed()
        #expect(held.all.count == 72 && held.overdue == held.all && held.isStale)
        #expect(held.all.isSubset(of: ids.dropFirst(10)))
        #expect(try client.ask("GET", "/uptime").text.contains("\"silence\":"))
        let heard = Set(held.all.sorted().prefix(10))
        for id in heard { #expect(try client.ask("PUT", "/api/v1/instances/\(id)/heartbeat").status == 200) }
        #expect(try observed.listed().overdue == held.all.subtracting(heard))
        #expect(try observed.metric("expirations_total") == 18, "the minute is not over")
        // Held for too long, all have gone, though the minute is not over.
        try Patience.wait("the end of the longest hold") { try observed.metric("instances") == 0 }
        #expect(try observed.metric("expirations_total") == 90)
        #expect(try !observed.listed().isStale)
        let lines = try registry.log(whenALine: "that leases are held") { $0.contains("cause=silence") }
            .filter { $0.contains("cause=silence") }
        #expect(lines.count == 2, "one when it begins, one when it ends: \(lines)")
        #expect(lines[0].contains("namespace=default") && lines[0].contains("instances=90"))
        #expect(lines[0].contains("may_expire=18") && lines[0].contains("expired=18"))
        #expect(lines[1].contains("expired=90") && lines[1].contains("returned=10"))
    }

    @Test func `without a budget all go at once, also when it is taken away`() throws {
        // R875 EXPIRY_BUDGET is taken over when settings are read again (R915). Without it, all whose time is over
        // expire at once.
        let file = FileManager.default.temporaryDirectory.appending(path: "silence-\(UUID().uuidString)")
        defer { unlink(file.path()) }
        func write(_ text: String) throws { try Data(text.utf8).write(to: file, options: .atomic) }
        try write("EXPIRY_BUDGET=20%\n")
        let registry = try RunningRegistry(["--min_ttl=1s", "--config_file=\(file.path())"])
        let client = try registry.connect()
        let observed = Observed(client: client)
        _ = try fill(client, 40, ttl: 5)
        try Patience.wait("everybody's lease to be over") {
            try observed.metric("instances_overdue") + observed.metric("expirations_total") == 40
        }
        #expect(try observed.metric("instances_overdue") >= 30)
        try write("EXPIRY_BUDGET=off\n")
        registry.send(SIGHUP)
        try Patience.wait("all to go") { try observed.metric("instances") == 0 }
        #expect(try observed.metric("instances_overdue") == 0)
    }
}
