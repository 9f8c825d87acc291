// An operator's word on the status of an instance. It travels with the instance's state, as a field that members of
// older releases keep and pass on, but has a version of its own: a registration that was made at the same time at
// another member does not undo it, nor it that registration. One that was removed leaves a mark with its version, so
// that a copy that comes late does not bring it back.
//
// Among the further fields of an instance (`StateCodec.swift`) it is the one with tag 1:
//
//     time u64, origin u64, until i64 (the largest: no end), status: count, UTF-8 (none: removed), who: count, UTF-8
//     and of a drain: its end i64, its departure u64
//
// A drain is an override by which an instance leaves: it is out of service at once, and deregistered at a time. Every
// member that knows of it carries that out by itself, in a version that follows from the drain alone, so that it is one
// deregistration however many members do it, and none has to live for it to be done.

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
    /// How the instance leaves; nil where it is not to.
    package let drain: Drain?

    init(status: InstanceStatus?, version: Version, until: Int64?, who: String?, drain: Drain? = nil) {
        self.status = status
        self.version = version
        self.until = until
        self.who = who
        self.drain = drain
    }

    /// The same once its time is over.
    var ended: StatusOverride { StatusOverride(status: nil, version: version, until: nil, who: who) }

    /// The same in another version, because the clock was wrong when it was set: what depends on the time moves along.
    func stamped(_ version: Version) -> StatusOverride {
        let microseconds = version.time.microseconds.subtractingSaturated(self.version.time.microseconds)
        let difference = microseconds.multipliedSaturated(by: 1_000)
        let drain = drain.map {
            Drain(
                end: $0.end.addingSaturated(difference),
                departure: HybridTime(
                    bits: version.time.bits &+ ($0.departure.bits &- self.version.time.bits)))
        }
        return StatusOverride(
            status: status, version: version, until: until.map { $0.addingSaturated(difference) }, who: who,
            drain: drain)
    }

    /// What it is called in the change log.
    var change: Change.Kind { status == nil ? .overrideRemoved : drain == nil ? .overridden : .drained }

    /// When something becomes of it without another word, in nanoseconds since 1970; nil is never.
    var end: Int64? { status == nil ? nil : drain?.end ?? until }

    /// The version in which a drained instance is deregistered; nil without a drain. One that was registered in a later
    /// version is not concerned.
    var departure: Version? {
        status == nil ? nil : drain.map { Version(time: $0.departure, origin: version.origin) }
    }
}

/// How a drained instance leaves.
package struct Drain: Hashable, Sendable {
    /// When it is deregistered, in nanoseconds since 1970.
    package let end: Int64
    /// The same as a stamp. Counted from the version of the override, which is later than that of the instance,
    /// however far ahead the clock was that has stamped the instance.
    let departure: HybridTime

    /// The longest that a drain takes, in nanoseconds: a year.
    package static let longest: Int64 = 366 * 86_400 * 1_000_000_000

    init(end: Int64, departure: HybridTime) {
        self.end = end
        self.departure = departure
    }

    /// Whether this can be of an override with a version: a stamp from far beyond it would be taken over by the clock.
    func isCredible(of version: Version) -> Bool {
        departure > version.time
            && departure.bits - version.time.bits <= HybridTime(nanoseconds: Self.longest).bits + 3
    }

    /// One that begins with a version, at a time in nanoseconds since 1970, and takes so many nanoseconds.
    init(from version: Version, at now: Int64, for nanoseconds: Int64) {
        let begin = version.time.bits
        let span = HybridTime(nanoseconds: nanoseconds).bits
        // A withdrawal, and later than what it begins with. Beyond the end of time no stamp is taken from anybody.
        self.init(
            end: now.addingSaturated(nanoseconds), departure: HybridTime(bits: (begin &+ max(span, 2)) | 1))
    }
}

/// What an operator wants of the status of an instance.
package enum OverrideOrder: Sendable, Equatable {
    /// That this counts, until a time in nanoseconds since 1970; nil is no end.
    case set(InstanceStatus, until: Int64?)
    /// That its own counts again.
    case remove
    /// That it leaves: out of service now, and deregistered after so many nanoseconds.
    case drain(for: Int64)
    /// That it does not leave; any other override stays.
    case endDrain

    /// The status that counts from then on; nil is the instance's own.
    var status: InstanceStatus? {
        switch self {
        case .set(let status, _): status
        case .drain: .outOfService
        case .remove, .endDrain: nil
        }
    }
}

extension Instance {
    /// What an operator said of its status, or that nothing is said any more.
    package var override: StatusOverride? { packed.further.flatMap { StatusOverride(in: $0) } }

    /// The same registration with another override.
    func with(override: StatusOverride) -> Instance {
        Instance(digest: digest, packed: packed.with(further: override.fields(in: packed.further)))
    }

    /// The same registration without what an operator said.
    var withoutOverride: Instance {
        guard override != nil else { return self }
        let others = StatusOverride.otherFields(in: packed.further ?? [])
        return Instance(digest: digest, packed: packed.with(further: others.isEmpty ? nil : others))
    }

    /// The same with the later of its own override and another.
    func joining(_ other: StatusOverride?) -> Instance {
        guard let other, other.version > override?.version ?? .none else { return self }
        return with(override: other)
    }

    /// What counts as its status.
    package var effectiveStatus: InstanceStatus { override?.status ?? status }
}
