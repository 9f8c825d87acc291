// What can be asked of the catalog, what it answers, and what has changed by it. Changes flow one way: a client's request and a peer's message
// become a command alike, told apart by their origin; the change that comes out is what others are told. Nothing is both.

/// One thing to be done to a namespace.
public enum Command: Sendable {
    /// Registers the instance, or replaces what its id named before, and starts its lease anew.
    case register(Instance)
    /// Starts the lease anew.
    case renew(InstanceID)
    case deregister(InstanceID)
    /// Deregisters an instance that may be known to other members only, for a member that does not have their copy yet: what is not here is
    /// answered as unknown, but the others are told.
    case bury(InstanceID)
    /// Gives an instance another status; its lease goes on.
    case setStatus(InstanceID, InstanceStatus)
}

/// Whom a command comes from.
public enum Origin: Sendable, Equatable {
    /// A client of this member. Bound by the namespace's capacity.
    case client
    /// Another member, which has accepted the command already: never refused for capacity, and not told to peers again.
    case peer
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
}

/// The answer to a command.
public enum Outcome: Sendable, Equatable {
    case done
    /// No such instance in this namespace, or its lease has run out. Nothing has changed.
    case unknownInstance
    /// The namespace holds as many instances as it may. Nothing has changed.
    case namespaceFull
}

/// What a command or the passing of time did to a namespace.
public struct Change: Sendable {
    public enum Kind: Sendable {
        case registered(Instance)
        case renewed(InstanceID)
        case deregistered(InstanceID)
        case statusSet(InstanceID, InstanceStatus)
        case expired(InstanceID)
    }

    /// Counts the changes of one shard, renewals aside, from 1 without gaps. A renewal carries the number of the change before it.
    public let sequence: UInt64
    public let namespace: Namespace
    public let kind: Kind
}

/// An outcome and the changes that came with it, in the order of their sequence.
public struct Decision: Sendable {
    public let outcome: Outcome
    /// Leases that had run out and were swept away to make room. They are changes whatever the outcome is.
    public let swept: [Change]
    /// What the command changed; nil when it was refused.
    public let change: Change?

    init(outcome: Outcome, swept: [Change] = [], change: Change? = nil) {
        self.outcome = outcome
        self.swept = swept
        self.change = change
    }
}
