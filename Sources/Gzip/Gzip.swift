// zlib behind two functions. Level 1: look-ups are compressed while a client waits, and higher levels take several
// times as long for a few per cent.

import CZlib

/// The gzip format (RFC 1952).
package enum Gzip {
    private static let level: Int32 = 1
    /// zlib's largest window, and 16 to ask for gzip's wrapping instead of zlib's own.
    private static let windowBits: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8

    /// Whether the stream can be used; it is ended by who began it.
    @unsafe private static func begin(_ stream: inout z_stream) -> Bool {
        unsafe deflateInit2_(
            &stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    /// The bytes compressed, or nil when memory is short, they would not get smaller, or they are 4 GiB or more, which
    /// zlib does not take at once.
    package static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        guard let count = UInt32(exactly: bytes.count) else { return nil }
        var stream = unsafe z_stream()
        guard unsafe begin(&stream) else { return nil }
        defer { unsafe deflateEnd(&stream) }
        var input = bytes
        let output = unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { output, initialized in
            unsafe input.withUnsafeMutableBufferPointer { input in
                unsafe stream.next_in = input.baseAddress
                unsafe stream.avail_in = count
                unsafe stream.next_out = output.baseAddress
                unsafe stream.avail_out = count
                // All input is given at once; anything but the end of the stream means that the output did not fit.
                initialized = unsafe deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
            }
        }
        return output.isEmpty ? nil : output
    }

    /// How much of a long text is compressed at a time, in bytes of what it comes to.
    private static let pieceBytes = 128 << 10

    /// The same for a long text that lies in pieces: they are not put together, and no more room is taken than the
    /// result needs.
    ///
    /// - Parameter mayGrow: called before the result grows by that many bytes; when it returns false, there is no
    ///   result.
    package static func compress(_ pieces: [[UInt8]], mayGrow: (Int) -> Bool = { _ in true }) -> [UInt8]? {
        let count = pieces.reduce(0) { $0 + $1.count }
        var stream = unsafe z_stream()
        guard unsafe begin(&stream) else { return nil }
        defer { unsafe deflateEnd(&stream) }
        var output: [UInt8] = []
        var room = [UInt8](repeating: 0, count: max(1, min(pieceBytes, count)))
        var isRefused = false
        for index in 0...pieces.count {
            let input = index < pieces.count ? pieces[index] : []
            let flush = index < pieces.count ? Z_NO_FLUSH : Z_FINISH
            guard input.count <= UInt32.max else { return nil }
            var result = Z_OK
            unsafe input.withUnsafeBufferPointer { input in
                // zlib only reads it, whatever its type says; a mutable pointer would make Swift copy the piece first.
                unsafe stream.next_in = unsafe input.baseAddress.map { unsafe UnsafeMutablePointer(mutating: $0) }
                unsafe stream.avail_in = UInt32(input.count)
                repeat {
                    let filled = unsafe room.withUnsafeMutableBufferPointer { room in
                        unsafe stream.next_out = room.baseAddress
                        unsafe stream.avail_out = UInt32(room.count)
                        result = unsafe deflate(&stream, flush)
                        return unsafe room.count - Int(stream.avail_out)
                    }
                    guard mayGrow(filled) else {
                        isRefused = true
                        return
                    }
                    output += room[..<filled]
                    // When room is left, all that was given has been taken, or the stream has ended.
                } while unsafe stream.avail_out == 0 && output.count < count && result != Z_STREAM_END
            }
            guard !isRefused, output.count < count, flush == Z_NO_FLUSH || result == Z_STREAM_END else { return nil }
        }
        return output
    }
}
