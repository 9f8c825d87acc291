// Where an instance is, as records say it.

package import Text

/// An instance that answers name.
package struct Target: Hashable, Sendable {
    package enum Host: Hashable, Sendable {
        case address(IPAddress)
        case name(DomainName)
    }

    package let host: Host
    package let port: UInt16
    /// Its share, from 1 to 255.
    package let weight: UInt8
    /// A hash of its id: by it the targets stand in answers, so that those which fit are the same each time.
    package let order: UInt64

    package init(_ host: Host, port: UInt16, weight: UInt8, order: UInt64) {
        (self.host, self.port, self.weight, self.order) = (host, port, weight, order)
    }
}
