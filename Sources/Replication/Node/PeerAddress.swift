// Where a member's replication port is. Members are dialed by address but known by their `MemberID`: one member may have several addresses,
// and one address may be another member's tomorrow.

/// A numeric IP address and a port.
public struct PeerAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A numeric IPv4 or IPv6 address, the latter without brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets about an IPv6 address.
    public var description: String { host.utf8.contains(0x3A) ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public static func < (left: PeerAddress, right: PeerAddress) -> Bool { (left.host, left.port) < (right.host, right.port) }
}
