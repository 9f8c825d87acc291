// base64url without padding (RFC 7515, section 2; RFC 4648, section 5), strictly: one byte string has exactly one spelling, so a
// token cannot be re-encoded into another that means the same.

enum Base64URL {
    /// The bytes that the text stands for; nil for padding, another alphabet, white space, an impossible length, or trailing bits
    /// that are not zero.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        // Invariant: the lowest `pending` bits of `bits` are not yet part of a byte; the others are zero.
        var bits: UInt32 = 0
        var pending = 0
        for character in text {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            pending += 6
            if pending >= 8 {
                pending -= 8
                bytes.append(UInt8(bits >> UInt32(pending)))
                bits &= (1 << UInt32(pending)) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    /// The six bits that a character of the alphabet stands for.
    static func value(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
