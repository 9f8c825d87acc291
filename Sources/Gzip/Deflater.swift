// Compresses a stream that is sent in pieces, each of which the other end must be able to decompress at once.

import CZlib

/// Packs one gzip stream (RFC 1952). Not `Sendable`: one thread's at a time. Takes about 270 kB while it lives.
@safe package final class Deflater {
    /// Compression for other members must not cost more than it saves.
    private static let level: Int32 = 1
    /// zlib's largest window, and 16 to ask for gzip's wrapping instead of zlib's own.
    private static let windowBits: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8
    private static let smallestPiece = 512

    /// In one place for as long as it lives, since zlib's state points back to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private var hasEnded = false

    /// Nil when memory runs out.
    package init?() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard
            unsafe deflateInit2_(
                stream, Self.level, Z_DEFLATED, Self.windowBits, Self.memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// The compressed bytes, flushed to a byte boundary: the other end can decompress all of them at once.
    package func pack(_ bytes: [UInt8]) -> [UInt8] { bytes.isEmpty ? [] : run(bytes, flush: Z_SYNC_FLUSH) }

    /// The end of the stream. Nothing can be compressed after it.
    package func finish() -> [UInt8] {
        defer { hasEnded = true }
        return run([], flush: Z_FINISH)
    }

    private func run(_ bytes: [UInt8], flush: Int32) -> [UInt8] {
        guard !hasEnded else { return [] }
        var input = bytes
        var output: [UInt8] = []
        unsafe input.withUnsafeMutableBufferPointer { input in
            unsafe stream.pointee.next_in = input.baseAddress
            unsafe stream.pointee.avail_in = UInt32(clamping: input.count)
            var isFull = true
            // A flush is done when zlib leaves room unused; until then it must be called again in the same way.
            while isFull {
                let room = max(Self.smallestPiece, bytes.count / 2)
                let piece = unsafe [UInt8](unsafeUninitializedCapacity: room) { piece, initialized in
                    unsafe stream.pointee.next_out = piece.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(clamping: room)
                    // The state is always valid here, and too little room is not an error, so the return code says no
                    // more than the room that is left.
                    _ = unsafe deflate(stream, flush)
                    initialized = unsafe room - Int(stream.pointee.avail_out)
                }
                isFull = piece.count == room
                if output.isEmpty { output = piece } else { output += piece }
            }
        }
        return output
    }
}
