// Leases against the clock of the machine. R256: "An instance expires when its `ttl` has passed since its last
// heartbeat: never before, and at most one second after." Never before is held strictly; after, a busy test machine is
// given some more.

import Foundation
import Glibc
import Testing

@Suite struct LeaseTests {
    private static let slowness = 5.0

    @Test func `an instance is there until its lease has passed, and gone soon after`() throws {
        let registry = try RunningRegistry(["--min_ttl=1s", "--default_ttl=1s"])
        let client = try registry.connect()
        let asked = Moment.now
        let id = try client.register(ttl: 1)
        let granted = Moment.now

        var lastSeen = granted
        var gone: Double?
        while gone == nil {
            let sent = Moment.now
            switch try client.ask("GET", "/api/v1/instances/\(id)").status {
            case 200: lastSeen = sent
            case 404: gone = Moment.now
            case let status: Issue.record("status \(status)")
            }
            try #require(Moment.now - granted < 1 + 1 + Self.slowness, "an instance outlives its lease of 1 s")
        }
        let lifetime = (gone ?? 0) - asked
        #expect(lifetime >= 1, "gone \(lifetime) s after it was asked for, with a lease of 1 s")
        #expect(lastSeen - granted < 1 + 1 + Self.slowness)
        #expect(try client.ask("PUT", "/api/v1/instances/\(id)/heartbeat").status == 410)
        #expect(try client.ask("GET", "/api/v1/services").text == #"{"services":[]}"#)
        try Patience.wait("the expiration to be counted") {
            try client.ask("GET", "/metrics").text.contains("a8registry_expirations_total 1\n")
        }
    }

    @Test func `a renewed instance outlives its first lease`() throws {
        let registry = try RunningRegistry(["--min_ttl=1s", "--default_ttl=1s"])
        let client = try registry.connect()
        let id = try client.register(ttl: 2)
        let start = Moment.now
        var renewed = start
        while Moment.now - start < 4 {
            // On a machine so slow that a whole lease passes between two turns, 410 is the right answer.
            let status = try client.ask("PUT", "/api/v1/instances/\(id)/heartbeat").status
            #expect(status == 200 || Moment.now - renewed > 2, "status \(status)")
            try #require(status == 200)
            renewed = Moment.now
            usleep(200_000)
        }
    }

    @Test func `a registry that stood still expires nobody for it`() throws {
        let ttl = 2.0
        let registry = try RunningRegistry(["--min_ttl=1s", "--default_ttl=1s"])
        let client = try registry.connect()
        let granted = Moment.now
        let id = try client.register(ttl: Int(ttl))
        registry.send(SIGSTOP)
        try Patience.wait("the process to stand still") { try registry.state == "T" }
        let used = Moment.now - granted
        usleep(4_000_000)  // The pause is what is tested: twice the lease.
        let resumed = Moment.now
        registry.send(SIGCONT)

        // Of the pause at most a second counts, so of the lease that much is left at least. A store lets no lease run
        // out for 30 s after a member has been silent (docs/redis.md).
        let left = ttl - 1 - used
        let longest = ttl + 1 + Self.slowness + (TestStore.isUsed ? 30 : 0)
        var answers = 0
        while try client.ask("GET", "/api/v1/instances/\(id)").status == 200 {
            answers += 1
            try #require(
                Moment.now - resumed < longest, "an instance outlives its lease of \(ttl) s after a pause")
        }
        let lived = Moment.now - resumed
        #expect(lived >= left, "gone \(lived) s after the pause, with \(left) s of its lease left")
        #expect(answers > 0, "the pause was taken for silence of the instance")
    }
}

extension Client {
    fileprivate func register(ttl: Int) throws -> String {
        let registered = try ask("POST", "/api/v1/instances", body: Sample.registration(ttl: ttl))
        #expect(registered.status == 201)
        let object = try registered.object()
        #expect(object["ttl"] as? Int == ttl)
        return try #require(object["id"] as? String)
    }
}
