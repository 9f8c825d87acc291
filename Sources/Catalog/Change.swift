// What happened to an instance that whoever lists its namespace can see: it came, changed, went. Renewals are none. A change is told of once, where
// the revision changes (`Roster.touch`), and kept in the change log; who wants to know what there is now asks the catalog.

/// Who asked for a change, as far as the member knows that took it. Other members are not told.
public struct Actor: Sendable, Equatable {
    /// As text, without a port.
    public let address: String?
    /// What the client's certificate calls it.
    public let principal: String?

    public init(address: String?, principal: String? = nil) {
        self.address = address
        self.principal = principal
    }
}

/// One change of one instance.
public struct Change: Sendable, Equatable {
    /// The raw values are the bytes in the change log.
    public enum Kind: UInt8, Sendable, CaseIterable {
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

    public let kind: Kind
    /// Of the namespace's revision, from this change on.
    public let index: UInt64
    /// When the member that took it did, since 1970; an expiry by the clock of the member that tells of it.
    public let microseconds: Int64
    public let id: InstanceID
    public let serviceName: Name
    public let endpoint: Endpoint
    /// Nil where it was not there.
    public let before: InstanceStatus?
    /// Nil where it is no more.
    public let after: InstanceStatus?
    /// Who took it: `Version.origin`. Of an expiry, and of a return, the member that tells of it.
    public let member: MemberID
    public let actor: Actor?
}
