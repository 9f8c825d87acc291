// SHA-256 (FIPS 180-4) over OpenSSL, for instance ids. The algorithm is fetched from its provider once for the process,
// and each thread keeps a context: fetching by name on every call, as OpenSSL's own one-shot function does, costs
// several times the hashing of a short message, and making a context as much as the hashing.

import CTLS
import Glibc

/// SHA-256 digests. Any thread.
package enum SHA256 {
    /// The length of a digest in bytes.
    package static let byteCount = 32

    /// The digest of the bytes, `byteCount` long.
    package static func digest(of message: Span<UInt8>) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            unsafe hash(message, into: UnsafeMutableRawBufferPointer(buffer))
            count = byteCount
        }
    }

    /// The digest of the bytes, `byteCount` long.
    package static func digest(of message: [UInt8]) -> [UInt8] { digest(of: message.span) }

    /// The first 8 bytes of the digest, the first byte the most significant: its 16 hexadecimal digits are the first 16
    /// of the digest's. Allocates nothing that outlives the call.
    package static func prefix64(of message: Span<UInt8>) -> UInt64 {
        unsafe withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { buffer in
            unsafe hash(message, into: buffer)
            return unsafe UInt64(bigEndian: buffer.load(as: UInt64.self))
        }
    }

    /// The first 8 bytes of the digest, the first byte the most significant.
    package static func prefix64(of message: [UInt8]) -> UInt64 { prefix64(of: message.span) }

    /// - Parameter digest: room for `byteCount` bytes.
    private static func hash(_ message: Span<UInt8>, into digest: UnsafeMutableRawBufferPointer) {
        let context = unsafe context()
        unsafe message.withUnsafeBytes { bytes in
            // Without an algorithm: that of the context once more.
            unsafe demand(EVP_DigestInit_ex2(context, nil, nil), "begin SHA-256")
            unsafe demand(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count), "compute SHA-256")
            unsafe demand(EVP_DigestFinal_ex(context, digest.baseAddress, nil), "end SHA-256")
        }
    }

    /// The thread's own context, made for its first digest and freed with the thread.
    private static func context() -> OpaquePointer {
        if let kept = unsafe pthread_getspecific(contexts) { return OpaquePointer(kept) }
        guard let made = unsafe EVP_MD_CTX_new() else { preconditionFailure("OpenSSL has no memory for a digest") }
        unsafe demand(EVP_DigestInit_ex2(made, algorithm.handle, nil), "begin SHA-256")
        unsafe precondition(
            pthread_setspecific(contexts, UnsafeRawPointer(made)) == 0, "there is memory for a thread's context")
        return unsafe made
    }

    /// Where each thread has its context.
    private static let contexts: pthread_key_t = {
        var key = pthread_key_t()
        unsafe precondition(
            pthread_key_create(&key) { unsafe EVP_MD_CTX_free(OpaquePointer($0)) } == 0,
            "there is a key for the contexts")
        return key
    }()

    private static let algorithm = Algorithm()

    /// `@unchecked Sendable`: OpenSSL never changes a fetched EVP_MD, and guards its reference count itself; the handle
    /// lives as long as the process.
    @safe private struct Algorithm: @unchecked Sendable {
        let handle: OpaquePointer

        init() {
            guard let handle = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
                preconditionFailure("OpenSSL offers no SHA-256: look at its configuration and providers")
            }
            unsafe self.handle = unsafe handle
        }
    }
}
