// Base64 in both of its alphabets (RFC 4648, sections 4 and 5). Decoding is strict, so that no two texts mean the same
// bytes: a token cannot be written in a second way.

/// One of the alphabets.
package struct Base64: Sendable {
    /// With `+` and `/`.
    package static let standard = Base64(endings: ["+/"])
    /// With `-` and `_`.
    package static let url = Base64(endings: ["-_"])
    /// Both alphabets at once, to judge what a text was perhaps meant to be.
    package static let either = Base64(endings: ["+/", "-_"])

    private static let common = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    private static let padding = UInt8(ascii: "=")
    /// The entry in `values` of a byte that is not a letter of the alphabet.
    private static let none: UInt8 = 0xFF

    private let letters: [UInt8]
    /// The six bits that each byte stands for.
    private let values: [UInt8]

    /// - Parameter endings: the letters for 62 and 63; the first of them are also written.
    private init(endings: [String]) {
        letters = Array((Self.common + (endings.first ?? "")).utf8)
        var values = [UInt8](repeating: Self.none, count: 256)
        for ending in endings {
            for (value, letter) in (Self.common + ending).utf8.enumerated() { values[Int(letter)] = UInt8(value) }
        }
        self.values = values
    }

    /// The six bits of a letter, or nil when it is not in the alphabet.
    package func value(of letter: UInt8) -> UInt8? {
        let value = values[Int(letter)]
        return value == Self.none ? nil : value
    }

    /// The text of these bytes, padded.
    package func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index + 3 <= bytes.count {
            let word = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
            text.append(letters[word >> 18])
            text.append(letters[word >> 12 & 63])
            text.append(letters[word >> 6 & 63])
            text.append(letters[word & 63])
            index += 3
        }
        guard index < bytes.count else { return text }
        let hasTwo = index + 2 == bytes.count
        let word = Int(bytes[index]) << 16 | (hasTwo ? Int(bytes[index + 1]) << 8 : 0)
        text.append(letters[word >> 18])
        text.append(letters[word >> 12 & 63])
        text.append(hasTwo ? letters[word >> 6 & 63] : Self.padding)
        text.append(Self.padding)
        return text
    }

    /// The bytes of a text, or nil when `encode` gives this text for no bytes.
    package func decode(padded text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let isPadded = text.last == Self.padding
        return decode(unpadded: text.dropLast(isPadded ? text.dropLast().last == Self.padding ? 2 : 1 : 0))
    }

    /// As ``decode(padded:)``, for text without padding; padding is refused.
    package func decode(unpadded text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1, let (bytes, rest) = read(text), rest == 0 else { return nil }
        return bytes
    }

    /// The bytes that a text was perhaps meant to be: padding may be anywhere, and bits may be left over. Nil when it
    /// has other characters.
    package func decode(loosely text: ArraySlice<UInt8>) -> [UInt8]? {
        read(text.filter { $0 != Self.padding }[...])?.bytes
    }

    /// The whole bytes in a row of letters, and what the last letter has beyond them.
    private func read(_ text: ArraySlice<UInt8>) -> (bytes: [UInt8], rest: UInt32)? {
        let values = values
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count * 3 / 4)
        // Invariant: the lowest `pending` bits of `bits` are not yet part of a byte; those above are of no use any
        // more.
        var (bits, pending): (UInt32, UInt32) = (0, 0)
        for letter in text {
            let value = values[Int(letter)]
            guard value != Self.none else { return nil }
            bits = bits << 6 | UInt32(value)
            pending += 6
            guard pending >= 8 else { continue }
            pending -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> pending))
        }
        return (bytes, bits & ((1 << pending) - 1))
    }
}
