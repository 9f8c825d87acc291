// Checks signatures with public keys over OpenSSL. The one context is used again and again; the keys are shared by all
// loops.

import CTLS

/// Checks signatures. Confined to one thread.
@safe package final class SignatureVerifier {
    /// Invariant: empty between two checks.
    private let context: OpaquePointer

    package init() throws(CryptoError) {
        guard let context = unsafe EVP_MD_CTX_new() else { throw .unavailable(algorithm: "signatures") }
        unsafe self.context = unsafe context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Whether the owner of the key has signed the message. A key of another kind than the algorithm's has signed
    /// nothing.
    package func isValid(
        _ signature: [UInt8], for message: Span<UInt8>, by algorithm: SignatureAlgorithm, under key: PublicKey
    ) -> Bool {
        guard key.kind == algorithm.kind, algorithm.fits(signature.count, key) else { return false }
        defer {
            unsafe EVP_MD_CTX_reset(context)
            ERR_clear_error()
        }
        guard unsafe EVP_DigestVerifyInit_ex(context, nil, algorithm.digest, nil, nil, key.handle, nil) == 1 else {
            return false
        }
        let written = Self.written(signature, algorithm.form)
        return unsafe message.withUnsafeBufferPointer { message in
            unsafe written.withUnsafeBufferPointer { signature in
                unsafe EVP_DigestVerify(
                    context, signature.baseAddress, signature.count, message.baseAddress, message.count) == 1
            }
        }
    }

    /// As OpenSSL wants it.
    private static func written(_ signature: [UInt8], _ form: SignatureAlgorithm.Form) -> [UInt8] {
        guard case .pair(let bytes) = form else { return signature }
        return DER.value(
            DER.sequence, DER.natural(signature.prefix(bytes)) + DER.natural(signature.dropFirst(bytes)))
    }
}
