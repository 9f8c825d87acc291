// A member that an operator drains, over sockets: what is held ends, and everything else goes on (docs/rest-api.md,
// R676–R678).

import Foundation
import Glibc
import Testing

struct MemberDrainTests {
    private static let token = "op-0123456789-0123456789-0123456789"

    @Test func `held polls and streams end when a member is drained, and connections go on`() throws {
        // R678 When a member is drained, answers that are held until something changes are given as at the end of their
        // wait, and streams end as at a stop, within a second; a client that comes back … is served.
        let registry = try RunningRegistry(["--operator_token=\(Self.token)", "--audit_log=true"])
        let (client, poll, stream) = try (registry.connect(), registry.connect(), registry.connect())
        let answer = try client.ask(
            "POST", "/api/v1/instances", body: Sample.registration())
        #expect(answer.status == 201)
        let tag = try #require(try client.ask("GET", "/api/v1/instances").header("ETag"))
        let held = ["If-None-Match: \(tag)"]
        try poll.send("GET", "/api/v1/instances?wait=50s", headers: held)
        try stream.send("GET", "/api/v1/watch")
        try Patience.wait("two held answers") {
            let metrics = try client.ask("GET", "/metrics").text
            return metrics.contains("\na8registry_watches 2\n")
        }
        let credential = ["Authorization: Bearer \(Self.token)"]
        #expect(try client.ask("PUT", "/api/v1/cluster/drain", headers: credential).status == 200)
        #expect(try poll.receive("the answer to a poll that was held").status == 304)
        try Patience.wait("the end of the stream") {
            try client.ask("GET", "/metrics").text.contains("\na8registry_watches 0\n")
        }
        #expect(try client.ask("GET", "/readyz").status == 503)
        _ = try registry.log(whenALine: "that the member is drained") { $0.contains("drained by an operator") }
        _ = try registry.log(whenALine: "of the audit") { $0.contains("member drained") && $0.contains("by=operator") }
        // Who comes back is served, and held, as before.
        try poll.send("GET", "/api/v1/instances?wait=1s", headers: held)
        #expect(try poll.receive("the answer to another poll").status == 304)
        #expect(try client.ask("DELETE", "/api/v1/cluster/drain", headers: credential).status == 200)
        #expect(try client.ask("GET", "/readyz").status == 200)
        _ = try registry.log(whenALine: "that it is ready again") { $0.contains("ready again") }
    }

    @Test func `a member is drained from a terminal, and the others say so`() throws {
        // R677 … that of the other members "ready":false and "draining":true of it within seconds. B107
        let cluster = try TestCluster(size: 2, ["--operator_token=\(Self.token)"])
        try cluster.waitUntilJoined()
        let id = try cluster.register(2, "orders")
        func ask(_ index: Int, _ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
            let command = try cluster.member(index).start(arguments, environment: ["REGISTRY_TOKEN": Self.token])
            return (try command.end(), command.output, command.errors)
        }
        let drained = try ask(1, "drain", "--member")
        #expect(drained.status == 0 && drained.output.contains("is drained since 20"), "\(drained)")
        #expect(try ask(1, "members").output.contains(": not ready (drained by an operator), 2 of 2 members."))
        try Patience.wait("the word of the drain at the other member") {
            try ask(2, "members").output.contains("Drained by an operator: member-1.")
        }
        let members = try cluster.ask(2, "GET", "/api/v1/cluster").object()["members"] as? [[String: Any]]
        let first = try #require(members?.first { $0["name"] as? String == "member-1" })
        #expect(first["ready"] as? Bool == false && first["draining"] as? Bool == true, "\(first)")
        // It is not behind, for it takes and gives changes as before.
        #expect(try ask(2, "members").output.contains("No member is behind."))
        #expect(try cluster.ask(2, "GET", "/readyz").status == 200)
        #expect(try cluster.ask(1, "GET", "/readyz").status == 503)
        try cluster.wait("an instance", at: 1, id, status: 200)
        let other = try cluster.register(1, "reviews")
        try cluster.wait("an instance of the drained member", at: 2, other, status: 200)
        let back = try ask(1, "drain", "--member", "--undo")
        #expect(back.status == 0 && back.output.contains("is not drained"), "\(back)")
        try Patience.wait("the end of the drain at the other member") {
            try !ask(2, "members").output.contains("Drained")
        }
    }

    @Test func `which member is behind is one command`() throws {
        let cluster = try TestCluster(size: 2)
        try cluster.waitUntilJoined()
        func members() throws -> String { try cluster.member(1).command("members").output }
        #expect(try members().hasSuffix("No member is behind.\n"))
        let other = try cluster.member(2)
        defer { other.send(SIGCONT) }
        // It is taken for lost after some seconds, so on a busy machine it may have to be stopped again.
        var seen = ""
        for attempt in 1...5 where !seen.contains("Behind: member-2.") {
            other.send(SIGSTOP)
            _ = try cluster.register(1, "orders-\(attempt)")
            try Patience.wait("the word of the member that is behind") {
                seen = try members()
                return !seen.hasSuffix("No member is behind.\n")
            }
            other.send(SIGCONT)
            try cluster.waitUntilJoined()
        }
        #expect(seen.contains("Behind: member-2.") && seen.contains("1 change, "), "\(seen)")
        try Patience.wait("the word that nobody is behind") { try members().hasSuffix("No member is behind.\n") }
    }

    @Test func `only an operator drains a member, and one that is named alone`() throws {
        // B107, B301
        let registry = try RunningRegistry(["--operator_token=\(Self.token)"])
        #expect(try registry.command("drain", "--member").status == 4)
        #expect(try registry.command("drain", "--member", "--for", "1m").status == 64)
        #expect(try registry.command("drain", "--member", "0123456789abcdef").status == 64)
        let url = "http://localhost:\(registry.port)"
        let token = ["REGISTRY_TOKEN": Self.token]
        let two = try registry.start(["drain", "--member", "--url", "\(url),\(url)"], environment: token)
        #expect(try two.end() == 64 && two.errors.contains("of that member alone"), "\(two.errors)")
        #expect(try registry.connect().ask("GET", "/readyz").status == 200)
        let json = try registry.start(["drain", "--member", "-o", "json"], environment: token)
        #expect(try json.end() == 0 && json.output.hasPrefix("{\"draining\":true,\"since\":"), "\(json.output)")
        #expect(try registry.command("members").output.hasSuffix("It is not ready (drained by an operator).\n"))
        #expect(try RunningRegistry().command("drain", "--member").status == 3)
    }
}
