// Metadata keys as names of XML elements. Netflix doubles an underscore and writes a dollar sign as `_-`, on which
// Prometheus configurations rely; every other character that no name may have becomes `_.` and four hexadecimal digits
// of UTF-16, which is how XStream reads it back. A key that a name cannot express would break the document for all
// readers.

import Text

enum EurekaXMLNames {
    /// Appends the name that stands for a key. A key must not be empty.
    static func append(_ key: Bytes, to output: inout [UInt8]) {
        guard !key.allSatisfy(isPlain) || !isStart(key.first ?? 0) else {
            output.append(contentsOf: key)
            return
        }
        for (index, scalar) in key.text.unicodeScalars.enumerated() {
            switch scalar {
            case "_": output.append(contentsOf: "__".utf8)
            case "$": output.append(contentsOf: "_-".utf8)
            default:
                if isLegal(scalar, first: index == 0) {
                    output.append(contentsOf: String(Character(scalar)).utf8)
                } else {
                    for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                        output.append(contentsOf: "_.".utf8)
                        output.append(hexadecimal: UInt64(unit), digits: 4)
                    }
                }
            }
        }
    }

    /// The key that a name stands for.
    static func key(_ name: String) -> Bytes {
        guard name.utf8.contains(UInt8(ascii: "_")) else { return Array(name.utf8)[...] }
        var units: [UInt16] = []
        var rest = Array(name.utf16)[...]
        while let unit = rest.popFirst() {
            guard unit == 0x5F else {
                units.append(unit)
                continue
            }
            switch rest.first {
            case 0x5F:
                units.append(0x5F)
                rest = rest.dropFirst()
            case 0x2D:
                units.append(0x24)
                rest = rest.dropFirst()
            case 0x2E:
                let digits = rest.dropFirst().prefix(4)
                let text = String(decoding: digits, as: UTF16.self)
                if digits.count == 4, text.allSatisfy(\.isHexDigit), let escaped = UInt16(text, radix: 16) {
                    units.append(escaped)
                    rest = rest.dropFirst(5)
                } else {
                    units.append(0x5F)
                }
            default: units.append(0x5F)
            }
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)[...]
    }

    /// Whether a byte stands for itself anywhere but at the beginning.
    private static func isPlain(_ byte: UInt8) -> Bool {
        ByteSet.name.contains(byte) && byte != UInt8(ascii: "_") && byte != UInt8(ascii: "~") && byte < 0x80
    }

    private static func isStart(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// What a name may have in every edition of XML 1.0; a colon would be a namespace's.
    private static func isLegal(_ scalar: Unicode.Scalar, first: Bool) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0xFF: true
        case 0x30...0x39, 0x2D, 0x2E: !first
        default: false
        }
    }
}

extension UTF16 {
    fileprivate static var encodedReplacementCharacter: EncodedScalar {
        encode("\u{FFFD}") ?? EncodedScalar()
    }
}
