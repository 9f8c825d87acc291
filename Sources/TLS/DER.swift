// The little of DER (X.690) that keys and signatures have to be written in for OpenSSL, where the formats of JSON have
// their numbers bare. Pure: bytes in, bytes out.

enum DER {
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let null: [UInt8] = [0x05, 0x00]
    static let sequence: UInt8 = 0x30

    /// A value with its tag and length.
    static func value(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        var length = [UInt8(truncatingIfNeeded: content.count)]
        if content.count >= 0x80 {
            var (rest, digits) = (content.count, [UInt8]())
            while rest > 0 {
                digits.insert(UInt8(truncatingIfNeeded: rest), at: 0)
                rest >>= 8
            }
            length = [0x80 | UInt8(digits.count)] + digits
        }
        return [tag] + length + content
    }

    /// A number that is not negative, from its digits in base 256, the most significant first.
    static func natural(_ digits: some Collection<UInt8>) -> [UInt8] {
        let significant = Array(digits.drop { $0 == 0 })
        let isBare = significant.first.map { $0 < 0x80 } ?? false
        return value(integer, isBare ? significant : [0] + significant)
    }

    /// Whole bytes as a string of bits.
    static func bits(_ bytes: [UInt8]) -> [UInt8] { value(bitString, [0] + bytes) }
}
