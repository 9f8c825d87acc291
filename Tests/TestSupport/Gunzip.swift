// The other direction of Sources/Gzip, which the registry itself never needs.

import CZlib

/// Bytes compressed as gzip (RFC 1952), unpacked; nil when they are not exactly one gzip stream.
package func gunzip(_ bytes: [UInt8], limit: Int = 16 << 20) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = bytes
    var isWhole = false
    let output = [UInt8](unsafeUninitializedCapacity: limit) { output, initialized in
        input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(limit)
            isWhole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0
            initialized = Int(stream.total_out)
        }
    }
    return isWhole ? output : nil
}
