// Who counts as one client when connections or requests are counted by address. An IPv6 host has 2^64 addresses to itself, so its network is
// what counts; an IPv4 address that came through an IPv6 socket is the same client as over an IPv4 one.

import Glibc

/// A client's address as far as limits are concerned: an IPv4 address, or the first 64 bits of an IPv6 one.
public struct ClientKey: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// What the first twelve bytes of an IPv4-mapped IPv6 address come to (RFC 4291, section 2.5.5.2).
    private static let mapped: UInt64 = 0xFFFF

    /// Parses a numeric address; nil for anything else. A link-local one names the interface of ours that it was met at (`fe80::1%eth0`), which does
    /// not count.
    public init?(numeric address: String) {
        let text = address.utf8.firstIndex(of: UInt8(ascii: "%")).map { String(address[..<$0]) } ?? address
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            high = 0
            low = Self.mapped << 32 | UInt64(UInt32(bigEndian: four.s_addr))
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            let (first, second) = withUnsafeBytes(of: &six) { bytes in
                (
                    UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            let isMapped = first == 0 && second >> 32 == Self.mapped
            high = first
            low = isMapped ? second : 0
        } else {
            return nil
        }
    }
}
