// Durations as Go writes them ("1m30s", "500ms"): the settings are given in this form and `/uptime` answers in it, so
// both directions live here. The grammar and the rounding are those of Go's time.ParseDuration and Duration.String.

/// A span of time in nanoseconds, between -2^63 and 2^63-1 of them (about ±292 years), read and written as Go does.
package struct GoDuration: Sendable, Hashable, Comparable {
    /// Nanoseconds; negative spans are legal here, the settings forbid them by their ranges.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static let zero = GoDuration(nanoseconds: 0)

    package static func milliseconds(_ count: Int32) -> GoDuration {
        GoDuration(nanoseconds: Int64(count) * 1_000_000)
    }

    /// `count` is a UInt32, as the TTL of an instance is; such a product always fits.
    package static func seconds(_ count: UInt32) -> GoDuration {
        GoDuration(nanoseconds: Int64(count) * 1_000_000_000)
    }

    /// The span in milliseconds; a part of one counts as one, so that no lease is shorter than was said.
    package var interval: Duration { .nanoseconds(nanoseconds) }
    package var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0) }

    package static func < (left: GoDuration, right: GoDuration) -> Bool { left.nanoseconds < right.nanoseconds }
}

// MARK: - Reading

extension GoDuration {
    /// Reads `[-+]?([0-9]*(\.[0-9]*)?unit)+` with the units ns, us, µs (either code point), ms, s, m and h, or a bare
    /// `0`. Anything else, and a span that does not fit, is nil. A fraction is cut, not rounded, at a nanosecond.
    package init?(parsing text: String) {
        var rest = Array(text.utf8)[...]
        var isNegative = false
        if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst()
        }
        if rest.elementsEqual("0".utf8) {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }

        var total: UInt64 = 0
        while !rest.isEmpty {
            guard let term = Self.takeTerm(&rest) else { return nil }
            let (sum, overflowed) = total.addingReportingOverflow(term)
            guard !overflowed, sum <= Self.largestMagnitude else { return nil }
            total = sum
        }
        if isNegative {
            // 2^63 itself is in range here, and two's complement negation maps it to Int64.min.
            nanoseconds = Int64(truncatingIfNeeded: 0 &- total)
        } else {
            guard let positive = Int64(exactly: total) else { return nil }
            nanoseconds = positive
        }
    }

    /// 2^63: the magnitude of the most negative span, hence the bound on every intermediate sum.
    private static let largestMagnitude: UInt64 = 1 << 63

    /// Takes one number with its unit off the front, in nanoseconds; nil when malformed or above 2^63.
    private static func takeTerm(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        let wholeDigits = takeDigits(&rest)
        var fractionDigits: ArraySlice<UInt8> = []
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fractionDigits = takeDigits(&rest)
        }
        guard !wholeDigits.isEmpty || !fractionDigits.isEmpty else { return nil }

        let unitName = rest.prefix { $0 != UInt8(ascii: ".") && !isDigit($0) }
        rest = rest.dropFirst(unitName.count)
        guard let unit = nanosecondsPerUnit(unitName), let whole = magnitude(wholeDigits) else { return nil }
        guard whole <= largestMagnitude / unit else { return nil }

        // At most 2^63 plus one hour, which a UInt64 holds.
        let sum = whole * unit + fractionOf(fractionDigits, unit: unit)
        return sum <= largestMagnitude ? sum : nil
    }

    private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = rest.prefix(while: isDigit)
        rest = rest.dropFirst(digits.count)
        return digits
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// The number that the digits spell (0 when there are none), nil above 2^63.
    private static func magnitude(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            guard value <= largestMagnitude / 10 else { return nil }
            value = value * 10 + UInt64(digit - UInt8(ascii: "0"))
            guard value <= largestMagnitude else { return nil }
        }
        return value
    }

    /// The nanoseconds of `0.digits` units. Digits beyond what 63 bits hold are ignored, and the division is done in
    /// floating point: both as Go does, so that both read the same number.
    private static func fractionOf(_ digits: ArraySlice<UInt8>, unit: UInt64) -> UInt64 {
        var value: UInt64 = 0
        var scale = 1.0
        for digit in digits {
            guard value <= (largestMagnitude - 1) / 10 else { break }
            let longer = value * 10 + UInt64(digit - UInt8(ascii: "0"))
            guard longer <= largestMagnitude else { break }
            value = longer
            scale *= 10
        }
        return UInt64(Double(value) * (Double(unit) / scale))
    }

    private static func nanosecondsPerUnit(_ name: ArraySlice<UInt8>) -> UInt64? {
        switch String(decoding: name, as: UTF8.self).unicodeScalars.map(\.value) {
        case [0x6E, 0x73]: 1  // ns
        case [0x75, 0x73], [0xB5, 0x73], [0x3BC, 0x73]: 1_000  // us, µs (U+00B5 micro sign), μs (U+03BC Greek mu)
        case [0x6D, 0x73]: 1_000_000  // ms
        case [0x73]: 1_000_000_000  // s
        case [0x6D]: 60 * 1_000_000_000  // m
        case [0x68]: 3_600 * 1_000_000_000  // h
        default: nil
        }
    }
}

// MARK: - Writing

extension GoDuration: CustomStringConvertible {
    /// As Go writes it: "0s", "1.5µs", "500ms", "1m30s", "1h0m0s"; hours are the largest unit, and leading zero units
    /// are omitted.
    package var description: String {
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        switch magnitude {
        case 0: return "0s"
        case ..<1_000: return "\(sign)\(magnitude)ns"
        case ..<1_000_000: return "\(sign)\(Self.decimal(magnitude, per: 1_000))µs"
        case ..<1_000_000_000: return "\(sign)\(Self.decimal(magnitude, per: 1_000_000))ms"
        default: break
        }
        let wholeMinutes = magnitude / 60_000_000_000
        let seconds = Self.decimal(magnitude % 60_000_000_000, per: 1_000_000_000) + "s"
        if wholeMinutes == 0 { return sign + seconds }
        if wholeMinutes < 60 { return "\(sign)\(wholeMinutes)m\(seconds)" }
        return "\(sign)\(wholeMinutes / 60)h\(wholeMinutes % 60)m\(seconds)"
    }

    /// `value / unit` with as many decimals as it takes and no trailing zeros; `unit` is a power of ten.
    private static func decimal(_ value: UInt64, per unit: UInt64) -> String {
        var fraction = value % unit
        guard fraction != 0 else { return String(value / unit) }
        var width = String(unit).utf8.count - 1
        while fraction % 10 == 0 {
            fraction /= 10
            width -= 1
        }
        let digits = String(fraction)
        return "\(value / unit)." + String(repeating: "0", count: width - digits.utf8.count) + digits
    }
}
