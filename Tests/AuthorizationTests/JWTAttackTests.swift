// Tokens an attacker makes. Each must be refused, for its own reason, with nothing of it in the sentence.

import Catalog
import TestSupport
import Testing

@testable import Authorization

struct Attack: Sendable, CustomTestStringConvertible {
    let name: String
    let token: String
    let refusal: AuthorizationRefusal

    init(_ name: String, _ token: String, _ refusal: AuthorizationRefusal) {
        self.name = name
        self.token = token
        self.refusal = refusal
    }

    var testDescription: String { name }

    private static let header = Forge.base64URL(Forge.goodHeader)
    private static let claims = Forge.base64URL(Forge.goodClaims)
    private static let signature = Forge.signature(of: header + "." + claims)
    private static let good = [header, claims, signature].joined(separator: ".")

    /// A header of which the plain alphabet of base64 spells a byte with `/` or `+`.
    private static let plainHeader = Forge.base64URL(#"{ "alg":"none","x":"???>>>" }"#)
        .replacing("_", with: "/").replacing("-", with: "+")

    /// The part with its last character replaced by another that decodes, in a lax decoder, to the same bytes.
    private static func respelled(_ part: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        guard let last = part.last, let index = alphabet.firstIndex(of: last) else { return part }
        return part.dropLast() + String(alphabet[index ^ 1])
    }

    private static func header(_ text: String) -> String { Forge.token(header: text) }

    static let all: [Attack] = [
        // Algorithms: the header may only agree with the configuration.
        Attack("alg none, unsigned", Forge.base64URL(#"{"alg":"none"}"#) + "." + claims + ".", .wrongAlgorithm),
        Attack("alg none, signed", header(#"{"alg":"none"}"#), .wrongAlgorithm),
        Attack("alg None", header(#"{"alg":"None"}"#), .wrongAlgorithm),
        Attack("alg empty", header(#"{"alg":""}"#), .wrongAlgorithm),
        Attack("alg in small letters", header(#"{"alg":"hs256"}"#), .wrongAlgorithm),
        Attack("alg with a space", header(#"{"alg":"HS256 "}"#), .wrongAlgorithm),
        Attack("alg with a zero byte", header(#"{"alg":"HS256\u0000"}"#), .wrongAlgorithm),
        Attack("alg HS512", header(#"{"alg":"HS512"}"#), .wrongAlgorithm),
        Attack("alg confusion: RS256", header(#"{"alg":"RS256"}"#), .wrongAlgorithm),
        Attack("alg confusion: ES256", header(#"{"alg":"ES256"}"#), .wrongAlgorithm),
        Attack("alg missing", header(#"{"typ":"JWT"}"#), .wrongAlgorithm),
        Attack("alg in another case of key", header(#"{"ALG":"HS256"}"#), .wrongAlgorithm),
        Attack("alg null", header(#"{"alg":null}"#), .wrongAlgorithm),
        Attack("alg in an array", header(#"{"alg":["HS256"]}"#), .wrongAlgorithm),
        Attack("alg nested", header(#"{"a":{"alg":"HS256"}}"#), .wrongAlgorithm),
        Attack("alg twice, the good one last", header(#"{"alg":"none","alg":"HS256"}"#), .malformedHeader),
        Attack("alg twice, the good one first", header(#"{"alg":"HS256","alg":"none"}"#), .malformedHeader),
        Attack("alg twice, once with an escape", header(#"{"alg":"HS256","\u0061lg":"none"}"#), .malformedHeader),
        // Extensions and malformed headers.
        Attack("crit", header(#"{"alg":"HS256","crit":["b64"],"b64":false}"#), .criticalExtension),
        Attack("crit empty", header(#"{"alg":"HS256","crit":[]}"#), .criticalExtension),
        Attack("crit null", header(#"{"alg":"HS256","crit":null}"#), .criticalExtension),
        Attack("header followed by something", header(#"{"alg":"HS256"}{}"#), .malformedHeader),
        Attack("header cut short", header(#"{"alg":"HS256""#), .malformedHeader),
        Attack(
            "header nested beyond reason", header(#"{"alg":"HS256","x":"# + String(repeating: "[", count: 2_000)),
            .malformedHeader),
        Attack(
            "header respelled", respelled(Forge.base64URL(#"{"alg":"HS256" }"#)) + "." + claims + "." + signature,
            .malformedHeader),
        // Signatures.
        Attack("wrong key", Forge.token(secret: "another"), .wrongSignature),
        Attack("wrong key, one byte longer", Forge.token(secret: Forge.secret + "!"), .wrongSignature),
        Attack("no signature", header + "." + claims + ".", .wrongSignature),
        Attack(
            "signature cut by a byte", header + "." + claims + "." + Forge.base64URL([UInt8](repeating: 0, count: 31)),
            .wrongSignature),
        Attack(
            "signature all zero", header + "." + claims + "." + Forge.base64URL([UInt8](repeating: 0, count: 32)),
            .wrongSignature),
        Attack(
            "signature of the claims alone", header + "." + claims + "." + Forge.signature(of: claims), .wrongSignature),
        Attack("truncated by a character", String(good.dropLast()), .malformedSignature),
        Attack("truncated by two characters", String(good.dropLast(2)), .malformedSignature),
        Attack("truncated by three characters", String(good.dropLast(3)), .wrongSignature),
        Attack("truncated to header and claims", header + "." + claims, .malformedToken),
        Attack(
            "re-encoded: trailing bits of the signature", header + "." + claims + "." + respelled(signature),
            .malformedSignature),
        Attack("re-encoded: padding", good + "=", .malformedToken),
        Attack("re-encoded: white space at the end", good + " ", .malformedToken),
        Attack(
            "re-encoded: the plain alphabet", header + "." + claims + "." + signature.replacing("-", with: "+") + "/",
            .malformedToken),
        Attack(
            "signature of other claims", header + "." + Forge.base64URL(#"{"namespace":"tenant-b"}"#) + "." + signature,
            .wrongSignature),
        Attack(
            "signed over the prefix",
            "jwt." + header + "." + claims + "." + Forge.signature(of: "jwt." + header + "." + claims),
            .wrongSignature),
        // Claims.
        Attack("claims respelled and signed", respelledClaims(), .malformedClaims),
        Attack("expired", Forge.token(claims: #"{"namespace":"tenant-a","exp":1767225000}"#), .expired),
        Attack("not yet valid", Forge.token(claims: #"{"namespace":"tenant-a","nbf":1767226000}"#), .notYetValid),
        Attack("empty namespace", Forge.token(claims: #"{"namespace":""}"#), .noNamespaceClaim),
        Attack("no claims at all", header + ".." + Forge.signature(of: header + "."), .malformedToken),
        // Forms.
        Attack("a fourth part", good + "." + signature, .malformedToken),
        Attack("the prefix twice", "jwt.jwt." + good, .malformedToken),
        Attack("the prefix in capitals", "JWT." + good, .malformedToken),
        Attack("the prefix many times", String(repeating: "jwt.", count: 100) + good, .malformedToken),
        Attack("the scheme twice", "Bearer " + good, .malformedToken),
        Attack("the scheme and the prefix, in any case and order", "BEARER  jwt.bearer Jwt." + good, .malformedToken),
        Attack("behind another scheme", "token " + good, .malformedToken),
        Attack("behind the header's name", "Authorization: Bearer " + good, .malformedToken),
        Attack("behind a colon", "jwt:" + good, .malformedToken),
        Attack("behind a comma", "," + good, .malformedToken),
        Attack("behind a no-break space", "\u{A0}" + good, .malformedToken),
        Attack("behind a byte order mark", "\u{FEFF}" + good, .malformedToken),
        Attack("behind what could be a part of it", "jwt_" + good, .malformedToken),
        Attack("behind another part", "x." + good, .malformedToken),
        Attack(
            "a header led by white space, behind other words",
            "token: " + Forge.base64URL(#" {"alg":"none"}"#) + "." + claims,
            .malformedToken),
        Attack("quoted", "\"" + good + "\"", .malformedToken),
        Attack("every part padded", header + "=." + claims + "==." + signature + "=", .malformedToken),
        Attack("alg none in two parts", Forge.base64URL(#"{"alg":"none"}"#) + "." + claims, .malformedToken),
        Attack(
            "alg none in two parts, led by white space", Forge.base64URL(#" {"alg":"none"}"#) + "." + claims,
            .malformedToken),
        Attack("an empty header in two parts, padded", "e30=." + claims, .malformedToken),
        Attack("a header alone", header, .malformedToken),
        Attack("a header in the plain alphabet", plainHeader + "." + claims, .malformedToken),
        Attack("not a token", "tenant-a", .unknownForm),
        Attack("dots", "..", .unknownForm),
        Attack("an encrypted token", header + ".a.b.c.d", .malformedToken),
        Attack("longer than a namespace, and no token", String(repeating: "x", count: 257), .longAndNoToken),
        Attack("dots, each of which could end a header", String(repeating: ".", count: 16_000), .longAndNoToken),
        Attack(
            "a header of hundreds of members under a wrong signature",
            Forge.base64URL("{" + (0..<900).map { "\"\($0)\":0," }.joined() + #""alg":"none"}"#) + "." + claims + "."
                + signature,
            .wrongSignature),
        Attack(
            "a header of hundreds of members under a right signature",
            header("{" + (0..<900).map { "\"\($0)\":0," }.joined() + #""alg":"none"}"#), .wrongAlgorithm),
    ]

    /// Claims whose last character has a trailing bit set, under a right signature: two spellings of one token must not
    /// both be good.
    private static func respelledClaims() -> String {
        let signed = header + "." + respelled(Forge.base64URL(#"{"namespace":"tenant"}"#))
        return signed + "." + Forge.signature(of: signed)
    }
}

@Test(arguments: Attack.all)
func `an attacker's token is refused, once and again, without being quoted`(attack: Attack) throws {
    let authorizer = try Forge.authorizer(Forge.jwt())
    // A good token before it leaves nothing behind that would help.
    #expect(authorizer.authorize(token: Forge.token()) == .namespace(Namespace("tenant-a")))
    for _ in 0..<2 {
        let answer = authorizer.authorize(token: attack.token)
        #expect(answer == .refused(attack.refusal))
        guard case .refused(let refusal) = answer else { continue }
        for part in attack.token.split(separator: ".") where part.count > 4 {
            #expect(!refusal.sentence.contains(part))
        }
    }
    #expect(authorizer.cache.count == 1, "a refusal is not remembered")
}

@Test(arguments: Attack.all)
func `what was meant as a JSON Web Token is never a trusted namespace`(attack: Attack) throws {
    // R517 With jwt among the modes, a token that is meant as a JSON Web Token is for jwt alone, wherever it stands in
    // the order.
    guard attack.refusal != .unknownForm else { return }
    for authorizer in [try Forge.authorizer(Forge.jwt(), .trusted), try Forge.authorizer(.trusted, Forge.jwt())] {
        for _ in 0..<2 { #expect(authorizer.authorize(token: attack.token) == .refused(attack.refusal)) }
        #expect(authorizer.cache.count == 0)
    }
}

@Test(arguments: [
    "tenant-a", "www.example.com", "jwt.a.b", "a.b.c.d", "..", "ey", "eye.example", "e2e.tests", "heyJude", "a.heyJude",
    "e30", "a e30",
    "Bearer", "jwt.", "bearers",
])
func `a name that only resembles one is a trusted namespace all the same`(name: String) throws {
    let authorizers = [try Forge.authorizer(Forge.jwt(), .trusted), try Forge.authorizer(.trusted, Forge.jwt())]
    for authorizer in authorizers { #expect(authorizer.authorize(token: name) == .namespace(Namespace(name))) }
}

@Test(arguments: [8_193, 12_000, Authorizer.maximumTokenLength])
func `a token is read whatever its length, as long as a head has room for it`(length: Int) throws {
    // 3 bytes of claims make 4 of token; the header has 36, the signature 43, the dots 2.
    let room = (length - 36 - 43 - 2) / 4 * 3
    let filler = room - #"{"namespace":"n","x":""}"#.utf8.count
    let token = Forge.token(claims: #"{"namespace":"n","x":""# + String(repeating: "x", count: filler) + #""}"#)
    #expect((length - 3...length).contains(token.utf8.count))
    #expect(try Forge.authorizer(Forge.jwt()).authorize(token: token) == .namespace(Namespace("n")))
}

@Test(arguments: 0..<40 as Range<UInt64>)
func `a token with any one character changed is refused`(seed: UInt64) throws {
    let authorizer = try Forge.authorizer(Forge.jwt())
    let good = Array(Forge.token(claims: #"{"namespace":"tenant-a","exp":1767230000}"#).utf8)
    #expect(
        authorizer.judge((Array("Bearer ".utf8) + good)[...], nil, now: Forge.now) == .namespace(Namespace("tenant-a")))
    for index in good.indices where UInt64(index) % 40 == seed {
        for replacement in UInt8.min...UInt8.max where replacement != good[index] {
            var bad = good
            bad[index] = replacement
            let answer = authorizer.judge((Array("Bearer ".utf8) + bad)[...], nil, now: Forge.now)
            guard case .refused = answer else {
                Issue.record("byte \(index) as \(replacement) is accepted")
                continue
            }
        }
    }
}
