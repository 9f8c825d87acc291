// Which keys a token may have been signed with. The key says what it signs, and the header of the token only which of
// the keys that would do it means.

import TLS

/// The public keys of one loop, as tokens ask for them. Confined to one event loop.
final class JWTKeys {
    /// How many keys a token without `kid` is tried against: each costs a verification.
    static let mostTried = 8

    private let keys: [VerificationKey]
    /// By the bytes of their `kid`.
    private let byID: [[UInt8]: VerificationKey]
    private let verifier: SignatureVerifier

    init(_ set: KeySet) throws(CryptoError) {
        keys = set.keys
        byID = Dictionary(
            set.keys.compactMap { key in key.id.map { (Array($0.utf8), key) } }, uniquingKeysWith: { first, _ in first }
        )
        verifier = try SignatureVerifier()
    }

    var isEmpty: Bool { keys.isEmpty }

    /// The keys that may have signed a token; empty where none can.
    func candidates(_ algorithm: SignatureAlgorithm, id: String?) -> [VerificationKey] {
        if let id, let key = byID[Array(id.utf8)] { return key.fits(algorithm) ? [key] : [] }
        // A key without a name may be the one that is meant.
        return Array(keys.lazy.filter { $0.fits(algorithm) && (id == nil || $0.id == nil) }.prefix(Self.mostTried))
    }

    /// Whether some key is for such tokens at all.
    func hasAny(for algorithm: SignatureAlgorithm) -> Bool { keys.contains { $0.fits(algorithm) } }

    func isValid(
        _ signature: [UInt8], for message: Span<UInt8>, by algorithm: SignatureAlgorithm,
        of candidates: [VerificationKey]
    ) -> Bool {
        candidates.contains { verifier.isValid(signature, for: message, by: algorithm, under: $0.key) }
    }
}
