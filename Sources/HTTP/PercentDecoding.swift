// Strict percent-decoding: every escape is two hexadecimal digits, no path decodes to a control character, and what
// comes out is UTF-8.

import Text

package enum PercentDecoding {
    package enum Part {
        /// A segment, in which nothing decodes to a control character.
        case path
        /// A name or value, in which `+` is a space and only NUL is refused: a tag may have any other character, and be
        /// asked for.
        case query
    }

    /// Appends the decoded bytes. Throws a 400 refusal; the bytes appended by then are invalid.
    static func append(_ encoded: ArraySlice<UInt8>, to decoded: inout [UInt8], as part: Part) throws(Refusal) {
        let start = decoded.count
        var index = encoded.startIndex
        while index < encoded.endIndex {
            var byte = encoded[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard index + 1 < encoded.endIndex, let high = encoded[index].hexadecimalValue,
                    let low = encoded[index + 1].hexadecimalValue
                else { throw Refusal(.badRequest, "a percent sign is not followed by two hexadecimal digits") }
                byte = high << 4 | low
                index += 2
            } else if byte == UInt8(ascii: "+"), part == .query {
                byte = 0x20
            }
            guard part == .query ? byte != 0 : byte >= 0x20 && byte != 0x7F else {
                throw Refusal(.badRequest, "a percent escape decodes to a control character")
            }
            decoded.append(byte)
        }
        guard String(validating: decoded[start...], as: UTF8.self) != nil else {
            throw Refusal(.badRequest, "a percent escape decodes to bytes that are not UTF-8")
        }
    }

    /// The decoded text. Throws a 400 refusal.
    package static func string(_ encoded: ArraySlice<UInt8>, as part: Part) throws(Refusal) -> String {
        var decoded: [UInt8] = []
        try append(encoded, to: &decoded, as: part)
        return String(decoding: decoded, as: UTF8.self)
    }
}
