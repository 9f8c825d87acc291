// The lexical half of the reader: strings and numbers, byte by byte, by the grammar of RFC 8259 and the well-formed
// UTF-8 of Unicode table 3-7. Pure functions from bytes and a position to the position after, so that what is skipped
// and what is read go through the same checks.

import Text

enum JSONScan {
    /// Scans the string whose content starts at `start`, just after the opening quote.
    /// The closing quote is at `end` of the result.
    static func string(_ bytes: [UInt8], from start: Int) throws(JSONError) -> JSONContent {
        let span = bytes.span
        let count = span.count
        var index = start
        var hasEscapes = false
        while index < count {
            // Eight bytes at a time over what stands for itself: a text of a few letters takes one step, and not one
            // for each letter.
            if index + 8 <= count {
                let special = specialBytes(span.word(at: index))
                guard special != 0 else {
                    index += 8
                    continue
                }
                index += special.trailingZeroBitCount / 8
            }
            let byte = span[index]
            if byte < 0x80 {
                if byte == UInt8(ascii: "\"") { return JSONContent(start: start, end: index, hasEscapes: hasEscapes) }
                if byte == UInt8(ascii: "\\") {
                    hasEscapes = true
                    index = try escape(bytes, at: index)
                    continue
                }
                guard byte >= 0x20 else { throw JSONError(.controlCharacter, at: index) }
                index += 1
            } else {
                guard let length = span.multibyteLength(at: index, end: count) else {
                    throw JSONError(.invalidUTF8, at: index)
                }
                index += length
            }
        }
        throw JSONError(.unexpectedEnd, at: count)
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    /// Bits in which the first of eight bytes that is a quote, a backslash, a control character or not ASCII has its
    /// highest one set, and none before it any; bytes after the first may be marked wrongly. By Sean Eron Anderson,
    /// "Bit Twiddling Hacks": "Determine if a word has a byte less than n".
    @inline(__always)
    private static func specialBytes(_ word: UInt64) -> UInt64 {
        (escapedBytes(word) | word) & tops
    }

    /// The same of a byte that has to be escaped: a quote, a backslash or a control character.
    @inline(__always)
    private static func escapedBytes(_ word: UInt64) -> UInt64 {
        let quotes = word ^ ones &* UInt64(UInt8(ascii: "\""))
        let escapes = word ^ ones &* UInt64(UInt8(ascii: "\\"))
        return ((quotes &- ones) & ~quotes | (escapes &- ones) & ~escapes | (word &- ones &* 0x20) & ~word) & tops
    }

    /// Where the first byte is that cannot stand for itself in a string; nil where all can.
    static func firstEscape(in bytes: Span<UInt8>) -> Int? {
        var index = 0
        while index + 8 <= bytes.count {
            let escaped = escapedBytes(bytes.word(at: index))
            if escaped != 0 { return index + escaped.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count {
            if bytes[index].needsJSONEscape { return index }
            index += 1
        }
        return nil
    }

    /// Scans the number that starts at `start`; `end` is the position after it.
    static func number(_ bytes: [UInt8], from start: Int) throws(JSONError) -> (shape: NumberShape, end: Int) {
        let count = bytes.count
        var index = start
        var shape = NumberShape(isNegative: false, isWhole: true, magnitude: 0)
        if index < count, bytes[index] == UInt8(ascii: "-") {
            shape.isNegative = true
            index += 1
        }
        let firstDigit = index
        while index < count, let digit = decimalValue(bytes[index]) {
            shape.append(digit)
            index += 1
        }
        guard index > firstDigit else { throw missingDigit(bytes, at: index) }
        if bytes[firstDigit] == UInt8(ascii: "0"), index > firstDigit + 1 {
            throw JSONError(.invalidNumber, at: firstDigit)
        }

        if index < count, bytes[index] == UInt8(ascii: ".") {
            shape.isWhole = false
            index = try digits(bytes, from: index + 1)
        }
        if index < count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            shape.isWhole = false
            index += 1
            if index < count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
            index = try digits(bytes, from: index)
        }
        return (shape, index)
    }

    struct NumberShape {
        var isNegative: Bool
        var isWhole: Bool
        /// The digits before point and exponent; nil once they no longer fit.
        var magnitude: UInt64?

        mutating func append(_ digit: UInt8) {
            guard let value = magnitude else { return }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = product.addingReportingOverflow(UInt64(digit))
            magnitude = overflows || carries ? nil : sum
        }
    }

    static func decimalValue(_ byte: UInt8) -> UInt8? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? value : nil
    }

    /// One digit or more; gives the position after the last.
    private static func digits(_ bytes: [UInt8], from start: Int) throws(JSONError) -> Int {
        var index = start
        while index < bytes.count, decimalValue(bytes[index]) != nil { index += 1 }
        guard index > start else { throw missingDigit(bytes, at: index) }
        return index
    }

    private static func missingDigit(_ bytes: [UInt8], at index: Int) -> JSONError {
        JSONError(index < bytes.count ? .invalidNumber : .unexpectedEnd, at: index)
    }

    /// Checks the escape whose backslash is at `index`, both halves of a surrogate pair at once; gives the position
    /// after it.
    private static func escape(_ bytes: [UInt8], at index: Int) throws(JSONError) -> Int {
        guard index + 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index + 2
        case UInt8(ascii: "u"):
            let code = try codeUnit(bytes, at: index + 2)
            guard code & 0xF800 == 0xD800 else { return index + 6 }
            guard code & 0xFC00 == 0xD800, index + 7 < bytes.count,
                bytes[index + 6] == UInt8(ascii: "\\"), bytes[index + 7] == UInt8(ascii: "u")
            else { throw JSONError(.loneSurrogate, at: index) }
            guard try codeUnit(bytes, at: index + 8) & 0xFC00 == 0xDC00 else {
                throw JSONError(.loneSurrogate, at: index)
            }
            return index + 12
        default:
            throw JSONError(.invalidEscape, at: index)
        }
    }

    /// The four hexadecimal digits at `index`.
    private static func codeUnit(_ bytes: [UInt8], at index: Int) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for position in index..<index + 4 {
            guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
            guard let digit = bytes[position].hexadecimalValue else { throw JSONError(.invalidEscape, at: position) }
            code = code << 4 | UInt32(digit)
        }
        return code
    }
}
