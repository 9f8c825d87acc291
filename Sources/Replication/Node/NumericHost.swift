// A host's address without a look-up, in one spelling: IPv4 without leading zeros, IPv6 as RFC 5952 has it.

/// A numeric IPv4 or IPv6 address in its one spelling.
public struct NumericHost: Sendable, Hashable {
    public let text: String
    public let isSix: Bool

    /// Nil when the text is no numeric address. Zones (`%eth0`) are not taken: they mean something on one machine only.
    public init?(_ text: String) {
        guard text.utf8.count <= 45 else { return nil }
        if let four = Self.four(text[...]) {
            self.text = four.map { String($0) }.joined(separator: ".")
            isSix = false
        } else if let six = Self.six(text) {
            self.text = Self.spelling(six)
            isSix = true
        } else {
            return nil
        }
    }

    /// RFC 1122, section 3.2.1.3, and RFC 4291, section 2.5.3.
    public var isLoopback: Bool { isSix ? text == "::1" : text.hasPrefix("127.") }
    /// RFC 3927 and RFC 4291, section 2.5.6.
    public var isLinkLocal: Bool { isSix ? ["fe8", "fe9", "fea", "feb"].contains { text.hasPrefix($0) } : text.hasPrefix("169.254.") }

    private static func four(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let numbers = parts.compactMap { part -> UInt8? in
            guard part.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), part == "0" || !part.hasPrefix("0") else { return nil }
            return UInt8(part)
        }
        return numbers.count == 4 ? numbers : nil
    }

    /// The eight groups.
    private static func six(_ text: String) -> [UInt16]? {
        guard let gap = text.firstRange(of: "::") else {
            let all = groups(text[...], isEnd: true)
            return all?.count == 8 ? all : nil
        }
        guard let left = groups(text[..<gap.lowerBound], isEnd: false), let right = groups(text[gap.upperBound...], isEnd: true),
            left.count + right.count < 8
        else { return nil }
        return left + Array(repeating: 0, count: 8 - left.count - right.count) + right
    }

    /// Groups of up to four hexadecimal digits; at the address's end the last two perhaps as IPv4.
    private static func groups(_ text: Substring, isEnd: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if isEnd, index == parts.count - 1, part.contains("."), let four = four(part) {
                groups += [UInt16(four[0]) << 8 | UInt16(four[1]), UInt16(four[2]) << 8 | UInt16(four[3])]
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ $0 != 0x2B && $0 != 0x2D }),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }

    /// The first longest run of zeros, of two at least, is left out.
    private static func spelling(_ groups: [UInt16]) -> String {
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
        return digits[..<best.lowerBound].joined(separator: ":") + "::" + digits[best.upperBound...].joined(separator: ":")
    }
}
