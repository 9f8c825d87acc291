// An authority and the certificates of members, in files that go with the test.

import Foundation
import TLS

final class Certificates {
    private static let now = Int64(Date().timeIntervalSince1970)

    private let folder = FileManager.default.temporaryDirectory.appending(path: "members-\(UUID().uuidString)")
    private let authority: CertificateAuthority

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        authority = try CertificateAuthority("Cluster authority", validity: Self.now - 3_600..<Self.now + 86_400)
        try Data(authority.issued.certificate).write(to: folder.appending(path: "ca.pem"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The configuration of a member whose certificate carries these names.
    func member(_ name: String, hosts: [String] = [], addresses: [String] = [], uris: [String] = []) throws
        -> PeerTLSConfiguration
    {
        var request = CertificateRequest(name, for: .peer, validity: Self.now - 3_600..<Self.now + 86_400)
        request.hosts = hosts
        request.addresses = addresses
        request.uris = uris
        let issued = try authority.issue(request)
        let (certificate, key) = (folder.appending(path: "\(name).pem"), folder.appending(path: "\(name)-key.pem"))
        try Data(issued.certificate).write(to: certificate)
        try Data(issued.key).write(to: key)
        return PeerTLSConfiguration(
            certificatePath: certificate.path(), keyPath: key.path(),
            authorityPath: folder.appending(path: "ca.pem").path())
    }

    func accepting(_ configuration: PeerTLSConfiguration) throws -> TLSContext {
        try TLSContext(accepting: configuration, now: Self.now)
    }

    func connecting(_ configuration: PeerTLSConfiguration) throws -> TLSContext {
        try TLSContext(connecting: configuration, now: Self.now)
    }
}
