// One client whose requests go to different members, each sent after the answer to the one before (docs/rest-api.md,
// R270–R273). Real processes, so that everything between an answer and another member's next is in it.

import Foundation
import Glibc
import Testing

struct ReadYourWritesTests {
    private static let rounds = 40

    /// Members that wait long, so that nobody is left out because the machine has other things to do.
    private static func joined(_ settings: [String] = ["--acknowledge_timeout=5s"]) throws -> TestCluster {
        let cluster = try TestCluster(size: 3, settings)
        try cluster.waitUntilJoined()
        guard !TestStore.isUsed else { return cluster }
        for index in 1...3 {
            try Patience.wait("both directions of all links of member \(index)") {
                let members =
                    try cluster.ask(index, "GET", "/api/v1/cluster").object()["members"] as? [[String: Any]] ?? []
                return members.count == 2 && members.allSatisfy { $0["reads_from_us"] != nil }
            }
        }
        return cluster
    }

    /// Registers at a member; returns the path of the instance.
    private static func register(_ client: Client, _ value: String, _ status: String) throws -> String {
        let body =
            #"{"service_name":"own","endpoint":{"type":"http","value":"\#(value)"},"ttl":60,"status":"\#(status)"}"#
        let answer = try client.ask("POST", "/api/v1/instances", body: body)
        try #require(answer.status == 201, "\(answer.text)")
        return "/api/v1/instances/" + (try #require(try answer.object()["id"] as? String))
    }

    @Test func `a client reads its own writes through any member`() throws {
        // R271 A look-up, heartbeat or removal at any member that was not left out finds every change that was
        // acknowledged before it was sent.
        let cluster = try Self.joined()
        let clients = try (1...3).map { try cluster.member($0).connect() }
        var wrong: [String] = []
        for round in 0..<Self.rounds {
            let (first, second, third) = (clients[round % 3], clients[(round + 1) % 3], clients[(round + 2) % 3])
            let path = try Self.register(first, "10.0.0.1:\(round + 1)", "STARTING")
            _ = try Self.register(second, "10.0.0.1:\(round + 1)", "UP")
            for client in [third, first, second] {
                let found = try client.ask("GET", path)
                let status = found.status == 200 ? try found.object()["status"] as? String ?? "none" : "\(found.status)"
                if status != "UP" { wrong.append("round \(round): UP is read as \(status)") }
            }
            let beat = try third.ask("PUT", path + "/heartbeat").status
            let removed = try third.ask("DELETE", path).status
            if (beat, removed) != (200, 200) { wrong.append("round \(round): heartbeat \(beat), removal \(removed)") }
            for client in [first, second, third] {
                let found = try client.ask("GET", path).status
                if found != 404 { wrong.append("round \(round): what was removed is answered \(found)") }
            }
        }
        #expect(wrong.isEmpty, "\(wrong)")
    }

    @Test func `an acknowledged registration survives the member that took it`() throws {
        // R270 … answered when every member that is linked to this one and keeps up with it has it …
        let cluster = try Self.joined()
        let path = try Self.register(try cluster.member(1).connect(), "10.0.0.1:80", "UP")
        try cluster.kill(1)
        // Members of a store may be told a moment later.
        try Patience.wait("the registration at the others") {
            try !TestStore.isUsed || (2...3).allSatisfy { try cluster.ask($0, "GET", path).status == 200 }
        }
        for index in 2...3 { #expect(try cluster.ask(index, "GET", path).status == 200) }
    }

    @Test func `a member that is stopped costs one wait, and says that it may lack something when it goes on`() throws {
        // R273 A member that was left out, or was paused for longer than ACKNOWLEDGE_TIMEOUT, answers 503 …
        // X-Registry-Stale …
        let cluster = try Self.joined([])
        let first = try cluster.member(1).connect()
        let stopped = try cluster.member(3)
        stopped.send(SIGSTOP)
        let path = try Self.register(first, "10.0.0.1:80", "UP")
        // Asked before it can have heard anybody: the request lies in its socket when it wakes.
        let asking = try stopped.connect()
        try asking.send("DELETE", path)
        stopped.send(SIGCONT)
        let answer = try asking.receive("the removal at the member that was stopped")
        // It does not know the instance yet, or has heard of it in time; but it never says that there is none.
        #expect([200, 503].contains(answer.status), "\(answer.status)")
        try Patience.wait("the member to have caught up") {
            let list = try stopped.connect().ask("GET", "/api/v1/instances")
            return list.status == 200 && list.header("X-Registry-Stale") == nil
        }
        #expect(try cluster.ask(3, "GET", path).status == (answer.status == 200 ? 404 : 200))
    }
}
