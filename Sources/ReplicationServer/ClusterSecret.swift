// The cluster's secret is a key of OpenSSL's; the node knows it by what can be done with it.

import Replication
import TLS

extension Authenticator {
    /// The one that proves with the first of these secrets and takes proofs of each; nil for none.
    static func hmac(secrets: [[UInt8]]) throws(CryptoError) -> Authenticator? {
        let all = try secrets.map { secret throws(CryptoError) in try hmac(key: secret) }
        var first = all.first
        first?.others = Array(all.dropFirst())
        return first
    }

    /// HMAC-SHA-256 (RFC 2104) with a key of any length. Belongs to the thread that uses it.
    static func hmac(key: [UInt8]) throws(CryptoError) -> Authenticator {
        let mac = try HMACSHA256(key: key)
        return Authenticator(
            code: { mac.code(for: $0) }, isValid: { mac.isValid($0.span, for: $1.span) },
            withKey: { key in try? hmac(key: key) })
    }
}
