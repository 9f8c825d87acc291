// Decompresses a stream that arrives in pieces and may never end, such as another member's changes. The output of a
// call is bounded: a few bytes of gzip can stand for gigabytes.

import CZlib

/// Why bytes were not unpacked.
package enum InflateError: Error, Sendable, Equatable {
    /// They are not gzip, or their checksum is wrong.
    case malformed
    /// They decompress to more than the limit.
    case tooLong
    /// Something follows the end of the stream.
    case afterEnd
    case outOfMemory
}

/// Unpacks one gzip stream (RFC 1952). Not `Sendable`: one thread's at a time.
@safe package final class Inflater {
    /// zlib's largest window, and 16 to ask for gzip's wrapping instead of zlib's own.
    private static let windowBits: Int32 = 15 + 16
    /// The least room that zlib is offered.
    private static let smallestPiece = 4 << 10

    /// In one place for as long as it lives, since zlib's state points back to it.
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether the stream has ended, and its checksum was right.
    package private(set) var isComplete = false
    private var failure: InflateError?

    /// Nil when memory runs out.
    package init?() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe inflateInit2_(stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// What these bytes decompress to, as far as it is known yet. After an error every further call throws the same.
    ///
    /// - Parameter limit: bytes, above 0, that they may unpack to.
    package func unpack(_ bytes: [UInt8], limit: Int) throws(InflateError) -> [UInt8] {
        if let failure { throw failure }
        do throws(InflateError) {
            return try inflateAll(bytes, limit: limit)
        } catch {
            failure = error
            throw error
        }
    }

    private func inflateAll(_ bytes: [UInt8], limit: Int) throws(InflateError) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        guard !isComplete else { throw .afterEnd }
        var input = bytes
        var output: [UInt8] = []
        var used = 0
        var room = max(Self.smallestPiece, 4 * bytes.count)
        while true {
            let (result, taken, isFull) = step(&input, from: used, into: &output, room: room)
            used += taken
            guard output.count <= limit else { throw .tooLong }
            switch result {
            case Z_STREAM_END:
                isComplete = true
                guard used == bytes.count else { throw .afterEnd }
                return output
            // Z_BUF_ERROR: no progress is possible, because all input is consumed or no room is left.
            case Z_OK, Z_BUF_ERROR:
                if !isFull && used == bytes.count { return output }
                guard isFull || taken > 0 else { throw .malformed }
                room *= 2
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .malformed
            }
        }
    }

    /// One call of zlib, which appends up to `room` bytes to the output.
    private func step(
        _ input: inout [UInt8], from used: Int, into output: inout [UInt8], room: Int
    ) -> (result: Int32, taken: Int, isFull: Bool) {
        var result = Z_OK
        var taken = 0
        let piece = unsafe input.withUnsafeMutableBufferPointer { input in
            unsafe [UInt8](unsafeUninitializedCapacity: room) { piece, initialized in
                unsafe stream.pointee.next_in = unsafe input.baseAddress.map { unsafe $0 + used }
                unsafe stream.pointee.avail_in = UInt32(clamping: input.count - used)
                unsafe stream.pointee.next_out = piece.baseAddress
                unsafe stream.pointee.avail_out = UInt32(clamping: room)
                let offered = unsafe Int(stream.pointee.avail_in)
                result = unsafe inflate(stream, Z_NO_FLUSH)
                taken = unsafe offered - Int(stream.pointee.avail_in)
                initialized = unsafe room - Int(stream.pointee.avail_out)
            }
        }
        let isFull = piece.count == room
        if output.isEmpty { output = piece } else { output += piece }
        return (result, taken, isFull)
    }
}
