// The header of a token: what it says about its own signature. It may agree with the keys that there are, and choose
// among them; keys that it brings or points to (`jwk`, `jku`, `x5c`, `x5u`) are not even looked at.

import JSON
import TLS

/// The header of a token (RFC 7515, section 4).
struct JWTHeader: Equatable {
    /// How it says that it is signed.
    enum Algorithm: Equatable {
        /// HMAC with SHA-256 under a secret.
        case hs256
        case signature(SignatureAlgorithm)
    }

    /// Nil unless `alg` is a string and the name of an algorithm that is known.
    private(set) var algorithm: Algorithm?
    /// `kid`, where it is a string.
    private(set) var keyID: String?
    private(set) var hasCriticalExtensions = false

    /// Nil when the bytes are not one JSON object with distinct keys.
    init?(_ bytes: [UInt8]) {
        do throws(JSONError) {
            try readObject(bytes) { (reader, key) throws(JSONError) in
                switch key {
                case "alg" where try reader.peekType() == .string: algorithm = Self.algorithm(try reader.readString())
                case "kid": keyID = try reader.readStringIfAny()
                case "crit":
                    hasCriticalExtensions = true
                    try reader.skipValue()
                default: try reader.skipValue()
                }
            }
        } catch {
            return nil
        }
    }

    private static func algorithm(_ name: String) -> Algorithm? {
        if name.utf8.elementsEqual("HS256".utf8) { return .hs256 }
        return SignatureAlgorithm.named(name).map(Algorithm.signature)
    }
}
