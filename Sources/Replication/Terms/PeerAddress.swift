// Where a member's replication port is. Members are dialed by address but known by their `MemberID`: one member may
// have several addresses, and one address may be another member's tomorrow.

package import Text

/// A numeric IP address and a port.
package struct PeerAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let host: IPAddress
    package let port: UInt16

    package init(host: IPAddress, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `host:port`, with brackets about an IPv6 address.
    package var description: String { host.isSix ? "[\(host)]:\(port)" : "\(host):\(port)" }

    package static func < (left: PeerAddress, right: PeerAddress) -> Bool {
        (left.host, left.port) < (right.host, right.port)
    }
}
