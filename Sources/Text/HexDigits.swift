// Hexadecimal digits: ids, digests and escapes are written with them, and every heartbeat reads some. They are written
// in lower case.

extension UInt8 {
    /// The digit of a number's lowest four bits.
    @inlinable
    public init(hexDigitOf number: UInt64) {
        let digit = UInt8(truncatingIfNeeded: number) & 0xF
        self = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
    }

    /// The value of a hexadecimal digit of either case, or nil.
    @inlinable public var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}

extension UInt64 {
    /// The eight digits of a number as eight bytes, the most significant digit lowest. Each byte first gets its four
    /// bits, and then what is between those and the letter for them.
    @inlinable
    init(hexDigitsOf number: UInt32) {
        var bytes = UInt64(number)
        bytes = (bytes << 16 | bytes) & 0x0000_FFFF_0000_FFFF
        bytes = (bytes << 8 | bytes) & 0x00FF_00FF_00FF_00FF
        bytes = (bytes << 4 | bytes) & 0x0F0F_0F0F_0F0F_0F0F
        let areLetters = (bytes &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        self = (bytes &+ 0x3030_3030_3030_3030 &+ areLetters &* 0x27).byteSwapped
    }

    /// All sixteen digits: how ids of members and digests are shown, so that one from the log can be found on the
    /// cluster's page.
    public var hexadecimal: String {
        String(decoding: [UInt8](room: 16) { $0.append(hexadecimal: self) }, as: UTF8.self)
    }

    /// The number that 1 to 16 lower-case digits spell; nil for anything else, so that a number has one spelling of
    /// each length.
    @inlinable
    public init?(lowercaseHexadecimal digits: ArraySlice<UInt8>) {
        guard !digits.isEmpty, digits.count <= 16 else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: number = number << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        self = number
    }
}

extension OutputSpan<UInt8> {
    /// Appends all sixteen digits of a number.
    @inlinable
    public mutating func append(hexadecimal number: UInt64) {
        append(word: UInt64(hexDigitsOf: UInt32(truncatingIfNeeded: number >> 32)))
        append(word: UInt64(hexDigitsOf: UInt32(truncatingIfNeeded: number)))
    }

    /// Appends the lowest digits of a number, 16 at most.
    @inlinable
    public mutating func append(hexadecimal number: UInt64, digits: Int) {
        let high = UInt64(hexDigitsOf: UInt32(truncatingIfNeeded: number >> 32))
        let low = UInt64(hexDigitsOf: UInt32(truncatingIfNeeded: number))
        for place in 16 - digits..<16 {
            append(UInt8(truncatingIfNeeded: (place < 8 ? high : low) >> UInt64(8 * (place & 7))))
        }
    }
}

extension [UInt8] {
    /// Appends the lowest digits of a number, 16 at most.
    @inlinable
    public mutating func append(hexadecimal number: UInt64, digits: Int) {
        for place in (0..<digits).reversed() { append(UInt8(hexDigitOf: number >> UInt64(4 * place))) }
    }
}
