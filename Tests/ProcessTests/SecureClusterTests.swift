// Members that speak TLS with each other, and whom they let in: only certificates of the cluster's authority, and only
// those of members.

import Foundation
import Glibc
import TLS
import Testing

/// The files of a cluster's authority and of what it has issued.
private final class ClusterAuthority {
    private static let now = Int64(Date().timeIntervalSince1970)

    private let folder = FileManager.default.temporaryDirectory.appending(path: "cluster-\(UUID().uuidString)")
    private let authority: CertificateAuthority

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        authority = try CertificateAuthority("Cluster authority", validity: Self.now - 3_600..<Self.now + 86_400)
        try Data(authority.issued.certificate).write(to: folder.appending(path: "ca.pem"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// In so many days, in seconds since 1970.
    func expiry(_ days: Int64) -> Int64 { Self.now + days * 86_400 }

    /// Spoils the certificate that carries these host names.
    func spoil(_ hosts: [String]) throws {
        try Data("junk".utf8).write(to: folder.appending(path: hosts.joined() + ".pem"))
    }

    /// The settings of a member with a certificate that carries these host names.
    func settings(_ hosts: [String], days: Int64 = 1) throws -> [String] {
        var request = CertificateRequest("member", for: .peer, validity: Self.now - 3_600..<expiry(days))
        request.hosts = hosts
        let issued = try authority.issue(request)
        let base = folder.appending(path: hosts.joined()).path()
        try Data(issued.certificate).write(to: URL(filePath: base + ".pem"), options: .atomic)
        try Data(issued.key).write(to: URL(filePath: base + ".key"), options: .atomic)
        return [
            "--replication_tls=true", "--replication_tls_cert=\(base).pem", "--replication_tls_key=\(base).key",
            "--replication_tls_ca=\(folder.appending(path: "ca.pem").path())",
        ]
    }
}

struct SecureClusterTests {
    @Test(arguments: [true, false])
    func `members with certificates of their own, or with one name for all, replicate over TLS`(isShared: Bool) throws {
        let authority = try ClusterAuthority()
        let cluster = try TestCluster(size: 2) { index in
            try authority.settings([isShared ? "registry.cluster" : "member-\(index)"])
                + (isShared ? ["--replication_tls_name=registry.cluster"] : [])
        }
        try cluster.waitUntilJoined()
        let id = try cluster.register(1, "orders")
        try cluster.wait("a registration", at: 2, id, status: 200)
        // A plain stranger gets no word.
        let stranger = try Client(port: 6_100, host: cluster.member(1).host)
        try stranger.send("GET /v1/replication HTTP/1.1\r\nHost: a\r\nMember-ID: 10.9.8.7:6100\r\n\r\n")
        #expect(try !stranger.receiveEnd("the end of a plain connection").contains("HTTP"))
    }

    @Test func `a certificate of another member, or of no member, opens no door`() throws {
        let authority = try ClusterAuthority()
        for (hosts, name) in [(["member-9"], nil), (["client"], "registry.cluster")] as [([String], String?)] {
            let shared = name.map { ["--replication_tls_name=\($0)"] } ?? []
            let cluster = try TestCluster(size: 2) { index in
                try authority.settings(index == 1 ? [name ?? "member-1"] : hosts) + shared + ["--sync_timeout=3s"]
            }
            let id = try cluster.register(1, "orders")
            _ = try cluster.member(1).log(whenALine: "that a stranger was refused") {
                $0.contains("refused") && $0.contains("certificate is not that of")
            }
            _ = try cluster.member(2).log(whenALine: "what to do") {
                $0.contains("level=error") && $0.contains("all other members refuse this one")
                    && $0.contains("replication_tls_ca")
            }
            #expect(try cluster.ask(2, "GET", "/readyz").object()["reason"] as? String == "refused")
            #expect(try cluster.ask(2, "GET", "/api/v1/instances/\(id)").status == 503)
            #expect(try cluster.ask(1, "GET", "/api/v1/cluster").object()["size"] as? Int == 1)
        }
    }

    @Test func `a member with certificates of another authority is refused, and not ready`() throws {
        let (ours, foreign) = (try ClusterAuthority(), try ClusterAuthority())
        let cluster = try TestCluster(size: 2) { index in
            try (index == 1 ? ours : foreign).settings(["member-\(index)"]) + ["--sync_timeout=5s"]
        }
        for index in 1...2 {
            _ = try cluster.member(index).log(whenALine: "what to do") {
                $0.contains("level=error") && $0.contains("all other members refuse this one")
                    && $0.contains("replication_tls_ca")
            }
            // On a busy machine a dial may end without an answer in between, which is no refusal.
            try Patience.wait("the refusal on the page of member \(index)") {
                let answer = try cluster.ask(index, "GET", "/readyz")
                #expect(answer.status == 503)
                return try answer.object()["reason"] as? String == "refused"
            }
        }
    }

    @Test func `with replication_plain a member of the original is served beside TLS, and members are not`() throws {
        let authority = try ClusterAuthority()
        let cluster = try TestCluster(size: 2) { index in
            try authority.settings(["member-\(index)"]) + ["--replication_plain=true"]
        }
        try cluster.waitUntilJoined()
        let host = try cluster.member(1).host
        let ours = try Client(port: 6_100, host: host)
        try ours.send(
            "GET /v1/replication HTTP/1.1\r\nHost: a\r\nMember-ID: 10.9.8.7:6100\r\nConnection: Upgrade\r\nUpgrade: a8-replication/1\r\n\r\n"
        )
        #expect(try ours.receiveEnd("the refusal of a member without TLS").hasPrefix("HTTP/1.1 403 "))
        let original = try Client(port: 6_100, host: host)
        try original.send("GET /v1/sync HTTP/1.1\r\nHost: a\r\nMember-ID: 10.9.8.7:6100\r\n\r\n")
        let copy = try original.receiveEnd("a copy for a member of the original")
        #expect(copy.hasPrefix("HTTP/1.1 200 ") && copy.contains("text/event-stream"), "\(copy.prefix(200))")
        _ = try cluster.member(1).log(whenALine: "that the port is open to anyone") {
            $0.contains("replication_plain is on")
        }
    }

    @Test(arguments: [true, false])
    func `members take renewed certificates into service, on SIGHUP or unasked, and tell of bad ones`(isAsked: Bool)
        throws
    {
        // R619 On SIGHUP, and when the files change, certificates are read again; … files that cannot be used leave the
        // old ones in service.
        let authority = try ClusterAuthority()
        let cluster = try TestCluster(size: 2) { index in try authority.settings(["member-\(index)"]) }
        try cluster.waitUntilJoined()
        let registry = try cluster.member(1)
        func metric(_ name: String) throws -> Double? {
            let page = try cluster.ask(1, "GET", "/metrics").text
            return page.split(separator: "\n").first { $0.hasPrefix("a8registry_replication_tls_\(name) ") }
                .flatMap { Double($0.split(separator: " ")[1]) }
        }
        #expect(try metric("certificate_expiry_seconds") == Double(authority.expiry(1)))
        #expect(try metric("reload_failures_total") == 0)

        _ = try authority.settings(["member-1"], days: 3)
        if isAsked { registry.send(SIGHUP) }
        _ = try registry.log(whenALine: "that certificates were reloaded") {
            $0.contains("replication certificates reloaded")
        }
        #expect(try metric("certificate_expiry_seconds") == Double(authority.expiry(3)))

        try authority.spoil(["member-1"])
        if isAsked { registry.send(SIGHUP) }
        _ = try registry.log(whenALine: "that certificates are bad") {
            $0.contains("new replication certificates cannot be used")
        }
        #expect(try metric("reload_failures_total") == 1)
        #expect(try metric("certificate_expiry_seconds") == Double(authority.expiry(3)))

        // Who dials anew is shown the renewed certificate.
        try cluster.kill(2)
        try cluster.start(2)
        try cluster.waitUntilJoined()
        // A stranger's handshake is counted.
        let stranger = try Client(port: 6_100, host: registry.host)
        try stranger.send("GET /v1/replication HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try stranger.receiveEnd("the end of a plain connection")
        #expect(try metric("handshake_failures_total") ?? 0 >= 1)
    }
}
