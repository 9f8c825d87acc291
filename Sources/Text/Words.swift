// Eight bytes at once, as a number: where bytes are copied, compared or looked through, one by one would take eight
// times as long. The only places that load and store so are these.

extension Span<UInt8> {
    /// Eight bytes from `offset` on as a number, the first byte lowest. All of them must be there.
    @inlinable @inline(__always)
    public func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= count - 8, "a word lies within its bytes")
        return unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Whether another span has just these bytes.
    @inlinable
    public func hasSameBytes(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var offset = 0
        guard count >= 8 else {
            while offset < count {
                if self[offset] != other[offset] { return false }
                offset += 1
            }
            return true
        }
        // The last eight overlap those before them.
        while offset < count {
            let place = Swift.min(offset, count - 8)
            if word(at: place) != other.word(at: place) { return false }
            offset += 8
        }
        return true
    }
}

extension OutputSpan<UInt8> {
    /// Appends the eight bytes of a number, the lowest first.
    @inlinable @inline(__always)
    public mutating func append(word: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
}

extension [UInt8] {
    /// Appends the eight bytes of a number, the lowest first.
    @inlinable @inline(__always)
    public mutating func append(word: UInt64) {
        unsafe Swift.withUnsafeBytes(of: word.littleEndian) { unsafe append(contentsOf: $0) }
    }
}
