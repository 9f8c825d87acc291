// The table of AUTH_MODE, row by row: none, trusted, jwt, several in order.

import Catalog
import HTTP
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

@Test(arguments: [
    ("Bearer token", "token"), ("bearer token", "token"), ("Bearer two words", "two words"),
    ("Bearer  led by a space", " led by a space"),
    ("Bearer Bearer", "Bearer"),
])
func `the token is everything after the first space`(credential: String, token: String) throws {
    #expect(try Forge.authorizer(.trusted).authorize(credential) == .namespace(Namespace(token)))
}

@Test(
    arguments: [
        ("BEARER token", .notBearer), ("BeaREr token", .notBearer), ("Basic dXNlcjpwYXNz", .notBearer),
        ("token", .notBearer),
        ("", .notBearer),
        (" Bearer token", .notBearer), ("Bearer\ttoken", .notBearer), ("Bearertoken", .notBearer),
        ("Bearer", .emptyToken),
        ("Bearer ", .emptyToken),
    ] as [(String, AuthorizationRefusal)])
func `another scheme, another spelling or no token is refused in every mode`(
    credential: String, refusal: AuthorizationRefusal
) throws {
    #expect(try Forge.authorizer().authorize(credential) == .refused(refusal))
    #expect(try Forge.authorizer(.trusted).authorize(credential) == .refused(refusal))
    #expect(try Forge.authorizer(Forge.jwt()).authorize(credential) == .refused(refusal))
}

@Test func `without namespaces a request needs no credential, and any token but default is refused`() throws {
    let authorizer = try Forge.authorizer()
    #expect(authorizer.authorize(nil) == .namespace(Namespace("default")))
    #expect(authorizer.authorize(token: "default") == .namespace(Namespace("default")))
    for token in ["Default", "default ", "defaul", "defaults", "tenant-a", Forge.token()] {
        #expect(authorizer.authorize(token: token) == .refused(.isolationNotConfigured), "\(token)")
    }
}

@Test func `with namespaces a request without a credential is refused`() throws {
    #expect(try Forge.authorizer(.trusted).authorize(nil) == .refused(.missing))
    #expect(try Forge.authorizer(Forge.jwt()).authorize(nil) == .refused(.missing))
}

@Test func `a trusted token is the namespace, up to its limit`() throws {
    let authorizer = try Forge.authorizer(.trusted)
    for name in ["a", "tenant-a", "with space", "münchen/東京", "{}", Forge.token(), String(repeating: "n", count: 256)] {
        #expect(authorizer.authorize(token: name) == .namespace(Namespace(name)))
        #expect(authorizer.authorize(token: name) == .namespace(Namespace(name)), "the second time it is remembered")
    }
    #expect(authorizer.authorize(token: String(repeating: "n", count: 257)) == .refused(.namespaceTooLong))
    // 256 bytes, not characters.
    #expect(authorizer.authorize(token: String(repeating: "é", count: 129)) == .refused(.namespaceTooLong))
}

@Test(
    arguments: [
        ("", nil), (" ", .namespaceBlank), ("   ", .namespaceBlank), (" a ", nil), ("a/b{}", nil),
        ("m\u{FC}nchen", nil),
        (String(repeating: "n", count: 256), nil), (String(repeating: "n", count: 257), .namespaceTooLong),
        (String(repeating: "é", count: 129), .namespaceTooLong), ("\u{0}", .namespaceHasControlCharacters),
        ("a\nb", .namespaceHasControlCharacters), ("\u{7F}", .namespaceHasControlCharacters),
        ("a\u{85}", .namespaceHasControlCharacters),
    ] as [(String, AuthorizationRefusal?)])
func `every scheme holds a namespace to the same rule`(name: String, refusal: AuthorizationRefusal?) throws {
    // R518 A namespace is 1 to 256 bytes of UTF-8, not of spaces alone, without control characters; a credential that
    // names anything else is answered 401, whichever mode reads it.
    let escaped = name.unicodeScalars.map {
        $0.value < 0x20 ? "\\u00" + ($0.value < 16 ? "0" : "") + String($0.value, radix: 16) : "\($0)"
    }
    let token = Forge.token(claims: #"{"namespace":"\#(escaped.joined())"}"#)
    let identity = ClientIdentity(uris: [], organizationalUnits: [name])
    let signed = try Forge.authorizer(Forge.jwt()).authorize(token: token)
    let certified = try Forge.authorizer(.mtls).judge(nil, identity, now: Forge.now)
    guard !name.isEmpty else {
        #expect(signed == .refused(.noNamespaceClaim))
        return #expect(certified == .refused(.malformedCertifiedNamespace))
    }
    #expect(
        TrustedScheme.judge(Array(name.utf8)[...]) == refusal.map { .refused($0) }
            ?? .recognised(Principal(Namespace(name), by: .trusted), .always))
    #expect(signed == refusal.map { .refused($0) } ?? .namespace(Namespace(name)))
    #expect(certified == refusal.map { _ in .refused(.malformedCertifiedNamespace) } ?? .namespace(Namespace(name)))
}

@Test func `two spellings of one accented letter are two namespaces`() throws {
    let authorizer = try Forge.authorizer(.trusted)
    let composed = authorizer.authorize(token: "caf\u{E9}")
    let decomposed = authorizer.authorize(token: "cafe\u{301}")
    #expect(composed != decomposed)
    #expect(composed == .namespace(Namespace("caf\u{E9}")))
}

@Test(arguments: ["\0", "a\nb", "a\tb", "\u{1F}", "\u{7F}", "a\u{85}", "\u{9F}"])
func `a trusted token with a control character is refused`(token: String) throws {
    #expect(try Forge.authorizer(.trusted).authorize(token: token) == .refused(.namespaceHasControlCharacters))
}

@Test(arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0xC3]] as [[UInt8]])
func `a trusted token that is not UTF-8 is refused, not repaired`(token: [UInt8]) throws {
    let credential = Array("Bearer ".utf8) + token
    #expect(try Forge.authorizer(.trusted).judge(credential[...], nil, now: 0) == .refused(.namespaceNotUTF8))
}

@Test func `of several schemes the first that recognises the form decides`() throws {
    let authorizer = try Forge.authorizer(Forge.jwt(), .trusted)
    #expect(authorizer.authorize(token: Forge.token()) == .namespace(Namespace("tenant-a")))
    // Recognised and refused: the matter ends, although the next scheme would take it.
    #expect(authorizer.authorize(token: Forge.token(secret: "another")) == .refused(.wrongSignature))
    #expect(authorizer.authorize(token: Forge.token(claims: #"{"namespace":"a","exp":1}"#)) == .refused(.expired))
    #expect(
        authorizer.authorize(token: Forge.base64URL(#"{"alg":"none"}"#) + "." + Forge.base64URL(Forge.goodClaims) + ".")
            == .refused(.wrongAlgorithm))
    // Not recognised: passed on.
    for name in ["tenant-b", "www.example.com", "jwt.a.b", "a.b.c.d", ".."] {
        #expect(authorizer.authorize(token: name) == .namespace(Namespace(name)))
    }
    #expect(authorizer.authorize(nil) == .refused(.missing))
}

@Test func `in the other order a trusted scheme leaves to jwt what is meant for it`() throws {
    let authorizer = try Forge.authorizer(.trusted, Forge.jwt())
    #expect(authorizer.authorize(token: Forge.token()) == .namespace(Namespace("tenant-a")))
    #expect(authorizer.authorize(token: Forge.token(secret: "another")) == .refused(.wrongSignature))
    #expect(authorizer.authorize(token: "tenant-b") == .namespace(Namespace("tenant-b")))
}

@Test func `two jwt schemes do not share a token that the first refuses`() throws {
    let authorizer = try Forge.authorizer(Forge.jwt("first"), Forge.jwt("second"))
    #expect(authorizer.authorize(token: Forge.token(secret: "first")) == .namespace(Namespace("tenant-a")))
    #expect(authorizer.authorize(token: Forge.token(secret: "second")) == .refused(.wrongSignature))
}

@Test func `a secret shows in no description`() throws {
    let secret = Secret(bytes: Array("hunter2".utf8))
    let configuration = AuthorizationConfiguration(schemes: [.jwt(TokenTrust(secret: secret)), .trusted])
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in [
        "\(secret)", String(reflecting: secret), "\(configuration)", String(reflecting: configuration), dumped,
    ] {
        #expect(!text.contains("hunter2") && !text.contains("104"), "\(text)")
    }
}

@Test func `every refusal has a sentence of its own`() {
    let sentences = AuthorizationRefusal.allCases.map(\.sentence)
    #expect(Set(sentences).count == sentences.count)
}
