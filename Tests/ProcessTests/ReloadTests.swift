// Settings and secrets that change while the registry runs, as an operator changes them: files are replaced, and a
// signal says so or nobody does.

import Foundation
import Glibc
import Synchronization
import Testing

@Suite struct ReloadTests {
    /// A file that is written in place of what was there.
    private final class File {
        let path: String

        init(_ text: String) throws {
            path = FileManager.default.temporaryDirectory.appending(path: "reload-\(UUID().uuidString)").path()
            try write(text)
        }

        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path), options: .atomic) }

        deinit { unlink(path) }
    }

    /// What the load and the test tell each other.
    private final class LoadState: Sendable {
        let isOver = Atomic<Bool>(false)
        let rounds = Atomic<Int>(0)
        let failures = Mutex<[String]>([])
    }

    @Test(arguments: [true, false])
    func `settings of the file change, asked for by a signal or not, and a bad line changes nothing`(isAsked: Bool)
        throws
    {
        // R915 On SIGHUP, and when the file of settings or of a secret changes, all settings are read again.
        let file = try File("LOG_LEVEL=info\nACCESS_LOG=off\nLOOPS=1\n")
        let registry = try RunningRegistry(["--config_file=\(file.path)"])
        let client = try registry.connect()
        func register(_ endpoint: String) throws -> Int {
            try client.ask("POST", "/api/v1/instances", body: Sample.registration(endpoint: endpoint)).status
        }
        #expect(try register("10.0.0.1:1") == 201)

        try file.write(
            "LOG_LEVEL=info\nACCESS_LOG=all\nLOOPS=1\nNAMESPACE_CAPACITY=1\nRATE_LIMIT_NAMESPACE_HEARTBEATS=1\nHTTPS_PORT=7\n"
        )
        if isAsked { registry.send(SIGHUP) }
        var lines = try registry.log(whenALine: "that a setting needs a restart") { $0.contains("needs a restart") }
        #expect(
            lines.contains {
                $0.contains("setting changed") && $0.contains("setting=namespace_capacity") && $0.contains("value=1")
            },
            "\(lines)")
        #expect(
            lines.contains {
                $0.contains("needs a restart") && $0.contains("setting=https_port") && $0.contains("in_force=8443")
            },
            "\(lines)")
        #expect(try register("10.0.0.2:1") == 403)
        lines = try registry.log(whenALine: "of the request") { $0.contains("msg=\"request\"") }
        #expect(lines.last?.contains("status=403") == true)

        // Nothing of it counts, also what is right.
        try file.write("NAMESPACE_CAPACITY=-1\nLOG_LEVEL=loud\n")
        if isAsked { registry.send(SIGHUP) }
        lines = try registry.log(whenALine: "that the settings are wrong") { $0.contains("nothing is changed") }
        #expect(lines.contains { $0.contains("LOG_LEVEL in line 2 of ") }, "\(lines)")
        #expect(try register("10.0.0.2:1") == 403)

        try file.write("NAMESPACE_CAPACITY=2\n")
        if isAsked { registry.send(SIGHUP) }
        _ = try registry.log(whenALine: "of another capacity") {
            $0.contains("setting=namespace_capacity") && $0.contains("value=2")
        }
        #expect(try register("10.0.0.2:1") == 201)
    }

    /// `{"namespace":"shop"}`, signed with the secret below.
    private static let token =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJzaG9wIn0.Q9d-rPFYGl0CBOWZM14lLrWx53NawJFtyqC39xvD4qI"
    private static let secret = "process-test-secret-of-thirty-two-bytes!"

    @Test func `a token is good as long as its secret is among those of the file`() throws {
        // R915 … exchanged secrets are taken over at once.
        let other = String(repeating: "o", count: 40)
        let file = try File("\(other)\n\(Self.secret)\n")
        let registry = try RunningRegistry([
            "--auth_mode=jwt", "--jwt_secret_file=\(file.path)", "--log_level=info", "--loops=2",
        ])
        let clients = try (0..<8).map { _ in try registry.connect() }
        func statuses() throws -> Set<Int> {
            Set(
                try clients.map {
                    try $0.ask("GET", "/api/v1/services", headers: ["Authorization: Bearer \(Self.token)"]).status
                })
        }
        #expect(try statuses() == [200])
        try file.write(other)
        registry.send(SIGHUP)
        // Also by a loop that knows the token.
        try Patience.wait("the refusal of a token whose secret is gone") { try statuses() == [401] }
        try file.write("\(Self.secret)\n")
        registry.send(SIGHUP)
        try Patience.wait("the token's being good again") { try statuses() == [200] }
        let log = registry.logged
        #expect(!log.contains(Self.secret) && !log.contains(other) && log.contains("setting=jwt_secret"))
    }

    @Test func `a cluster changes its secret member by member, under load, and every member stays linked`() throws {
        // R675 Two members let each other in when what each proves itself with is among what the other accepts.
        let (old, new) = ("the old secret of the cluster", "the new secret of the cluster")
        let files = try (1...3).map { _ in try File(old) }
        let cluster = try TestCluster(size: 3) { index in
            ["--cluster_secret_file=\(files[index - 1].path)", "--access_log=off"]
        }
        try cluster.waitUntilJoined()
        let ports = try (1...3).map { index in
            (host: try cluster.member(index).host, port: try cluster.member(index).port)
        }

        // Whoever registers at one is found at the others, all the time; and nobody is ever seen without a link.
        let state = LoadState()
        let load = Thread {
            var round = 0
            while !state.isOver.load(ordering: .acquiring) {
                do {
                    for member in ports {
                        let client = try Client(port: member.port, host: member.host)
                        let registered = try client.ask(
                            "POST", "/api/v1/instances",
                            body: Sample.registration("load", endpoint: "10.0.0.1:\(round % 500 + 1)"))
                        if registered.status != 201 {
                            state.failures.withLock { $0.append("registered: \(registered.status)") }
                        }
                        let page = try client.ask("GET", "/api/v1/cluster").object()
                        let states = (page["members"] as? [[String: Any]])?.compactMap { $0["state"] as? String } ?? []
                        if page["size"] as? Int != 3 || states.count(where: { $0 == "streaming" }) != 2 {
                            state.failures.withLock { $0.append("\(member.host) sees \(states)") }
                        }
                    }
                } catch {
                    state.failures.withLock { $0.append("\(error)") }
                }
                round += 1
                state.rounds.store(round, ordering: .releasing)
            }
        }
        load.start()
        defer { state.isOver.store(true, ordering: .releasing) }
        for (step, contents) in [[old, new], [new, old], [new]].enumerated() {
            for index in 1...3 {
                try files[index - 1].write(contents.joined(separator: "\n"))
                try cluster.member(index).send(SIGHUP)
                try Patience.wait("member \(index) to have changed its secrets \(step + 1) times") {
                    try cluster.member(index).logged.components(separatedBy: "cluster secrets changed").count == step
                        + 2
                }
            }
        }
        let last = state.rounds.load(ordering: .acquiring)
        try Patience.wait("a round behind the last step") { state.rounds.load(ordering: .acquiring) > last + 1 }
        state.isOver.store(true, ordering: .releasing)
        try Patience.wait("the end of the load") { load.isFinished }
        #expect(state.failures.withLock { $0 } == [] && last > 0)

        // The new one is what counts now: a member that is started anew joins with it, and not with the old one.
        try cluster.kill(3)
        try files[2].write(old)
        try cluster.start(3, ["--sync_timeout=2s"])
        _ = try cluster.member(1).log(whenALine: "that a member has another secret") {
            $0.contains("secret was not proven")
        }
        try files[2].write(new)
        try cluster.member(3).send(SIGHUP)
        try cluster.waitUntilJoined()
    }
}
