// Appends JSON to a growing array of bytes. Answers are rendered straight into the bytes that are sent, without an
// encoder or a String in between; punctuation is the caller's, since it knows its shape.

import Text

extension [UInt8] {
    /// Appends a JSON string of these characters, quotes included.
    package mutating func appendJSON(string: String) { appendJSON(quoted: string.utf8Span.span) }

    /// The same of bytes that are UTF-8, and are not checked again.
    package mutating func appendJSON(string utf8: [UInt8]) { appendJSON(quoted: utf8.span) }

    /// The same of bytes that are UTF-8, and are not checked again.
    package mutating func appendJSON(string utf8: ArraySlice<UInt8>) { appendJSON(quoted: utf8.span) }

    /// Appends a JSON string of these bytes, quotes included. The bytes must be UTF-8; they are not checked again.
    package mutating func appendJSON(string utf8: some Collection<UInt8>) {
        append(UInt8(ascii: "\""))
        for byte in utf8 {
            if byte.needsJSONEscape { appendEscape(of: byte) } else { append(byte) }
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends the digits of an unsigned number.
    package mutating func appendJSON(_ number: UInt64) {
        var digitCount = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digitCount += 1
        }
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digitCount))
        rest = number
        for index in stride(from: count - 1, to: count - 1 - digitCount, by: -1) {
            self[index] += UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Appends a signed number.
    package mutating func appendJSON(_ number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        appendJSON(number.magnitude)
    }

    /// Appends a signed number.
    package mutating func appendJSON(_ number: Int) {
        appendJSON(Int64(number))
    }

    /// Appends `true` or `false`.
    package mutating func appendJSON(_ value: Bool) {
        append(literal: value ? "true" : "false")
    }

    /// Appends the bytes of a literal as they are: punctuation and fixed keys, `{"id":`.
    package mutating func append(literal: StaticString) {
        literal.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }

    /// Copies runs that need no escape at once: most strings are one run.
    private mutating func appendJSON(quoted utf8: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        var start = 0
        while start < utf8.count {
            let run = JSONScan.firstEscape(in: utf8.extracting(start..<utf8.count)) ?? utf8.count - start
            append(utf8.extracting(start..<start + run))
            start += run
            guard start < utf8.count else { break }
            appendEscape(of: utf8[start])
            start += 1
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(of byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0A: append(UInt8(ascii: "n"))
        case 0x0C: append(UInt8(ascii: "f"))
        case 0x0D: append(UInt8(ascii: "r"))
        default:
            append(UInt8(ascii: "u"))
            append(hexadecimal: UInt64(byte), digits: 4)
        }
    }
}

extension UInt8 {
    /// Whether a byte of a string cannot stand for itself (RFC 8259, section 7).
    var needsJSONEscape: Bool { self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\") }
}
