// The checksum of gzip's format, for files of our own: it finds what a disk, a wire or a cut does to bytes, and costs a
// tenth of what a cryptographic hash does. It proves nothing about who wrote them.

import CZlib

package enum Checksum {
    /// CRC-32 (RFC 1952, section 8) of bytes that come after others of this checksum; 0 is that of none.
    package static func crc32(_ bytes: Span<UInt8>, after checksum: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer {
            UInt32(truncatingIfNeeded: unsafe crc32_z(UInt(checksum), $0.baseAddress, $0.count))
        }
    }
}
