// The address that a member publishes to the others. It is numeric, because the others dial it as it is, without a
// look-up.

import Replication
package import Text

/// The address at which a member says that it is reached.
package struct AdvertisedAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: IPAddress
    /// Nil: the port that was taken.
    package let port: UInt16?

    /// Reads `10.0.0.1`, `10.0.0.1:6100`, `fd00::1` or `[fd00::1]:6100`; nil for anything else, and for addresses that
    /// lead nowhere.
    package init?(_ text: String) {
        if let address = PeerAddress(text) {
            (host, port) = (address.host, address.port)
        } else {
            guard let number = IPAddress(text) else { return nil }
            (host, port) = (number, nil)
        }
        guard !host.isUnspecified else { return nil }
    }

    package var description: String { port.map { PeerAddress(host: host, port: $0).description } ?? host.description }
}
