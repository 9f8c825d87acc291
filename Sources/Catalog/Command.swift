// What a client asks of the catalog, and what it is answered. Renewing has its own way (`Store.renew`), because most of what a registry is asked is
// that; what another member tells comes in as states, not as commands (`CatalogMerge.swift`).

/// One thing to be done to a namespace.
public enum Command: Sendable {
    /// Registers the instance, or replaces what its id named before, and starts its lease anew.
    case register(Instance)
    case deregister(InstanceID)
    /// Deregisters an instance that may be known to other members only, for a member that does not have their copy yet: what is not here is
    /// answered as unknown, but the others are told.
    case bury(InstanceID)
}

/// The moment at which a command is carried out, on all clocks.
public struct Moment: Sendable {
    public let lease: LeaseTime
    /// Nanoseconds since 1970.
    public let wall: Int64
    /// Milliseconds that lease time has lost to pauses until now. Lease time stands still in a pause so that nothing expires for it; what other
    /// members are told of a lease's age must not, or they would take the dead for alive. It is measured by `lease` and this together.
    public let lost: Int64

    public init(lease: LeaseTime, wall: Int64, lost: Int64 = 0) {
        self.lease = lease
        self.wall = wall
        self.lost = lost
    }

    /// Since 1970.
    var microseconds: Int64 { wall / 1_000 }
}

/// The answer to a command.
public enum Outcome: Sendable, Equatable {
    case done
    /// No such instance in this namespace, or its lease has run out. Nothing has changed.
    case unknownInstance
    /// The namespace holds as many instances as it may. Nothing has changed.
    case namespaceFull
}

/// What became of a command.
public struct Decision: Sendable, Equatable {
    public let outcome: Outcome
    /// How many leases had run out and were swept away by the way, whatever the outcome is.
    public let expired: Int

    init(_ outcome: Outcome, expired: Int = 0) {
        self.outcome = outcome
        self.expired = expired
    }
}
