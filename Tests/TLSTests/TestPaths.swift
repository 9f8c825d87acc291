// Certificates and the files they lie in, made anew for each test.

import Foundation
import TLS

/// A directory that goes with the test.
final class TestDirectory {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = url.appending(path: name)
        try Data(bytes).write(to: file)
        return file.path()
    }

    func path(_ name: String) -> String { url.appending(path: name).path() }
}

/// What most tests need: an authority, a server's certificate and the files of a configuration.
struct Fixture {
    static let now = Int64(Date().timeIntervalSince1970)
    static let validity = now - 3_600..<now + 86_400

    let directory: TestDirectory
    let authority: CertificateAuthority

    init() throws {
        directory = try TestDirectory()
        authority = try CertificateAuthority("Test authority", validity: Self.validity)
        try directory.write("ca.pem", authority.issued.certificate)
        try install(server())
    }

    func server(
        validity: Range<Int64> = Fixture.validity, name: String = "localhost"
    ) throws -> IssuedCertificate {
        var request = CertificateRequest(name, for: .server, validity: validity)
        request.hosts = ["localhost"]
        request.addresses = ["127.0.0.1"]
        return try authority.issue(request)
    }

    func client(
        _ name: String = "client", unit: String? = nil, uris: [String] = [], validity: Range<Int64> = Fixture.validity
    ) throws -> IssuedCertificate {
        var request = CertificateRequest(name, for: .client, validity: validity)
        request.organizationalUnit = unit
        request.uris = uris
        return try authority.issue(request)
    }

    func install(_ server: IssuedCertificate) throws {
        try directory.write("server.pem", server.certificate)
        try directory.write("server-key.pem", server.key)
    }

    func configuration(
        _ authentication: TLSConfiguration.ClientAuthentication = .none, revocations: Bool = false
    ) -> TLSConfiguration {
        TLSConfiguration(
            certificatePath: directory.path("server.pem"), keyPath: directory.path("server-key.pem"),
            clientCAPath: authentication == .none ? nil : directory.path("ca.pem"),
            clientCRLPath: revocations ? directory.path("revoked.pem") : nil, clientAuthentication: authentication)
    }

    func context(
        _ authentication: TLSConfiguration.ClientAuthentication = .none, revocations: Bool = false,
        keys: TicketKeys? = TicketKeys(now: 0), now: Int64 = Fixture.now
    ) throws -> TLSContext {
        try TLSContext(configuration(authentication, revocations: revocations), ticketKeys: keys, now: now)
    }
}
