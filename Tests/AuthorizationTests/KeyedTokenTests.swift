// Tokens that are signed with private keys: by other implementations, for other keys, with other claims. What attackers
// make of them is in KeyedAttackTests.swift.

import Catalog
import TLS
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

/// Tokens of PyJWT 2.15.1, Authlib 1.9.10 and joserfc 1.8.0, for `tenant-a`.
private let foreignTokens: [(String, SigningKey, String)] = [
    (
        "pyjwt RS256", .rsa,
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6Ingi"
            + "fQ.CeUfTi7yT29gpVlqTtLdlt0MM79LTWmL27IFTIYZfHtT4cWePS3jazSmdK1TQL65QTpTzJaveV0zq5TmdWqbGi3r00j2z"
            + "HRb0eJ2NWPjVakkIhAFvfAr-dY93W3z2EeyDumJKiJiYDJTcrHbFxB6_TFrtEH3wF2V70CfMkuV5ANOWizzMiuGIGajd-HPh"
            + "TcQ7o-KHRDodQ0B_LCZnKgb-rMgOkpBLYLNuAHs6f8Iq0P6_bzwF4Ebt95GLmhXrSsEnw_k1Y63xckgiTYtQp5kfxXLKd8LE"
            + "GSYkKj3S8xqKWhY_gj7SGVL0hmvsiS3m7XibRwKoVrgCvncbP7EuwCJWQ"
    ),
    (
        "pyjwt ES256", .p256,
        "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6IngifQ.NeSLv7XEq8Z_"
            + "A3nu15mWeIy6T_DSLr0ZCPkbBDtWirGZLEW4Sre1kYIoSuYy5Zn61H4LrwCeJaGb4XCcbBXGbw"
    ),
    (
        "pyjwt EdDSA", .ed25519,
        "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6IngifQ.vAOwQ_2rXi0o"
            + "Hi0n7AQcBlQjOgEx5_aycA_b-W8eb4yl_1BxkY4i_R4K6jHaSPYiwrQbQnB21QFakGz0ob6dBA"
    ),
    (
        "authlib RS256", .rsa,
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6Ingif"
            + "Q.FVHz_PEXoeaCtMWsT0mhfcpdovw2rdmGz7Fr373lhdc6Ac_VeH67RQV2G-a7NvRmERSdKLsOi0DGD_n0ieURSKG8DEinBq"
            + "OkvFa7cDGRkRW87oIvyuQspTDrto_tlRoKlLOofqYdL7ZpnAtX_qS7pxOfocPphz04XEbZkdz02OBEtrzCE4zPGRWkkeSlz_"
            + "y3KXhq1olZtMNoB3qyY-vMQOhcHdE5S28kcbnuUiIeMqPJoebXGooPHEuYQb5LnwW60TR88l5u8kE39NCkbzLSbZoX4vRgzZ"
            + "6G3Ufax-dazylQPmtVXaQv1DzACbLzNX6sKkA9PfsbkdRbk7mNKvevDQ"
    ),
    (
        "authlib ES256", .p256,
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6Ingif"
            + "Q.Id2mhdP75yxpnTBsygpaf0d3fsQbEOMaxaToduNmG91dxbcSLaLYTQgPYvF2t9wZbWxqBU2xe20Rl5nspEDYAQ"
    ),
    (
        "authlib EdDSA", .ed25519,
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6Ingif"
            + "Q.NqUAFdna1_lL-73XUa90ByIdKyK1F_9hdEhgrOjR35p_1SeURIdh7yJ2YzkF8aLwZAshWzvRONZ71I39HupoAg"
    ),
    (
        "joserfc RS256", .rsa,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6IngifQ.lOTpaWaunNC2"
            + "Qsy-u05rA3HZx_k4DNpgnBq6Dfozb7vDoksYqxZW_rMgfS5M6ems7BkQUdpt4sCjuFmoir2dDpl5WXOuo0YJ7odKzbiDB8IE"
            + "Ejj-D9NM3cpH6jvH1ki-GfZNZdNAOu-Dt3L8r_prQMwNIKfXvTxlE1Y34Zmh8aFFsYy2xhsJmUiVZ29qxGdkUIR-9h7BFgWi"
            + "GREj2sGcYSJWfHZ3gzc5paOom8cLXEONkT07K-GUJcC_WAsrKdRabIMT1do7S7gYXlDPnQ6s-zHZ439S2c_W1GgDa8oN2jxb"
            + "jbyqZcgztDaGxxKGbwUmbX-01DknF20him1tRIEURA"
    ),
    (
        "joserfc ES256", .p256,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6IngifQ.G1AvOCGDRqXO"
            + "njrdM7W2mAkEgX_HQOqZtQjxB8vD0lgmITLJKLKA18xPCSig502gDPPr3xMhDlxSnMMIak9rwA"
    ),
    (
        "joserfc Ed25519", .ed25519,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZDI1NTE5In0.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsInN1YiI6IngifQ.mTL2J5d-N"
            + "lyt92zas91QwB47Gz9sYOX6gGCZN0C2lEcdNqRtA62U3qQrkoB3sHcxDA14pxXFPuL_Ec8Bk_i0Bw"
    ),
]

@Test(arguments: foreignTokens)
func `a token of another implementation is good under its signer's key`(
    name: String, signer: SigningKey, token: String
) throws {
    // J101 A token is verified by public keys when its `alg` is RS256, ES256, EdDSA or Ed25519
    for keys in [
        try KeySet(pem: signer), try KeySet(SigningKey.set(signer.jwk())), try KeySet(pem: .rsa, .p256, .ed25519),
    ] {
        let authorizer = try Forge.authorizer(Forge.keys(keys))
        #expect(authorizer.authorize(token: token) == .namespace(Namespace("tenant-a")))
        #expect(authorizer.authorize(token: "jwt." + token) == .namespace(Namespace("tenant-a")))
    }
    let others = try KeySet(pem: .otherRSA, .otherP256)
    #expect(try Forge.authorizer(Forge.keys(others)).authorize(token: token).isRefused)
}

struct KeyedTokenTests {
    private func answer(_ token: String, _ keys: KeySet, fetched: Bool = false) throws -> Judged {
        try Forge.authorizer(.jwt(TokenTrust(keys: keys, areKeysFetched: fetched))).authorize(token: token)
    }

    private static let good = Judged.namespace(Namespace("tenant-a"))

    @Test func `the header's kid chooses among keys, and keys without one are tried where none has it`() throws {
        // J105 `kid` chooses the key
        let keys = try KeySet(
            SigningKey.set(
                SigningKey.p256.jwk(#""kid":"a""#), SigningKey.otherP256.jwk(#""kid":"b""#),
                SigningKey.rsa.jwk(#""kid":"c""#)))
        func token(_ id: String?, by signer: SigningKey, _ algorithm: String = "ES256") -> String {
            signer.token(header: #"{"alg":"\#(algorithm)"\#(id.map { #","kid":\#($0)"# } ?? "")}"#)
        }
        #expect(try answer(token(#""a""#, by: .p256), keys) == Self.good)
        #expect(try answer(token(#""b""#, by: .otherP256), keys) == Self.good)
        #expect(try answer(token(#""b""#, by: .p256), keys) == .refused(.wrongSignature))
        #expect(try answer(token(#""A""#, by: .p256), keys) == .refused(.unknownKey))
        #expect(try answer(token(#""""#, by: .p256), keys) == .refused(.unknownKey))
        #expect(try answer(token(#""c""#, by: .p256), keys) == .refused(.unknownKey))
        #expect(try answer(token(nil, by: .p256), keys) == Self.good)
        #expect(try answer(token(nil, by: .otherP256), keys) == Self.good)
        #expect(try answer(token("7", by: .otherP256), keys) == Self.good)
        #expect(try answer(token(nil, by: .rsa, "RS256"), keys) == Self.good)

        let nameless = try KeySet(SigningKey.set(SigningKey.p256.jwk(#""kid":"a""#), SigningKey.otherP256.jwk()))
        #expect(try answer(token(#""b""#, by: .otherP256), nameless) == Self.good)
        #expect(try answer(token(#""b""#, by: .p256), nameless) == .refused(.wrongSignature))
        #expect(try answer(token(#""a""#, by: .otherP256), nameless) == .refused(.wrongSignature))
    }

    @Test func `no more than eight keys are tried`() throws {
        // J105 … the first 8 at most
        let (signer, other) = (SigningKey.p256, SigningKey.otherP256)
        let token = signer.token(header: #"{"alg":"ES256"}"#)
        func keys(before count: Int) throws -> KeySet {
            let others = try KeySet(pem: other).keys
            return KeySet(keys: Array(repeating: others[0], count: count) + (try KeySet(pem: signer).keys))
        }
        #expect(try answer(token, keys(before: 7)) == Self.good)
        #expect(try answer(token, keys(before: 8)) == .refused(.wrongSignature))
        // Keys of another kind do not count.
        let many = KeySet(
            keys: Array(repeating: try KeySet(pem: .rsa).keys[0], count: 20) + (try KeySet(pem: signer).keys))
        #expect(try answer(token, many) == Self.good)
    }

    @Test func `a key that is for one algorithm is for no other name, but for the two of EdDSA`() throws {
        let header = #"{"alg":"Ed25519"}"#
        for name in ["EdDSA", "Ed25519"] {
            let keys = try KeySet(SigningKey.set(SigningKey.ed25519.jwk(#""alg":"\#(name)""#)))
            #expect(try answer(SigningKey.ed25519.token(header: header), keys) == Self.good)
        }
    }

    @Test func `secret and keys each verify their own`() throws {
        let trust = TokenTrust(
            secret: Secret(bytes: Array(Forge.secret.utf8)), keys: try KeySet(pem: .rsa, .p256))
        let authorizer = try Forge.authorizer(.jwt(trust))
        #expect(authorizer.authorize(token: Forge.token()) == Self.good)
        #expect(authorizer.authorize(token: SigningKey.rsa.token(header: #"{"alg":"RS256"}"#)) == Self.good)
        #expect(authorizer.authorize(token: SigningKey.p256.token(header: #"{"alg":"ES256"}"#)) == Self.good)
        #expect(
            authorizer.authorize(token: SigningKey.ed25519.token(header: #"{"alg":"EdDSA"}"#))
                == .refused(.wrongAlgorithm))
    }

    @Test func `a long header is read for public keys, and a longer one is not`() throws {
        // J106 … at most 8,192 characters
        let keys = try KeySet(pem: .p256)
        func header(_ count: Int) -> String { #"{"alg":"ES256","x5c":["\#(String(repeating: "A", count: count))"]}"# }
        #expect(try answer(SigningKey.p256.token(header: header(3_000)), keys) == Self.good)
        #expect(try answer(SigningKey.p256.token(header: header(6_300)), keys) == .refused(.wrongSignature))
    }

    @Test func `where little effort is wanted a good signature is not verified, and a cheap refusal is given at once`()
        throws
    {
        let authorizer = try Forge.authorizer(
            .jwt(TokenTrust(secret: Secret(bytes: Array(Forge.secret.utf8)), keys: try KeySet(pem: .p256))))
        func answer(_ token: String, _ effort: TokenEffort) -> Judged {
            do throws(AuthorizationRefusal) {
                let credential = Array("Bearer \(token)".utf8)[...]
                return .namespace(
                    try authorizer.authorize(credential: credential, now: Forge.now, effort: effort).namespace)
            } catch {
                return .refused(error)
            }
        }
        let token = SigningKey.p256.token(header: #"{"alg":"ES256"}"#)
        #expect(answer(token, .little) == .refused(.unverified))
        #expect(
            answer(token.dropLast(86) + Forge.base64URL([UInt8](repeating: 1, count: 63)), .little)
                == .refused(.wrongSignature))
        #expect(answer(Forge.token(), .little) == Self.good)
        #expect(answer(Forge.token(header: #"{"alg":"RS256"}"#), .little) == .refused(.wrongAlgorithm))
        #expect(answer(token, .any) == Self.good)
        // Remembered.
        #expect(answer(token, .little) == Self.good)
    }

    @Test func `without the issuer's keys nobody is refused for them, and for a key that is not known nobody else is`()
        throws
    {
        let token = SigningKey.p256.token(header: #"{"alg":"ES256","kid":"a"}"#)
        let trust = TokenTrust(secret: Secret(bytes: Array(Forge.secret.utf8)), keys: nil, areKeysFetched: true)
        let authorizer = try Forge.authorizer(.jwt(trust))
        #expect(authorizer.authorize(token: token) == .refused(.noKeysYet))
        #expect(authorizer.authorize(token: Forge.token()) == Self.good)
        #expect(authorizer.authorize(token: Forge.token(header: #"{"alg":"none"}"#)) == .refused(.wrongAlgorithm))
        // The issuer may have changed to another algorithm.
        #expect(try answer(token, KeySet(pem: .rsa), fetched: true) == .refused(.unknownKey))
        #expect(try answer(token, KeySet(pem: .rsa)) == .refused(.wrongAlgorithm))
    }
}

struct ClaimRuleTests {
    private func answer(_ claims: String, _ rules: ClaimRules) throws -> Judged {
        let trust = TokenTrust(secret: Secret(bytes: Array(Forge.secret.utf8)), rules: rules)
        return try Forge.authorizer(.jwt(trust)).authorize(token: Forge.token(claims: claims))
    }

    @Test(
        arguments: [
            // J107 `iss` must be equal to JWT_ISSUER, and `aud` be JWT_AUDIENCE or have it
            (#"{"namespace":"n","iss":"https://i","aud":"registry"}"#, nil),
            (#"{"namespace":"n","iss":"https://i","aud":["x","registry"]}"#, nil),
            (#"{"namespace":"n","iss":"https://i","aud":[7,["registry"],"registry"]}"#, nil),
            (#"{"namespace":"n","aud":"registry"}"#, .wrongIssuer),
            (#"{"namespace":"n","iss":"https://i/","aud":"registry"}"#, .wrongIssuer),
            (#"{"namespace":"n","iss":"HTTPS://i","aud":"registry"}"#, .wrongIssuer),
            (#"{"namespace":"n","iss":["https://i"],"aud":"registry"}"#, .wrongIssuer),
            (#"{"namespace":"n","iss":null,"aud":"registry"}"#, .wrongIssuer),
            (#"{"namespace":"n","iss":"https://i"}"#, .wrongAudience),
            (#"{"namespace":"n","iss":"https://i","aud":"registry2"}"#, .wrongAudience),
            (#"{"namespace":"n","iss":"https://i","aud":[]}"#, .wrongAudience),
            (#"{"namespace":"n","iss":"https://i","aud":[["registry"]]}"#, .wrongAudience),
            (#"{"namespace":"n","iss":"https://i","aud":{"registry":1}}"#, .wrongAudience),
            (#"{"namespace":"n","iss":"https://i","aud":"registry","aud":"registry"}"#, .malformedClaims),
        ] as [(String, AuthorizationRefusal?)])
    func `issuer and audience are held to what is set`(claims: String, refusal: AuthorizationRefusal?) throws {
        let rules = ClaimRules(issuer: "https://i", audience: "registry")
        #expect(try answer(claims, rules) == refusal.map { .refused($0) } ?? .namespace(Namespace("n")))
    }

    @Test(
        arguments: [
            // J108 The claim that JWT_NAMESPACE_CLAIM names
            ("tenant", #"{"tenant":"n","namespace":"m"}"#, nil),
            ("tenant", #"{"namespace":"n"}"#, .noNamespaceClaim),
            ("realm_access.tenant", #"{"x":{"tenant":"m"},"realm_access":{"a":[{}],"tenant":"n"}}"#, nil),
            ("realm_access.tenant", #"{"realm_access.tenant":"n"}"#, .noNamespaceClaim),
            ("realm_access.tenant", #"{"realm_access":"n"}"#, .noNamespaceClaim),
            ("realm_access.tenant", #"{"realm_access":["tenant","n"]}"#, .noNamespaceClaim),
            ("realm_access.tenant", #"{"realm_access":{"tenant":{"tenant":"n"}}}"#, .noNamespaceClaim),
            ("realm_access.tenant", #"{"realm_access":{"tenant":"n","tenant":"n"}}"#, .malformedClaims),
            ("realm_access.tenant", #"{"realm_access":{"tenant":"n"},"realm_access":{}}"#, .malformedClaims),
            ("a.b.c.d", #"{"a":{"b":{"c":{"d":"n"}}}}"#, nil),
            ("https://example.com/tenant", #"{"https://example.com/tenant":"n","https://example":{}}"#, nil),
            ("sub", #"{"sub":"n"}"#, nil), ("iss", #"{"iss":"n"}"#, nil), ("aud", #"{"aud":"n"}"#, nil),
            ("aud", #"{"aud":["n"]}"#, .noNamespaceClaim), ("exp", #"{"exp":9999999999}"#, .noNamespaceClaim),
        ] as [(String, String, AuthorizationRefusal?)])
    func `the namespace is where the operator says`(path: String, claims: String, refusal: AuthorizationRefusal?) throws
    {
        let rules = ClaimRules(namespace: ClaimPath(path))
        #expect(try answer(claims, rules) == refusal.map { .refused($0) } ?? .namespace(Namespace("n")))
    }
}
