// A clock that was wrong by too much has made stamps that no member accepts. Once its member finds that out, it stamps
// these states again, as if they had been changed now, and publishes them.

import Synchronization

extension Catalog {
    /// Brings the clock back to now when it is ahead of this; returns whether it was, and so whether anything held may
    /// be.
    mutating func fallBack(below limit: HybridTime, at moment: Moment) -> Bool {
        records.fallBack(below: limit, at: moment)
    }

    /// Stamps again what is stamped beyond this, among at most `count` slots from this one on. Returns how many, and
    /// where to go on, nil at the end.
    mutating func restamp(
        beyond limit: HybridTime, _ part: CopyCursor.Part, from slot: Int32, limit count: Int, at moment: Moment
    ) -> (restamped: Int, next: Int32?) {
        var beyond: [Int32] = []
        let next = visit(part, from: slot, limit: count) { slot in
            if version(part, at: slot).time > limit { beyond.append(slot) }
        }
        for slot in beyond {
            switch part {
            case .services: restampService(slot, at: moment)
            case .records: restampRecord(slot, beyond: limit, at: moment)
            case .tombstones: restampTombstone(slot, at: moment)
            case .expired: restampExpired(slot, at: moment)
            }
        }
        return (beyond.count, next)
    }

    private func version(_ part: CopyCursor.Part, at slot: Int32) -> Version {
        switch part {
        case .services: records.services[slot].override.version
        case .records: max(records.slots[slot].version, records.overrideVersion(slot))
        case .tombstones: records.replicationState.tombstones[slot].version
        case .expired: records.replicationState.expired[slot].record.version
        }
    }

    private mutating func stamp(isWithdrawal: Bool, at moment: Moment) -> Version {
        records.stamp(isWithdrawal: isWithdrawal, after: .none, at: moment)
    }

    private mutating func restampService(_ slot: Int32, at moment: Moment) {
        let entry = records.services[slot]
        let override = entry.override.stamped(
            stamp(isWithdrawal: entry.override.status == .outOfService, at: moment))
        records.override(
            entry.key, with: override, in: override.phase(at: moment.wall), isUntold: records.isTold, at: moment)
    }

    private mutating func restampRecord(_ slot: Int32, beyond limit: HybridTime, at moment: Moment) {
        let instance = records.instance(slot)
        let version = stamp(isWithdrawal: instance.isOutOfService, at: moment)
        var restamped: Instance?
        if let override = instance.override, override.version.time > limit {
            let version = stamp(isWithdrawal: override.status == .outOfService, at: moment)
            restamped = instance.with(override: override.stamped(version))
        }
        records.update(slot, to: restamped) { record in record.version = version }
        if records.isTold { records.replicationState.changed.insert(slot) }
    }

    private mutating func restampTombstone(_ slot: Int32, at moment: Moment) {
        let tombstone = records.replicationState.tombstones[slot]
        let version = stamp(isWithdrawal: true, at: moment)
        records.replicationState.tombstones.put(
            tombstone.id, in: tombstone.namespace, version: version, age: max(0, moment.lease - tombstone.since),
            isUntold: true,
            at: moment.lease)
    }

    private mutating func restampExpired(_ slot: Int32, at moment: Moment) {
        let expired = records.replicationState.expired[slot]
        var record = expired.record
        record.version = stamp(isWithdrawal: expired.instance.isOutOfService, at: moment)
        records.replicationState.expired.put(expired.instance, record, in: expired.namespace, at: moment.lease)
    }
}

extension Store {
    /// Stamps again everything that is stamped beyond this, a batch at a time, and sets back clocks that are. Returns
    /// how much that was. Costs a look at each shard when there is nothing.
    package func restamp(beyond limit: HybridTime, at moment: Moment) -> Int {
        var restamped = 0
        for number in shards.indices {
            let shard = shards[number]
            guard shard.catalog.withLock({ $0.fallBack(below: limit, at: moment) }) else { continue }
            let before = restamped
            for part in CopyCursor.Part.allCases {
                var slot: Int32? = 0
                while let from = slot {
                    let piece = change(number) {
                        $0.restamp(beyond: limit, part, from: from, limit: Self.scanBatch, at: moment)
                    }
                    restamped += piece.restamped
                    slot = piece.next
                }
            }
            if restamped > before { dirtyShards?.noteChanges(shard: number) }
        }
        return restamped
    }
}
