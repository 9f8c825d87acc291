// The chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1), undone piece by piece and done. What marks a copy's
// end as its end, and not as that of a connection, is the chunk of length zero.

import JSON
import Text

/// Why bytes are no chunked body.
enum ChunkError: Error, Sendable, Equatable {
    /// A chunk's length that is no hexadecimal number, or one beyond all reason.
    case length
    /// A line that does not end where it must.
    case lineEnd
    /// A length's extensions or the trailers are longer than they may be.
    case tooLong
    /// Bytes after the end of the body.
    case afterEnd
}

/// Undoes the coding.
struct ChunkedDecoder: Sendable {
    /// Bytes that the line of a length may have, and all trailers together.
    static let lineLimit = 4 << 10
    /// Hexadecimal digits of a length. The content is passed on as it comes, so this guards the arithmetic and no
    /// memory.
    static let lengthDigits = 12

    private enum State: Sendable {
        /// In a chunk's length, with the digits so far.
        case length(value: Int, digits: Int)
        /// After the digits, in extensions that are not defined; what they say is ignored.
        case extensions(value: Int)
        /// After a length's carriage return.
        case lengthEnd(value: Int)
        /// In the content, with so many bytes to go.
        case content(Int)
        /// After a chunk's content, and after its carriage return.
        case contentEnd, contentEndReturn
        /// In the trailers, in a line with so many bytes so far; and after a carriage return.
        case trailer(Int)
        case trailerReturn(Int)
        case ended
    }

    private var state = State.length(value: 0, digits: 0)
    /// Bytes of the current line of a length, or of all trailers.
    private var lineBytes = 0

    init() {}

    /// Whether the body has come to its end.
    var isComplete: Bool {
        if case .ended = state { true } else { false }
    }

    /// Appends what these bytes carry to `content`. After an error, which comes behind the content before it, it must
    /// not be used any more.
    mutating func decode(_ bytes: [UInt8], into content: inout [UInt8]) throws(ChunkError) {
        var index = 0
        while index < bytes.count {
            if case .content(let left) = state {
                let count = min(left, bytes.count - index)
                content += bytes[index..<index + count]
                index += count
                state = count == left ? .contentEnd : .content(left - count)
            } else {
                try step(bytes[index])
                index += 1
            }
        }
    }

    private mutating func step(_ byte: UInt8) throws(ChunkError) {
        lineBytes += 1
        guard lineBytes <= Self.lineLimit else { throw .tooLong }
        switch state {
        case .length(let value, let digits): state = try length(byte, value, digits)
        case .extensions(let value):
            if byte == 0x0D { state = .lengthEnd(value: value) } else if byte == 0x0A { throw .lineEnd }
        case .lengthEnd(let value):
            guard byte == 0x0A else { throw .lineEnd }
            lineBytes = 0
            state = value == 0 ? .trailer(0) : .content(value)
        case .content: break  // Not read byte by byte.
        case .contentEnd:
            guard byte == 0x0D else { throw .lineEnd }
            state = .contentEndReturn
        case .contentEndReturn:
            guard byte == 0x0A else { throw .lineEnd }
            lineBytes = 0
            state = .length(value: 0, digits: 0)
        case .trailer(let count):
            if byte == 0x0A { throw .lineEnd }
            state = byte == 0x0D ? .trailerReturn(count) : .trailer(count + 1)
        case .trailerReturn(let count):
            guard byte == 0x0A else { throw .lineEnd }
            state = count == 0 ? .ended : .trailer(0)
        case .ended: throw .afterEnd
        }
    }

    private func length(_ byte: UInt8, _ value: Int, _ digits: Int) throws(ChunkError) -> State {
        if let digit = byte.hexadecimalValue {
            guard digits < Self.lengthDigits else { throw .length }
            return .length(value: value << 4 | Int(digit), digits: digits + 1)
        }
        guard digits > 0 else { throw .length }
        switch byte {
        case 0x0D: return .lengthEnd(value: value)
        case UInt8(ascii: ";"), 0x20, 0x09: return .extensions(value: value)
        default: throw .length
        }
    }
}

/// Does the coding.
enum ChunkedEncoding {
    /// What ends a body.
    static let end: [UInt8] = Array("0\r\n\r\n".utf8)

    /// The bytes as one chunk; nothing when there are none, since an empty chunk is the end.
    static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        var chunk: [UInt8] = []
        chunk.reserveCapacity(bytes.count + 20)
        chunk += Array(String(bytes.count, radix: 16).utf8)
        chunk.append(literal: "\r\n")
        chunk += bytes
        chunk.append(literal: "\r\n")
        return chunk
    }
}
