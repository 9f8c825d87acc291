// The registry's truth: who is registered, and until when. A value without clock, lock or I/O: a command is applied at a given moment and
// answered; time passes when it is told to. `Store` guards several of these, one a shard.

/// The instances and leases of some namespaces.
public struct Catalog: Sendable {
    /// Leases that have run out but were not yet swept away do not count against a namespace's capacity: before a registration is
    /// refused, so many are swept. Only those of the wheel's last tick, and those that this does not reach, still count.
    private static let fullNamespaceBudget = 1_000

    /// Instances a client may register in one namespace; nil is no limit.
    private let namespaceCapacity: Int?
    var records: Records
    /// Invariant: has exactly the slots whose records expire, each at its deadline or before.
    var wheel: TimerWheel

    /// A catalog alone, or with a member's name one that others are told of.
    public init(
        namespaceCapacity: Int?, start: LeaseTime = .zero, replicating member: MemberID? = nil, tombstones: TombstoneLimits = .standard
    ) {
        self.namespaceCapacity = namespaceCapacity
        wheel = TimerWheel(start: start)
        records = Records(ledger: member.map { Ledger(member: $0, limits: tombstones) })
    }

    // MARK: - Commands

    /// Carries a command out, or refuses it and changes nothing.
    public mutating func apply(_ command: Command, in namespace: Namespace, from origin: Origin, at moment: Moment) -> Decision {
        switch command {
        case .register(let instance):
            return register(instance, in: namespace, from: origin, at: moment)
        case .renew(let id):
            guard renew(id, in: namespace, from: origin, at: moment) else { break }
            return Decision(
                outcome: .done, change: Change(sequence: records.sequence, namespace: namespace, kind: .renewed(id)))
        case .deregister(let id):
            guard records.find(id, in: namespace, at: moment.lease) != nil else { break }
            return remove(id, from: namespace, origin, at: moment)
        case .bury(let id):
            return remove(id, from: namespace, origin, at: moment)
        case .setStatus(let id, let status):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            let version = records.ledger?.stamp(at: moment) ?? .none
            records.update(slot) { record, instance in
                instance = instance.with(status: status)
                record.resume(instance, at: moment)
                record.version = version
            }
            if origin == .client { records.ledger?.changed.insert(slot) }
            rearm(slot)
            return Decision(outcome: .done, change: records.change(.statusSet(id, status), in: namespace))
        }
        return Decision(outcome: .unknownInstance)
    }

    /// Starts the lease of an instance anew, as the command does, and tells no more than whether there is such an instance: most of what a
    /// registry is asked is this, and to make a decision and a change takes longer than the deed.
    mutating func renew(_ id: InstanceID, in namespace: Namespace, from origin: Origin, at moment: Moment) -> Bool {
        guard let slot = records.slot(of: id, in: namespace), records.slots[slot].renew(at: moment) else { return false }
        if origin == .client, records.isTold { records.ledger?.renewed.insert(slot) }
        return true
    }

    private mutating func register(
        _ instance: Instance, in namespace: Namespace, from origin: Origin, at moment: Moment
    ) -> Decision {
        var swept: [Change] = []
        let slot: Int32
        if let known = records.slot(of: instance.id, in: namespace) {
            slot = known
            let version = records.ledger?.stamp(at: moment) ?? .none
            records.update(slot) { record, known in
                known = instance
                record.version = version
                record.start(instance, at: moment)
            }
        } else {
            if origin == .client, !hasRoom(in: namespace) { swept = expire(at: moment.lease, budget: Self.fullNamespaceBudget).changes }
            guard origin == .peer || hasRoom(in: namespace) else { return Decision(outcome: .namespaceFull, swept: swept) }
            slot = records.insert(instance, records.ledger?.stamp(at: moment) ?? .none, into: namespace, at: moment)
        }
        if origin == .client { records.ledger?.changed.insert(slot) }
        rearm(slot)
        return Decision(outcome: .done, swept: swept, change: records.change(.registered(instance), in: namespace))
    }

    /// Removes an instance, if it is here, and leaves a tombstone, if others are to be told.
    private mutating func remove(_ id: InstanceID, from namespace: Namespace, _ origin: Origin, at moment: Moment) -> Decision {
        let slot = records.slot(of: id, in: namespace)
        let isLive = slot.map { records.slots[$0].isLive(at: moment.lease) } ?? false
        if let slot {
            wheel.cancel(slot)
            records.remove(slot)
        }
        if let version = records.ledger?.stamp(at: moment) {
            records.ledger?.tombstones.put(
                id, in: namespace, version: version, isUntold: origin == .client, at: moment.lease)
            records.ledger?.expired.remove(id, in: namespace)
        }
        if isLive { return Decision(outcome: .done, change: records.change(.deregistered(id), in: namespace)) }
        let swept = slot == nil ? [] : [records.change(.expired(id), in: namespace)]
        return Decision(outcome: .unknownInstance, swept: swept)
    }

    /// Whether a client may register another instance.
    private func hasRoom(in namespace: Namespace) -> Bool {
        guard let namespaceCapacity, let table = records.roster.table(of: namespace) else { return namespaceCapacity != 0 }
        return records.roster.tables[table].count < namespaceCapacity
    }

    /// Brings the wheel to a deadline that may be earlier than the one it knows.
    mutating func rearm(_ slot: Int32) {
        let deadline = records.slots[slot].deadline
        if deadline == .distantFuture { wheel.cancel(slot) } else { wheel.schedule(slot, due: deadline) }
    }

    // MARK: - Time

    /// Lets leases run out whose deadline is at or before `now`, and tombstones be forgotten whose time has come: at most `budget` of them
    /// (renewed leases, which are put back, included).
    public mutating func expire(at now: LeaseTime, budget: Int) -> Expiry {
        var changes: [Change] = []
        var handled = 0
        let hasMore = wheel.advance(to: now, budget: budget, owner: &records) { records, slot in
            handled += 1
            let deadline = records.slots[slot].deadline
            guard deadline <= now else { return .rearm(deadline) }
            changes.append(records.expire(slot, at: now))
            return .expired
        }
        guard !hasMore, records.isTold else { return Expiry(changes: changes, handled: handled, hasMore: hasMore) }
        var forgotten = records.ledger?.tombstones.expire(at: now, budget: budget - handled) ?? 0
        forgotten += records.ledger?.expired.expire(at: now, budget: budget - handled - forgotten) ?? 0
        handled += forgotten
        return Expiry(changes: changes, handled: handled, hasMore: forgotten > 0 && handled == budget)
    }

    // MARK: - Look-ups

    /// One instance, or nil when its namespace does not have it.
    public func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        records.find(id, in: namespace, at: now).map { records.leased($0) }
    }

    /// How much there is.
    public var counts: Counts {
        Counts(
            instances: records.slots.count, services: records.roster.services.count, namespaces: records.roster.tables.count,
            tombstones: records.ledger?.tombstones.count ?? 0)
    }
}

/// What the passing of time did.
public struct Expiry: Sendable {
    public var changes: [Change] = []
    /// Leases that ran out or, renewed, were put back, and tombstones that were forgotten. The budget is spent on these and on moving leases within the wheel.
    public var handled = 0
    /// Whether the budget ran out before the work did.
    public var hasMore = false
}

/// How much a catalog holds.
public struct Counts: Sendable, Equatable {
    public var instances = 0
    public var services = 0
    public var namespaces = 0
    /// Deregistrations that are remembered for the sake of other members.
    public var tombstones = 0

    static func + (left: Counts, right: Counts) -> Counts {
        Counts(
            instances: left.instances + right.instances, services: left.services + right.services,
            namespaces: left.namespaces + right.namespaces, tombstones: left.tombstones + right.tombstones)
    }
}
