// Ranges of addresses in CIDR notation (RFC 4632, RFC 4291), as an operator lists proxies. IPv4 is kept in its
// IPv6-mapped form (RFC 4291, section 2.5.5.2), because that is how an IPv4 client appears on a socket that serves
// both.

package import Text

/// A list of address ranges.
package struct AddressRanges: Sendable, Equatable {
    /// 128 bits of address.
    private struct Range: Sendable, Equatable {
        let address: UInt128
        /// Ones where an address must agree.
        let mask: UInt128

        init(address: UInt128, prefix: Int) {
            self.address = address
            mask = prefix == 0 ? 0 : UInt128.max << UInt128(128 - prefix)
        }

        func contains(_ other: UInt128) -> Bool { (address ^ other) & mask == 0 }
    }

    private let ranges: [Range]
    /// The list as it was written, without spaces.
    package let text: String

    /// Reads `10.0.0.0/8, 2001:db8::/32, 192.0.2.1`; nil when any of them is no address or range, or has bits set after
    /// its prefix.
    package init?(_ text: String) {
        var ranges: [Range] = []
        var words: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = String(part.filter { $0 != " " })
            guard let range = Self.range(word) else { return nil }
            ranges.append(range)
            words.append(word)
        }
        self.ranges = ranges
        self.text = words.joined(separator: ",")
    }

    /// Whether a numeric address lies in one of the ranges. What is no numeric address lies in none.
    package func contains(_ address: String) -> Bool {
        // A link-local address may name its interface, which no range does.
        guard let number = IPAddress(address.prefix { $0 != "%" }) else { return false }
        return contains(number)
    }

    package func contains(_ address: IPAddress) -> Bool {
        let bits = address.mappedBits
        return ranges.contains { $0.contains(bits) }
    }

    /// Nobody.
    static let none = AddressRanges(ranges: [], text: "")
    /// All addresses, as a list.
    static let everybody = "0.0.0.0/0,::/0"

    private init(ranges: [Range], text: String) { (self.ranges, self.text) = (ranges, text) }

    /// Whether a text is a numeric address.
    package static func isAddress(_ text: String) -> Bool { IPAddress(text) != nil }

    private static func range(_ word: String) -> Range? {
        let parts = word.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let width = address.isSix ? 128 : 32
        var length = width
        if parts.count == 2 {
            guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(parts[1]), number <= width else {
                return nil
            }
            length = number
        }
        let range = Range(address: address.mappedBits, prefix: 128 - width + length)
        // 10.1.2.3/8 may mean 10.0.0.0/8 or be a mistake; which proxies to trust must not be guessed.
        return range.address & ~range.mask == 0 ? range : nil
    }
}
