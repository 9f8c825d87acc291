// What happened to an instance, as far as a list of its namespace shows it: it came, changed, went. Renewals are none.
// A change is noted once, where the revision changes (`SecondaryIndex.touch`), and kept in the change log; the catalog has the
// present state.

/// The client that requested a change, as far as the member that took it knows, or the source that has changed. It is not
/// published to other members.
package struct Actor: Sendable, Equatable {
    /// As text, without a port.
    package let address: String?
    /// What the client's credential calls it.
    package let principal: String?
    /// Whether it is an operator.
    package let isOperator: Bool
    /// The name of the source that has changed; nil for a client.
    package let source: String?

    package init(address: String?, principal: String? = nil, isOperator: Bool = false, source: String? = nil) {
        self.address = address
        self.principal = principal
        self.isOperator = isOperator
        self.source = source
    }
}

/// One change of one instance.
package struct Change: Sendable, Equatable {
    /// The raw values are the bytes in the change log.
    package enum Kind: UInt8, Sendable, CaseIterable {
        case registered
        /// Registered again with another status, endpoint, TTL, tags or metadata.
        case updated
        /// Registered again, as it was.
        case refreshed
        case deregistered
        case expired
        /// Had run out here, and is alive by what another member says.
        case returned
        /// Another status counts in place of its own, or of the one that counted in its place.
        case overridden = 7
        /// The same, and it is to be deregistered.
        case drained
        /// Its own status counts again.
        case overrideRemoved
    }

    /// What a registration says, field by field.
    package struct Fields: OptionSet, Sendable {
        /// Bits in the change log.
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let serviceName = Fields(rawValue: 1 << 0)
        package static let endpoint = Fields(rawValue: 1 << 1)
        package static let ttl = Fields(rawValue: 1 << 2)
        package static let status = Fields(rawValue: 1 << 3)
        package static let tags = Fields(rawValue: 1 << 4)
        package static let metadata = Fields(rawValue: 1 << 5)
        /// What only the protocol that it was registered by shows.
        package static let extra = Fields(rawValue: 1 << 6)
    }

    package let kind: Kind
    /// Of the namespace's revision, from this change on.
    package let index: UInt64
    /// When the member that took it did, since 1970; an expiry by the clock of the member that reports it.
    package let microseconds: Int64
    package let id: InstanceID
    package let serviceName: Name
    package let endpoint: Endpoint
    /// Nil where it was not there.
    package let before: InstanceStatus?
    /// Nil where it is no more.
    package let after: InstanceStatus?
    /// When the override ends, or the drain, in nanoseconds since 1970; nil where it has no end, and for other kinds.
    package let until: Int64?
    /// What has another value than before; empty for other kinds than an update.
    package let fields: Fields
    /// The member that took it: `Version.origin`. For an expiry and a return, the member that reports it.
    package let member: MemberID
    package let actor: Actor?
}
