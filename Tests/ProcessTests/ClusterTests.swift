// Several registries as one: real processes on addresses of the loopback, each its own member, killed, stopped and
// started again under the eyes of clients.

import Foundation
import Glibc
import Testing

/// Members that know one another by `CLUSTER_PEERS`, on addresses of a loopback network that is theirs alone.
final class TestCluster {
    private let network = "127.\(Int.random(in: 1...254)).\(Int.random(in: 0...255))"
    private let size: Int
    private let storePrefix = TestStore.prefix()
    private let settings: (_ index: Int) throws -> [String]
    private(set) var members: [Int: RunningRegistry] = [:]

    /// Starts `size` members, all with the same settings.
    convenience init(size: Int, _ settings: [String] = []) throws { try self.init(size: size) { _ in settings } }

    /// Starts `size` members, each with settings of its own.
    init(size: Int, settings: @escaping (_ index: Int) throws -> [String]) throws {
        self.size = size
        self.settings = settings
        for index in 1...size { try start(index) }
    }

    func start(_ index: Int, _ more: [String] = []) throws {
        let peers = (1...size).map { "\(network).\($0):6100" }.joined(separator: ",")
        let all =
            [
                "--replication=true", "--replication_port=6100", "--cluster_peers=\(peers)", "--cluster_size=\(size)",
                "--log_level=info",
                "--member_name=member-\(index)", "--sync_timeout=20s",
            ] + (try settings(index)) + more
        members[index] = try RunningRegistry(
            TestStore.settings(all), host: "\(network).\(index)", storePrefix: storePrefix)
    }

    /// Ends a member without a word.
    func kill(_ index: Int) throws {
        members[index]?.send(SIGKILL)
        _ = try members[index]?.waitForEnd("the end of a member that was killed")
        members[index] = nil
    }

    func member(_ index: Int) throws -> RunningRegistry { try #require(members[index]) }

    func address(_ index: Int) -> String { "\(network).\(index):6100" }

    func ask(_ index: Int, _ method: String, _ target: String, body: String = "") throws -> Client.Response {
        try member(index).connect().ask(method, target, body: body)
    }

    func waitUntilReady() throws {
        for index in members.keys.sorted() {
            try Patience.wait("readiness of member \(index)") { try ask(index, "GET", "/readyz").status == 200 }
        }
    }

    /// Waits until every member sees every other's changes.
    func waitUntilJoined() throws {
        try waitUntilReady()
        for index in members.keys.sorted() {
            try Patience.wait("all links of member \(index)") {
                let page = try ask(index, "GET", "/api/v1/cluster").object()
                guard page["size"] as? Int == size else { return false }
                // Members of a store have no links to each other.
                let states = (page["members"] as? [[String: Any]])?.compactMap { $0["state"] as? String } ?? []
                return TestStore.isUsed || states.count { $0 == "streaming" } == size - 1
            }
        }
    }

    func register(_ index: Int, _ service: String, ttl: Int? = nil) throws -> String {
        let answer = try ask(index, "POST", "/api/v1/instances", body: Sample.registration(service, ttl: ttl))
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(try answer.object()["id"] as? String)
    }

    func wait(_ awaited: String, at index: Int, _ id: String, status: Int) throws {
        try Patience.wait("\(awaited) at member \(index)") {
            try ask(index, "GET", "/api/v1/instances/\(id)").status == status
        }
    }
}

struct ClusterTests {
    @Test(arguments: [[], ["--cluster_secret=correct horse battery staple"]])
    func `who registers with one member is found through all, until removed through any`(settings: [String]) throws {
        let cluster = try TestCluster(size: 3, settings)
        try cluster.waitUntilJoined()
        let id = try cluster.register(1, "orders")
        for index in 2...3 { try cluster.wait("a registration", at: index, id, status: 200) }
        let heard = try (1...3).map { try cluster.ask($0, "GET", "/api/v1/instances/\(id)").text }
        #expect(Set(heard).count == 1, "members tell different things: \(heard)")
        #expect(try cluster.ask(2, "PUT", "/api/v1/instances/\(id)/heartbeat").status == 200)
        #expect(try cluster.ask(3, "DELETE", "/api/v1/instances/\(id)").status == 200)
        for index in 1...2 { try cluster.wait("a removal", at: index, id, status: 404) }
        let page = try cluster.ask(2, "GET", "/uptime")
        #expect(page.status == 200)
        let health =
            TestStore.isUsed
            ? #""STORE":{"healthy":true,"#
            : #""CLUSTER":{"healthy":true,"properties":{"size":3,"threshold":3}},"REPLICATION":{"healthy":true}"#
        #expect(page.text.contains(health), "\(page.text)")
    }

    @Test func `a member that is killed is missed by nobody, and has everything when it is ready again`() throws {
        let cluster = try TestCluster(size: 3)
        try cluster.waitUntilJoined()
        let before = try cluster.register(1, "before")
        for index in 2...3 { try cluster.wait("a registration", at: index, before, status: 200) }
        try cluster.kill(1)
        #expect(try cluster.ask(2, "PUT", "/api/v1/instances/\(before)/heartbeat").status == 200)
        let meanwhile = try cluster.register(2, "meanwhile")
        let removed = try cluster.register(3, "removed")
        try cluster.wait("a registration", at: 2, removed, status: 200)
        #expect(try cluster.ask(2, "DELETE", "/api/v1/instances/\(removed)").status == 200)

        try cluster.start(1)
        // From its first answer on it says all or nothing.
        var statuses: Set<Int> = []
        try Patience.wait("a look-up at a member that starts") {
            statuses.insert(try cluster.ask(1, "GET", "/api/v1/services/before").status)
            return statuses.contains(200)
        }
        #expect(statuses.isSubset(of: [200, 503]), "\(statuses)")
        #expect(try cluster.ask(1, "GET", "/api/v1/instances/\(meanwhile)").status == 200)
        // Whether it is gone it may first have to hear from the others; it never says that it is there.
        statuses = []
        try Patience.wait("the member that starts to say what is gone") {
            statuses.insert(try cluster.ask(1, "GET", "/api/v1/instances/\(removed)").status)
            return statuses.contains(404)
        }
        #expect(statuses.isSubset(of: [404, 503]), "\(statuses)")
    }

    @Test func `a member that is stopped tells what it was told before it leaves`() throws {
        let cluster = try TestCluster(size: 2)
        try cluster.waitUntilJoined()
        let ids = try (0..<200).map { try cluster.register(1, "service-\($0)") }
        let leaving = try cluster.member(1)
        leaving.send(SIGTERM)
        #expect(try leaving.waitForEnd("the end of a member that leaves", seconds: 9) == 0)
        for id in ids { #expect(try cluster.ask(2, "GET", "/api/v1/instances/\(id)").status == 200) }
        _ = try cluster.member(2).log(whenALine: "that the other leaves, and who says so of whom") {
            $0.contains("it is leaving the cluster") && $0.contains("name=member-1")
                && $0.contains("member_name=member-2")
        }
        _ = try cluster.member(2).log(whenALine: "who was asked") {
            $0.contains("msg=\"request\"") && $0.contains("member_name=member-2")
        }
    }

    @Test func `a member alone waits for the others it was promised, and says what it cannot know`() throws {
        let cluster = try TestCluster(size: 1, ["--cluster_size=2", "--cluster_peers=127.0.0.1:1"])
        let readiness = try cluster.ask(1, "GET", "/readyz").object()
        #expect(readiness["status"] as? String == "starting")
        #expect(readiness["reason"] as? String == "looking for members")
        #expect(readiness["until"] is String)
        let answer = try cluster.ask(1, "GET", "/api/v1/services")
        #expect(answer.status == 503)
        #expect(answer.header("Retry-After") == "1")
        let id = try cluster.register(1, "orders")
        #expect(try cluster.ask(1, "PUT", "/api/v1/instances/\(id)/heartbeat").status == 200)
        #expect(try cluster.ask(1, "PUT", "/api/v1/instances/0123456789abcdef/heartbeat").status == 503)
        #expect(try cluster.ask(1, "DELETE", "/api/v1/instances/0123456789abcdef").status == 503)
    }

    @Test func `after sync_timeout a member serves without the others, and says so loudly`() throws {
        let cluster = try TestCluster(
            size: 1, ["--cluster_size=2", "--cluster_peers=127.0.0.1:1", "--sync_timeout=1s"])
        try cluster.waitUntilReady()
        _ = try cluster.member(1).log(whenALine: "that nobody was reached") {
            $0.contains("level=error") && $0.contains("sync_timeout")
        }
        try Patience.wait("the report that a member is missing") { try cluster.ask(1, "GET", "/uptime").status == 503 }
    }

    @Test func `who does not know the secret stays outside`() throws {
        let cluster = try TestCluster(size: 2, ["--cluster_secret=one secret of the cluster"])
        try cluster.waitUntilJoined()
        let id = try cluster.register(2, "orders")
        try cluster.kill(1)
        try cluster.start(1, ["--cluster_secret=another secret altogether", "--sync_timeout=5s"])
        _ = try cluster.member(2).log(whenALine: "that a stranger was refused") { $0.contains("secret was not proven") }
        _ = try cluster.member(1).log(whenALine: "what to do") {
            $0.contains("level=error") && $0.contains("all other members refuse this one")
                && $0.contains("set cluster_secret of this member to that of the other members")
        }
        // No time ends it: /uptime tells of what has lasted for sync_timeout, and of this at once.
        try Patience.wait("the reason on /readyz") {
            try cluster.ask(1, "GET", "/readyz").object()["reason"] as? String == "refused"
        }
        #expect(try cluster.ask(1, "GET", "/readyz").status == 503)
        #expect(try cluster.ask(1, "GET", "/api/v1/instances/\(id)").status == 503)
        try Patience.wait("the refusal on /uptime") {
            try cluster.ask(1, "GET", "/uptime").text.contains(#""refused":1"#)
        }
        #expect(try cluster.ask(1, "GET", "/uptime").status == 503)
        let page = try cluster.ask(1, "GET", "/api/v1/cluster").object()
        #expect(page["ready"] as? Bool == false)
        #expect(page["not_ready_because"] as? String == "refused")
        let peers = try #require(page["members"] as? [[String: Any]])
        #expect(
            peers.contains { $0["state"] as? String == "refused" && $0["refused_because"] as? String == "secret" },
            "\(page)")
        // The page is a second old at most, and who was killed is missed within a few.
        try Patience.wait("the other member to be one of one") {
            try cluster.ask(2, "GET", "/api/v1/cluster").object()["size"] as? Int == 1
        }
        #expect(try cluster.ask(2, "GET", "/readyz").status == 200, "who was ready stays so")
    }

    @Test func `random bytes on the peers' port end a connection and nothing else`() throws {
        let cluster = try TestCluster(size: 2)
        try cluster.waitUntilJoined()
        let host = try cluster.member(1).host
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20 {
            let client = try Client(port: 6_100, host: host)
            try? client.send((0..<9_000).map { _ in UInt8.random(in: 0...255, using: &generator) })
            _ = try client.receiveEnd("the end of a connection with nonsense")
        }
        // A frame of 4 GB, after a proper beginning.
        let client = try Client(port: 6_100, host: host)
        try client.send(
            "GET /v1/replication HTTP/1.1\r\nHost: a\r\nMember-ID: 10.9.8.7:6100\r\nConnection: Upgrade\r\nUpgrade: a8-replication/1\r\n\r\n"
        )
        try? client.send([0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3])
        #expect(try client.receiveEnd("the end of a connection with an endless frame").hasPrefix("HTTP/1.1 101 "))
        let id = try cluster.register(1, "orders")
        try cluster.wait("a registration", at: 2, id, status: 200)
    }

    @Test func `members find one another in a directory, on ports of the system's choice`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "members-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let arguments = [
            "--replication=true", "--replication_port=0", "--cluster_dir=\(directory.path())", "--cluster_size=2",
            "--log_level=info",
        ]
        let members = [try RunningRegistry(arguments), try RunningRegistry(arguments)]
        for member in members {
            #expect(member.replicationPort != nil)
            try Patience.wait("readiness") { try member.connect().ask("GET", "/readyz").status == 200 }
        }
        let answer = try members[1].connect().ask("POST", "/api/v1/instances", body: Sample.registration())
        let id = try #require(try answer.object()["id"] as? String)
        try Patience.wait("a registration at the other member") {
            try members[0].connect().ask("GET", "/api/v1/instances/\(id)").status == 200
        }
        let names = {
            try FileManager.default.contentsOfDirectory(atPath: directory.path()).filter { !$0.hasPrefix(".") }
        }
        #expect(try names().count == 2)
        members[0].send(SIGTERM)
        #expect(try members[0].waitForEnd("the end of a member that leaves", seconds: 9) == 0)
        #expect(try names() == ["127.0.0.1:\(members[1].replicationPort ?? 0)"])
    }

    @Test func `a member whose cluster directory is missing is not ready until it is there`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "members-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let member = try RunningRegistry([
            "--replication=true", "--replication_port=0", "--cluster_dir=\(directory.path())", "--sync_timeout=0s",
            "--log_level=info",
        ])
        let log = try member.log(whenALine: "that the directory is missing") {
            $0.contains("level=error") && $0.contains(directory.path()) && $0.contains("not ready")
        }
        #expect(log.count { $0.contains("level=error") } == 1, "it is said once: \(log)")
        let readiness = try member.connect().ask("GET", "/readyz")
        #expect(readiness.status == 503)
        #expect(try readiness.object()["reason"] as? String == "cluster directory")
        #expect(try readiness.object()["until"] is NSNull)
        #expect(try member.connect().ask("GET", "/livez").status == 200)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try Patience.wait("readiness") { try member.connect().ask("GET", "/readyz").status == 200 }
    }

    @Test func `a size of two and no replication stop the start with a sentence`() throws {
        let outcome = try RunningRegistry.outcome(["--api_port=0", "--listen_address=127.0.0.1", "--cluster_size=2"])
        #expect(outcome.status == 64)
        #expect(
            outcome.errors.contains("cluster_size 2 (flag --cluster_size)")
                && outcome.errors.contains("replication false (default)"),
            "\(outcome.errors)")
    }

    @Test func `replication without a secret and without TLS is warned of`() throws {
        let cluster = try TestCluster(size: 1)
        _ = try cluster.member(1).log(whenALine: "that the port is open to anyone") {
            $0.contains("level=warn") && $0.contains("without cluster_secret and without replication_tls")
        }
    }
}
