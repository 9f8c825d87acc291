// Where a member's replication port is. Members are dialed by address but known by their `MemberID`: one member may
// have several addresses, and one address may be another member's tomorrow.

import Text

/// A numeric IP address and a port.
public struct PeerAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let host: IPAddress
    public let port: UInt16

    public init(host: IPAddress, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets about an IPv6 address.
    public var description: String { host.isSix ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public static func < (left: PeerAddress, right: PeerAddress) -> Bool {
        (left.host, left.port) < (right.host, right.port)
    }
}
