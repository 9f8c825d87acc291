// SHA-256 (FIPS 180-4) over OpenSSL, for instance ids. The algorithm is fetched from its provider once for the process:
// fetching by name on every call, as OpenSSL's own one-shot function does, costs several times the hashing of a short
// message.

import CTLS

/// SHA-256 digests. Any thread.
public enum SHA256 {
    /// The length of a digest in bytes.
    public static let byteCount = 32

    /// The digest of the bytes, `byteCount` long.
    public static func digest(of message: Span<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            hash(message, into: UnsafeMutableRawBufferPointer(buffer))
            count = byteCount
        }
    }

    /// The digest of the bytes, `byteCount` long.
    public static func digest(of message: [UInt8]) -> [UInt8] { digest(of: message.span) }

    /// The first 8 bytes of the digest, the first byte the most significant: its 16 hexadecimal digits are the first 16
    /// of the digest's. Allocates nothing that outlives the call.
    public static func prefix64(of message: Span<UInt8>) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { buffer in
            hash(message, into: buffer)
            return UInt64(bigEndian: buffer.load(as: UInt64.self))
        }
    }

    /// The first 8 bytes of the digest, the first byte the most significant.
    public static func prefix64(of message: [UInt8]) -> UInt64 { prefix64(of: message.span) }

    /// - Parameter digest: room for `byteCount` bytes.
    private static func hash(_ message: Span<UInt8>, into digest: UnsafeMutableRawBufferPointer) {
        message.withUnsafeBytes { bytes in
            demand(
                EVP_Digest(bytes.baseAddress, bytes.count, digest.baseAddress, nil, algorithm.handle, nil),
                "compute SHA-256")
        }
    }

    private static let algorithm = Algorithm()

    /// `@unchecked Sendable`: OpenSSL never changes a fetched EVP_MD, and guards its reference count itself; the handle
    /// lives as long as the process.
    private struct Algorithm: @unchecked Sendable {
        let handle: OpaquePointer

        init() {
            guard let handle = EVP_MD_fetch(nil, "SHA256", nil) else {
                preconditionFailure("OpenSSL offers no SHA-256: look at its configuration and providers")
            }
            self.handle = handle
        }
    }
}
