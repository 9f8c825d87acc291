// Numbers and texts in bytes that anybody may have sent: nothing is read past the end, and no count is believed before
// it has been held against the bytes that are there. The bytes are lent with each call, so that reading counts no
// references and copies nothing.

import Text

/// Why bytes are no state.
package enum StateError: Error, Sendable, Equatable {
    /// They end before what they promise, or have a count that cannot be true.
    case truncated
    /// Text that is not UTF-8 or longer than it may be.
    case text
    /// A number that stands for nothing.
    case value
    /// A part longer than it may be, by its own count.
    case tooLong(Int)
}

/// A place in a run of bytes, and where the run ends. All calls get the bytes that it was made for.
struct ByteCursor {
    /// Invariant: `position` ≤ `end` ≤ the count of the bytes.
    private(set) var position: Int
    let end: Int

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - position }

    @inline(__always)
    mutating func byte(_ bytes: Span<UInt8>) throws(StateError) -> UInt8 {
        guard position < end else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    /// Eight bytes, the lowest first.
    @inline(__always)
    mutating func word(_ bytes: Span<UInt8>) throws(StateError) -> UInt64 {
        guard remaining >= 8 else { throw .truncated }
        defer { position += 8 }
        return bytes.word(at: position)
    }

    @inline(__always)
    mutating func signed(_ bytes: Span<UInt8>) throws(StateError) -> Int64 { Int64(bitPattern: try word(bytes)) }

    /// A count of things of which each takes at least one of the bytes that remain, in base 128.
    @inline(__always)
    mutating func count(_ bytes: Span<UInt8>) throws(StateError) -> Int {
        let first = Int(try byte(bytes))
        let value = first < 0x80 ? first : try longCount(bytes, first)
        guard value <= remaining else { throw .truncated }
        return value
    }

    private mutating func longCount(_ bytes: Span<UInt8>, _ first: Int) throws(StateError) -> Int {
        var value = first & 0x7F
        // Five bytes hold more than any frame; a sixth would only be there to overflow something.
        for shift in stride(from: 7, to: 35, by: 7) {
            let byte = Int(try byte(bytes))
            value |= (byte & 0x7F) << shift
            guard byte & 0x80 != 0 else { return value }
        }
        throw .value
    }

    mutating func flag(_ bytes: Span<UInt8>) throws(StateError) -> Bool {
        switch try byte(bytes) {
        case 0: return false
        case 1: return true
        default: throw .value
        }
    }

    /// Where a count of bytes and those bytes lie.
    @inline(__always)
    mutating func block(_ bytes: Span<UInt8>, atMost limit: Int) throws(StateError) -> Field {
        let start = position
        let count = try count(bytes)
        guard count <= limit else { throw .tooLong(count) }
        defer { position += count }
        return Field(start: start, content: position..<position + count)
    }

    /// The same of bytes that are UTF-8.
    @inline(__always)
    mutating func text(_ bytes: Span<UInt8>, atMost limit: Int) throws(StateError) -> Field {
        let start = position
        let count = try count(bytes)
        guard count <= limit, bytes.isUTF8(in: position..<position + count) else { throw .text }
        defer { position += count }
        return Field(start: start, content: position..<position + count)
    }

    /// Something with its count before it.
    struct Field {
        let start: Int
        let content: Range<Int>

        /// With its count.
        var whole: Range<Int> { start..<content.upperBound }
    }
}

extension Span<UInt8> {
    /// Whether the bytes in a range are UTF-8. Most text is ASCII, which is looked at eight bytes at a time.
    @inline(__always)
    func isUTF8(in range: Range<Int>) -> Bool {
        var place = range.lowerBound
        var seen: UInt64 = 0
        while place <= range.upperBound - 8 {
            seen |= word(at: place)
            place += 8
        }
        while place < range.upperBound {
            seen |= UInt64(self[place])
            place += 1
        }
        return seen & 0x8080_8080_8080_8080 == 0 || isLongUTF8(in: range)
    }

    private func isLongUTF8(in range: Range<Int>) -> Bool {
        do {
            _ = try UTF8Span(validating: extracting(range))
            return true
        } catch {
            return false
        }
    }

    /// The text in a range of which it is known that it is UTF-8.
    func text(in range: Range<Int>) -> String {
        unsafe extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
