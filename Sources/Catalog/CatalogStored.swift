// A catalog whose truth is kept by a store outside of this process. The store lets leases run out, judges the capacity of
// namespaces for all members at once, and may lack, after it has lost something, what is held here.

import Synchronization

/// What became of an instance whose lease has run out, as the store says.
package enum RunOut: Sendable, Equatable {
    /// It is gone.
    case gone
    /// There is none in this version, or a later one is held.
    case unknown
    /// A heartbeat or a change that the store had not heard of yet was taken here: the instance is published again.
    case renewed
}

extension Catalog {
    /// Removes an instance whose lease has run out as the store says, unless a later version of it is held.
    ///
    /// - Parameter microseconds: when it ran out, since 1970.
    mutating func runOut(_ id: InstanceID, in namespace: Namespace, upTo version: Version, at microseconds: Int64)
        -> RunOut
    {
        guard let slot = records.slot(of: id, in: namespace), records.slots[slot].version <= version else {
            return .unknown
        }
        guard !records.replicationState.renewed.contains(slot), !records.replicationState.changed.contains(slot) else {
            records.replicationState.changed.insert(slot)
            return .renewed
        }
        records.runOut(slot, at: microseconds)
        return .gone
    }

    /// Takes back a registration that the store has refused; returns whether it was still held in this version. It leaves
    /// no tombstone: nobody else has heard of it.
    mutating func withdraw(_ id: InstanceID, in namespace: Namespace, _ version: Version) -> Bool {
        guard let slot = records.slot(of: id, in: namespace), records.slots[slot].version == version else {
            return false
        }
        wheel.cancel(slot)
        records.remove(slot, version)
        return true
    }

    /// Has the state of an id published again; returns whether anything is held of it.
    mutating func republish(_ id: InstanceID, in namespace: Namespace) -> Bool {
        if let slot = records.slot(of: id, in: namespace) {
            records.replicationState.changed.insert(slot)
            return true
        }
        return records.replicationState.tombstones.republish(id, in: namespace)
    }
}

extension Store {
    /// Removes an instance whose lease has run out as the store outside says, at a time in microseconds since 1970.
    package func runOut(_ id: InstanceID, in namespace: Namespace, upTo version: Version, at microseconds: Int64)
        -> RunOut
    {
        let number = number(of: namespace)
        let outcome = change(number) { $0.runOut(id, in: namespace, upTo: version, at: microseconds) }
        if outcome == .renewed { dirtyShards?.noteChanges(shard: number) }
        return outcome
    }

    /// Takes back a registration that the store outside has refused; returns whether it was still held.
    package func withdraw(_ id: InstanceID, in namespace: Namespace, _ version: Version) -> Bool {
        change(number(of: namespace)) { $0.withdraw(id, in: namespace, version) }
    }

    /// Has what is held of an id published again.
    package func republish(_ id: InstanceID, in namespace: Namespace) {
        let number = number(of: namespace)
        if shards[number].catalog.withLock({ $0.republish(id, in: namespace) }) {
            dirtyShards?.noteChanges(shard: number)
        }
    }

    /// Has what an operator said of a service published again.
    package func republish(_ service: Name, in namespace: Namespace) {
        let number = number(of: namespace)
        if shards[number].catalog.withLock({
            $0.records.services.republish(ServiceKey(namespace: namespace, service: service))
        }) {
            dirtyShards?.noteChanges(shard: number)
        }
    }

    /// The leases that clients have renewed here since this was last asked, at most `budget` of them, and whether there
    /// are more. For one thread at a time, the one that drains changes.
    package func drainRenewals(budget: Int, at moment: Moment) -> (renewals: [Renewal], hasMore: Bool) {
        var renewals: [Renewal] = []
        guard let dirtyShards else { return (renewals, false) }
        for number in dirtyShards.renewedShards {
            guard renewals.count < budget else { return (renewals, true) }
            dirtyShards.clearRenewals(number)
            var hasMore = true
            while hasMore, renewals.count < budget {
                let share = min(Self.replicaBatch, budget - renewals.count)
                hasMore = shards[number].catalog.withLock { $0.drainRenewals(to: &renewals, limit: share, at: moment) }
            }
            if hasMore { dirtyShards.noteRenewal(shard: number) }
        }
        return (renewals, false)
    }
}

/// A lease that a client has renewed.
package struct Renewal: Sendable {
    package let namespace: Namespace
    package let id: InstanceID
    package let version: Version
    package let heartbeat: Heartbeat
    /// Milliseconds that the lease lasts from the heartbeat on; `Instance.endless` when it never runs out.
    package let lease: Int64
}

extension Catalog {
    /// Appends at most `limit` leases that were renewed; returns whether there are more.
    fileprivate mutating func drainRenewals(to renewals: inout [Renewal], limit: Int, at moment: Moment) -> Bool {
        var remaining = limit
        while remaining > 0, let slot = records.replicationState.renewed.popNext() {
            remaining -= 1
            let record = records.slots[slot]
            renewals.append(
                Renewal(
                    namespace: records.namespace(slot), id: records.id(slot), version: record.version,
                    heartbeat: record.heartbeat(at: moment), lease: record.leaseTime))
        }
        return !records.replicationState.renewed.isEmpty
    }
}
