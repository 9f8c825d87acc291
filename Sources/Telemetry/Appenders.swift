// Everything in this room is rendered as bytes straight into a growing array: a log line per request leaves no room for
// intermediate strings. These few appenders are what all the renderers share.

import Text

/// U+2026, which stands for what was cut off.
let ellipsis: StaticString = "…"

extension [UInt8] {
    /// Appends the bytes of a literal.
    @inline(__always)
    mutating func append(_ literal: StaticString) {
        literal.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }

    /// Appends the number in decimal.
    mutating func append<Number: BinaryInteger>(decimal number: Number) {
        var digits = InlineArray<20, UInt8>(repeating: 0)  // UInt64.max has 20 digits
        var first = digits.count
        var rest = UInt64(number.magnitude)
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        } while rest > 0
        if number < 0 { append(UInt8(ascii: "-")) }
        append(digits.span.extracting(first..<digits.count))
    }
}
