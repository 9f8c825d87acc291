// What a context refuses to be built from, and what it agrees on with clients: a table each.

import CTLS
import Foundation
import Testing

@testable import TLS

struct TLSContextTests {
    private func error(_ configuration: TLSConfiguration, now: Int64 = Fixture.now) -> TLSError? {
        do throws(TLSError) {
            _ = try TLSContext(configuration, ticketKeys: TicketKeys(now: 0), now: now)
            return nil
        } catch {
            return error
        }
    }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    // MARK: - Files

    @Test func `a good pair is taken, and its expiry told`() throws {
        #expect(try Fixture().context().certificateExpiry == Fixture.validity.upperBound)
    }

    @Test func `an RSA key of 2048 bits is taken, and one of 1024 refused as too small`() throws {
        let fixture = try Fixture()
        func error(bits: Int) throws -> TLSError? {
            let (certificate, key) = (fixture.directory.path("server.pem"), fixture.directory.path("server-key.pem"))
            try openssl(
                "req", "-x509", "-newkey", "rsa:\(bits)", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out",
                certificate)
            return self.error(fixture.configuration(), now: Int64(Date().timeIntervalSince1970))
        }
        #expect(try error(bits: 2_048) == nil)
        #expect(
            try error(bits: 1_024) == .unusable(path: fixture.directory.path("server.pem"), reason: "ee key too small"))
    }

    @Test func `a file that is not there, or is a directory, is refused with the reason`() throws {
        let fixture = try Fixture()
        var configuration = fixture.configuration()
        configuration.keyPath = fixture.directory.path("nowhere.pem")
        #expect(error(configuration) == .unreadable(path: configuration.keyPath, reason: "No such file or directory"))
        configuration.keyPath = fixture.directory.url.path()
        #expect(error(configuration) == .unreadable(path: configuration.keyPath, reason: "it is not a file"))
    }

    @Test func `files without a certificate or without a key are refused by their names`() throws {
        let fixture = try Fixture()
        var configuration = fixture.configuration()
        swap(&configuration.certificatePath, &configuration.keyPath)
        #expect(error(configuration) == .noCertificate(path: configuration.certificatePath))
        configuration.certificatePath = configuration.keyPath
        #expect(error(configuration) == .noKey(path: configuration.keyPath))
    }

    @Test func `a key of another certificate is refused, naming both files`() throws {
        let fixture = try Fixture()
        try fixture.directory.write("server-key.pem", fixture.server().key)
        let configuration = fixture.configuration()
        #expect(
            error(configuration) == .mismatch(certificate: configuration.certificatePath, key: configuration.keyPath))
    }

    @Test func `a certificate out of its time is refused with the time`() throws {
        let fixture = try Fixture()
        let path = fixture.configuration().certificatePath
        try fixture.install(fixture.server(validity: 1_700_000_000..<1_800_000_000))
        let keys = TicketKeys(now: 0)
        #expect(throws: TLSError.expired(path: path, at: 1_800_000_000)) {
            try TLSContext(fixture.configuration(), ticketKeys: keys, now: 1_800_000_000)
        }
        #expect(throws: TLSError.notYetValid(path: path, from: 1_700_000_000)) {
            try TLSContext(fixture.configuration(), ticketKeys: keys, now: 1_699_999_999)
        }
        #expect(throws: Never.self) { try TLSContext(fixture.configuration(), ticketKeys: keys, now: 1_799_999_999) }
        #expect(
            TLSError.expired(path: "x", at: 1_800_000_000).description
                == "the certificate in x expired at 2027-01-15T08:00:00Z")
    }

    @Test func `an encrypted key is refused as such, and nobody is asked for a passphrase`() throws {
        let fixture = try Fixture()
        let key = fixture.directory.path("server-key.pem")
        let sealed = fixture.directory.path("sealed.pem")
        try openssl("pkcs8", "-topk8", "-in", key, "-out", sealed, "-passout", "pass:secret")
        var configuration = fixture.configuration()
        configuration.keyPath = sealed
        #expect(error(configuration) == .encryptedKey(path: sealed))
    }

    @Test func `a file of authorities must hold authorities, and a file of revocations current lists`() throws {
        let fixture = try Fixture()
        var configuration = fixture.configuration(.require)
        configuration.clientCAPath = fixture.directory.path("server-key.pem")
        #expect(error(configuration) == .noAuthority(path: fixture.directory.path("server-key.pem")))
        configuration.clientCAPath = fixture.directory.path("server.pem")
        #expect(error(configuration) == .noAuthority(path: fixture.directory.path("server.pem")))
        configuration = fixture.configuration(.require, revocations: true)
        try fixture.directory.write("revoked.pem", Array("nothing".utf8))
        #expect(error(configuration) == .noRevocationList(path: fixture.directory.path("revoked.pem")))
        try fixture.directory.write("revoked.pem", fixture.authority.revocationList(of: [], validity: 0..<1_000))
        #expect(error(configuration) == .outdatedRevocationList(path: fixture.directory.path("revoked.pem"), at: 1_000))
    }

    // MARK: - The protocol

    @Test(
        arguments: [
            (TLS1_2_VERSION, "TLSv1.2", nil), (TLS1_3_VERSION, "TLSv1.3", nil),
            (TLS1_1_VERSION, "", "tlsv1 alert protocol version"), (TLS1_VERSION, "", "tlsv1 alert protocol version"),
        ] as [(Int32, String, String?)])
    func `TLS 1.2 and 1.3 are spoken, and older versions refused by their alert`(
        version: Int32, name: String, alert: String?
    ) throws {
        // R617 The TLS port speaks TLS 1.2 and 1.3 …
        let fixture = try Fixture()
        let client = try TestClient(
            .init(minimum: version, maximum: version), trusting: fixture.authority.issued.certificate)
        let outcome = try HandshakeOutcome(client, fixture.context())
        defer { SSL_SESSION_free(outcome.session) }
        #expect(outcome.clientError == alert)
        if alert == nil {
            #expect(outcome.version == name)
        } else {
            #expect(outcome.serverError == "unsupported protocol")
        }
    }

    @Test(
        arguments: [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", true), ("ECDHE-ECDSA-AES256-GCM-SHA384", true),
            ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
            ("ECDHE-ECDSA-AES128-SHA256", false), ("ECDHE-ECDSA-AES256-SHA", false), ("AES128-GCM-SHA256", false),
            ("ECDHE-ECDSA-AES128-CCM", false), ("DHE-RSA-AES128-GCM-SHA256", false),
        ])
    func `TLS 1.2 is ECDHE with AEAD and nothing else`(cipher: String, isTaken: Bool) throws {
        let fixture = try Fixture()
        var options = TestClient.Options.tls12
        options.ciphers = cipher
        let outcome = try HandshakeOutcome(
            TestClient(options, trusting: fixture.authority.issued.certificate), fixture.context())
        defer { SSL_SESSION_free(outcome.session) }
        #expect(outcome.isWell == isTaken)
        if isTaken { #expect(outcome.cipher == cipher) } else { #expect(outcome.serverError == "no shared cipher") }
    }

    @Test(
        arguments: [
            ([], "", true), (["http/1.1"], "http/1.1", true), (["h2", "http/1.1"], "http/1.1", true),
            (["h2"], "", false),
            (["http/1.0", "http/1.1x"], "", false),
        ])
    func `of the protocols offered only HTTP 1.1 is chosen, and others alone are refused`(
        offered: [String], chosen: String, isWell: Bool
    ) throws {
        // R617 The TLS port speaks … of the application protocols http/1.1.
        let fixture = try Fixture()
        let client = try TestClient(.init(protocols: offered), trusting: fixture.authority.issued.certificate)
        let outcome = try HandshakeOutcome(client, fixture.context())
        defer { SSL_SESSION_free(outcome.session) }
        #expect(outcome.isWell == isWell)
        if isWell {
            #expect(outcome.application == chosen)
        } else {
            #expect(outcome.clientError == "tlsv1 alert no application protocol")
        }
    }

    @Test func `the server's chain is its file's, without the authorities of clients`() throws {
        let fixture = try Fixture()
        let context = try fixture.context(.optional)
        let session = try #require(context.makeSession())
        defer { SSL_free(session) }
        #expect(SSL_CTX_ctrl(context.context, SSL_CTRL_MODE, 0, nil) & Int(SSL_MODE_NO_AUTO_CHAIN) != 0)
        #expect(SSL_CTX_ctrl(context.context, SSL_CTRL_MODE, 0, nil) & Int(SSL_MODE_ENABLE_PARTIAL_WRITE) == 0)
    }
}
