// Comparisons of raw bytes with the constants of the protocol, without making a String of either.

import Text

extension ArraySlice<UInt8> {
    /// Whether these bytes are exactly those of an ASCII constant.
    public func equals(_ constant: StaticString) -> Bool {
        guard count == constant.utf8CodeUnitCount else { return false }
        return constant.withUTF8Buffer { expected in
            var index = startIndex
            for byte in expected {
                if self[index] != byte { return false }
                index += 1
            }
            return true
        }
    }

    /// Whether these bytes are those of a lower-case ASCII constant, in any case.
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        return lowercase.withUTF8Buffer { expected in
            var index = startIndex
            for byte in expected {
                if self[index].lowercased != byte { return false }
                index += 1
            }
            return true
        }
    }

    /// These bytes without the spaces and tabs around them.
    func trimmed() -> ArraySlice<UInt8> {
        var slice = self
        while let first = slice.first, first.isBlank { slice.removeFirst() }
        while let last = slice.last, last.isBlank { slice.removeLast() }
        return slice
    }
}

extension UInt8 {
    /// A space or a tab: the optional white space of RFC 9110, section 5.6.3.
    var isBlank: Bool { self == 0x20 || self == 0x09 }

    /// An ASCII digit.
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    /// The byte with an ASCII capital made small.
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
}

/// Where a request target's path ends, and whether anything in the target is percent-encoded.
struct TargetShape: Sendable {
    var pathEnd: Int
    var hasEscapes: Bool
}

extension ByteSet {
    /// What a method or a field name is made of (RFC 9110, section 5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
    static let token = ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    /// What a host name, an address or a port is written with: letters, digits and `-._:[]`. It is echoed in links and redirects, so nothing
    /// else passes.
    static let host = ByteSet(low: 0x07FF_6000_0000_0000, high: 0x07FF_FFFE_AFFF_FFFE)
}

extension Span<UInt8> {
    /// Where `byte` first stands in `range`, or nil.
    func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            if let offset = eight(at: index).first(byte) { return index + offset }
            index += 8
        }
        while index < range.upperBound {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    /// Whether the bytes from `start` on are exactly those in `range` of another span. All of them must lie within.
    func hasBytes(_ expected: Span<UInt8>, _ range: Range<Int>, at start: Int) -> Bool {
        let count = range.upperBound - range.lowerBound
        var offset = 0
        guard count >= 8 else {
            while offset < count {
                if self[start + offset] != expected[range.lowerBound + offset] { return false }
                offset += 1
            }
            return true
        }
        // Eight at a time; the last eight overlap those before them.
        while offset < count {
            let place = Swift.min(offset, count - 8)
            if eight(at: start + place) != expected.eight(at: range.lowerBound + place) { return false }
            offset += 8
        }
        return true
    }

    /// The eight bytes from `offset` on, all of which must be there.
    private func eight(at offset: Int) -> EightBytes {
        EightBytes(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Whether all bytes in `range` are of the set.
    func areAll(_ set: ByteSet, in range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if !set.contains(self[index]) { return false }
            index += 1
        }
        return true
    }

    /// What a request target is like, found in one pass; nil when it has a byte that it may not have: anything but visible ASCII, and `#`.
    func targetShape(in range: Range<Int>) -> TargetShape? {
        var shape = TargetShape(pathEnd: range.upperBound, hasEscapes: false)
        var index = range.lowerBound
        while index < range.upperBound {
            if index + 8 <= range.upperBound, eight(at: index).arePlainTarget {
                index += 8
                continue
            }
            let byte = self[index]
            if byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#") { return nil }
            if byte == UInt8(ascii: "%") { shape.hasEscapes = true }
            if byte == UInt8(ascii: "?"), shape.pathEnd == range.upperBound { shape.pathEnd = index }
            index += 1
        }
        return shape
    }

    /// `range` without the spaces and tabs at its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// Whether all bytes in `range` may stand in a field value: no control character but the tab.
    func areFieldText(in range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if index + 8 <= range.upperBound, eight(at: index).areVisible {
                index += 8
                continue
            }
            let byte = self[index]
            if byte < 0x20 ? byte != 0x09 : byte == 0x7F { return false }
            index += 1
        }
        return true
    }
}
