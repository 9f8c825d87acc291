// What clients send (paths, request ids, header values) ends up in the log, so the log is where they would forge lines or move
// an operator's cursor. One function renders any bytes so that an event stays one line of valid UTF-8 (and, for JSON, valid JSON).

import Text

/// How a byte that cannot stand for itself is written.
enum EscapeStyle {
    /// As Go's quoted strings: `\xNN` for a control or an invalid byte, so that nothing is lost.
    case text
    /// As RFC 8259, section 7; an invalid byte becomes U+FFFD, since JSON has no way to write it.
    case json
}

extension [UInt8] {
    /// Appends the bytes escaped, without surrounding quotes: at most `limit` bytes of them, cut between two characters, and an
    /// ellipsis if there were more.
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
                if length > 0 && !bytes.breaksLine(at: index) {
                    index += length
                    continue
                }
            }
            append(bytes.extracting(plain..<index))
            switch length {
            case 0: appendInvalid(byte, style)
            case 1: appendEscape(ofASCII: byte, style)
            default:  // U+0080 to U+009F, U+2028, U+2029: the same in both styles
                append("\\u")
                append(hexadecimal: length == 2 ? UInt64(bytes[index + 1]) : 0x2000 | UInt64(bytes[index + 2] & 0x3f), digits: 4)
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
    /// Whether the well-formed sequence at `index` is a C1 control (terminals obey them; NEL is among them) or a Unicode line or
    /// paragraph separator.
    fileprivate func breaksLine(at index: Int) -> Bool {
        switch self[index] {
        case 0xc2: self[index + 1] < 0xa0
        case 0xe2: self[index + 1] == 0x80 && (self[index + 2] == 0xa8 || self[index + 2] == 0xa9)
        default: false
        }
    }

    /// The largest index not above `limit` that does not split a character.
    fileprivate func characterBoundary(before limit: Int) -> Int {
        let longestTail = 3  // a UTF-8 sequence has at most three bytes after its first
        var index = limit
        while index > 0 && limit - index < longestTail && self[index] & 0xc0 == 0x80 { index -= 1 }
        return self[index] & 0xc0 == 0x80 ? limit : index  // bytes that are no UTF-8 have no boundary to respect
    }
}
