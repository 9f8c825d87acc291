// Addresses come as text: in `Member-ID`, in the names of files, in settings. There is one spelling of each here, so that two texts of one
// address are one member: IPv4 without leading zeros, IPv6 as RFC 5952 has it.

extension PeerAddress {
    /// Reads `10.0.0.1:6100` or `[fd00::1]:6100`: a numeric address and a port from 1 on; nil for anything else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits), port > 0 else {
            return nil
        }
        let address = text[..<colon]
        if address.hasPrefix("["), address.hasSuffix("]") {
            guard let host = NumericHost(String(address.dropFirst().dropLast())), host.isSix else { return nil }
            self.init(host: host.text, port: port)
        } else {
            guard let host = NumericHost(String(address)), !host.isSix else { return nil }
            self.init(host: host.text, port: port)
        }
    }
}

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
