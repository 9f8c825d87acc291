// The public keys that tokens are verified with, from whatever place: a file of the operator's, or an issuer's own
// page. A set is read as a whole or not at all, so that a bad one changes nothing.

package import TLS

/// A key, and what its publisher says of it.
package struct VerificationKey: Sendable, Equatable {
    /// `kid`; nil for a key in PEM, which has none.
    package let id: String?
    /// `alg`: the one algorithm that it is for; nil for each of its kind.
    let algorithm: SignatureAlgorithm?
    let key: PublicKey

    package init(_ key: PublicKey, id: String? = nil, algorithm: SignatureAlgorithm? = nil) {
        self.id = id
        self.algorithm = algorithm
        self.key = key
    }

    func fits(_ algorithm: SignatureAlgorithm) -> Bool {
        key.kind == algorithm.kind && self.algorithm?.isSame(as: algorithm) ?? true
    }
}

/// Why a text is no set of keys.
package enum KeySetError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(String)
    case tooLong
    /// Neither PEM nor JSON.
    case unknownForm
    case malformedJSON
    /// JSON without an array `keys` of objects.
    case notAKeySet
    /// Nothing in it can verify anything.
    case noKeys
    case tooMany
    case duplicateID(String)
    /// A member of a key is not what it must be; the key's number, from 1, and the member's name.
    case malformedMember(number: Int, String)
    /// A secret that stands where everybody can read it.
    case symmetric(number: Int)
    case badKey(NumberedKeyError)

    /// The most characters of a `kid` that are shown.
    private static let shownCharacters = 64

    /// A sentence without its full stop, which is said of a file or a page.
    package var description: String {
        switch self {
        case .unreadable(let reason): "it cannot be read: \(reason)"
        case .tooLong: "it has more than \(KeySet.mostBytes) bytes"
        case .unknownForm: "it is neither PEM nor a JSON Web Key Set"
        case .malformedJSON: "it is no valid JSON, or has a member twice"
        case .notAKeySet: "it is JSON, but has no array keys of objects"
        case .noKeys: "it has no key that verifies \(KeySet.algorithms)"
        case .tooMany: "it has more than \(KeySet.most) keys"
        case .duplicateID(let id): "two of its keys have the kid \(id.prefix(Self.shownCharacters).debugDescription)"
        case .malformedMember(let number, let name): "in key \(number) the member \(name) is not what it must be"
        case .symmetric(let number): "key \(number) is of the type oct, which is a secret and no public key"
        case .badKey(let fault): "key \(fault.number) cannot be used: \(fault.error.sentence)"
        }
    }
}

/// The keys of one publisher. A value.
package struct KeySet: Sendable, Equatable {
    /// How many keys a set may have.
    package static let most = 100
    /// How long its text may be.
    package static let mostBytes = 1 << 20
    package static let none = KeySet(keys: [])

    static let algorithms = SignatureAlgorithm.all.map(\.name).joined(separator: ", ")

    let keys: [VerificationKey]

    package init(keys: [VerificationKey]) { self.keys = keys }

    /// Reads a JSON Web Key Set (RFC 7517) or, where that is allowed, keys and certificates in PEM.
    package init(_ bytes: [UInt8], allowsPEM: Bool = true) throws(KeySetError) {
        guard bytes.count <= Self.mostBytes else { throw .tooLong }
        let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            keys = try JSONWebKeys.read(bytes)
        } else if allowsPEM, String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") {
            keys = try Self.read(pem: bytes)
        } else {
            throw .unknownForm
        }
        guard !keys.isEmpty else { throw .noKeys }
        var ids: Set<[UInt8]> = []
        for id in keys.compactMap(\.id) where !ids.insert(Array(id.utf8)).inserted { throw .duplicateID(id) }
    }

    package var count: Int { keys.count }

    private static func read(pem: [UInt8]) throws(KeySetError) -> [VerificationKey] {
        do throws(NumberedKeyError) {
            return try PublicKey.read(pem: pem, most: most).map { VerificationKey($0) }
        } catch {
            if case .tooMany = error.error { throw .tooMany }
            throw .badKey(error)
        }
    }
}
