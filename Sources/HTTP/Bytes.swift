// Comparisons of raw bytes with the constants of the protocol, without making a String of either.

extension ArraySlice<UInt8> {
    /// Whether these bytes are exactly those of an ASCII constant.
    public func equals(_ constant: StaticString) -> Bool {
        guard count == constant.utf8CodeUnitCount else { return false }
        return constant.withUTF8Buffer { expected in
            var index = startIndex
            for byte in expected {
                if self[index] != byte { return false }
                index += 1
            }
            return true
        }
    }

    /// Whether these bytes are those of a lower-case ASCII constant, in any case.
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        return lowercase.withUTF8Buffer { expected in
            var index = startIndex
            for byte in expected {
                if self[index].lowercased != byte { return false }
                index += 1
            }
            return true
        }
    }

    /// These bytes without the spaces and tabs around them.
    func trimmed() -> ArraySlice<UInt8> {
        var slice = self
        while let first = slice.first, first.isBlank { slice.removeFirst() }
        while let last = slice.last, last.isBlank { slice.removeLast() }
        return slice
    }
}

extension UInt8 {
    /// A space or a tab: the optional white space of RFC 9110, section 5.6.3.
    var isBlank: Bool { self == 0x20 || self == 0x09 }

    /// An ASCII digit.
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    /// A character of a token (RFC 9110, section 5.6.2): what a method or a field name is made of.
    var isToken: Bool { self < 0x80 && tokenTable[Int(self)] }

    /// The byte with an ASCII capital made small.
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }

    /// The value of a hexadecimal digit, or nil.
    var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}

private let tokenTable: [Bool] = (0..<128).map { code in
    switch UInt8(code) {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"),
        UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
        UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}
