// Whom a credential names, besides the namespace: audits will ask.

import Catalog
import HTTP
import TestSupport
import Testing

@testable import Authorization

struct PrincipalTests {
    private func principal(_ authorizer: Authorizer, token: String? = nil, _ identity: ClientIdentity? = nil) throws
        -> Principal
    {
        try authorizer.authorize(
            credential: token.map { Array("Bearer \($0)".utf8)[...] }, identity: identity, now: Forge.now)
    }

    @Test func `a signed token names its subject, also when it is met again`() throws {
        let authorizer = try Forge.authorizer(Forge.jwt())
        let token = Forge.token(claims: #"{"namespace":"shop","sub":"cart"}"#)
        for _ in 0..<2 {
            #expect(try principal(authorizer, token: token) == Principal(Namespace("shop"), by: .jwt, subject: "cart"))
        }
    }

    @Test(arguments: [#""sub":7"#, #""sub":"""#, #""sub":"a\u0007b""#, #""sub":null"#])
    func `a subject that could be no name is none, and no reason to refuse`(claim: String) throws {
        let token = Forge.token(claims: "{\"namespace\":\"shop\",\(claim)}")
        #expect(try principal(Forge.authorizer(Forge.jwt()), token: token) == Principal(Namespace("shop"), by: .jwt))
    }

    @Test func `a certificate is named by the URI that names its namespace`() throws {
        let identity = ClientIdentity(uris: ["https://a/b", "spiffe://mesh/ns/shop/sa/cart"], organizationalUnits: [])
        #expect(
            try principal(Forge.authorizer(.mtls), identity)
                == Principal(Namespace("shop"), by: .mtls, subject: "spiffe://mesh/ns/shop/sa/cart"))
    }

    @Test func `where nobody is asked for a credential, nobody is known`() throws {
        #expect(try principal(Forge.authorizer()) == Principal(Namespace("default"), by: nil))
    }
}
