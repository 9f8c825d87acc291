// The public keys of others, by which their signatures are checked. A key is judged once, when it is read: its kind, its
// size, its place on the curve. What is too weak, too large to be checked cheaply, or a private key is refused.

import CTLS

/// Why something is no key that signatures are checked by.
package enum PublicKeyError: Error, Sendable, Equatable {
    case malformed
    /// A kind of key that is not in `PublicKey.Kind`; OpenSSL's name of it, or the name of a block of PEM.
    case unsupported(String)
    case weak(bits: Int)
    case large(bits: Int)
    case exponent
    /// Somebody has published what was to be kept.
    case isPrivate
    case tooMany(most: Int)

    /// A sentence without its full stop.
    package var sentence: String {
        switch self {
        case .malformed: "it is malformed"
        case .unsupported(let name): "its kind (\(name)) is neither RSA nor EC on P-256 nor Ed25519"
        case .weak(let bits):
            "it is an RSA key of \(bits) bits, and less than \(PublicKey.fewestBits) can be broken"
        case .large(let bits):
            "it is an RSA key of \(bits) bits, and more than \(PublicKey.mostBits) take too long to check"
        case .exponent: "its RSA exponent is even, 1 or longer than \(PublicKey.mostExponentBits) bits"
        case .isPrivate: "it is a private key, which only the signer may have"
        case .tooMany(let most): "there are more than \(most) keys"
        }
    }
}

/// A public key, checked. Safe to use from any thread.
///
/// `@unchecked Sendable`: an EVP_PKEY is only read once it is made, and OpenSSL counts its references atomically and
/// guards what it keeps in it of its own accord; nothing here changes it once `init` has returned.
@safe package final class PublicKey: @unchecked Sendable, Equatable {
    /// What a key can be used for: signatures of one kind, whatever somebody says of it.
    package enum Kind: String, Sendable, CaseIterable {
        case rsa = "RSA"
        case p256 = "EC on P-256"
        case ed25519 = "Ed25519"
    }

    /// Bounds of RSA moduli, in bits: 112 bits of security (NIST SP 800-131A), and a fifth of a millisecond.
    package static let fewestBits = 2_048
    package static let mostBits = 8_192
    /// Longer exponents make each check as dear as signing, and nobody uses them.
    package static let mostExponentBits = 64

    private static let namesOfP256: Set = ["prime256v1", "P-256", "secp256r1"]

    package let kind: Kind
    /// How many bytes a signature of RSA has; 0 for others.
    let modulusBytes: Int
    /// The key in DER, by which keys are compared.
    private let info: [UInt8]
    let handle: OpaquePointer

    /// Reads a SubjectPublicKeyInfo in DER (RFC 5280, section 4.1.2.7).
    package convenience init(info: [UInt8]) throws(PublicKeyError) {
        defer { ERR_clear_error() }
        var isWhole = false
        let key = unsafe info.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var position = bytes.baseAddress
            let key = unsafe d2i_PUBKEY(nil, &position, bytes.count)
            unsafe isWhole = position == bytes.baseAddress.map { unsafe $0 + bytes.count }
            return unsafe key
        }
        guard let key = unsafe key else { throw .malformed }
        guard isWhole else {
            unsafe EVP_PKEY_free(key)
            throw .malformed
        }
        unsafe try self.init(owning: key)
    }

    /// Takes over a key of OpenSSL's, and frees it also when it throws.
    init(owning key: OpaquePointer) throws(PublicKeyError) {
        unsafe handle = unsafe key
        do throws(PublicKeyError) {
            (kind, modulusBytes) = unsafe try Self.judge(key)
            info = unsafe try Self.encode(key)
        } catch {
            unsafe EVP_PKEY_free(key)
            ERR_clear_error()
            throw error
        }
        ERR_clear_error()
    }

    deinit { unsafe EVP_PKEY_free(handle) }

    package static func == (one: PublicKey, other: PublicKey) -> Bool { one.info == other.info }

    // MARK: - Judging

    private static func judge(_ key: OpaquePointer) throws(PublicKeyError) -> (Kind, modulusBytes: Int) {
        if unsafe EVP_PKEY_is_a(key, "RSA") == 1 { return (.rsa, unsafe try judgeRSA(key)) }
        if unsafe EVP_PKEY_is_a(key, "ED25519") == 1 { return (.ed25519, 0) }
        guard unsafe EVP_PKEY_is_a(key, "EC") == 1 else {
            throw unsafe .unsupported(EVP_PKEY_get0_type_name(key).map { unsafe String(cString: $0) } ?? "unknown")
        }
        var name = [CChar](repeating: 0, count: 64)
        var isExplicit: Int32 = 0
        guard unsafe EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1 else { throw .unsupported("EC") }
        let curve = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard namesOfP256.contains(curve) else { throw .unsupported(curve) }
        // A curve that is spelt out may be another one that looks like it (CVE-2020-0601).
        if unsafe EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isExplicit) == 1 {
            guard isExplicit == 0 else { throw .unsupported("a curve that is spelt out") }
        }
        guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil) else { throw .malformed }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_public_check(context) == 1 else { throw .malformed }
        return (.p256, 0)
    }

    private static func judgeRSA(_ key: OpaquePointer) throws(PublicKeyError) -> Int {
        let bits = Int(unsafe EVP_PKEY_get_bits(key))
        guard bits >= fewestBits else { throw .weak(bits: bits) }
        guard bits <= mostBits else { throw .large(bits: bits) }
        var exponent: OpaquePointer?
        guard unsafe EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1, let exponent = unsafe exponent
        else { throw .malformed }
        defer { unsafe BN_free(exponent) }
        guard unsafe BN_is_odd(exponent) == 1, unsafe BN_is_one(exponent) == 0,
            unsafe Int(BN_num_bits(exponent)) <= mostExponentBits
        else { throw .exponent }
        return (bits + 7) / 8
    }

    private static func encode(_ key: OpaquePointer) throws(PublicKeyError) -> [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = unsafe i2d_PUBKEY(key, &bytes)
        guard count > 0, let bytes = unsafe bytes else { throw .malformed }
        defer { unsafe ctls_free(bytes) }
        return unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: Int(count)))
    }
}

// MARK: - From parts

extension PublicKey {
    /// What stands before the modulus and exponent of RSA, the point of P-256 and the bytes of Ed25519: their algorithm
    /// identifiers (RFC 3279, section 2.3.1; RFC 5480, section 2.1.1; RFC 8410, section 4).
    private static let rsaIdentifier: [UInt8] =
        DER.value(0x06, [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]) + DER.null
    private static let p256Identifier: [UInt8] =
        DER.value(0x06, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01])
        + DER.value(0x06, [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07])
    private static let ed25519Identifier: [UInt8] = DER.value(0x06, [0x2B, 0x65, 0x70])

    private static let coordinateBytes = 32

    /// A key of RSA by its numbers, the most significant byte first.
    package convenience init(modulus: [UInt8], exponent: [UInt8]) throws(PublicKeyError) {
        // What is longer need not be written down to be refused.
        let bits = 8 * modulus.drop { $0 == 0 }.count
        guard bits <= Self.mostBits else { throw .large(bits: bits) }
        guard exponent.count <= modulus.count else { throw .exponent }
        let key = DER.value(DER.sequence, DER.natural(modulus) + DER.natural(exponent))
        try self.init(info: Self.wrap(Self.rsaIdentifier, key))
    }

    /// A key on P-256 by its coordinates, 32 bytes each.
    package convenience init(x: [UInt8], y: [UInt8]) throws(PublicKeyError) {
        guard x.count == Self.coordinateBytes, y.count == Self.coordinateBytes else { throw .malformed }
        try self.init(info: Self.wrap(Self.p256Identifier, [0x04] + x + y))
    }

    /// A key of Ed25519, 32 bytes.
    package convenience init(ed25519 bytes: [UInt8]) throws(PublicKeyError) {
        guard bytes.count == Self.coordinateBytes else { throw .malformed }
        try self.init(info: Self.wrap(Self.ed25519Identifier, bytes))
    }

    /// A key of RSA in its own form (RFC 8017, appendix A.1.1).
    convenience init(rsa bytes: [UInt8]) throws(PublicKeyError) {
        try self.init(info: Self.wrap(Self.rsaIdentifier, bytes))
    }

    private static func wrap(_ identifier: [UInt8], _ key: [UInt8]) -> [UInt8] {
        DER.value(DER.sequence, DER.value(DER.sequence, identifier) + DER.bits(key))
    }
}
