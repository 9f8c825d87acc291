// Redis over TLS: who believes whom, and by which name.

import Foundation
import RedisStore
import RedisStoreServer
import TLS
import TestSupport
import Testing

struct SecureRedisTests {
    /// An authority, and what it has issued, in files that go with the test.
    private final class Authority {
        private static let now = Int64(Date().timeIntervalSince1970)
        private let folder = FileManager.default.temporaryDirectory.appending(path: "redis-tls-\(UUID().uuidString)")
        private let authority: CertificateAuthority
        var path: String { folder.appending(path: "ca.pem").path() }

        init() throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            authority = try CertificateAuthority("Authority", validity: Self.now - 3_600..<Self.now + 86_400)
            try Data(authority.issued.certificate).write(to: folder.appending(path: "ca.pem"))
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func issue(_ name: String, for use: CertificateRequest.Purpose, hosts: [String] = [], addresses: [String] = [])
            throws -> (path: String, key: String)
        {
            var request = CertificateRequest(name, for: use, validity: Self.now - 3_600..<Self.now + 86_400)
            (request.hosts, request.addresses) = (hosts, addresses)
            let issued = try authority.issue(request)
            let (certificate, key) = (folder.appending(path: "\(name).pem"), folder.appending(path: "\(name)-key.pem"))
            try Data(issued.certificate).write(to: certificate)
            try Data(issued.key).write(to: key)
            return (certificate.path(), key.path())
        }

        func trust(_ identity: (path: String, key: String)? = nil) throws -> TLSContext {
            try TLSContext(
                trusting: ClientTLSConfiguration(authorityPath: path, identity: identity), speaksHTTP: false,
                now: Self.now)
        }
    }

    private func server(_ engine: Engine, _ authority: Authority, hosts: [String], addresses: [String]) throws
        -> RedisServer
    {
        let files = try authority.issue("server", for: .server, hosts: hosts, addresses: addresses)
        return try RedisServer(
            engine,
            [
                "--port", "0", "--tls-port", "PORT", "--tls-cert-file", files.path, "--tls-key-file", files.key,
                "--tls-ca-cert-file", authority.path, "--tls-auth-clients", "yes",
            ])
    }

    private func outcome(of node: StoreNode, trust: TLSContext?) throws -> (facts: ServerFacts?, end: RedisEnd<Int>?) {
        let bench = try RedisBench()
        try bench.run(node, timeout: .seconds(2), trust: trust) { bench.facts != nil || bench.end != nil }
        return (bench.facts, bench.end)
    }

    @Test(arguments: Engine.secure)
    func `a server and we believe each other, by its name or its address`(engine: Engine) throws {
        let authority = try Authority()
        let server = try server(engine, authority, hosts: ["localhost"], addresses: ["127.0.0.1"])
        let trust = try authority.trust(authority.issue("client", for: .client))
        for host in ["127.0.0.1", "localhost"] {
            let outcome = try outcome(of: StoreNode(host: host, port: server.node.port), trust: trust)
            #expect(outcome.facts != nil, "\(host): \(String(describing: outcome.end))")
        }
    }

    @Test(arguments: Engine.secure)
    func `a certificate for another, or of an unknown authority, is not believed`(engine: Engine) throws {
        let (authority, stranger) = (try Authority(), try Authority())
        let server = try server(engine, authority, hosts: ["localhost"], addresses: ["127.0.0.2"])
        let identity = try authority.issue("client", for: .client)
        let mismatch = try outcome(of: server.node, trust: authority.trust(identity))
        #expect(mismatch.facts == nil && mismatch.end?.sentence.contains("mismatch") == true, "\(mismatch)")
        let named = StoreNode(host: "localhost", port: server.node.port)
        let unknown = try outcome(of: named, trust: stranger.trust(identity))
        #expect(unknown.facts == nil && unknown.end?.isRefusal == true, "\(unknown)")
    }

    @Test(arguments: Engine.secure)
    func `without our certificate the server does not let us in, and it answers nobody in plain`(engine: Engine) throws
    {
        let authority = try Authority()
        let server = try server(engine, authority, hosts: ["localhost"], addresses: ["127.0.0.1"])
        // The alert that says why may be lost to a reset: in TLS 1.3 the server looks at certificates when we send.
        let anonymous = try outcome(of: server.node, trust: authority.trust())
        #expect(anonymous.facts == nil && anonymous.end != nil, "\(anonymous)")
        let plain = try outcome(of: server.node, trust: nil)
        #expect(plain.facts == nil && plain.end != nil, "\(plain)")
    }

    @Test(arguments: Engine.secure)
    func `a server that speaks no TLS is given up in time`(engine: Engine) throws {
        let plain = try RedisServer(engine)
        let outcome = try outcome(of: plain.node, trust: try Authority().trust())
        #expect(outcome.facts == nil && outcome.end?.sentence.contains("speaks no TLS") == true, "\(outcome)")
    }
}
