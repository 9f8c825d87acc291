// `AUTH_MODE=mtls`: which namespace a certificate names, and how it stands beside tokens.

import Catalog
import HTTP
import TestSupport
import Testing

@testable import Authorization

struct CertificateSchemeTests {
    private static func identity(_ uris: [String] = [], units: [String] = []) -> ClientIdentity {
        ClientIdentity(uris: uris, organizationalUnits: units)
    }

    @Test(
        arguments: [
            (
                identity(["spiffe://mesh.example/ns/shop/sa/cart"]),
                .recognised(
                    Principal(Namespace("shop"), by: .mtls, subject: "spiffe://mesh.example/ns/shop/sa/cart"), .always)
            ),
            (
                identity(["spiffe://mesh.example/region/eu/ns/shop"]),
                .recognised(
                    Principal(Namespace("shop"), by: .mtls, subject: "spiffe://mesh.example/region/eu/ns/shop"), .always
                )
            ),
            (
                identity(["SPIFFE://mesh/ns/shop"], units: ["other"]),
                .recognised(Principal(Namespace("shop"), by: .mtls, subject: "SPIFFE://mesh/ns/shop"), .always)
            ),
            (
                identity(["https://x/ns/web", "spiffe://mesh/ns/shop"]),
                .recognised(Principal(Namespace("shop"), by: .mtls, subject: "spiffe://mesh/ns/shop"), .always)
            ),
            (
                identity(["spiffe://ns/x"], units: ["unit"]),
                .recognised(Principal(Namespace("unit"), by: .mtls), .always)
            ),
            (identity(units: ["käse"]), .recognised(Principal(Namespace("käse"), by: .mtls), .always)),
            (
                identity(["spiffe://mesh/ns/a", "spiffe://mesh/ns/a/sa/b"]),
                .recognised(Principal(Namespace("a"), by: .mtls, subject: "spiffe://mesh/ns/a"), .always)
            ),
            (identity(["spiffe://mesh/ns/a", "spiffe://mesh/ns/b"]), .refused(.ambiguousCertificate)),
            (identity(units: ["a", "b"]), .refused(.ambiguousCertificate)),
            (identity(["spiffe://mesh/ns"]), .refused(.malformedCertifiedNamespace)),
            (identity(["spiffe://mesh/ns/"]), .refused(.malformedCertifiedNamespace)),
            (identity(["spiffe://mesh/ns//sa"]), .refused(.malformedCertifiedNamespace)),
            (identity(["spiffe://mesh/ns/a%2Fb"]), .refused(.malformedCertifiedNamespace)),
            (identity(units: [""]), .refused(.malformedCertifiedNamespace)),
            (identity(units: ["a\u{0}b"]), .refused(.malformedCertifiedNamespace)),
            (identity(units: [String(repeating: "u", count: 257)]), .refused(.malformedCertifiedNamespace)),
            (identity(["https://x/ns/web"]), .notMine), (identity(), .notMine),
        ] as [(ClientIdentity, Verdict)])
    func `a certificate names a namespace by its URI, else by its unit`(identity: ClientIdentity, verdict: Verdict) {
        // R515 With mtls, the client's certificate names the namespace: the segment after ns in the path of a URI
        // spiffe://…/ns/NAME among its alternative names, else its subject's OU.
        #expect(CertificateScheme.judge(identity) == verdict)
    }

    @Test func `without a certificate there is nothing to judge`() {
        #expect(CertificateScheme.judge(nil) == .notMine)
    }

    private static let shop = identity(units: ["shop"])

    private func authorize(_ authorizer: Authorizer, _ credential: String?, _ identity: ClientIdentity?) -> Judged {
        authorizer.judge(credential.map { Array($0.utf8)[...] }, identity, now: Forge.now)
    }

    @Test func `alone it needs the certificate and looks at nothing else`() throws {
        // R516 … a request without a certificate, or with one that names none, is … answered 401 when there is none.
        let authorizer = try Forge.authorizer(.mtls)
        #expect(authorize(authorizer, nil, Self.shop) == .namespace(Namespace("shop")))
        #expect(authorize(authorizer, "Bearer x", Self.shop) == .namespace(Namespace("shop")))
        #expect(authorize(authorizer, "nonsense", Self.shop) == .namespace(Namespace("shop")))
        #expect(authorize(authorizer, nil, nil) == .refused(.noCertificate))
        #expect(authorize(authorizer, "Bearer default", nil) == .refused(.noCertificate))
        #expect(authorize(authorizer, nil, Self.identity()) == .refused(.noCertifiedNamespace))
    }

    @Test func `before tokens it wins, and what it does not know is left to them`() throws {
        // R516 With mtls, a certificate that names several namespaces, or one that is no namespace, is answered 401; a
        // request without a certificate, or with one that names none, is passed on to the modes after it.
        let authorizer = try Forge.authorizer(.mtls, Forge.jwt(), .trusted)
        let token = "Bearer " + Forge.token()
        #expect(authorize(authorizer, token, Self.shop) == .namespace(Namespace("shop")))
        #expect(authorize(authorizer, token, nil) == .namespace(Namespace("tenant-a")))
        #expect(
            authorize(authorizer, token, Self.shop) == .namespace(Namespace("shop")),
            "whatever is remembered of the token")
        #expect(authorize(authorizer, token, Self.identity()) == .namespace(Namespace("tenant-a")))
        #expect(authorize(authorizer, nil, nil) == .refused(.missing))
        #expect(authorize(authorizer, token, Self.identity(units: ["a", "b"])) == .refused(.ambiguousCertificate))
    }

    @Test func `between tokens it is asked in its turn`() throws {
        let authorizer = try Forge.authorizer(Forge.jwt(), .mtls, .trusted)
        let token = "Bearer " + Forge.token()
        for _ in 0..<2 {
            #expect(authorize(authorizer, token, Self.shop) == .namespace(Namespace("tenant-a")))
            #expect(authorize(authorizer, "Bearer plain", nil) == .namespace(Namespace("plain")))
            #expect(authorize(authorizer, "Bearer plain", Self.shop) == .namespace(Namespace("shop")))
            #expect(authorize(authorizer, nil, Self.shop) == .namespace(Namespace("shop")))
            #expect(
                authorize(authorizer, "Bearer " + Forge.token(secret: "wrong"), Self.shop) == .refused(.wrongSignature))
            #expect(authorize(authorizer, "Basic x", Self.shop) == .refused(.notBearer))
        }
    }
}
