// Which addresses count as one client when connections or requests are counted by address. An IPv6 host has 2^64
// addresses to itself, so its network is what counts; an IPv4 address that came through an IPv6 socket is the same
// client as over an IPv4 one.

import Text

/// A client's address as far as limits are concerned: an IPv4 address, or the first 64 bits of an IPv6 one.
package struct ClientKey: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// What the first twelve bytes of an IPv4-mapped IPv6 address come to (RFC 4291, section 2.5.5.2).
    private static let mapped: UInt64 = 0xFFFF

    /// Parses a numeric address; nil for anything else. A link-local one may name the interface of ours that it was met
    /// at (`fe80::1%eth0`), which does not count.
    package init?(numeric text: String) {
        let end = text.utf8.firstIndex(of: UInt8(ascii: "%")) ?? text.endIndex
        guard let address = IPAddress(String(text[..<end])) else { return nil }
        let bits = address.mappedBits
        let first = UInt64(truncatingIfNeeded: bits >> 64)
        let second = UInt64(truncatingIfNeeded: bits)
        high = first
        low = first == 0 && second >> 32 == Self.mapped ? second : 0
    }
}
