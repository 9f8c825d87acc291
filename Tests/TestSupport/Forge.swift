// Makes tokens, good and bad, as a signer or an attacker would: independent of the code that reads them, but for the
// HMAC.

import Foundation
import TLS

package enum Forge {
    package static let secret = "a secret of thirty-two bytes, ok"
    package static let goodHeader = #"{"alg":"HS256","typ":"JWT"}"#
    package static let goodClaims = #"{"namespace":"tenant-a"}"#
    /// 2026-01-01T00:00:00Z, when the tests take place.
    package static let now: Int64 = 1_767_225_600

    package static func base64URL(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    package static func base64URL(_ text: String) -> String { base64URL(Array(text.utf8)) }

    package static func signature(of signed: String, secret: String = secret) -> String {
        guard let code = try? HMACSHA256(key: Array(secret.utf8)).code(for: Array(signed.utf8)) else { return "" }
        return base64URL(code)
    }

    /// A token whose signature is right for whatever header and claims it is given.
    package static func token(header: String = goodHeader, claims: String = goodClaims, secret: String = secret)
        -> String
    {
        let signed = base64URL(header) + "." + base64URL(claims)
        return signed + "." + signature(of: signed, secret: secret)
    }
}
