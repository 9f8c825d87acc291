// A registry that remembers: the real binary, killed and started again, alone and among others (docs/snapshot.md).

import Foundation
import Glibc
import Testing

/// A directory for the files of one test.
private final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: "snapshots-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String = "state") -> String { url.appending(path: name).path() }

    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: url.path())) ?? []).sorted()
    }

    func write(_ bytes: [UInt8], to name: String = "state") throws {
        try Data(bytes).write(to: URL(filePath: path(name)))
    }

    func bytes(_ name: String = "state") throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path(name)))) }
}

extension RunningRegistry {
    /// Seen from outside: a value of a metric.
    fileprivate func metric(_ name: String) throws -> Double? {
        try connect().ask("GET", "/metrics").text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.flatMap {
            Double($0.dropFirst(name.count + 1))
        }
    }

    fileprivate func waitUntilReady() throws {
        try Patience.wait("readiness") { try connect().ask("GET", "/readyz").status == 200 }
    }

    /// Waits until a file was begun after this call.
    fileprivate func waitForSnapshot() throws {
        // One may be under way.
        let before = try metric("a8registry_snapshots_total") ?? 0
        try Patience.wait("two snapshots") { try metric("a8registry_snapshots_total") ?? 0 >= before + 2 }
    }

    fileprivate func killAndWait() throws {
        send(SIGKILL)
        _ = try waitForEnd("the end of a registry that was killed")
    }

    fileprivate func id(_ service: String, _ endpoint: String = "10.0.0.1:80", ttl: Int? = nil) throws -> String {
        let answer = try connect().ask(
            "POST", "/api/v1/instances", body: Sample.registration(service, endpoint: endpoint, ttl: ttl))
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(try answer.object()["id"] as? String)
    }
}

struct SnapshotTests {
    private static func settings(_ folder: Folder, _ more: [String] = []) -> [String] {
        ["--snapshot_file=\(folder.path())", "--snapshot_interval=1s", "--min_ttl=1s"] + more
    }

    @Test func `a registry that is killed and started again answers as before`() throws {
        // S101 With SNAPSHOT_FILE the registry writes what it holds every SNAPSHOT_INTERVAL. S202 A registry that is
        // alone answers as before: the same instances … in the same lists with the same entity tags.
        let folder = try Folder()
        var registry = try RunningRegistry(Self.settings(folder))
        for number in 0..<300 { _ = try registry.id("service-\(number % 7)", "10.0.0.1:\(number + 1)", ttl: 60) }
        let id = try registry.id("orders", ttl: 60)
        let gone = try registry.id("payments", ttl: 60)
        #expect(try registry.connect().ask("PUT", "/api/v1/instances/\(id)/heartbeat").status == 200)
        #expect(try registry.connect().ask("DELETE", "/api/v1/instances/\(gone)").status == 200)
        let pages = [
            "/api/v1/services", "/api/v1/instances?status=ALL", "/api/v1/services/orders", "/api/v1/instances/\(id)",
            "/eureka/v2/apps/ORDERS", "/v1/catalog/service/orders",
        ]
        func answers() throws -> [String] {
            try pages.map { page in
                let answer = try registry.connect().ask("GET", page)
                #expect(answer.status == 200, "\(page)")
                return "\(page) \(answer.header("ETag") ?? "none") \(answer.text.sorted())"
            }
        }
        let before = try answers()
        try registry.waitForSnapshot()
        var status = stat()
        #expect(lstat(folder.path(), &status) == 0 && status.st_mode & 0o777 == 0o600, "S103 … with the mode 0600")
        try registry.killAndWait()

        registry = try RunningRegistry(Self.settings(folder))
        try registry.waitUntilReady()
        #expect(try answers() == before)
        #expect(try registry.connect().ask("GET", "/api/v1/instances/\(gone)").status == 404)
        #expect(try registry.connect().ask("PUT", "/api/v1/instances/\(id)/heartbeat").status == 200)

        // S204 … leases are held by the cause `restored`. S401, S402, S403
        let stale = try registry.connect().ask("GET", "/api/v1/services")
        #expect(stale.header("X-Registry-Stale") != nil)
        let uptime = try registry.connect().ask("GET", "/uptime").object()
        let expiry = (uptime["EXPIRY"] as? [String: Any])?["properties"] as? [String: Int]
        #expect(expiry?["restored"] != nil && expiry?["remaining"].map { (1...60).contains($0) } == true, "\(uptime)")
        let figures = (uptime["SNAPSHOT"] as? [String: Any])?["properties"] as? [String: Int]
        #expect(figures?["restored"] == 301 && figures?["refused"] == 0, "\(uptime)")
        #expect(try registry.metric("a8registry_snapshot_restored_instances") == 301)
        #expect(try registry.metric(#"a8registry_expiry_held{cause="restored"}"#) == 1)
        _ = try registry.log(whenALine: "about what was restored") {
            $0.contains("a snapshot is restored") && $0.contains("instances=301")
        }
    }

    @Test func `a clean stop writes what was registered a moment before`() throws {
        let folder = try Folder()
        var registry = try RunningRegistry(Self.settings(folder, ["--snapshot_interval=24h"]))
        let id = try registry.id("orders", ttl: 60)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("a clean stop") == 0)
        registry = try RunningRegistry(Self.settings(folder))
        try registry.waitUntilReady()
        #expect(try registry.connect().ask("GET", "/api/v1/instances/\(id)").status == 200)
        #expect(folder.names == ["state"])
    }

    @Test func `a restored instance that is dead goes when its own lease ends`() throws {
        let folder = try Folder()
        var registry = try RunningRegistry(Self.settings(folder))
        let short = try registry.id("orders", ttl: 2)
        let long = try registry.id("payments", ttl: 60)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("a clean stop") == 0)
        usleep(2_500_000)  // Longer than its lease: while nobody ran, nobody could renew.
        registry = try RunningRegistry(Self.settings(folder))
        try registry.waitUntilReady()
        let client = try registry.connect()
        #expect(try client.ask("GET", "/api/v1/instances/\(short)").status == 200)
        try Patience.wait("the lease of a restored instance to end") {
            try client.ask("GET", "/api/v1/instances/\(short)").status == 404
        }
        #expect(try client.ask("GET", "/api/v1/instances/\(long)").status == 200)
    }

    @Test(arguments: ["cut", "changed", "another format", "a page", "empty"])
    func `a file that cannot be used is kept aside`(damage: String) throws {
        // S205 A file that is cut, changed, empty or no snapshot, or has the format of another release, is not used …
        let folder = try Folder()
        var registry = try RunningRegistry(Self.settings(folder))
        let id = try registry.id("orders", ttl: 60)
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("a clean stop") == 0)
        var bytes = try folder.bytes()
        switch damage {
        case "cut": bytes.removeLast(20)
        case "changed": bytes[bytes.count / 2] ^= 1
        case "another format": bytes[16] = 9
        case "a page": bytes = Array("<html><body>Sign in</body></html>".utf8)
        default: bytes = []
        }
        try folder.write(bytes)
        for old in 1...4 { try folder.write([1], to: "state.damaged-2020010\(old)T000000Z") }

        registry = try RunningRegistry(Self.settings(folder))
        try registry.waitUntilReady()
        #expect(try registry.connect().ask("GET", "/api/v1/instances/\(id)").status == 404)
        _ = try registry.log(whenALine: "about the file") { $0.contains("the snapshot is not used") }
        let kept = folder.names.filter { $0.hasPrefix("state.damaged-") }
        #expect(kept.count == 3, "\(kept)")
        #expect(try folder.bytes(try #require(kept.last)) == bytes)
        #expect(try registry.metric("a8registry_snapshot_refused") == 1)
        // Another takes its place.
        try registry.waitForSnapshot()
        #expect(folder.names.contains("state"))
    }

    @Test func `a path that leads elsewhere stops the start`() throws {
        // S104 Where SNAPSHOT_FILE leads to a link, a directory or a device, … the registry does not start.
        let folder = try Folder()
        try folder.write([1], to: "other")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: folder.path("other"))
        try FileManager.default.createDirectory(atPath: folder.path("directory"), withIntermediateDirectories: false)
        #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
        for (path, word) in [
            (folder.path("link"), "no regular file"), (folder.path("directory"), "no regular file"),
            (folder.path("pipe"), "no regular file"), ("/dev/null", "no regular file"),
            (folder.path("missing/state"), "No such file"), ("/proc/state", "state"),
        ] {
            let outcome = try RunningRegistry.outcome(["--api_port=0", "--snapshot_file=\(path)"])
            #expect(outcome.status == 64, "\(path): \(outcome.errors)")
            #expect(outcome.errors.contains("snapshot_file") && outcome.errors.contains(word), "\(outcome.errors)")
            let checked = try RunningRegistry.outcome(["--check_config", "--snapshot_file=\(path)"])
            #expect(checked.status != 0 && (checked.output + checked.errors).contains(word), "\(path)")
        }
        #expect(try folder.bytes("other") == [1])
        // Only one who may give files away can make one of another user.
        guard geteuid() == 0 else { return }
        try folder.write([1], to: "foreign")
        #expect(chown(folder.path("foreign"), 65_534, 65_534) == 0)
        let outcome = try RunningRegistry.outcome(["--api_port=0", "--snapshot_file=\(folder.path("foreign"))"])
        #expect(outcome.status == 64 && outcome.errors.contains("belongs to user 65534"), "\(outcome.errors)")
    }

    @Test func `what a dead process has begun is taken away, and a living one's is not`() throws {
        // S105 What a process that was killed has begun to write is taken away by the next start …
        let folder = try Folder()
        try folder.write([1], to: "state.writing-dead")
        try folder.write([1], to: "state.writing-alive")
        let descriptor = open(folder.path("state.writing-alive"), O_RDONLY)
        defer { close(descriptor) }
        #expect(flock(descriptor, LOCK_EX) == 0)
        let registry = try RunningRegistry(Self.settings(folder))
        try Patience.wait("the dead one's file to go") { !folder.names.contains("state.writing-dead") }
        #expect(folder.names.contains("state.writing-alive"))
        #expect(try registry.connect().ask("GET", "/readyz").status == 200)
    }

    @Test func `a file that cannot be written leaves the old one, and is tried again`() throws {
        // S103 … Where it cannot be written … the old one stays, the log and the metrics say so, and the next interval
        // tries again.
        let folder = try Folder()
        let registry = try RunningRegistry(Self.settings(folder, ["--access_log=off"]))
        let first = try registry.id("orders", ttl: 60)
        try registry.waitForSnapshot()
        // As a full disk does: no file of this process may grow beyond that.
        try Self.limitFiles(of: registry, to: "200000")
        let filling = String(repeating: "x", count: 900)
        let client = try registry.connect()
        for number in 1...500 {
            let body = """
                {"service_name":"carts","ttl":60,"endpoint":{"type":"tcp","value":"10.0.0.2:\(number)"},\
                "metadata":{"filling":"\(filling)"}}
                """
            #expect(try client.ask("POST", "/api/v1/instances", body: body).status == 201)
        }
        try Patience.wait("two failures") { try registry.metric("a8registry_snapshot_failures_total") ?? 0 >= 2 }
        _ = try registry.log(whenALine: "about the file") { $0.contains("a snapshot cannot be written") }
        let other = folder.names.filter { $0 != "state" }
        #expect(other.count <= 1, "what could not be finished is taken away: \(other)")
        #expect(try folder.bytes().count < 200_000)
        try Self.limitFiles(of: registry, to: "unlimited")
        try registry.waitForSnapshot()
        #expect(try folder.bytes().count > 450_000)
        try registry.killAndWait()
        let again = try RunningRegistry(Self.settings(folder))
        try again.waitUntilReady()
        #expect(try again.connect().ask("GET", "/api/v1/instances/\(first)").status == 200)
        #expect(try again.metric("a8registry_snapshot_restored_instances") == 501)
    }

    private static func limitFiles(of registry: RunningRegistry, to bytes: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/prlimit")
        process.arguments = ["--pid", "\(registry.pid)", "--fsize=\(bytes):unlimited"]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}

/// `registry snapshot` and the page that it asks.
struct SnapshotCommandTests {
    private static let token = "an-operators-token-h7K2pQ9xV4mT6cR1wZ8"

    private static func command(_ arguments: [String]) throws -> RunningRegistry.Outcome {
        try RunningRegistry.outcome(["snapshot"] + arguments)
    }

    @Test func `an operator saves a snapshot, looks at it, and starts another registry with it`() throws {
        // S501, S503 `registry snapshot save FILE` … `registry snapshot inspect FILE` … `registry snapshot restore`
        let folder = try Folder()
        try folder.write(Array(Self.token.utf8), to: "token")
        let registry = try RunningRegistry([
            "--auth_mode=trusted", "--operator_token_file=\(folder.path("token"))", "--access_log=off",
        ])
        let client = try registry.connect()
        // More than one piece.
        for number in 1...3_000 {
            let answer = try client.ask(
                "POST", "/api/v1/instances", headers: ["Authorization: Bearer \(number % 2 == 0 ? "blue" : "green")"],
                body: Sample.registration("service-\(number % 3)", endpoint: "10.0.0.3:\(number)", ttl: 300))
            try #require(answer.status == 201)
        }
        let page = "/api/v1/snapshot"
        #expect(try client.ask("GET", page).status == 401)
        #expect(try client.ask("GET", page, headers: ["Authorization: Bearer blue"]).status == 403)

        let url = "http://\(registry.host):\(registry.port)"
        let saved = try Self.command(["save", folder.path(), "--url", url, "--token-file", folder.path("token")])
        #expect(saved.status == 0 && saved.output.contains("3000 instances"), "\(saved.output) \(saved.errors)")
        var status = stat()
        #expect(lstat(folder.path(), &status) == 0 && status.st_mode & 0o777 == 0o600)
        let refused = try Self.command(["save", folder.path("other"), "--url", url])
        #expect(refused.status == 4 && folder.names == ["state", "token"], "\(refused.errors) \(folder.names)")

        let shown = try Self.command(["inspect", folder.path()])
        #expect(
            shown.status == 0 && shown.output.contains("green") && shown.output.contains("service-2"), "\(shown.output)"
        )
        let json = try Self.command(["inspect", folder.path(), "--output", "json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(object["instances"] as? Int == 3_000)
        let services = try #require(object["services"] as? [[String: Any]])
        #expect(services.count == 6 && services.allSatisfy { $0["instances"] as? Int == 500 }, "\(services)")

        let restored = try Self.command(["restore", folder.path(), folder.path("target")])
        #expect(restored.status == 0, "\(restored.errors)")
        let other = try RunningRegistry(["--auth_mode=trusted", "--snapshot_file=\(folder.path("target"))"])
        try other.waitUntilReady()
        #expect(try other.metric("a8registry_snapshot_restored_instances") == 3_000)

        // What a registry would not use is not restored, and says so.
        var bytes = try folder.bytes()
        bytes[bytes.count / 2] ^= 4
        try folder.write(bytes, to: "damaged")
        #expect(try Self.command(["inspect", folder.path("damaged")]).status == 1)
        let bad = try Self.command(["restore", folder.path("damaged"), folder.path("nowhere")])
        #expect(bad.status == 1 && bad.errors.contains("damaged") && !folder.names.contains("nowhere"), "\(bad.errors)")
    }

    @Test func `without an operator there is no such page`() throws {
        // S501 … Where no operator is configured it is answered 404. S502 the body is made and sent in pieces.
        let registry = try RunningRegistry()
        #expect(try registry.connect().ask("GET", "/api/v1/snapshot").status == 404)
    }
}

/// Members with a file each.
struct ClusterSnapshotTests {
    private static func settings(_ folder: Folder, _ more: [String] = []) -> (Int) -> [String] {
        { ["--snapshot_file=\(folder.path("state-\($0)"))", "--snapshot_interval=1s", "--min_ttl=1s"] + more }
    }

    private static func waitForSnapshots(_ cluster: TestCluster, _ members: ClosedRange<Int> = 1...3) throws {
        for index in members { try cluster.member(index).waitForSnapshot() }
    }

    @Test func `a cluster that lost power as a whole has what any file has`() throws {
        // S303 Where no such member answers, as when all members lost power, all begin with everything that any file
        // has, and each lease begins anew. No member waits for another longer than without files.
        let folder = try Folder()
        let cluster = try TestCluster(size: 3, settings: Self.settings(folder))
        try cluster.waitUntilJoined()
        let (one, two) = (try cluster.register(1, "orders", ttl: 300), try cluster.register(2, "payments", ttl: 300))
        let gone = try cluster.register(3, "carts", ttl: 300)
        try Self.waitForSnapshots(cluster)
        let old = try folder.bytes("state-3")
        #expect(try cluster.ask(1, "DELETE", "/api/v1/instances/\(gone)").status == 200)
        try cluster.member(1).waitForSnapshot()
        for index in 1...3 { try cluster.kill(index) }
        // The second has lost its disk, and the third has an older file.
        try FileManager.default.removeItem(atPath: folder.path("state-2"))
        try folder.write(old, to: "state-3")

        for index in 1...3 { try cluster.start(index) }
        try cluster.waitUntilReady()
        for index in 1...3 {
            for id in [one, two] {
                #expect(try cluster.ask(index, "GET", "/api/v1/instances/\(id)").status == 200, "member \(index)")
            }
            #expect(try cluster.ask(index, "GET", "/api/v1/instances/\(gone)").status == 404, "member \(index)")
        }
        #expect(try cluster.ask(2, "PUT", "/api/v1/instances/\(one)/heartbeat").status == 200)
    }

    @Test func `a member with an old file learns from the others what has become of it`() throws {
        // S301 A member meets the others with what its file has, and versions decide … S302 A member that ran all the
        // time knows who is alive.
        let folder = try Folder()
        let cluster = try TestCluster(size: 3, settings: Self.settings(folder, ["--expiry_hold=20s"]))
        try cluster.waitUntilJoined()
        let (dead, gone) = (try cluster.register(1, "orders", ttl: 2), try cluster.register(2, "carts", ttl: 60))
        let changed = try cluster.register(3, "payments", ttl: 60)
        try cluster.member(1).waitForSnapshot()
        // It renews at a member that goes on.
        #expect(try cluster.ask(1, "PUT", "/api/v1/instances/\(dead)/heartbeat").status == 200)
        try cluster.member(1).waitForSnapshot()
        try cluster.kill(1)
        let file = try folder.bytes("state-1")
        #expect(try cluster.ask(2, "DELETE", "/api/v1/instances/\(gone)").status == 200)
        #expect(
            try cluster.ask(3, "PUT", "/api/v1/instances/\(changed)/status?value=OUT_OF_SERVICE").status == 200)
        try cluster.wait("the end of a lease that may be held", at: 2, dead, status: 404)
        try folder.write(file, to: "state-1")

        try cluster.start(1)
        try cluster.waitUntilJoined()
        for index in 1...3 {
            #expect(try cluster.ask(index, "GET", "/api/v1/instances/\(gone)").status == 404, "member \(index)")
            #expect(try cluster.ask(index, "GET", "/api/v1/instances/\(dead)").status == 404, "member \(index)")
            let seen = try cluster.ask(index, "GET", "/api/v1/instances/\(changed)").object()
            #expect(seen["status"] as? String == "OUT_OF_SERVICE", "member \(index)")
        }
        // What it was restored with holds nothing any more.
        try Patience.wait("the end of the hold") {
            try cluster.member(1).metric(#"a8registry_expiry_held{cause="restored"}"#) == 0
        }
    }
}
