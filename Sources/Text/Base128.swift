// Numbers in base 128 (LEB128), and bytes after their count: the layout of what instances say, of changes, and of frames
// between members. Most counts take one byte.
//
// Bytes that anybody may have sent are read by a cursor, which believes no count.

extension OutputSpan<UInt8> {
    /// Appends a number in base 128, the lowest digit first, each but the last with its high bit set.
    @inlinable @inline(__always)
    public mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Appends bytes after their count.
    @inlinable @inline(__always)
    public mutating func append(counted bytes: ArraySlice<UInt8>) {
        append(number: UInt64(bytes.count))
        append(bytes.span)
    }
}

extension [UInt8] {
    /// Appends a count, 0 or more, in base 128.
    @inlinable @inline(__always)
    public mutating func append(count: Int) { append(number: UInt64(truncatingIfNeeded: count)) }

    /// Appends a number in base 128.
    @inlinable @inline(__always)
    public mutating func append(number: UInt64) {
        append(addingCapacity: Self.digits(of: number)) { $0.append(number: number) }
    }

    /// Appends bytes after their count.
    @inlinable @inline(__always)
    public mutating func append(counted bytes: ArraySlice<UInt8>) {
        append(count: bytes.count)
        append(contentsOf: bytes)
    }

    /// Appends text after its count.
    @inlinable
    public mutating func append(counted text: String) {
        append(count: text.utf8.count)
        append(contentsOf: text.utf8)
    }

    /// The bytes that a count takes.
    @inlinable @inline(__always)
    public static func digits(of count: Int) -> Int { digits(of: UInt64(truncatingIfNeeded: count)) }

    @inlinable @inline(__always)
    public static func digits(of number: UInt64) -> Int {
        number < 0x80 ? 1 : (UInt64.bitWidth - number.leadingZeroBitCount + 6) / 7
    }
}

extension Span<UInt8> {
    /// The number at an offset, and where what comes after it begins. For bytes of this process's own making: of any
    /// others the last digit may be missing, which stops the process.
    @inlinable @inline(__always)
    public func number(at offset: Int) -> (value: Int, end: Int) {
        var (value, shift, place) = (0, 0, offset)
        while self[place] & 0x80 != 0 {
            value |= Int(self[place] & 0x7F) << shift
            (shift, place) = (shift + 7, place + 1)
        }
        return (value | Int(self[place]) << shift, place + 1)
    }
}
