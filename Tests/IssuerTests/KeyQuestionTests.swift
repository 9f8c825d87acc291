// What an issuer may answer, and what follows.

import Authorization
import HTTPClient
import TestSupport
import Testing

@testable import Issuer

struct KeyQuestionTests {
    private static let issuer = "https://id.example/realm"

    private func question(_ issuer: String = issuer) throws -> KeyQuestion {
        KeyQuestion(to: try IssuerAddress(issuer: issuer))
    }

    private func description(_ issuer: String = issuer, _ keys: String = "https://id.example/keys") -> String {
        #"{"issuer":"\#(issuer)","authorization_endpoint":"x","jwks_uri":"\#(keys)","scopes":["openid"]}"#
    }

    private func take(_ question: inout KeyQuestion, _ text: String, status: Int = 200) -> KeyQuestion.Step {
        question.take(status: status, Array(text.utf8))
    }

    @Test func `an issuer's description leads to its keys`() throws {
        // J301 … from the page that `jwks_uri` names
        var question = try question()
        #expect(question.url == (try HTTPURL("https://id.example/realm/.well-known/openid-configuration")))
        let next = try HTTPURL("https://id.example/keys")
        #expect(take(&question, description()) == .ask(next))
        #expect(question.url == next)
        let set = SigningKey.set(SigningKey.p256.jwk(#""kid":"a""#))
        #expect(take(&question, set) == .keys(try KeySet(Array(set.utf8))))
    }

    @Test(arguments: [
        ("https://id.example", "https://id.example/.well-known/openid-configuration"),
        ("https://id.example/", "https://id.example/.well-known/openid-configuration"),
        ("https://id.example:8443/a/b/", "https://id.example:8443/a/b/.well-known/openid-configuration"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/.well-known/openid-configuration"),
        ("http://[::1]:9000", "http://[::1]:9000/.well-known/openid-configuration"),
        ("http://localhost", "http://localhost/.well-known/openid-configuration"),
    ])
    func `the description stands below the issuer`(issuer: String, url: String) throws {
        #expect(try question(issuer).url.description == url)
    }

    @Test(
        arguments: [
            ("http://id.example", .plain), ("http://10.0.0.1", .plain), ("http://localhost.example", .plain),
            ("https://u:p@id.example", .credentials), ("id.example", .url(.scheme)), ("joe", .url(.scheme)),
            ("https://", .url(.host)), ("https://id.example:0", .url(.port)),
        ] as [(String, IssuerAddressError)])
    func `an issuer is asked over TLS, or on loopback`(text: String, error: IssuerAddressError) {
        // J302 https only, and http for loopback
        #expect(throws: error) { try IssuerAddress(issuer: text) }
        #expect(throws: error) { try IssuerAddress(keys: text) }
    }

    @Test(
        arguments: [
            // J303 What the description must say
            (
                #"{"issuer":"https://id.example/realm/","jwks_uri":"https://id.example/k"}"#,
                .otherIssuer("https://id.example/realm/")
            ),
            (
                #"{"issuer":"https://evil.example","jwks_uri":"https://id.example/k"}"#,
                .otherIssuer("https://evil.example")
            ),
            (#"{"jwks_uri":"https://id.example/k"}"#, .otherIssuer("")),
            (#"{"issuer":7,"jwks_uri":"https://id.example/k"}"#, .malformedDescription),
            (#"{"issuer":"https://id.example/realm"}"#, .noKeysAddress),
            (
                #"{"issuer":"https://id.example/realm","jwks_uri":"https://id.example/realm/.well-known/openid-configuration"}"#,
                .noKeysAddress
            ),
            (#"{"issuer":"https://id.example/realm","jwks_uri":"http://id.example/k"}"#, .badKeysAddress(.plain)),
            (#"{"issuer":"https://id.example/realm","jwks_uri":"/k"}"#, .badKeysAddress(.url(.scheme))),
            (#"{"issuer":"https://id.example/realm","jwks_uri":"https://keys.example/k"}"#, .otherHost("keys.example")),
            (#"{"issuer":"https://id.example/realm","jwks_uri":"http://127.0.0.1/k"}"#, .otherHost("127.0.0.1")),
            (
                #"{"issuer":"https://id.example/realm","jwks_uri":"https://id.example/a","jwks_uri":"https://id.example/b"}"#,
                .malformedDescription
            ),
            ("<html>", .malformedDescription), ("[]", .malformedDescription), ("", .malformedDescription),
        ] as [(String, KeyQuestionFault)])
    func `a description that is not the issuer's, or leads elsewhere, ends the question`(
        text: String, fault: KeyQuestionFault
    ) throws {
        var question = try question()
        #expect(take(&question, text) == .failed(fault))
        #expect(!"\(fault)".isEmpty)
    }

    @Test(arguments: [204, 301, 304, 401, 404, 500, 503])
    func `another status than 200 is no answer`(status: Int) throws {
        var (question, keys) = (try question(), KeyQuestion(to: try IssuerAddress(keys: "https://id.example/keys")))
        #expect(take(&question, description(), status: status) == .failed(.status(status)))
        #expect(take(&keys, SigningKey.set(SigningKey.p256.jwk()), status: status) == .failed(.status(status)))
    }

    @Test func `a page of keys is JSON, and what is wrong with it is said`() throws {
        // J203 HTML, say
        let address = try IssuerAddress(keys: "https://keys.example/keys")
        for (text, error) in [
            ("<html></html>", KeySetError.unknownForm), (SigningKey.p256.publicText, .unknownForm), ("{}", .notAKeySet),
            (String(repeating: " ", count: KeySet.mostBytes + 1), .tooLong),
            (SigningKey.set(#"{"kty":"oct","k":"c2VjcmV0"}"#), .symmetric(number: 1)),
        ] {
            var question = KeyQuestion(to: address)
            #expect(take(&question, text) == .failed(.badKeys(error)))
        }
    }
}
