// Operators by a claim of a signed token (docs/tokens.md, J401–J405): as identity providers write it, and as those write
// it who would like to be one.

import Catalog
import HTTP
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

struct OperatorClaimTests {
    private static let header = #"{"alg":"ES256"}"#

    private func authorizer(_ claim: String, namespace: String = ClaimPath.standard) throws -> Authorizer {
        let rules = ClaimRules(namespace: ClaimPath(namespace), operators: OperatorClaim(claim))
        return try Forge.authorizer(
            .jwt(
                TokenTrust(
                    secret: Secret(bytes: Array(Forge.secret.utf8)), keys: try KeySet(pem: .p256), rules: rules)))
    }

    private func principal(_ token: String, _ authorizer: Authorizer) -> Result<Principal, AuthorizationRefusal> {
        do throws(AuthorizationRefusal) {
            return .success(try authorizer.authorize(credential: Array("Bearer \(token)".utf8)[...], now: Forge.now))
        } catch {
            return .failure(error)
        }
    }

    @Test(
        arguments: [
            // J401 With JWT_OPERATOR_CLAIM a token is an operator's if the claim is `true`
            ("registry_operator", #"{"registry_operator":true}"#, true),
            ("registry_operator", #"{"registry_operator":false}"#, false),
            ("registry_operator", #"{"registry_operator":"true"}"#, false),
            ("registry_operator", #"{"registry_operator":1}"#, false),
            ("registry_operator", #"{"registry_operator":[true]}"#, false),
            ("registry_operator", #"{"registry_operator":{"registry_operator":true}}"#, false),
            ("registry_operator", #"{"registry_operator":null}"#, false),
            ("registry_operator", #"{"Registry_operator":true}"#, false),
            ("registry_operator", #"{"x":{"registry_operator":true}}"#, false),
            // … or with a value, if it is that string or an array that has it. Keycloak's realm and client roles:
            (
                "realm_access.roles=registry-operator",
                #"{"realm_access":{"roles":["offline_access","registry-operator"]}}"#, true
            ),
            (
                "realm_access.roles=registry-operator",
                #"{"realm_access":{"roles":["registry-operator2","Registry-Operator","registry"]}}"#, false
            ),
            ("realm_access.roles=registry-operator", #"{"realm_access":{"roles":[["registry-operator"]]}}"#, false),
            ("realm_access.roles=registry-operator", #"{"realm_access":["roles","registry-operator"]}"#, false),
            ("realm_access.roles=registry-operator", #"{"realm_access.roles":["registry-operator"]}"#, false),
            (
                "resource_access.registry.roles=operator",
                #"{"resource_access":{"account":{"roles":["operator"]},"registry":{"roles":["operator"]}}}"#, true
            ),
            ("resource_access.registry.roles=operator", #"{"resource_access":{"a":{"roles":["operator"]}}}"#, false),
            // Groups of Okta, Dex and Keycloak, names of directories among them.
            ("groups=Registry Admins", #"{"groups":["Everyone","Registry Admins"]}"#, true),
            ("groups=Registry Admins", #"{"groups":["Registry","Admins"]}"#, false),
            ("groups=Registry Admins", #"{"groups":[]}"#, false),
            ("groups=/ops", #"{"groups":["/ops"]}"#, true),
            ("groups=CN=ops,OU=x,DC=example", #"{"groups":["CN=ops,OU=x,DC=example"]}"#, true),
            ("groups=éq", #"{"groups":["éq"]}"#, true), ("groups=éq", #"{"groups":["e\u0301q"]}"#, false),
            // Cognito's and Auth0's names are not paths.
            ("cognito:groups=ops", #"{"cognito:groups":["ops"]}"#, true),
            ("https://example.com/roles=ops", #"{"https://example.com/roles":["ops"]}"#, true),
            ("sub=system:serviceaccount:ops:cli", #"{"sub":"system:serviceaccount:ops:cli"}"#, true),
            // … of `scope` and `scp`, one of the words
            ("scope=registry:operate", #"{"scope":"openid registry:operate"}"#, true),
            ("scope=registry:operate", #"{"scope":"openid registry:operated"}"#, false),
            ("scp=registry.operate", #"{"scp":["registry.operate"]}"#, true),
            ("scp=registry.operate", #"{"scp":"a registry.operate b"}"#, true),
            // A name that users choose is no list.
            ("name=ops", #"{"name":"Mallory ops"}"#, false), ("name=ops", #"{"name":"ops"}"#, true),
            ("name=ops", #"{"name":{"ops":true}}"#, false), ("name=ops", #"{"name":true}"#, false),
        ] as [(String, String, Bool)])
    func `an operator is known by the claim alone, as providers write it`(claim: String, claims: String, isOne: Bool)
        throws
    {
        let authorizer = try authorizer(claim)
        #expect(authorizer.hasOperators)
        let named = String(claims.dropLast()) + #","namespace":"shop"}"#
        for (claims, namespace) in [(claims, "default"), (named, "shop")] {
            let token = SigningKey.p256.token(header: Self.header, claims: claims)
            for _ in 0..<2 {
                // J403 An operator's token needs no claim of a namespace. … it acts there
                switch principal(token, authorizer) {
                case .success(let principal):
                    #expect(principal.isOperator == isOne && principal.namespace == Namespace(namespace))
                    #expect(principal.scheme == .jwt)
                case .failure(let refusal): #expect(!isOne && refusal == .noNamespaceClaim)
                }
            }
        }
    }

    @Test func `a token under the secret makes no operator, and neither does one that nobody has signed`() throws {
        // J402 A token of HS256 makes no operator, whatever it claims.
        let claims = #"{"namespace":"shop","ops":true}"#
        let authorizer = try authorizer("ops")
        #expect(try principal(Forge.token(claims: claims), authorizer).get() == Principal(Namespace("shop"), by: .jwt))
        #expect(principal(Forge.token(claims: #"{"ops":true}"#), authorizer) == .failure(.noNamespaceClaim))
        let long = Forge.token(
            header: #"{"alg":"HS256","x":"\#(String(repeating: "x", count: 8_000))"}"#, claims: claims)
        #expect((try? principal(long, authorizer).get())?.isOperator != true)
        for token in [
            SigningKey.otherP256.token(header: Self.header, claims: claims),
            Forge.token(header: #"{"alg":"none"}"#, claims: claims),
            Forge.token(header: Self.header, claims: claims),
        ] {
            guard case .failure = principal(token, authorizer) else {
                Issue.record("\(token)")
                continue
            }
        }
        // Without the setting a claim means nothing.
        let plain = try Forge.authorizer(Forge.keys(try KeySet(pem: .p256)))
        let token = SigningKey.p256.token(header: Self.header, claims: claims)
        #expect(!plain.hasOperators)
        #expect(try principal(token, plain).get().isOperator == false)
    }

    @Test func `what an operator's token says besides is held to the rules of any token`() throws {
        // J404 The claim is found as J108 has it
        let authorizer = try authorizer("realm_access.roles=ops", namespace: "realm_access.tenant")
        func answer(_ claims: String) -> Result<Principal, AuthorizationRefusal> {
            principal(SigningKey.p256.token(header: Self.header, claims: claims), authorizer)
        }
        #expect(
            try answer(#"{"realm_access":{"roles":["ops"],"tenant":"shop"},"sub":"joe"}"#).get()
                == Principal(Namespace("shop"), by: .jwt, subject: "joe", isOperator: true))
        for (claims, refusal) in [
            (#"{"realm_access":{"roles":["ops"],"roles":["ops"]}}"#, AuthorizationRefusal.malformedClaims),
            (#"{"realm_access":{"roles":[]},"realm_access":{"roles":["ops"]}}"#, .malformedClaims),
            (#"{"realm_access":{"roles":["ops"],"tenant":""}}"#, .noNamespaceClaim),
            (#"{"realm_access":{"roles":["ops"]},"exp":1}"#, .expired),
            (#"{"realm_access":{"roles":["ops"]},"exp":"1"}"#, .malformedTime),
        ] {
            #expect(answer(claims) == .failure(refusal), "\(claims)")
        }
        #expect((try? answer(#"{"realm_access":{"roles":["ops"],"tenant":" "}}"#).get()) == nil)
        // It is one until it has run out.
        let token = SigningKey.p256.token(
            header: Self.header, claims: #"{"realm_access":{"roles":["ops"]},"exp":\#(Forge.now + 10)}"#)
        #expect(try principal(token, authorizer).get().expires == Forge.now + 10 + Int64(JWTClaims.leeway))
    }

    @Test func `an open page knows an operator by the claim, and takes nobody's token amiss`() throws {
        // J405 On pages that are open to everybody
        let authorizer = try authorizer("ops")
        func isOne(_ token: String, _ effort: TokenEffort = .any) throws(AuthorizationRefusal) -> Bool {
            try authorizer.isOperator(
                credential: Array("Bearer \(token)".utf8)[...], identity: nil, now: Forge.now, effort: effort)
        }
        let token = SigningKey.p256.token(header: Self.header, claims: #"{"ops":true}"#)
        #expect(throws: AuthorizationRefusal.unverified) { try isOne(token, .little) }
        #expect(try isOne(token))
        // Remembered.
        #expect(try isOne(token, .little))
        for other in [
            SigningKey.p256.token(header: Self.header, claims: #"{"namespace":"shop"}"#),
            SigningKey.p256.token(header: Self.header, claims: #"{"ops":true,"exp":1}"#),
            SigningKey.otherP256.token(header: Self.header, claims: #"{"ops":true}"#),
            Forge.token(claims: #"{"namespace":"shop","ops":true}"#), "shop", "",
        ] {
            #expect(try !isOne(other), "\(other)")
        }
        #expect(try !authorizer.isOperator(credential: nil, identity: nil, now: Forge.now))
    }
}
