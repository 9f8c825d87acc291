// Texts of Eureka's API: bytes of UTF-8, wherever they lie. Registrations are read and answers written without making a
// String of each.

import Text

/// Bytes of UTF-8.
typealias Bytes = ArraySlice<UInt8>

/// A key and its value.
struct Pair: Sendable, Equatable {
    var key: Bytes
    var value: Bytes
}

extension StaticString {
    /// The literal as bytes.
    var bytes: Bytes { withUTF8Buffer { unsafe Array($0)[...] } }
}

extension Bytes {
    /// Whether these are the bytes of a literal.
    func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && literal.withUTF8Buffer { unsafe elementsEqual($0) }
    }

    /// Whether two texts are the same but for the case of ASCII letters: by Unicode's rules letters of two alphabets
    /// would be one.
    func equalsFolded(_ other: Bytes) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.uppercased == $1.uppercased }
    }

    /// The ASCII letters in upper case.
    var uppercased: Bytes { map(\.uppercased)[...] }
    var lowercased: Bytes { map(\.lowercased)[...] }

    /// A decimal number, with or without a sign; nil for anything else.
    var integer: Int64? {
        guard count <= 20, let first, first != UInt8(ascii: "+") else { return nil }
        return Int64(String(decoding: self, as: UTF8.self))
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}

extension [UInt8] {
    /// Appends a number in decimal.
    mutating func append(number: Int64) { append(contentsOf: String(number).utf8) }
}
