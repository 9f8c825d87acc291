// The inverse of `ByteWriter`, for bytes that anybody may have sent: nothing is read past the end, and no count is
// believed before it has been held against the bytes that are there, so that four bytes cannot ask for a gigabyte.

/// Reads a part of an array of bytes from front to back.
struct ByteReader {
    let bytes: [UInt8]
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8]) {
        self.init(bytes, in: 0..<bytes.count)
    }

    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - position }

    mutating func byte() throws(FrameError) -> UInt8 {
        guard position < end else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func word<Word: FixedWidthInteger>(_ type: Word.Type = Word.self) throws(FrameError) -> Word {
        let size = MemoryLayout<Word>.size
        guard remaining >= size else { throw .truncated }
        var value: Word = 0
        for index in 0..<size {
            value |= Word(truncatingIfNeeded: bytes[position + index]) << Word(truncatingIfNeeded: 8 * index)
        }
        position += size
        return value
    }

    /// A count of things of which each takes at least so many of the bytes that remain.
    mutating func count(ofAtLeast size: Int = 1) throws(FrameError) -> Int {
        var value: UInt64 = 0
        // Five bytes hold more than any frame; a sixth would only be there to overflow something.
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            let byte = try byte()
            value |= UInt64(byte & 0x7F) << shift
            guard byte & 0x80 == 0 else { continue }
            guard value <= UInt64(remaining / max(1, size)) else { throw .truncated }
            return Int(value)
        }
        throw .value
    }

    /// A count, and where so many bytes lie.
    mutating func range() throws(FrameError) -> Range<Int> {
        let count = try count()
        defer { position += count }
        return position..<position + count
    }

    mutating func raw(_ count: Int) throws(FrameError) -> [UInt8] {
        guard count >= 0, count <= remaining else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func block(atMost limit: Int = .max) throws(FrameError) -> [UInt8] {
        let count = try count()
        guard count <= limit else { throw .tooLong(count) }
        return try raw(count)
    }

    mutating func text(atMost limit: Int = .max) throws(FrameError) -> String {
        let count = try count()
        guard count <= limit else { throw .text }
        defer { position += count }
        do {
            return String(copying: try UTF8Span(validating: bytes.span.extracting(position..<position + count)))
        } catch {
            throw .text
        }
    }

    /// A hash of the bytes that remain.
    var hash: UInt64 {
        WireHash.of(bytes[position..<end])
    }
}

/// The check over the states of a copy: it finds what was lost or mixed up by a mistake of ours, not what an enemy
/// forged; TLS is against those.
enum WireHash {
    /// FNV-1a.
    static func of(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }

    /// The hash of all parts so far, in their order, and one more.
    static func joined(_ hash: UInt64, _ next: UInt64) -> UInt64 { (hash ^ next) &* 0xff51_afd7_ed55_8ccd &+ 1 }
}
