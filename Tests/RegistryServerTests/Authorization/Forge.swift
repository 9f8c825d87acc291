// Makes tokens, good and bad, as a signer or an attacker would: independent of the code that reads them, but for the HMAC.

import Foundation
import TLS

@testable import RegistryServer

enum Forge {
    static let secret = "a secret of thirty-two bytes, ok"
    static let goodHeader = #"{"alg":"HS256","typ":"JWT"}"#
    static let goodClaims = #"{"namespace":"tenant-a"}"#
    /// 2026-01-01T00:00:00Z, when the tests take place.
    static let now: Int64 = 1_767_225_600

    static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func base64URL(_ text: String) -> String { base64URL(Array(text.utf8)) }

    static func signature(of signed: String, secret: String = secret) -> String {
        guard let code = try? HMACSHA256(key: Array(secret.utf8)).code(for: Array(signed.utf8)) else { return "" }
        return base64URL(code)
    }

    /// A token whose signature is right for whatever header and claims it is given.
    static func token(header: String = goodHeader, claims: String = goodClaims, secret: String = secret) -> String {
        let signed = base64URL(header) + "." + base64URL(claims)
        return signed + "." + signature(of: signed, secret: secret)
    }

    static func authorizer(_ schemes: AuthorizationConfiguration.Scheme..., cache: TokenCache = TokenCache()) throws -> Authorizer {
        try Authorizer(AuthorizationConfiguration(schemes: schemes), cache: cache)
    }

    static func jwt(_ secret: String = secret) throws -> AuthorizationConfiguration.Scheme {
        .jwt(Secret(bytes: Array(secret.utf8)))
    }
}

extension Authorizer {
    func authorize(_ credential: String?, now: Int64 = Forge.now) -> Authorization {
        // The value is a slice from the middle of a longer text, as in a request head.
        let text = credential.map { Array("Authorization: \($0)\r\n".utf8) }
        return authorize(credential: text.map { $0[15..<$0.count - 2] }, now: now)
    }

    func authorize(token: String, now: Int64 = Forge.now) -> Authorization { authorize("Bearer " + token, now: now) }
}
