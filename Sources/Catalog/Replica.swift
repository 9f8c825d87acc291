// What members publish to each other. Not events but states: the state of an id, with its version. Hence live changes,
// copies, repairs and anti-entropy all speak the same way, and hearing a state twice, late or out of order changes
// nothing.

/// The time of an instance's last heartbeat.
package struct Heartbeat: Hashable, Sendable {
    /// Milliseconds since, by the monotonic clock of the sender, including the time that it was paused. The lease of a
    /// copy has the age of the source, so copying extends none. Kept for out-of-service instances as well: a later
    /// version may expire.
    package let age: Int64
    /// Nanoseconds since 1970, by the clock of the member that took it.
    package let wall: Int64

    package init(age: Int64, wall: Int64) {
        self.age = age
        self.wall = wall
    }
}

/// The state of one id of a namespace, or of a service as a whole.
package enum Replica: Sendable {
    case present(Instance, Version, Heartbeat)
    /// Deregistered this many milliseconds ago. It is published with its true age, or members would hand it to each
    /// other for ever. What an operator said of its status goes along for as long as it is kept.
    case absent(InstanceID, Version, age: Int64 = 0, override: StatusOverride? = nil)
    /// Present in this version, and renewed: for members that have it. Others ask for the whole.
    case renewed(InstanceID, Version, Heartbeat)
    /// What an operator said of a service, or that nothing is said any more. Its version is the override's.
    case service(Name, StatusOverride)

    /// The id that it is the state of; nil of a service's.
    package var id: InstanceID? {
        switch self {
        case .present(let instance, _, _): instance.id
        case .absent(let id, _, _, _), .renewed(let id, _, _): id
        case .service: nil
        }
    }

    package var version: Version {
        switch self {
        case .present(_, let version, _), .absent(_, let version, _, _), .renewed(_, let version, _): version
        case .service(_, let override): override.version
        }
    }
}

extension Replica {
    /// The latest stamp in it, of the state or of an override.
    package var latestStamp: HybridTime {
        switch self {
        case .present(let instance, let version, _):
            instance.hasFurther ? max(version.time, instance.override?.version.time ?? .zero) : version.time
        case .absent(_, let version, _, let override): max(version.time, override?.version.time ?? .zero)
        case .renewed(_, let version, _): version.time
        case .service(_, let override): override.version.time
        }
    }
}

/// A state and the namespace that it belongs to.
package struct Replicated: Sendable {
    package let namespace: Namespace
    package let replica: Replica

    package init(namespace: Namespace, replica: Replica) {
        self.namespace = namespace
        self.replica = replica
    }
}

/// What a member made of a state from another.
package enum MergeOutcome: Sendable, Equatable {
    /// The state of the id has changed.
    case applied
    /// It was known already, heartbeat and all.
    case redundant
    /// It was known already, or ours is newer, but its heartbeat is later than all that were received here.
    case renewed
    /// Ours is newer: the sender receives it from this member.
    case stale
    /// A renewal of something that is not here, or only in an older version: the whole must be asked for.
    case missing
    /// Its lease has run out.
    case dead
}
