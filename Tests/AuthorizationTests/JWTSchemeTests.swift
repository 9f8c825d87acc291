// Tokens as signers make them: the claims, their times, and fixed tokens from another implementation.

import Catalog
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

// Made with Python 3's hmac, hashlib, base64.urlsafe_b64encode (padding stripped) and json.dumps, under `Forge.secret`
// or the one given.
@Test(arguments: [
    (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSJ9.5wQ7oEubiQ7jzWlZCCij3_X7WFlLI9o9lVwBphlGBWQ",
        Forge.secret, "tenant-a"
    ),
    (
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJuYW1lc3BhY2UiOiJ0ZW5hbnQtYSIsImV4cCI6MjAwMDAwMDAwMCwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAw"
            + "MDAwMDAsInN1YiI6IngifQ.i5I-VmwaO7e4_nOXDlIRq_gvYjUbjdKZ-pQLaVKiRpw",
        Forge.secret, "tenant-a"
    ),
    (
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEifQ.eyJuYW1lc3BhY2UiOiJtw7xsbGVyL-adseS6rCJ9.YCjJQE9rnPc_QlZrSFqvCEOORmwDPgwOiqcilIU8MzE",
        Forge.secret, "müller/東京"
    ),
    (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJzaG9ydCJ9.ekkOUk0OG_IjQ3Lc22yFjrz57wNahan6ChgnO0uN_Fk",
        "k", "short"
    ),
])
func `a token of another implementation is accepted, with and without its prefix`(
    token: String, secret: String, namespace: String
) throws {
    let authorizer = try Forge.authorizer(Forge.jwt(secret))
    #expect(authorizer.authorize(token: token) == .namespace(Namespace(namespace)))
    #expect(authorizer.authorize(token: "jwt." + token) == .namespace(Namespace(namespace)))
    #expect(try Forge.authorizer(Forge.jwt("another")).authorize(token: token) == .refused(.wrongSignature))
}

@Test func `a token under any of the secrets in force is accepted`() throws {
    // R913 … all are accepted from others.
    let authorizer = try Forge.authorizer(
        .jwt(
            TokenTrust(
                secret: Secret(bytes: Array("new".utf8), others: [Array("older".utf8), Array("old".utf8)]))))
    for secret in ["new", "older", "old"] {
        #expect(authorizer.authorize(token: Forge.token(secret: secret)) == .namespace(Namespace("tenant-a")))
    }
    #expect(authorizer.authorize(token: Forge.token(secret: "oldest")) == .refused(.wrongSignature))
}

@Test(arguments: [
    #"{"alg":"HS256"}"#, #"{"typ":"at+jwt","alg":"HS256"}"#,
    #"{"typ":7,"alg":"HS256","kid":null,"x":{"alg":"none","alg":1}}"#,
    #"{"\u0061lg":"\u0048S256"}"#, "{\n \"alg\" : \"HS256\" }", "{ \"alg\":\"HS256\"}",
])
func `a header may hold anything else beside the algorithm`(header: String) throws {
    #expect(
        try Forge.authorizer(Forge.jwt()).authorize(token: Forge.token(header: header))
            == .namespace(Namespace("tenant-a")))
}

/// The claims of a token, and the verdict at `Forge.now`, given as a refusal or none.
@Test(
    arguments: [
        // "`exp` and `nbf` honoured when present", with 60 s of leeway for clocks that differ.
        (#"{"namespace":"n"}"#, nil),
        (#"{"namespace":"n","exp":1767225601}"#, nil), (#"{"namespace":"n","exp":1767225600}"#, nil),
        (#"{"namespace":"n","exp":1767225541}"#, nil), (#"{"namespace":"n","exp":1767225540.5}"#, nil),
        (#"{"namespace":"n","exp":1767225540}"#, .expired), (#"{"namespace":"n","exp":1767225539.9}"#, .expired),
        (#"{"namespace":"n","exp":0}"#, .expired), (#"{"namespace":"n","exp":-1}"#, .expired),
        (#"{"namespace":"n","exp":-1e300}"#, .expired),
        (#"{"namespace":"n","exp":-1e999}"#, .expired), (#"{"namespace":"n","exp":-9223372036854775808}"#, .expired),
        (#"{"namespace":"n","exp":9223372036854775807}"#, nil), (#"{"namespace":"n","exp":18446744073709551616}"#, nil),
        (#"{"namespace":"n","exp":1e300}"#, nil), (#"{"namespace":"n","exp":1e999}"#, nil),
        (#"{"namespace":"n","exp":1.767225601e9}"#, nil),
        (#"{"namespace":"n","nbf":1767225600}"#, nil), (#"{"namespace":"n","nbf":1767225660}"#, nil),
        (#"{"namespace":"n","nbf":1767225660.1}"#, .notYetValid),
        (#"{"namespace":"n","nbf":1767225661}"#, .notYetValid),
        (#"{"namespace":"n","nbf":9223372036854775807}"#, .notYetValid),
        (#"{"namespace":"n","nbf":1e999}"#, .notYetValid),
        (#"{"namespace":"n","nbf":-1e999}"#, nil), (#"{"namespace":"n","nbf":0,"exp":1767225601}"#, nil),
        (#"{"namespace":"n","nbf":1767225700,"exp":1}"#, .expired),
        // A time that is no number.
        (#"{"namespace":"n","exp":"1767225601"}"#, .malformedTime), (#"{"namespace":"n","exp":null}"#, .malformedTime),
        (#"{"namespace":"n","exp":true}"#, .malformedTime), (#"{"namespace":"n","exp":[1767225601]}"#, .malformedTime),
        (#"{"namespace":"n","nbf":"0"}"#, .malformedTime), (#"{"namespace":"n","nbf":{}}"#, .malformedTime),
        (#"{"namespace":"n","nbf":false}"#, .malformedTime),
        // "the claim `namespace` (a non-empty string)".
        (#"{}"#, .noNamespaceClaim), (#"{"namespace":""}"#, .noNamespaceClaim),
        (#"{"namespace":null}"#, .noNamespaceClaim),
        (#"{"namespace":7}"#, .noNamespaceClaim), (#"{"namespace":["n"]}"#, .noNamespaceClaim),
        (#"{"namespace":{"a":"n"}}"#, .noNamespaceClaim),
        (#"{"Namespace":"n"}"#, .noNamespaceClaim), (#"{"a":{"namespace":"n"}}"#, .noNamespaceClaim),
        // The claims must be one JSON object whose keys come once each, however they are written.
        (#"{"namespace":"n","namespace":"n"}"#, .malformedClaims),
        (#"{"namespace":"n","\u006eamespace":"m"}"#, .malformedClaims),
        (#"{"namespace":"n","exp":9e9,"exp":1}"#, .malformedClaims),
        (#"{"namespace":"n","x":1,"x":1}"#, .malformedClaims),
        (#"["namespace","n"]"#, .malformedClaims), (#""n""#, .malformedClaims),
        (#"{"namespace":"n"}x"#, .malformedClaims),
        (#"{"namespace":"n",}"#, .malformedClaims), (#"{"namespace":"n""#, .malformedClaims),
        (#"{"namespace":"\ud800"}"#, .malformedClaims),
        (#"{"namespace":"n","exp":01}"#, .malformedClaims), (#"{"namespace":"n","exp":NaN}"#, .malformedClaims),
        ("null", .malformedClaims),
    ] as [(String, AuthorizationRefusal?)])
func `the claims of a signed token are held to their rules`(claims: String, refusal: AuthorizationRefusal?) throws {
    let answer = try Forge.authorizer(Forge.jwt()).authorize(token: Forge.token(claims: claims))
    #expect(answer == refusal.map { .refused($0) } ?? .namespace(Namespace("n")))
}

@Test func `the claims are not read before the signature is right`() throws {
    let authorizer = try Forge.authorizer(Forge.jwt())
    for claims in ["[", #"{"namespace":"n","exp":1}"#, "{}"] {
        #expect(
            authorizer.authorize(token: Forge.token(claims: claims, secret: "another")) == .refused(.wrongSignature))
    }
}
