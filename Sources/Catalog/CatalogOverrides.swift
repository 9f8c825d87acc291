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
    /// Sets an override, or removes it where `status` is nil. Nothing changes where none is to be removed.
    ///
    /// - Parameter until: when it ends, in nanoseconds since 1970; nil is no end.
    mutating func override(
        _ id: InstanceID, in namespace: Namespace, status: InstanceStatus?, until: Int64?, at moment: Moment,
        by actor: Actor?
    ) -> LeasedInstance? {
        guard let slot = records.find(id, in: namespace, at: moment.lease) else { return nil }
        let instance = records.instance(slot)
        let held = instance.override
        guard status != nil || held?.status != nil else { return records.leased(slot) }
        let version = records.stamp(
            isWithdrawal: status == .outOfService, after: max(held?.version ?? .none, records.slots[slot].version),
            at: moment)
        let override = StatusOverride(
            status: status, version: version, until: until, who: actor?.principal ?? actor?.address)
        records.update(slot, to: instance.with(override: override), by: actor, at: moment.microseconds) { _ in }
        if records.isTold { records.replicationState.changed.insert(slot) }
        return records.leased(slot)
    }

    /// Takes in the override of a state from another member, if it is later than what is known.
    mutating func takeOverride(of told: Instance, _ slot: Int32, at moment: Moment) -> Bool {
        guard told.hasFurther, let override = told.override else { return false }
        let instance = records.instance(slot)
        guard override.version > instance.override?.version ?? .none else { return false }
        records.observe(override.version)
        records.update(slot, to: instance.with(override: override), at: moment.microseconds) { _ in }
        return true
    }

    /// Lets overrides end whose time is over, and forgets those of instances that have long gone.
    mutating func endOverrides(at moment: Moment) {
        records.shelf.forget(at: moment.wall)
        for (id, namespace) in records.shelf.takeEnded(at: moment.wall) {
            guard let slot = records.slot(of: id, in: namespace) else { continue }
            let instance = records.instance(slot)
            guard let override = instance.override, let until = override.until, until <= moment.wall else { continue }
            records.update(slot, to: instance.with(override: override.ended), at: moment.microseconds) { _ in }
        }
    }
}

extension Store {
    /// How many overrides there may be.
    package static let overrideLimit = 100_000

    /// Sets an override of an instance's status for a client, or removes it where `status` is nil. Done where there is
    /// none to remove.
    ///
    /// - Parameter until: when it ends, in nanoseconds since 1970; nil is no end.
    package func override(
        _ id: InstanceID, in namespace: Namespace, status: InstanceStatus?, until: Int64?, at moment: Moment,
        by actor: Actor? = nil
    ) -> OverrideDecision {
        if status != nil, counts.overrides >= Self.overrideLimit { return .full }
        let number = number(of: namespace)
        let instance = change(number) {
            $0.override(id, in: namespace, status: status, until: until, at: moment, by: actor)
        }
        guard let instance else { return .unknown }
        dirtyShards?.noteChanges(shard: number)
        return .done(instance)
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
