// The signatures with public keys that are known, one row each: to take another one is to add a row, and, if it needs
// keys of another kind, a case of `PublicKey.Kind`.

/// How messages are signed, by the name that JSON Web Signatures have for it.
package struct SignatureAlgorithm: Sendable, Equatable {
    /// How a signature is written in a JSON Web Signature.
    enum Form: Equatable {
        /// As long as the modulus.
        case modulus
        /// So many bytes.
        case plain(Int)
        /// The two numbers of ECDSA, so many bytes each (RFC 7518, section 3.4); OpenSSL wants them in DER.
        case pair(Int)
    }

    /// The value of `alg`.
    package let name: String
    /// What keys sign so. A key of one kind never checks a signature of another.
    package let kind: PublicKey.Kind
    /// OpenSSL's name of the digest; nil where the algorithm has its own.
    let digest: String?
    let form: Form

    package static let all = [
        // RFC 7518, section 3.1.
        SignatureAlgorithm(name: "RS256", kind: .rsa, digest: "SHA256", form: .modulus),
        SignatureAlgorithm(name: "ES256", kind: .p256, digest: "SHA256", form: .pair(32)),
        // RFC 8037, section 3.1, and the name that RFC 9864 gives it.
        SignatureAlgorithm(name: "EdDSA", kind: .ed25519, digest: nil, form: .plain(64)),
        SignatureAlgorithm(name: "Ed25519", kind: .ed25519, digest: nil, form: .plain(64)),
    ]

    /// The one of this name; nil when it is not known.
    package static func named(_ name: String) -> SignatureAlgorithm? {
        all.first { $0.name.utf8.elementsEqual(name.utf8) }
    }

    /// Whether both are the same but for their names.
    package func isSame(as other: SignatureAlgorithm) -> Bool {
        kind == other.kind && digest == other.digest && form == other.form
    }

    /// Whether a signature under this key can have so many bytes.
    package func fits(_ count: Int, _ key: PublicKey) -> Bool {
        switch form {
        case .modulus: count == key.modulusBytes
        case .plain(let bytes): count == bytes
        case .pair(let bytes): count == 2 * bytes
        }
    }
}
