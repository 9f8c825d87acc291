// How an operator names members: by host names, which stand for whatever they resolve to when they are looked up, or by numeric addresses.

import Replication

/// A host, by name or numeric address, and perhaps a port.
public struct PeerName: Sendable, Hashable, CustomStringConvertible {
    /// A DNS name or a numeric address, the latter without brackets.
    public let host: String
    /// Nil: that of replication.
    public let port: UInt16?

    /// Reads `registry-1`, `registry-1:6100`, `10.0.0.1:6100`, `[fd00::1]:6100` or `[fd00::1]`; nil for anything else.
    public init?(_ text: String) {
        let (host, port) = Self.parts(text)
        if let number = NumericHost(host) {
            guard !number.isSix || text.hasPrefix("[") else { return nil }
            self.host = number.text
        } else {
            guard Self.isName(host) else { return nil }
            self.host = host.lowercased()
        }
        switch port {
        case .none: self.port = nil
        case .some(let digits):
            guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits), number > 0 else { return nil }
            self.port = number
        }
    }

    private static func parts(_ text: String) -> (host: String, port: String?) {
        if text.hasPrefix("["), let end = text.lastIndex(of: "]") {
            let host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            return rest.isEmpty ? (host, nil) : rest.hasPrefix(":") ? (host, String(rest.dropFirst())) : ("", nil)
        }
        guard let colon = text.lastIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    /// Labels of letters, digits, dashes and underscores, which operators use though RFC 952 does not; not all digits in the last, which would be a
    /// slip in an address.
    private static func isName(_ host: String) -> Bool {
        let labels = (host.hasSuffix(".") ? host.dropLast() : host[...]).split(separator: ".", omittingEmptySubsequences: false)
        guard host.utf8.count <= 253, let last = labels.last, !last.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                        UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }

    /// `host:port`, with `port` where none was given.
    public func text(port standard: UInt16) -> String {
        let number = port ?? standard
        return host.utf8.contains(0x3A) ? "[\(host)]:\(number)" : "\(host):\(number)"
    }

    public var description: String {
        guard port == nil else { return text(port: 0) }
        return host.utf8.contains(0x3A) ? "[\(host)]" : host
    }
}

/// The address at which a member says that it is reached.
public struct AdvertisedAddress: Sendable, Hashable, CustomStringConvertible {
    /// Numeric, without brackets.
    public let host: String
    /// Nil: the port that was taken.
    public let port: UInt16?

    /// Reads `10.0.0.1`, `10.0.0.1:6100`, `fd00::1` or `[fd00::1]:6100`; nil for anything else, and for addresses that lead nowhere.
    public init?(_ text: String) {
        if let address = PeerAddress(text) {
            (host, port) = (address.host, address.port)
        } else {
            guard let number = NumericHost(text) else { return nil }
            (host, port) = (number.text, nil)
        }
        guard host != "0.0.0.0", host != "::" else { return nil }
    }

    public var description: String { port.map { PeerAddress(host: host, port: $0).description } ?? host }
}
