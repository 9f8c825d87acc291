// Sets of keys as issuers publish them, and everything else that may be at their place.

import TLS
import TestSupport
import Testing

@testable import Authorization

struct KeySetTests {
    private func error(_ text: String) -> KeySetError? {
        do throws(KeySetError) {
            _ = try KeySet(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func `keys for another use, of another type or for another algorithm are passed over`() throws {
        // J202 … keys of another use, type or algorithm are passed over
        let keys = try KeySet(
            SigningKey.set(
                SigningKey.rsa.jwk(#""kid":"1","use":"sig","alg":"RS256","x5t":"x","x5c":["?"]"#),
                SigningKey.otherRSA.jwk(#""kid":"2","use":"enc","alg":"RSA-OAEP""#),
                SigningKey.otherRSA.jwk(#""kid":"3","alg":"RS512""#),
                SigningKey.p384.jwk(#""kid":"4""#), SigningKey.k256.jwk(#""kid":"5""#),
                #"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                #"{"kty":"new"}"#, #"{"kty":"EC"}"#,
                SigningKey.p256.jwk(#""kid":"6","key_ops":["verify"]"#),
                SigningKey.otherP256.jwk(#""key_ops":["encrypt"]"#),
                SigningKey.otherP256.jwk(#""alg":"RS256""#),
                SigningKey.ed25519.jwk(#""use":null,"kid":"7""#.replacing(#""use":null,"#, with: "")),
                SigningKey.weakRSA.jwk(#""use":"enc""#)))
        #expect(keys.keys.map(\.id) == ["1", "6", "7"])
        #expect(keys.keys.map(\.algorithm?.name) == ["RS256", nil, nil])
    }

    @Test func `a set is the same from PEM and from JSON, however it is led by white space`() throws {
        // J201 … a file of public keys: in PEM, or a JSON Web Key Set
        let signers: [SigningKey] = [.rsa, .otherRSA, .p256, .ed25519]
        let json = try KeySet(
            "\r\n\t " + SigningKey.set(signers[0].jwk(), signers[1].jwk(), signers[2].jwk(), signers[3].jwk()))
        #expect(try KeySet(" \n" + signers.map(\.publicText).joined(separator: "\n")) == json)
        #expect(json.count == 4)
        #expect(try KeySet(SigningKey.set(signers[0].jwk())) != json)
    }

    @Test(
        arguments: [
            // J203 What is refused
            ("", .unknownForm), ("<html><body>keys</body></html>", .unknownForm), ("{", .malformedJSON),
            ("{}", .notAKeySet), ("[]", .notAKeySet), (#"{"keys":{}}"#, .notAKeySet), (#"{"keys":[1]}"#, .notAKeySet),
            (#"{"keys":[]}"#, .noKeys), (#"{"keys":null}"#, .notAKeySet), (#"{"keys":[],"keys":[]}"#, .malformedJSON),
            (SigningKey.p256.jwk(), .notAKeySet), (#"{"keys":[{}]}"#, .malformedMember(number: 1, "kty")),
            (#"{"keys":[{"kty":7}]}"#, .malformedMember(number: 1, "kty")),
            (SigningKey.set(SigningKey.p256.jwk(), #"{"kty":"oct","k":"c2VjcmV0"}"#), .symmetric(number: 2)),
            (SigningKey.set(SigningKey.p256.jwk(#""k":"c2VjcmV0""#)), .symmetric(number: 1)),
            (SigningKey.set(SigningKey.p256.jwk(#""d":"x""#)), .badKey(NumberedKeyError(number: 1, error: .isPrivate))),
            (SigningKey.set(SigningKey.p256.jwk(#""d":7"#)), .badKey(NumberedKeyError(number: 1, error: .isPrivate))),
            (SigningKey.set(SigningKey.weakRSA.jwk()), .badKey(NumberedKeyError(number: 1, error: .weak(bits: 1_024)))),
            (SigningKey.set(SigningKey.p256.jwk(#""kid":7"#)), .malformedMember(number: 1, "kid")),
            (SigningKey.set(SigningKey.p256.jwk(#""x":"""#)), .malformedJSON),
            (SigningKey.set(#"{"kty":"RSA","n":"AQAB"}"#), .badKey(NumberedKeyError(number: 1, error: .malformed))),
            (SigningKey.set(#"{"kty":"RSA","e":"AQAB"}"#), .badKey(NumberedKeyError(number: 1, error: .malformed))),
            (
                SigningKey.set(#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#),
                .badKey(NumberedKeyError(number: 1, error: .malformed))
            ),
            (
                SigningKey.set(#"{"kty":"OKP","crv":"Ed25519","x":"AA=="}"#),
                .badKey(NumberedKeyError(number: 1, error: .malformed))
            ),
            (
                SigningKey.set(SigningKey.p256.jwk(#""kid":"a""#), SigningKey.rsa.jwk(#""kid":"\u0061""#)),
                .duplicateID("a")
            ),
            (SigningKey.set(SigningKey.p256.jwk()) + "x", .malformedJSON),
            (
                SigningKey.rsa.publicText + "\n" + SigningKey.rsa.privateText,
                .badKey(NumberedKeyError(number: 2, error: .isPrivate))
            ),
            (
                "-----BEGIN PUBLIC KEY-----", .badKey(NumberedKeyError(number: 1, error: .malformed))
            ), ("x -----BEGIN PUBLIC KEY-----", .noKeys),
        ] as [(String, KeySetError)])
    func `what is wrong with a set is said in a sentence`(text: String, expected: KeySetError) {
        #expect(error(text) == expected)
        #expect(!"\(expected)".isEmpty && !"\(expected)".contains("c2VjcmV0"))
    }

    @Test func `a set of a hundred keys is read, and one of more is not`() throws {
        // J203 … more than 100 keys
        func set(_ count: Int) -> String {
            let keys = (0..<count).map { SigningKey.p256.jwk(#""kid":"\#($0)""#) }
            return #"{"keys":["# + keys.joined(separator: ",") + "]}"
        }
        #expect(try KeySet(set(100)).count == 100)
        #expect(error(set(101)) == .tooMany)
        #expect(error(set(1_000)) == .tooMany)
        #expect(
            error(#"{"keys":["# + String(repeating: #"{"kty":"new"},"#, count: 1_000) + #"{"kty":"new"}]}"#) == .tooMany
        )
        #expect(error(String(repeating: SigningKey.p256.publicText + "\n", count: 101)) == .tooMany)
        #expect(error(String(repeating: " ", count: KeySet.mostBytes + 1)) == .tooLong)
    }

    @Test func `a page is no PEM`() {
        let text = Array(SigningKey.p256.publicText.utf8)
        #expect(throws: KeySetError.unknownForm) { try KeySet(text, allowsPEM: false) }
    }

    @Test func `a file that is not there is named`() {
        #expect(throws: KeyFileError.self) { try KeySet(file: "/nowhere/keys.json") }
        do throws(KeyFileError) {
            _ = try KeySet(file: "/dev/zero")
        } catch {
            #expect("\(error)" == "/dev/zero cannot be used: it cannot be read: it has more than 1048576 bytes")
        }
    }
}
