// A number as it was written. JSON has one number type; the registry must tell a whole number from a fraction and a
// negative from a number too large, because each deserves its own sentence. Hence an enum rather than a Double.

/// A number of a JSON text, told apart by how it was written.
package enum JSONNumber: Equatable, Sendable {
    /// Digits alone, at most 2^64 - 1.
    case natural(UInt64)
    /// A minus sign and digits, at least -2^63. `-0` is `negative(0)`.
    case negative(Int64)
    /// Written with a fraction or an exponent, whatever its value: `30.0` and `3e1` are here. Infinite when no Double
    /// holds it.
    case fractional(Double)
    /// Whole, but beyond the 64 bits of the cases above.
    case outOfRange(Double)

    /// The nearest Double; infinite when the number is beyond every Double, never not-a-number.
    package var approximation: Double {
        switch self {
        case .natural(let value): Double(value)
        case .negative(let value): value == 0 ? -0.0 : Double(value)
        case .fractional(let value), .outOfRange(let value): value
        }
    }
}
