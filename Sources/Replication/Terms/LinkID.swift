// A connection between two members, as everything here speaks of it: its name, and which end of it this member is.

/// A connection, numbered by the shell that opened it; never used twice in one process.
package struct LinkID: Hashable, Sendable {
    package let number: UInt64

    package init(number: UInt64) {
        self.number = number
    }
}

/// Which end of a connection this member is. Data flows from the accepter to the dialer; the other direction carries
/// requests and acknowledgments.
package enum LinkRole: Sendable {
    /// Dialed by this member, which subscribes to the other: the subscriber.
    case dialed
    /// Accepted by this member, which publishes to the other: the publisher.
    case accepted

    /// That of the other end.
    var other: LinkRole { self == .dialed ? .accepted : .dialed }
}
