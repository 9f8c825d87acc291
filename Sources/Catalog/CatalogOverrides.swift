// How overrides are set, removed, ended and merged. None of this touches a registration's version or its lease: whether an
// instance is alive is decided by its heartbeats and by what it says itself.

import Synchronization

/// What became of a wish to set or remove an override.
package enum OverrideDecision: Sendable {
    /// The instance with the status that now counts.
    case done(LeasedInstance)
    /// There is no such instance.
    case unknown
    /// As many overrides are kept as may be.
    case full
}

extension Catalog {
    /// Sets or removes an override. Nothing changes where none is to be removed.
    ///
    /// - Parameter isFull: whether there may be no more of them.
    mutating func override(
        _ id: InstanceID, in namespace: Namespace, _ order: OverrideOrder, isFull: Bool, at moment: Moment,
        by actor: Actor?
    ) -> OverrideDecision {
        guard let slot = records.find(id, in: namespace, at: moment.lease) else { return .unknown }
        if isFull, order.status != nil, !records.slots[slot].isOverridden { return .full }
        let instance = records.instance(slot)
        let held = instance.override
        switch order {
        case .remove where held?.status == nil: return .done(records.leased(slot))
        case .endDrain where held?.departure == nil: return .done(records.leased(slot))
        default: break
        }
        let version = records.stamp(
            isWithdrawal: order.status == .outOfService,
            after: max(held?.version ?? .none, records.slots[slot].version), at: moment)
        let override = StatusOverride(order, version, at: moment.wall, who: actor?.principal ?? actor?.address)
        records.update(
            slot, to: instance.with(override: override), of: override, by: actor, at: moment.microseconds
        ) { _ in }
        if records.isTold { records.replicationState.changed.insert(slot) }
        return .done(records.leased(slot))
    }

    /// Takes in the override of a state from another member, if it is later than what is known.
    mutating func takeOverride(of told: Instance, _ slot: Int32, at moment: Moment) -> Bool {
        guard told.hasFurther, let override = told.override else { return false }
        let instance = records.instance(slot)
        guard override.version > instance.override?.version ?? .none else { return false }
        records.observe(override.version)
        records.update(slot, to: instance.with(override: override), of: override, at: moment.microseconds) { _ in
        }
        return true
    }

    /// Lets overrides end whose time is over, at most `budget` of them, deregisters what has been drained, and forgets
    /// the overrides of instances that have long gone. Returns how many ended, and how many instances left.
    mutating func endOverrides(at moment: Moment, budget: Int) -> (ended: Int, left: Int) {
        records.shelf.forget(at: moment.wall)
        var (ended, left) = (0, 0)
        for (id, namespace) in records.shelf.takeEnded(at: moment.wall, limit: budget) {
            ended += 1
            guard let slot = records.slot(of: id, in: namespace) else { continue }
            let instance = records.instance(slot)
            guard let override = instance.override, let end = override.end, end <= moment.wall else { continue }
            guard let departure = override.departure else {
                let ended = override.ended
                records.update(slot, to: instance.with(override: ended), of: ended, at: moment.microseconds) { _ in }
                continue
            }
            // What was registered after the end is another life, which stays out of service.
            guard records.slots[slot].version < departure else { continue }
            let age = max(0, moment.wall.subtractingSaturated(end) / 1_000_000)
            leave(slot, id, in: namespace, departure, age: age, at: moment)
            left += 1
        }
        return (ended, left)
    }

    /// Deregisters what has been drained, this many milliseconds ago.
    mutating func leave(
        _ slot: Int32, _ id: InstanceID, in namespace: Namespace, _ departure: Version, age: Int64, at moment: Moment
    ) {
        // What is registered from now on is later, also where this is ahead of the time.
        records.observe(departure)
        wheel.cancel(slot)
        records.remove(slot, departure)
        guard records.isTold else { return }
        records.replicationState.tombstones.put(
            id, in: namespace, version: departure, age: age, isUntold: true, at: moment.lease)
    }
}

extension StatusOverride {
    /// What an order makes of it, at a time in nanoseconds since 1970.
    init(_ order: OverrideOrder, _ version: Version, at now: Int64, who: String?) {
        var (until, drain): (Int64?, Drain?) = (nil, nil)
        switch order {
        case .set(_, let end): until = end
        case .drain(let nanoseconds): drain = Drain(from: version, at: now, for: nanoseconds)
        case .remove, .endDrain: break
        }
        self.init(status: order.status, version: version, until: until, who: who, drain: drain)
    }
}

extension Store {
    /// How many overrides there may be.
    package static let overrideLimit = 100_000

    /// Sets or removes an override of an instance's status for a client. Done where there is none to remove.
    package func override(
        _ id: InstanceID, in namespace: Namespace, _ order: OverrideOrder, at moment: Moment, by actor: Actor? = nil
    ) -> OverrideDecision {
        let isFull = order.status != nil && counts.overrides >= Self.overrideLimit
        let number = number(of: namespace)
        let decision = change(number) {
            $0.override(id, in: namespace, order, isFull: isFull, at: moment, by: actor)
        }
        if case .done = decision { dirtyShards?.noteChanges(shard: number) }
        return decision
    }

    /// How many instances of a namespace have each status, and the revision at which that is so. Instances whose leases
    /// have run out count until they are swept.
    package func tally(of namespace: Namespace) -> (statuses: [InstanceStatus: Int], revision: Revision) {
        shard(of: namespace).catalog.withLock { catalog in
            guard let table = catalog.records.secondaryIndex.table(of: namespace) else { return ([:], .none) }
            let found = catalog.records.secondaryIndex.tables[table]
            return (found.tally.counts, found.revision)
        }
    }
}
