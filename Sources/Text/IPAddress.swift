// One value for every numeric IP address: those that clients have, that members are dialed at, and that operators write
// into settings. It is read and written here without a look-up and without C, so that two texts of one address are one
// value, on every path.

/// A numeric IPv4 or IPv6 address. Zones (`%eth0`) are not part of it: they mean something on one machine only.
///
/// An IPv4 address and its IPv6-mapped form (`::ffff:10.0.0.1`) are two values; `unmapped` makes them one.
package struct IPAddress: Hashable, Sendable {
    /// Whether this is an IPv6 address.
    package let isSix: Bool
    /// The address as a number, the first byte on the wire being the highest. Invariant: below 2^32 in IPv4.
    private let high: UInt64
    private let low: UInt64

    /// The longest text of an address, in bytes: eight groups, the last two as IPv4.
    private static let longestText = 45
    /// What the high 96 bits of an IPv6-mapped IPv4 address come to (RFC 4291, section 2.5.5.2).
    private static let mappedPrefix: UInt64 = 0xFFFF

    package init(four: UInt32) {
        (isSix, high, low) = (false, 0, UInt64(four))
    }

    package init(six: UInt128) {
        (isSix, high, low) = (true, UInt64(truncatingIfNeeded: six >> 64), UInt64(truncatingIfNeeded: six))
    }

    /// Reads the bytes as they stand in a packet or a certificate; nil when there are neither 4 nor 16.
    package init?(octets: some Collection<UInt8>) {
        let number = octets.prefix(17).reduce(0 as UInt128) { $0 << 8 | UInt128($1) }
        switch octets.count {
        case 4: self.init(four: UInt32(truncatingIfNeeded: number))
        case 16: self.init(six: number)
        default: return nil
        }
    }

    /// The bytes as they stand in a packet: 4 or 16.
    package var octets: [UInt8] {
        let number = bits
        return (0..<(isSix ? 16 : 4)).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt128($0))) }
    }

    /// The address as a number of 32 or of 128 bits.
    private var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// The 128 bits of the address, of an IPv4 address in its IPv6-mapped form: one space for both families.
    package var mappedBits: UInt128 { isSix ? bits : UInt128(Self.mappedPrefix) << 32 | bits }

    /// The IPv4 address that an IPv6-mapped one stands for: what a client has that comes in through a socket of both
    /// families. Others stay.
    package var unmapped: IPAddress {
        isSix && high == 0 && low >> 32 == Self.mappedPrefix ? IPAddress(four: UInt32(truncatingIfNeeded: low)) : self
    }

    /// RFC 1122, section 3.2.1.3, and RFC 4291, section 2.5.3.
    package var isLoopback: Bool { isSix ? high == 0 && low == 1 : low >> 24 == 127 }
    /// RFC 3927 and RFC 4291, section 2.5.6.
    package var isLinkLocal: Bool { isSix ? high >> 54 == 0xFE80 >> 6 : low >> 16 == 0xA9FE }
    /// `0.0.0.0` and `::`, which a listener binds to take every interface.
    package var isUnspecified: Bool { high == 0 && low == 0 }
}

// MARK: - Text

extension IPAddress: LosslessStringConvertible {
    /// Reads `10.0.0.1` or `fd00::1`, without brackets; nil for anything else, and for IPv4 parts with leading zeros,
    /// which some read as octal.
    package init?(_ text: String) { self.init(utf8: text.utf8.span) }

    /// The same of a part of a text.
    package init?(_ text: Substring) { self.init(utf8: text.utf8.span) }

    /// The same of text that is still bytes.
    package init?(utf8 text: borrowing Span<UInt8>) {
        guard text.count <= Self.longestText else { return nil }
        if let four = Self.four(text, 0..<text.count) {
            self.init(four: four)
        } else if let six = Self.six(text) {
            self.init(six: six)
        } else {
            return nil
        }
    }

    private static func four(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var (number, dots): (UInt32, Int) = (0, 0)
        /// The part that is being read; nil before its first digit.
        var part: UInt32?
        for index in range {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard let read = part, dots < 3 else { return nil }
                (number, part, dots) = (number << 8 | read, nil, dots + 1)
            } else {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), part != 0 else { return nil }
                let read = (part ?? 0) * 10 + UInt32(byte - UInt8(ascii: "0"))
                guard read < 256 else { return nil }
                part = read
            }
        }
        guard let part, dots == 3 else { return nil }
        return number << 8 | part
    }

    /// Groups of up to four hexadecimal digits; the last two perhaps as IPv4; one run of zeros perhaps left out.
    private static func six(_ text: borrowing Span<UInt8>) -> UInt128? {
        let colon = UInt8(ascii: ":")
        var (number, count): (UInt128, Int) = (0, 0)
        /// How many groups stand before the run that is left out.
        var gap: Int?
        var index = 0
        if text.count >= 2, text[0] == colon, text[1] == colon { (gap, index) = (0, 2) }
        while index < text.count {
            var end = index
            while end < text.count, text[end] != colon { end += 1 }
            if let group = hexadecimal(text, index..<end) {
                (number, count) = (number << 16 | UInt128(group), count + 1)
            } else {
                guard end == text.count, let four = four(text, index..<end) else { return nil }
                (number, count) = (number << 32 | UInt128(four), count + 2)
            }
            guard count <= 8 else { return nil }
            if end == text.count { break }
            index = end + 1
            // A single colon stands between two groups.
            guard index < text.count else { return nil }
            if text[index] == colon {
                guard gap == nil else { return nil }
                (gap, index) = (count, index + 1)
            }
        }
        guard let gap else { return count == 8 ? number : nil }
        guard count < 8 else { return nil }
        let behind = 16 * UInt128(count - gap)
        return (number >> behind) << (128 - 16 * UInt128(gap)) | (number & ((1 << behind) - 1))
    }

    private static func hexadecimal(_ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt16? {
        guard (1...4).contains(range.count) else { return nil }
        var number: UInt16 = 0
        for index in range {
            guard let digit = text[index].hexadecimalValue else { return nil }
            number = number << 4 | UInt16(digit)
        }
        return number
    }

    /// The one spelling of the address: IPv4 without leading zeros, IPv6 as RFC 5952, section 4, has it.
    package var description: String {
        guard isSix else { return octets.map { String($0) }.joined(separator: ".") }
        let bits = bits
        let groups = (0..<8).reversed().map { UInt16(truncatingIfNeeded: bits >> (16 * UInt128($0))) }
        // The first longest run of zeros, of two at least, is left out.
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > best.count, end - index > 1 { best = index..<end }
            index = max(end, index + 1)
        }
        let digits = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return digits.joined(separator: ":") }
        return digits[..<best.lowerBound].joined(separator: ":") + "::"
            + digits[best.upperBound...].joined(separator: ":")
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then by number.
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.isSix != right.isSix ? right.isSix : (left.high, left.low) < (right.high, right.low)
    }
}
