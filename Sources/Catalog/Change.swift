// What happened to an instance, as far as a list of its namespace shows it: it came, changed, went. Renewals are none.
// A change is noted once, where the revision changes (`SecondaryIndex.touch`), and kept in the change log; the catalog has the
// present state.

/// The client that requested a change, as far as the member that took it knows, or the source that has changed. It is not
/// published to other members.
package struct Actor: Sendable, Equatable {
    /// As text, without a port.
    package let address: String?
    /// What the client's certificate calls it.
    package let principal: String?
    /// The name of the source that has changed; nil for a client.
    package let source: String?

    package init(address: String?, principal: String? = nil, source: String? = nil) {
        self.address = address
        self.principal = principal
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
    /// The member that took it: `Version.origin`. For an expiry and a return, the member that reports it.
    package let member: MemberID
    package let actor: Actor?
}
