// The same appenders as an array has, for bytes whose most is known beforehand: room is asked for once, and each byte
// costs a comparison. Lists of instances, which are most of what is rendered, are written this way.

import Text

extension OutputSpan<UInt8> {
    /// Bytes that a byte of a string takes at most: `\u001f`.
    package static var longestEscape: Int { 6 }

    /// Appends a literal's bytes as they are: punctuation and fixed keys.
    @inline(__always)
    package mutating func append(literal: StaticString) {
        literal.withUTF8Buffer { unsafe append($0.span) }
    }

    /// Appends bytes as they are.
    package mutating func append(raw bytes: ArraySlice<UInt8>) {
        append(bytes.span)
    }

    /// Appends a JSON string of these bytes, quotes included. They must be UTF-8; they are not checked again.
    package mutating func appendJSON(string utf8: ArraySlice<UInt8>) {
        append(UInt8(ascii: "\""))
        append(escaping: utf8.span)
        append(UInt8(ascii: "\""))
    }

    /// Appends a JSON string of these characters, quotes included.
    package mutating func appendJSON(string: String) {
        append(UInt8(ascii: "\""))
        append(escaping: string.utf8Span.span)
        append(UInt8(ascii: "\""))
    }

    /// Appends a number that is not negative.
    package mutating func appendJSON(natural number: Int64) {
        var digits = InlineArray<19, UInt8>(repeating: 0)  // Int64.max has 19.
        var first = digits.count
        var rest = number.magnitude
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0 && first > 0
        for index in first..<digits.count { append(digits[index]) }
    }

    /// What stands for itself is copied at once: most strings are no more.
    private mutating func append(escaping bytes: Span<UInt8>) {
        guard let first = JSONScan.firstEscape(in: bytes) else { return append(bytes) }
        append(bytes.extracting(..<first))
        for index in first..<bytes.count {
            if bytes[index].needsJSONEscape { appendEscape(of: bytes[index]) } else { append(bytes[index]) }
        }
    }

    /// Rare: by the array's appender.
    private mutating func appendEscape(of byte: UInt8) {
        var escape: [UInt8] = []
        escape.appendJSON(string: CollectionOfOne(byte))
        append(raw: escape.dropFirst().dropLast())
    }
}
