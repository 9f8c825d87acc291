// What a registry says goes to a terminal, and names in it were chosen by whoever registered: one with an escape sequence
// in it must not move the cursor, set the title or turn a line around. Everything from outside passes through here.

/// Text from outside, made harmless.
enum TerminalText {
    /// The text with every character that a terminal would act on, or that cannot be seen, as `\u{1b}`; a backslash is
    /// doubled, so that no name can pretend to have had one escaped.
    static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { isDangerous($0) || $0 == "\\" }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where isDangerous(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// JSON that means the same and has no such character: in JSON they stand only between quotes, where `\u` may. White
    /// space between values stays.
    static func escaped(json: [UInt8]) -> [UInt8] {
        guard json.contains(where: { $0 >= 0x7F }) else { return json }
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
            if scalar.value >= 0x7F, isDangerous(scalar) {
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                    let digits = String(unit, radix: 16)
                    result += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
                }
            } else {
                result += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
            }
        }
        return result
    }

    /// Control characters, line ends of every kind, and what is invisible or changes the direction of what follows.
    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value < 0x20 || scalar.value > 0x7E else { return false }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: true
        default: false
        }
    }
}
