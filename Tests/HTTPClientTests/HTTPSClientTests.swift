// The client over TLS: whom it believes, and by which name.

import Foundation
import HTTP
import TLS
import TestSupport
import Testing

@testable import HTTPClient
@testable import Libevent

struct HTTPSClientTests {
    private static let now = Int64(Date().timeIntervalSince1970)

    /// An authority in a folder, and a server with a certificate of it.
    private final class Fixture {
        let folder = FileManager.default.temporaryDirectory.appending(path: "client-\(UUID().uuidString)")
        let authority: CertificateAuthority
        var authorityPath: String { folder.appending(path: "ca.pem").path() }

        init() throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            authority = try CertificateAuthority("Authority", validity: now - 3_600..<now + 86_400)
            try Data(authority.issued.certificate).write(to: folder.appending(path: "ca.pem"))
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func server(hosts: [String], addresses: [String] = [], name: String = "server") throws -> TLSServer {
            var request = CertificateRequest(name, for: .server, validity: now - 3_600..<now + 86_400)
            (request.hosts, request.addresses) = (hosts, addresses)
            let issued = try authority.issue(request)
            let (certificate, key) = (folder.appending(path: "s.pem"), folder.appending(path: "s-key.pem"))
            try Data(issued.certificate).write(to: certificate)
            try Data(issued.key).write(to: key)
            return try TLSServer(
                TLSContext(
                    TLSConfiguration(certificatePath: certificate.path(), keyPath: key.path()), ticketKeys: nil,
                    now: now))
        }

        func trust() throws -> TLSContext {
            try TLSContext(trusting: ClientTLSConfiguration(authorityPath: authorityPath), now: now)
        }
    }

    private static func request(port: UInt16, host: String) throws -> OutgoingRequest {
        OutgoingRequest(.get, try HTTPURL("https://\(host):\(port)/"))
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `a server with the right certificate is believed, by its name or its address`(host: String) throws {
        let fixture = try Fixture()
        let server = try fixture.server(hosts: ["localhost"], addresses: ["127.0.0.1"])
        let bench = try ClientBench(trust: try fixture.trust())
        for _ in 0..<3 {
            let outcome = try bench.outcome(of: try Self.request(port: server.port, host: host))
            #expect(outcome.text == "hello" && outcome.failure == nil, "\(outcome)")
        }
    }

    @Test(arguments: [
        ("localhost", ["other.example"], [String]()), ("127.0.0.1", ["127.0.0.1"], []),
        ("127.0.0.1", ["localhost"], ["127.0.0.2"]), ("localhost", ["l*t"], []), ("localhost", [], ["127.0.0.1"]),
    ])
    func `a certificate for another is not believed`(host: String, hosts: [String], addresses: [String]) throws {
        let fixture = try Fixture()
        // The common name is the right one, and means nothing.
        let server = try fixture.server(hosts: hosts, addresses: addresses, name: host)
        let bench = try ClientBench(trust: try fixture.trust())
        let failure = try bench.outcome(of: try Self.request(port: server.port, host: host)).failure
        guard case .connection(.distrusted(let reason)) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(reason.contains("mismatch"))
    }

    @Test func `a certificate of an unknown authority is not believed`() throws {
        let (ours, theirs) = (try Fixture(), try Fixture())
        let server = try theirs.server(hosts: ["localhost"])
        for trust in [try ours.trust(), try TLSContext(trusting: ClientTLSConfiguration(), now: Self.now)] {
            let failure = try ClientBench(trust: trust).outcome(
                of: try Self.request(port: server.port, host: "localhost")
            ).failure
            guard case .connection(.distrusted) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
        }
    }

    @Test func `a server that speaks no TLS fails in the handshake`() throws {
        let server = try RawServer { peer, _ in
            peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            try peer.awaitEnd()
        }
        let bench = try ClientBench(trust: try Fixture().trust())
        let failure = try bench.outcome(of: try Self.request(port: server.port, host: "127.0.0.1")).failure
        guard case .connection(.handshake) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }

    @Test func `a handshake that never ends is too slow`() throws {
        let server = try RawServer { peer, _ in try peer.awaitEnd() }
        let bench = try ClientBench(trust: try Fixture().trust())
        var request = try Self.request(port: server.port, host: "127.0.0.1")
        request.deadlines.connect = 200
        let failure = try bench.outcome(of: request).failure
        #expect(failure == .tooSlow(Lateness(cause: .phase(.connection), milliseconds: 200)))
    }

    @Test func `https needs trust`() throws {
        let outcome = try ClientBench().outcome(of: try Self.request(port: 1, host: "127.0.0.1"))
        #expect(outcome.failure == .unsendable("there is no TLS for this client"))
    }
}
