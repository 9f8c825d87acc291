// An operator's word on the status of an instance. It travels with the instance's state, as a field that members of
// older releases keep and pass on, but has a version of its own: a registration that was made at the same time at
// another member does not undo it, nor it that registration. One that was removed leaves a mark with its version, so
// that a copy that comes late does not bring it back.
//
// Among the further fields of an instance (`StateCodec.swift`) it is the one with tag 1:
//
//     time u64, origin u64, until i64 (the largest: no end), status: count, UTF-8 (none: removed), who: count, UTF-8

/// What counts as an instance's status in place of what it says itself.
package struct StatusOverride: Hashable, Sendable {
    /// Bytes of a status, and of what names the operator: longer names are cut.
    package static let statusLimit = 64
    package static let whoLimit = 256

    /// Nil: the override was removed, or its time is over.
    package let status: InstanceStatus?
    /// When, and at which member, it was set or removed; the later one stands.
    package let version: Version
    /// Nanoseconds since 1970; nil is no end.
    package let until: Int64?
    /// The principal that set it, if it is known.
    package let who: String?

    init(status: InstanceStatus?, version: Version, until: Int64?, who: String?) {
        self.status = status
        self.version = version
        self.until = until
        self.who = who
    }

    /// The same once its time is over.
    var ended: StatusOverride { StatusOverride(status: nil, version: version, until: nil, who: who) }

    /// The same in another version.
    func stamped(_ version: Version) -> StatusOverride {
        StatusOverride(status: status, version: version, until: until, who: who)
    }
}

extension Instance {
    /// What an operator said of its status, or that nothing is said any more.
    package var override: StatusOverride? { packed.further.flatMap { StatusOverride(in: $0) } }

    /// The same registration with another override.
    func with(override: StatusOverride) -> Instance {
        Instance(digest: digest, packed: packed.with(further: override.fields(in: packed.further)))
    }

    /// The same with the later of its own override and another.
    func joining(_ other: StatusOverride?) -> Instance {
        guard let other, other.version > override?.version ?? .none else { return self }
        return with(override: other)
    }

    /// What counts as its status.
    package var effectiveStatus: InstanceStatus { override?.status ?? status }
}
