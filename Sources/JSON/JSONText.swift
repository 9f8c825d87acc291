// A string that still lies in the JSON text it was read from. Keys are mostly compared and thrown away, so making a
// String of each would be the dearest part of reading a small body; this value compares in place and becomes a String
// only when asked.

import Text

/// A key or a string value inside a JSON text, already proven valid.
public struct JSONText: Sendable {
    /// The whole text the string lies in (shared, not copied).
    let source: [UInt8]
    /// Invariant: what lies between the quotes is well-formed UTF-8 with valid escapes only.
    let content: JSONContent

    /// The offset of the first byte after the opening quote.
    public var offset: Int { content.start }

    /// The characters the string stands for, escapes resolved.
    public var string: String {
        if content.hasEscapes { return String(decoding: unescaped(), as: UTF8.self) }
        return String(decoding: source[content.start..<content.end], as: UTF8.self)
    }

    /// The UTF-8 of the characters the string stands for, escapes resolved.
    public var utf8: [UInt8] {
        content.hasEscapes ? unescaped() : Array(source[content.start..<content.end])
    }

    /// As `utf8`, but in place where the string was written without escapes.
    public var bytes: ArraySlice<UInt8> {
        content.hasEscapes ? unescaped()[...] : source[content.start..<content.end]
    }

    /// How many bytes the string has between its quotes. As many as the characters take, where it was written without
    /// escapes; with them, more.
    public var writtenLength: Int { content.end - content.start }

    /// Whether the string was written with escapes.
    public var hasEscapes: Bool { content.hasEscapes }

    /// Whether the string stands for exactly these characters. Allocates nothing unless the string was written with
    /// escapes.
    public static func == (text: JSONText, literal: StaticString) -> Bool {
        guard !text.content.hasEscapes else {
            let resolved = text.unescaped()
            return literal.withUTF8Buffer { unsafe resolved.elementsEqual($0) }
        }
        guard literal.utf8CodeUnitCount == text.writtenLength else { return false }
        let start = text.content.start
        let span = text.source.span
        return literal.withUTF8Buffer { buffer in
            for index in 0..<buffer.count where unsafe span[start + index] != buffer[index] { return false }
            return true
        }
    }

    /// Whether the string stands for the characters of a lower-case ASCII literal, its ASCII letters in any case.
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        let bytes = bytes
        guard lowercase.utf8CodeUnitCount == bytes.count else { return false }
        return lowercase.withUTF8Buffer { buffer in
            bytes.indices.allSatisfy { index in
                let byte = bytes[index]
                let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
                return unsafe (isCapital ? byte | 0x20 : byte) == buffer[index - bytes.startIndex]
            }
        }
    }

    /// Lets `switch key { case "id": … }` compare in place.
    public static func ~= (literal: StaticString, text: JSONText) -> Bool { text == literal }

    /// The bytes with every escape replaced by the UTF-8 it stands for.
    private func unescaped() -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(content.end - content.start)
        var index = content.start
        while index < content.end {
            let byte = source[index]
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                index += 1
                continue
            }
            let letter = source[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                var code = hexCode(at: index)
                index += 4
                if code & 0xFC00 == 0xD800 {
                    // The scanner has seen the low half: `\u` and four digits follow.
                    code = 0x10000 + ((code & 0x3FF) << 10) + (hexCode(at: index + 2) & 0x3FF)
                    index += 6
                }
                Self.append(scalar: code, to: &result)
            default: result.append(letter)  // quote, backslash, slash
            }
        }
        return result
    }

    private func hexCode(at index: Int) -> UInt32 {
        var code: UInt32 = 0
        for digit in source[index..<index + 4] { code = code << 4 | UInt32(digit.hexadecimalValue ?? 0) }
        return code
    }

    private static func append(scalar code: UInt32, to bytes: inout [UInt8]) {
        switch code {
        case ..<0x80:
            bytes.append(UInt8(code))
        case ..<0x800:
            bytes.append(UInt8(0xC0 | code >> 6))
            bytes.append(UInt8(0x80 | code & 0x3F))
        case ..<0x10000:
            bytes.append(UInt8(0xE0 | code >> 12))
            bytes.append(UInt8(0x80 | code >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | code & 0x3F))
        default:
            bytes.append(UInt8(0xF0 | code >> 18))
            bytes.append(UInt8(0x80 | code >> 12 & 0x3F))
            bytes.append(UInt8(0x80 | code >> 6 & 0x3F))
            bytes.append(UInt8(0x80 | code & 0x3F))
        }
    }
}

/// Where the content of a string lies, without its quotes.
struct JSONContent: Sendable {
    var start: Int
    var end: Int
    var hasEscapes: Bool
}
