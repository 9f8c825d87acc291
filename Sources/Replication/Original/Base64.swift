// Base64 as Go writes byte slices into JSON: the standard alphabet with padding (RFC 4648, section 4). Strict, so that no two texts stand for
// the same bytes.

enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    /// The value of each letter, or 0xFF.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = alphabet
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index + 3 <= bytes.count {
            let word = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
            text.append(alphabet[word >> 18])
            text.append(alphabet[word >> 12 & 63])
            text.append(alphabet[word >> 6 & 63])
            text.append(alphabet[word & 63])
            index += 3
        }
        guard index < bytes.count else { return text }
        let hasTwo = index + 2 == bytes.count
        let word = Int(bytes[index]) << 16 | (hasTwo ? Int(bytes[index + 1]) << 8 : 0)
        text.append(alphabet[word >> 18])
        text.append(alphabet[word >> 12 & 63])
        text.append(hasTwo ? alphabet[word >> 6 & 63] : padding)
        text.append(padding)
        return text
    }

    /// The bytes that a text stands for, or nil when it is not exactly what `encode` gives for some bytes.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let values = values
        let letters = text.count - (text.last != padding ? 0 : text[text.count - 2] == padding ? 2 : 1)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(letters * 3 / 4)
        var (word, bits): (UInt32, UInt32) = (0, 0)
        for index in 0..<letters {
            let value = values[Int(text[index])]
            guard value != 0xFF else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> bits))
            }
        }
        // What is left over of the last letter must be zeros, or another text would stand for the same bytes.
        guard word & ((1 << bits) - 1) == 0 else { return nil }
        return bytes
    }
}
