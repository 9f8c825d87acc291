// Numbers of a fixed width, as times are written with them.

/// Reads fixed forms digit by digit.
struct DigitScan {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func skip(_ count: Int) {
        position = min(position + count, bytes.count)
    }

    mutating func word(_ count: Int) -> String? {
        guard position + count <= bytes.count else { return nil }
        defer { position += count }
        return String(decoding: bytes[position..<position + count], as: UTF8.self)
    }

    private mutating func digit() -> Int64? {
        guard position < bytes.count, (0x30...0x39).contains(bytes[position]) else { return nil }
        defer { position += 1 }
        return Int64(bytes[position] - 0x30)
    }

    mutating func number(digits: Int) -> Int64? {
        var number: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            number = number * 10 + digit
        }
        return number
    }

    /// One to nine digits behind a point, as billionths.
    mutating func fraction() -> Int64? {
        var fraction: Int64 = 0
        var unit: Int64 = 100_000_000
        guard let first = digit() else { return nil }
        fraction = first * unit
        while unit > 1, let digit = digit() {
            unit /= 10
            fraction += digit * unit
        }
        return fraction
    }
}

extension [UInt8] {
    /// Appends a number that is not negative with so many digits, zeros in front.
    mutating func append(number: Int64, digits: Int) {
        append(contentsOf: repeatElement(UInt8(ascii: "0"), count: digits))
        var rest = number
        for index in (count - digits..<count).reversed() {
            self[index] += UInt8(rest % 10)
            rest /= 10
        }
    }

    mutating func append(secondOfDay second: Int64) {
        append(number: second / 3600, digits: 2)
        append(UInt8(ascii: ":"))
        append(number: second / 60 % 60, digits: 2)
        append(UInt8(ascii: ":"))
        append(number: second % 60, digits: 2)
    }
}
