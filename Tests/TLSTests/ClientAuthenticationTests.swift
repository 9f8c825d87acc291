// Who gets in with which certificate under which policy, and what of the certificate is told.

import CTLS
import Testing

@testable import TLS

struct ClientAuthenticationTests {
    enum Shown: String, Sendable, CaseIterable { case nothing, good, foreign, expired, revoked, serversOwn }

    private static func expectation(
        _ policy: TLSConfiguration.ClientAuthentication, _ shown: Shown, _ version: Int32
    ) -> (serverError: String?, alert: String?) {
        switch (policy, shown) {
        case (.none, _), (.optional, .nothing), (_, .good): (nil, nil)
        case (.require, .nothing):
            (
                "peer did not return a certificate",
                version == TLS1_3_VERSION ? "tlsv13 alert certificate required" : "sslv3 alert handshake failure"
            )
        case (_, .foreign): ("certificate verify failed", "tlsv1 alert unknown ca")
        case (_, .expired): ("certificate verify failed", "sslv3 alert certificate expired")
        case (_, .revoked): ("certificate verify failed", "sslv3 alert certificate revoked")
        case (_, .serversOwn): ("certificate verify failed", "tlsv1 unsupported certificate")
        }
    }

    @Test(arguments: TLSConfiguration.ClientAuthentication.allCases, Shown.allCases)
    func `each policy lets in whom it says, and tells the others why`(
        policy: TLSConfiguration.ClientAuthentication, shown: Shown
    ) throws {
        let fixture = try Fixture()
        let revoked = try fixture.client("revoked")
        try fixture.directory.write(
            "revoked.pem", fixture.authority.revocationList(of: [revoked], validity: Fixture.validity))
        let context = try fixture.context(policy, revocations: true)
        let stranger = try CertificateAuthority("Another authority", validity: Fixture.validity)
        let identity: IssuedCertificate? =
            switch shown {
            case .nothing: nil
            case .good: try fixture.client()
            case .foreign: try stranger.issue(CertificateRequest("client", for: .client, validity: Fixture.validity))
            case .expired: try fixture.client(validity: 1_000..<2_000)
            case .revoked: revoked
            case .serversOwn: try fixture.server()
            }
        for var options in [TestClient.Options.tls12, .tls13] {
            options.identity = identity
            let outcome = try HandshakeOutcome(
                TestClient(options, trusting: fixture.authority.issued.certificate), context)
            defer { SSL_SESSION_free(outcome.session) }
            let expected = Self.expectation(policy, shown, options.minimum)
            #expect(outcome.serverError == expected.serverError, "\(policy) \(shown) \(options.minimum)")
            // With another error than this one the names in the alert differ between releases of OpenSSL only in their
            // prefix.
            let alert = outcome.clientError?.replacing("sslv3 ", with: "").replacing("tlsv1 ", with: "").replacing(
                "alert ", with: "")
            let wanted = expected.alert?.replacing("sslv3 ", with: "").replacing("tlsv1 ", with: "").replacing(
                "alert ", with: "")
            #expect(alert == wanted, "\(policy) \(shown) \(options.minimum)")
        }
    }

    @Test func `the URIs and units of a client's certificate are told in order`() throws {
        let fixture = try Fixture()
        let identity = try fixture.client(unit: "käse", uris: ["spiffe://mesh/ns/shop/sa/cart", "urn:x"])
        let client = try TestClient(.init(identity: identity), trusting: fixture.authority.issued.certificate)
        let outcome = try HandshakeOutcome(client, fixture.context(.require))
        defer { SSL_SESSION_free(outcome.session) }
        #expect(outcome.clientCertificate?.uris == ["spiffe://mesh/ns/shop/sa/cart", "urn:x"])
        #expect(outcome.clientCertificate?.organizationalUnits == ["käse"])
    }

    @Test func `a client that is asked for nothing has no certificate`() throws {
        let fixture = try Fixture()
        let client = try TestClient(.init(identity: fixture.client()), trusting: fixture.authority.issued.certificate)
        let outcome = try HandshakeOutcome(client, fixture.context())
        defer { SSL_SESSION_free(outcome.session) }
        #expect(outcome.isWell && outcome.clientCertificate == nil)
    }
}
