// What a shard publishes to other members: changes, single records, copies, and the keys of buckets that differ. All of
// it is the present state, read from the records themselves, so nothing has to be kept for a slow member.

extension Catalog {
    private func replica(of slot: Int32, at moment: Moment) -> Replicated {
        let record = records.slots[slot]
        return Replicated(
            namespace: records.namespace(slot),
            replica: .present(records.instance(slot), record.version, record.heartbeat(at: moment)))
    }

    /// Changes by clients that were not published yet: at most `budget` items. Instances that have expired since are
    /// not published: others see it expire themselves.
    mutating func drain(includeRenewals: Bool, budget: Int, at moment: Moment) -> Drained {
        var drained = Drained()
        var remaining = budget
        while remaining > 0, let tombstone = records.replicationState.tombstones.popUntold() {
            remaining -= 1
            drained.changes.append(replica(of: tombstone, at: moment))
        }
        while remaining > 0, let slot = records.replicationState.changed.popNext() {
            remaining -= 1
            // The state has its heartbeat. Where renewals are drained by themselves it stays one of them, since the store that
            // they are for may take it and refuse the state.
            if includeRenewals { records.replicationState.renewed.remove(slot) }
            if records.isLive(slot, at: moment.lease) { drained.changes.append(replica(of: slot, at: moment)) }
        }
        while remaining > 0, let entry = records.services.popUntold() {
            remaining -= 1
            drained.changes.append(entry.replicated)
        }
        while includeRenewals, remaining > 0, let slot = records.replicationState.renewed.popNext() {
            remaining -= 1
            let record = records.slots[slot]
            guard records.isLive(slot, at: moment.lease) else { continue }
            drained.changes.append(
                Replicated(
                    namespace: records.namespace(slot),
                    replica: .renewed(records.id(slot), record.version, record.heartbeat(at: moment))))
        }
        drained.hasMore = hasNews || includeRenewals && !records.replicationState.renewed.isEmpty
        return drained
    }

    private var hasNews: Bool {
        !records.replicationState.changed.isEmpty || !records.replicationState.tombstones.untold.isEmpty
            || !records.services.untold.isEmpty
    }

    /// The state of one id, present or absent; nil when nothing is known of it, or its lease has run out.
    func state(of id: InstanceID, in namespace: Namespace, at moment: Moment) -> Replicated? {
        if let slot = records.find(id, in: namespace, at: moment.lease) { return replica(of: slot, at: moment) }
        return records.replicationState.tombstones.find(id, in: namespace).map { replica(of: $0, at: moment) }
    }

    /// The same for another member, which must also receive what has expired here: it may hold an older version of it.
    func stateForPeers(of id: InstanceID, in namespace: Namespace, at moment: Moment) -> Replicated? {
        if let slot = records.slot(of: id, in: namespace) { return replica(of: slot, at: moment) }
        // The expired one is the later of the two: what is older goes with a tombstone.
        if let expired = records.replicationState.expired.find(id, in: namespace) {
            return replica(of: expired, at: moment)
        }
        return records.replicationState.tombstones.find(id, in: namespace).map { replica(of: $0, at: moment) }
    }

    private func replica(of tombstone: Tombstone, at moment: Moment) -> Replicated {
        tombstone.replicated(records.shelf.find(tombstone.id, in: tombstone.namespace), at: moment)
    }

    private func replica(of expired: RecentlyExpired.Entry, at moment: Moment) -> Replicated {
        Replicated(
            namespace: expired.namespace,
            replica: .present(expired.instance, expired.record.version, expired.record.heartbeat(at: moment)))
    }

    /// The records, or the tombstones, what has run out, or the overrides of services, among at most `limit` from this
    /// slot on, and where to go on, nil at the end.
    func copy(_ part: CopyCursor.Part, from slot: Int32, limit: Int, at moment: Moment) -> (
        items: [Replicated], next: Int32?
    ) {
        var items: [Replicated] = []
        let next = visit(part, from: slot, limit: limit) { slot in
            switch part {
            case .services: items.append(records.services[slot].replicated)
            case .records: if records.isLive(slot, at: moment.lease) { items.append(replica(of: slot, at: moment)) }
            case .tombstones:
                let tombstone = records.replicationState.tombstones[slot]
                items.append(replica(of: tombstone, at: moment))
            case .expired:
                let expired = records.replicationState.expired[slot]
                items.append(replica(of: expired, at: moment))
            }
        }
        return (items, next)
    }

    /// The keys in some buckets of the same, among at most `limit` from this slot on, and where to go on.
    func keys(
        in buckets: BucketSet, _ part: CopyCursor.Part, from slot: Int32, limit: Int, at moment: Moment
    ) -> (keys: [KeyedVersion], next: Int32?) {
        var keys: [KeyedVersion] = []
        let next = visit(part, from: slot, limit: limit) { slot in
            switch part {
            // They are sent as they are: see `serviceStates`.
            case .services: break
            case .records:
                guard buckets.contains(records.slots[slot].bucket), records.isLive(slot, at: moment.lease) else {
                    return
                }
                keys.append(
                    KeyedVersion(
                        namespace: records.namespace(slot), id: records.id(slot), version: records.slots[slot].version,
                        isPresent: true, override: records.overrideVersion(slot)))
            case .tombstones:
                let tombstone = records.replicationState.tombstones[slot]
                guard buckets.contains(tombstone.bucket) else { return }
                keys.append(
                    KeyedVersion(
                        namespace: tombstone.namespace, id: tombstone.id, version: tombstone.version, isPresent: false))
            case .expired:
                let expired = records.replicationState.expired[slot]
                guard buckets.contains(expired.bucket) else { return }
                keys.append(
                    KeyedVersion(
                        namespace: expired.namespace, id: expired.instance.id, version: expired.record.version,
                        isPresent: true))
            }
        }
        return (keys, next)
    }

    /// What is said of services in some buckets, among at most `limit` from this slot on, and where to go on.
    func serviceStates(in buckets: BucketSet, from slot: Int32, limit: Int) -> (states: [Replicated], next: Int32?) {
        var states: [Replicated] = []
        let next = visit(.services, from: slot, limit: limit) { slot in
            let entry = records.services[slot]
            if buckets.contains(entry.bucket) { states.append(entry.replicated) }
        }
        return (states, next)
    }

    /// Visits at most `limit` occupied slots from this one on; returns the next one, nil at the end.
    func visit(_ part: CopyCursor.Part, from slot: Int32, limit: Int, _ body: (Int32) -> Void) -> Int32? {
        var (visited, next) = (0, slot)
        while let slot = occupied(part, from: next) {
            guard visited < limit else { return slot }
            body(slot)
            (visited, next) = (visited + 1, slot + 1)
        }
        return nil
    }

    private func occupied(_ part: CopyCursor.Part, from slot: Int32) -> Int32? {
        switch part {
        case .services: records.services.occupied(from: slot)
        case .records: records.slots.occupied(from: slot)
        case .tombstones: records.replicationState.tombstones.occupied(from: slot)
        case .expired: records.replicationState.expired.occupied(from: slot)
        }
    }
}

/// Some of the digest's buckets.
struct BucketSet {
    private var words = [UInt64](repeating: 0, count: BucketDigest.bucketCount / 64)

    /// Numbers past the last bucket are left out.
    init(_ buckets: [UInt16]) {
        for bucket in buckets where bucket < BucketDigest.bucketCount {
            words[Int(bucket) >> 6] |= 1 << UInt64(bucket & 63)
        }
    }

    func contains(_ bucket: UInt16) -> Bool { words[Int(bucket) >> 6] & (1 << UInt64(bucket & 63)) != 0 }
}
