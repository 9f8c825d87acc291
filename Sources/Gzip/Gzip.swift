// zlib behind one function. Level 1: look-ups are compressed while a client waits, and higher levels take several times as long for a few
// per cent.

import CZlib

/// The gzip format (RFC 1952).
public enum Gzip {
    private static let level: Int32 = 1
    /// zlib's largest window, and 16 to ask for gzip's wrapping instead of zlib's own.
    private static let windowBits: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8

    /// The bytes compressed, or nil when memory is short, they would not get smaller, or they are 4 GiB or more, which zlib does not take at once.
    public static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        guard let count = UInt32(exactly: bytes.count) else { return nil }
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        var input = bytes
        let output = [UInt8](unsafeUninitializedCapacity: bytes.count) { output, initialized in
            input.withUnsafeMutableBufferPointer { input in
                stream.next_in = input.baseAddress
                stream.avail_in = count
                stream.next_out = output.baseAddress
                stream.avail_out = count
                // All input is given at once; anything but the end of the stream means that the output did not fit.
                initialized = deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
            }
        }
        return output.isEmpty ? nil : output
    }
}
