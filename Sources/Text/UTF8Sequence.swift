// Which bytes are UTF-8 (The Unicode Standard, table 3-7), one character at a time: for parsers that read the text
// anyway, and report where it is invalid.

extension Span<UInt8> {
    /// The length of the well-formed sequence at `index`, 2 to 4, or nil when there is none before `end`. The byte at
    /// `index` is not ASCII.
    package func multibyteLength(at index: Int, end: Int) -> Int? {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch self[index] {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)  // no overlong forms
        case 0xED: (length, second) = (3, 0x80...0x9F)  // no surrogates
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)  // nothing above U+10FFFF
        default: return nil
        }
        guard index + length <= end, second.contains(self[index + 1]) else { return nil }
        for position in index + 2..<index + length where self[position] & 0xC0 != 0x80 { return nil }
        return length
    }
}
