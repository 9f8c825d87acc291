// HMAC (RFC 2104) with SHA-256 over OpenSSL, for JSON Web Tokens. The key is prepared once and kept by OpenSSL, which
// wipes it when it lets go, so that checking a token costs hashing alone.

import CTLS

/// A prepared HMAC-SHA-256 key. Confined to one thread: each code is computed in the one context that holds the key.
@safe package final class HMACSHA256 {
    /// The length of a code in bytes.
    package static let byteCount = 32

    /// Invariant: holds the key and SHA-256; `EVP_MAC_init` without a key starts the next message under both.
    private let context: OpaquePointer

    /// Prepares a key of any length, even none.
    package init(key: Span<UInt8>) throws(CryptoError) {
        guard let algorithm = unsafe EVP_MAC_fetch(nil, "HMAC", nil) else { throw .unavailable(algorithm: "HMAC") }
        defer { unsafe EVP_MAC_free(algorithm) }  // the context keeps a reference of its own
        guard let context = unsafe EVP_MAC_CTX_new(algorithm) else { throw .unavailable(algorithm: "HMAC") }
        guard unsafe Self.start(context, key: key) else {
            unsafe EVP_MAC_CTX_free(context)
            throw .keyRefused(algorithm: "HMAC with SHA-256")
        }
        unsafe self.context = unsafe context
    }

    /// Prepares a key of any length, even none.
    package convenience init(key: [UInt8]) throws(CryptoError) { try self.init(key: key.span) }

    deinit { unsafe EVP_MAC_CTX_free(context) }

    /// The code of one message, `byteCount` long.
    package func code(for message: Span<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            unsafe compute(message, into: UnsafeMutableRawBufferPointer(buffer))
            count = Self.byteCount
        }
    }

    /// The code of one message, `byteCount` long.
    package func code(for message: [UInt8]) -> [UInt8] { code(for: message.span) }

    /// Whether `code` is the whole code of the message; the time taken does not reveal where the two differ.
    package func isValid(_ code: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        guard code.count == Self.byteCount else { return false }
        return unsafe withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { expected in
            unsafe compute(message, into: expected)
            return unsafe code.withUnsafeBytes {
                unsafe CRYPTO_memcmp($0.baseAddress, expected.baseAddress, Self.byteCount) == 0
            }
        }
    }

    /// - Parameter code: room for `byteCount` bytes.
    private func compute(_ message: Span<UInt8>, into code: UnsafeMutableRawBufferPointer) {
        unsafe demand(EVP_MAC_init(context, nil, 0, nil), "start an HMAC")
        unsafe message.withUnsafeBufferPointer { bytes in
            unsafe demand(EVP_MAC_update(context, bytes.baseAddress, bytes.count), "compute an HMAC")
        }
        var length = 0
        let result = unsafe EVP_MAC_final(context, code.bindMemory(to: UInt8.self).baseAddress, &length, code.count)
        demand(result, "finish an HMAC")
        precondition(length == Self.byteCount, "an HMAC-SHA-256 has 32 bytes")
    }

    private static func start(_ context: OpaquePointer, key: Span<UInt8>) -> Bool {
        unsafe key.withUnsafeBufferPointer { bytes in
            // No key at all would ask for the one set before; an empty key needs an address to be told from that.
            guard bytes.isEmpty else {
                return unsafe ctls_start_hmac_sha256(context, bytes.baseAddress, bytes.count) == 1
            }
            return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { room in
                unsafe room.initialize(repeating: 0)
                return unsafe ctls_start_hmac_sha256(context, room.baseAddress, 0) == 1
            }
        }
    }
}
