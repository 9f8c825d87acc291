// What clients send (paths, request ids, header values) ends up in the log, so the log is where they would forge lines,
// move an operator's cursor, or show one name as another. One function renders any bytes so that an event stays one
// line of valid UTF-8 (and, for JSON, valid JSON), in which every character is seen and stands where it is read.

import Text

/// How a byte that cannot stand for itself is written.
enum EscapeStyle {
    /// As Go's quoted strings: `\xNN` for a control or an invalid byte, so that nothing is lost.
    case text
    /// As RFC 8259, section 7; an invalid byte becomes U+FFFD, since JSON has no way to write it.
    case json
}

extension [UInt8] {
    /// Appends the bytes escaped, without surrounding quotes: at most `limit` bytes of them, cut between two
    /// characters, and an ellipsis if there were more.
    mutating func append(escaping bytes: Span<UInt8>, style: EscapeStyle, limit: Int) {
        let end = bytes.count > limit ? bytes.characterBoundary(before: limit) : bytes.count
        var plain = 0  // start of the run that needs no escape and is not yet copied
        var index = 0
        while index < end {
            let byte = bytes[index]
            if byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
                index += 1
                continue
            }
            var length = 1
            if byte >= 0x80 {
                length = bytes.multibyteLength(at: index, end: end) ?? 0
                if length > 0 && !bytes.scalar(at: index, length: length).misleadsReaders {
                    index += length
                    continue
                }
            }
            append(bytes.extracting(plain..<index))
            switch length {
            case 0: appendInvalid(byte, style)
            case 1: appendEscape(ofASCII: byte, style)
            default: appendEscape(of: bytes.scalar(at: index, length: length), style)
            }
            index += Swift.max(length, 1)
            plain = index
        }
        append(bytes.extracting(plain..<end))
        if end < bytes.count { append(ellipsis) }
    }

    private mutating func appendInvalid(_ byte: UInt8, _ style: EscapeStyle) {
        switch style {
        case .text:
            append("\\x")
            append(hexadecimal: UInt64(byte), digits: 2)
        case .json:
            append("\u{fffd}" as StaticString)
        }
    }

    /// Up to U+FFFF the same in both styles; above it Go's strings have eight digits, and JSON two surrogates.
    private mutating func appendEscape(of scalar: UInt32, _ style: EscapeStyle) {
        if scalar <= 0xffff {
            append("\\u")
            append(hexadecimal: UInt64(scalar), digits: 4)
        } else if style == .text {
            append("\\U")
            append(hexadecimal: UInt64(scalar), digits: 8)
        } else {
            append("\\u")
            append(hexadecimal: UInt64(0xd800 + (scalar - 0x10000) >> 10), digits: 4)
            append("\\u")
            append(hexadecimal: UInt64(0xdc00 + (scalar - 0x10000) & 0x3ff), digits: 4)
        }
    }

    private mutating func appendEscape(ofASCII byte: UInt8, _ style: EscapeStyle) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case UInt8(ascii: "\n"): append("\\n")
        case UInt8(ascii: "\r"): append("\\r")
        case UInt8(ascii: "\t"): append("\\t")
        default:
            append(style == .text ? "\\x" : "\\u")
            append(hexadecimal: UInt64(byte), digits: style == .text ? 2 : 4)
        }
    }
}

extension Span<UInt8> {
    /// The scalar of the well-formed sequence of `length` bytes, 2 to 4, at `index`.
    fileprivate func scalar(at index: Int, length: Int) -> UInt32 {
        var scalar = UInt32(self[index] & (0x7f >> UInt8(length)))
        for position in index + 1..<index + length { scalar = scalar << 6 | UInt32(self[position] & 0x3f) }
        return scalar
    }

    /// The largest index not above `limit` that does not split a character.
    fileprivate func characterBoundary(before limit: Int) -> Int {
        let longestTail = 3  // a UTF-8 sequence has at most three bytes after its first
        var index = limit
        while index > 0 && limit - index < longestTail && self[index] & 0xc0 == 0x80 { index -= 1 }
        return self[index] & 0xc0 == 0x80 ? limit : index  // bytes that are no UTF-8 have no boundary to respect
    }
}

extension UInt32 {
    /// Whether this scalar must not stand in a log as it is: a C1 control (terminals obey them; NEL is among them), a
    /// line or paragraph separator, a format character (directional marks, overrides and isolates, joiners, tags), or
    /// one that is not seen at all (fillers, variation selectors). All are legal in names, so they are escaped rather
    /// than refused.
    fileprivate var misleadsReaders: Bool {
        guard let properties = Unicode.Scalar(self)?.properties else { return true }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return properties.isDefaultIgnorableCodePoint
        }
    }
}
