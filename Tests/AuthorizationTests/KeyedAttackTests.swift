// What an attacker makes of public keys, which everybody has: for each algorithm the same corpus. Each token is refused,
// whatever keys and secrets there are beside.

import Catalog
import TLS
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

struct KeyedAttackTests {
    struct Signer: Sendable, CustomTestStringConvertible {
        let algorithm: String
        let key: SigningKey
        /// The key of another signer of the same kind.
        let other: SigningKey

        var testDescription: String { algorithm }
    }

    static let signers = [
        Signer(algorithm: "RS256", key: .rsa, other: .otherRSA),
        Signer(algorithm: "ES256", key: .p256, other: .otherP256),
        Signer(algorithm: "EdDSA", key: .ed25519, other: .otherP256),
        Signer(algorithm: "Ed25519", key: .ed25519, other: .otherRSA),
    ]

    /// Tokens with a name, none of which is good.
    private static func corpus(_ signer: Signer) -> [(name: String, token: String)] {
        let (algorithm, key) = (signer.algorithm, signer.key)
        let claims = Forge.base64URL(Forge.goodClaims)
        func unsigned(_ header: String) -> String { Forge.base64URL(header) + "." + claims + "." }
        func header(_ more: String) -> String { #"{"alg":"\#(algorithm)",\#(more)}"# }
        /// HS256 with a text that everybody has as its secret.
        func confused(_ secret: String, _ header: String = Forge.goodHeader) -> String {
            Forge.token(header: header, secret: secret)
        }
        let good = key.token(header: #"{"alg":"\#(algorithm)"}"#)
        let parts = good.split(separator: ".").map(String.init)
        let signature = key.signature(of: parts[0] + "." + parts[1])
        func with(_ signature: [UInt8]) -> String { parts[0] + "." + parts[1] + "." + Forge.base64URL(signature) }
        let others = SigningKey.set(signer.other.jwk())
        return [
            ("alg none", unsigned(#"{"alg":"none"}"#)), ("alg NONE", unsigned(#"{"alg":"NONE"}"#)),
            ("alg none, signed", key.token(header: #"{"alg":"none"}"#)),
            ("alg in small letters", key.token(header: #"{"alg":"\#(algorithm.lowercased())"}"#)),
            ("alg missing", key.token(header: "{}")), ("alg null", key.token(header: #"{"alg":null}"#)),
            ("alg in an array", key.token(header: #"{"alg":["\#(algorithm)"]}"#)),
            ("alg twice", key.token(header: #"{"alg":"none","alg":"\#(algorithm)"}"#)),
            ("alg with a zero byte", key.token(header: #"{"alg":"\#(algorithm)\u0000"}"#)),
            ("unsigned", unsigned(#"{"alg":"\#(algorithm)"}"#)),
            // The public key as a secret, in the forms in which a library might take it for one.
            ("the key's PEM as a secret", confused(key.publicText)),
            ("the key's PEM and a line feed as a secret", confused(key.publicText + "\n")),
            ("the key's JWK as a secret", confused(key.jwk())),
            ("the key set as a secret", confused(SigningKey.set(key.jwk()))),
            ("the first line of PEM as a secret", confused("-----BEGIN PUBLIC KEY-----")),
            ("an empty secret", confused("")), ("a zero byte as a secret", confused("\0")),
            ("HMAC under the algorithm's name", confused(key.publicText, #"{"alg":"\#(algorithm)"}"#)),
            ("HMAC under HS512", confused(key.publicText, #"{"alg":"HS512"}"#)),
            // Keys that the token brings.
            ("jwk", signer.other.token(header: header(#""jwk":\#(signer.other.jwk())"#))),
            (
                "jwk and its kid",
                signer.other.token(header: header(#""kid":"x","jwk":\#(signer.other.jwk(#""kid":"x""#))"#))
            ),
            ("jku", signer.other.token(header: header(#""jku":"https://127.0.0.1/keys.json""#))),
            (
                "jku of data",
                signer.other.token(header: header(#""jku":"data:application/json,\#(Forge.base64URL(others))""#))
            ),
            ("x5u", signer.other.token(header: header(#""x5u":"https://127.0.0.1/cert.pem""#))),
            (
                "x5c",
                signer.other.token(header: header(#""x5c":["\#(signer.other.publicText.split(separator: "\n")[1])"]"#))
            ),
            ("kid of a path", signer.other.token(header: header(#""kid":"../../../../dev/null""#))),
            ("kid of a query", signer.other.token(header: header(#""kid":"x' UNION SELECT 'secret'--""#))),
            ("kid of a URL", signer.other.token(header: header(#""kid":"https://127.0.0.1/keys.json""#))),
            (
                "kid of many bytes",
                signer.other.token(header: header(#""kid":"\#(String(repeating: "k", count: 5_000))""#))
            ),
            // Extensions.
            ("crit", key.token(header: header(#""crit":["b64"],"b64":false"#))),
            ("crit empty", key.token(header: header(#""crit":[]"#))),
            ("an unencoded payload", parts[0] + "." + Forge.goodClaims + "." + parts[2]),
            // Signatures.
            ("another's signature", signer.other.token(header: #"{"alg":"\#(algorithm)"}"#)),
            ("a signature of zeros", with([UInt8](repeating: 0, count: signature.count))),
            ("a signature of ones", with([UInt8](repeating: 0xFF, count: signature.count))),
            ("a signature that is longer", with(signature + [0])), ("one led by a zero", with([0] + signature)),
            ("a signature that is shorter", with(Array(signature.dropLast()))),
            (
                "a signature in DER",
                with(key.signature(of: parts[0] + "." + parts[1], isDER: true) + (algorithm == "ES256" ? [] : [0]))
            ),
            ("r and s of zero, and one", with([UInt8](repeating: 0, count: 63) + [1])),
            ("other claims", parts[0] + "." + Forge.base64URL(#"{"namespace":"tenant-b"}"#) + "." + parts[2]),
            ("another header", Forge.base64URL(#"{"alg":"\#(algorithm)" }"#) + "." + claims + "." + parts[2]),
            ("padded", good + "="), ("a signature that is no base64url", good.dropLast() + "+"),
            ("a fourth part", good + "." + parts[2]), ("without its signature", parts[0] + "." + parts[1]),
            (
                "signed over the prefix",
                "jwt." + parts[0] + "." + parts[1] + "."
                    + Forge.base64URL(key.signature(of: "jwt." + parts[0] + "." + parts[1]))
            ),
            ("expired", key.token(header: header(#""typ":"JWT""#), claims: #"{"namespace":"tenant-a","exp":1}"#)),
            ("no namespace", key.token(header: header(#""typ":"JWT""#), claims: "{}")),
        ]
    }

    @Test(arguments: signers)
    func `every token of the corpus is refused, with nothing of it in the sentence`(signer: Signer) throws {
        // J106 … are not followed
        let pem = try KeySet(pem: signer.key)
        let named = try KeySet(SigningKey.set(signer.key.jwk(#""kid":"1""#)))
        let secret = Secret(bytes: Array(Forge.secret.utf8))
        let authorizers = [
            try Forge.authorizer(Forge.keys(pem)), try Forge.authorizer(Forge.keys(named)),
            try Forge.authorizer(.jwt(TokenTrust(secret: secret, keys: pem)), .trusted),
            try Forge.authorizer(.trusted, .jwt(TokenTrust(secret: secret, keys: named, areKeysFetched: true))),
        ]
        let good = signer.key.token(header: #"{"alg":"\#(signer.algorithm)"}"#)
        for authorizer in authorizers {
            #expect(authorizer.authorize(token: good) == .namespace(Namespace("tenant-a")))
            for (name, token) in Self.corpus(signer) {
                guard case .refused(let refusal) = authorizer.authorize(token: token) else {
                    Issue.record("\(name) is let in")
                    continue
                }
                #expect(!refusal.sentence.contains("tenant") && refusal != .unverified, "\(name)")
            }
            #expect(authorizer.cache.count == 1)
        }
    }

    @Test(arguments: signers)
    func `a key never verifies the algorithm of another kind`(signer: Signer) throws {
        // J103 A key verifies the algorithm of its own kind alone
        for row in SignatureAlgorithm.all {
            for (index, keys) in [try KeySet(pem: .rsa, .p256, .ed25519), try KeySet(pem: signer.key)].enumerated() {
                let answer = try Forge.authorizer(Forge.keys(keys)).authorize(
                    token: signer.key.token(header: #"{"alg":"\#(row.name)"}"#))
                let isOwn = SignatureAlgorithm.named(signer.algorithm)?.kind == row.kind
                let expected: Judged =
                    isOwn ? .namespace(Namespace("tenant-a")) : .refused(index == 0 ? .wrongSignature : .wrongAlgorithm)
                #expect(answer == expected, "\(row.name)")
            }
        }
    }
}
