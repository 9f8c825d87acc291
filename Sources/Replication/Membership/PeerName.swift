// How an operator names the others: a list of hosts, or one name whose addresses are the members. Both become addresses
// by look-ups that are repeated, because in a cluster of containers an address is only good until the next restart.

import Text

/// A host, by name or number, and a port.
package struct PeerName: Sendable, Hashable, CustomStringConvertible {
    /// The most entries that a list may have. Each is looked up in turn, so more make the turns longer.
    package static let mostEntries = 64
    /// The longest host name (RFC 1035, section 2.3.4).
    static let longestHost = 253

    /// What the addresses of the name are.
    package enum Meaning: Sendable, Hashable {
        /// One member. When it has IPv4 addresses, only those are dialed: a second way to the same member is of no use.
        case member
        /// Every address is a member.
        case members
    }

    /// A host name, or a numeric address in its one spelling and without brackets.
    package let host: String
    /// Nil stands for the port that this member itself uses.
    package let port: UInt16?
    package let meaning: Meaning
    /// The address that `host` is; nil when it is a name.
    private let number: IPAddress?

    /// Reads `host`, `host:port`, `10.0.0.1:6100`, `[fd00::1]:6100` or `fd00::1`; nil for anything else. Port 0 is
    /// none.
    package init?(_ text: some StringProtocol, meaning: Meaning) {
        self.meaning = meaning
        let text = String(text)
        if let number = IPAddress(text) {
            (host, port, self.number) = (number.description, nil, number)
        } else if let address = PeerAddress(text) {
            (host, port, number) = (address.host.description, address.port, address.host)
        } else if text.hasPrefix("["), text.hasSuffix("]") {
            guard let number = IPAddress(String(text.dropFirst().dropLast())), number.isSix else { return nil }
            (host, port, self.number) = (number.description, nil, number)
        } else {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard Self.isHostName(parts[0]) else { return nil }
            if parts.count == 2 {
                guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(parts[1]),
                    number > 0
                else {
                    return nil
                }
                port = number
            } else {
                port = nil
            }
            (host, number) = (String(parts[0]), nil)
        }
    }

    /// Reads a list separated by commas, with spaces about them allowed; nil when any entry is wrong or there are too
    /// many.
    package static func list(_ text: String) -> [PeerName]? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= mostEntries else { return nil }
        var names: [PeerName] = []
        for part in parts {
            guard let name = PeerName(part.filter { $0 != " " }, meaning: .member) else { return nil }
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// The address when it needs no look-up.
    package func address(defaultPort: UInt16) -> PeerAddress? {
        number.map { PeerAddress(host: $0, port: port ?? defaultPort) }
    }

    package var description: String {
        let shown = number?.isSix == true ? "[\(host)]" : host
        return port.map { "\(shown):\($0)" } ?? shown
    }

    /// Letters, digits, hyphens and underscores between points. A name of digits alone would be a mistyped address.
    private static func isHostName(_ text: Substring) -> Bool {
        guard (1...longestHost).contains(text.utf8.count) else { return false }
        var labels = text.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count > 1, labels.last == "" { labels.removeLast() }
        guard let last = labels.last, !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }
}
