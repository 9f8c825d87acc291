// How the states that another member publishes enter. Of two states of an id the one with the later version stands, and
// of two heartbeats the later one; neither depends on the order in which they come, so members that have received the
// same states hold the same, however often and however late these came. What has run out is joined like what is held:
// an older version never takes the place of a later one that is dead.
//
// Source: the state is a last-writer-wins register and a maximum, merged as in M. Shapiro et al., "Conflict-free
// Replicated Data Types", 2011.

extension Catalog {
    /// Takes in a state. Never refused for capacity, and not published again.
    mutating func merge(_ replica: Replica, in namespace: Namespace, at moment: Moment) -> MergeOutcome {
        records.observe(replica.version)
        switch replica {
        case .present(let instance, let version, let heartbeat):
            return merge(instance, version, heartbeat, in: namespace, at: moment)
        case .absent(let id, let version, let age, let override):
            let outcome = bury(id, version, age: age, in: namespace, at: moment)
            if let override { learn(override, of: id, goneFor: age, in: namespace, at: moment) }
            return outcome
        case .renewed(let id, let version, let heartbeat):
            guard let slot = records.slot(of: id, in: namespace) else {
                return mergeUnseen(id, version, heartbeat, in: namespace, at: moment)
            }
            // Whatever its version, the instance has sent a heartbeat.
            let isLater = hear(slot, heartbeat, at: moment)
            guard records.slots[slot].version >= version else { return .missing }
            return outcome(slot, told: version, isLater: isLater, at: moment)
        case .service(let service, let override):
            return merge(override, of: ServiceKey(namespace: namespace, service: service), at: moment)
        }
    }

    /// What became of a state that changes nothing but, if its heartbeat is later, the lease.
    private func outcome(_ slot: Int32, told version: Version, isLater: Bool, at moment: Moment) -> MergeOutcome {
        let isStale = records.slots[slot].version > version
        guard records.isLive(slot, at: moment.lease) else { return isStale ? .stale : .dead }
        return isLater ? .renewed : isStale ? .stale : .redundant
    }

    private mutating func merge(
        _ instance: Instance, _ version: Version, _ heartbeat: Heartbeat, in namespace: Namespace, at moment: Moment
    ) -> MergeOutcome {
        guard let slot = records.slot(of: instance.id, in: namespace) else {
            return mergeUnseen(instance.id, version, heartbeat, saying: instance, in: namespace, at: moment)
        }
        let held = records.slots[slot].version
        guard held < version else {
            let isLater = hear(slot, heartbeat, at: moment)
            if takeOverride(of: instance, slot, at: moment) { return .applied }
            return outcome(slot, told: version, isLater: isLater, at: moment)
        }
        let instance = records.hasFurther(slot) ? instance.joining(records.instance(slot).override) : instance
        records.update(slot, to: instance) { record in
            record.supersede(with: instance, version: version, heartbeat: heartbeat, at: moment)
        }
        // A change that was not published yet is published as this one: a client that waits until the other members
        // have its change must find it there, or the change that replaced it, which may still be in transit to them.
        rearm(slot, at: moment)
        // The later version stands even when its lease is over: then the instance has run out here as well.
        return records.isLive(slot, at: moment.lease) ? .applied : .dead
    }

    /// Takes in a state of what is not held, or has run out here. `told` is nil for a renewal.
    private mutating func mergeUnseen(
        _ id: InstanceID, _ version: Version, _ heartbeat: Heartbeat, saying told: Instance? = nil,
        in namespace: Namespace,
        at moment: Moment
    ) -> MergeOutcome {
        if let buried = records.replicationState.tombstones.find(id, in: namespace)?.version, buried >= version {
            return .stale
        }
        guard let expired = records.replicationState.expired.find(id, in: namespace) else {
            guard let told else { return .missing }
            let record = Record(told, version: version, heartbeat: heartbeat, at: moment)
            let isHeld = records.isHeldToo(record, in: namespace, at: moment.lease)
            return enter(told, record, into: namespace, at: moment, isHeld: isHeld) ? .applied : .dead
        }
        // Joined as if it were overdue. Digests show which member holds an older version.
        var (instance, record) = (expired.instance, expired.record)
        let known = record.version
        if known < version {
            guard let told else { return .missing }
            record.supersede(with: told, version: version, heartbeat: heartbeat, at: moment)
            // What is kept of an override beyond that is the shelf's.
            instance = told
        } else {
            if let told, told.hasFurther { instance = instance.joining(told.override) }
            record.hear(heartbeat, at: moment)
        }
        // In a version that is new here it is another registration; else it is the one that had run out.
        let isLive = enter(instance, record, into: namespace, at: moment, isReturn: record.version == known)
        if known > version { return isLive ? .renewed : .stale }
        return isLive ? .applied : .dead
    }

    /// Enters an instance, or remembers it when its lease is over, and is not held all the same. Returns whether it
    /// is live.
    private mutating func enter(
        _ instance: Instance, _ record: Record, into namespace: Namespace, at moment: Moment, isReturn: Bool = false,
        isHeld: Bool = false
    ) -> Bool {
        guard isHeld || records.leaseKeeper == .store || record.isLive(at: moment.lease) else {
            if records.isTold {
                records.replicationState.expired.put(instance, record, in: namespace, at: moment.lease)
            }
            if instance.hasFurther, let override = instance.override {
                let age = max(0, moment.lease - record.deadline)
                learn(override, of: instance.id, goneFor: age, in: namespace, at: moment)
            }
            return false
        }
        let isUntold = records.replicationState.tombstones.isUntold(instance.id, in: namespace)
        let slot = records.insert(instance, record.version, into: namespace, at: moment, isReturn: isReturn)
        if isUntold { records.replicationState.changed.insert(slot) }
        records.slots[slot].goOn(from: record, at: moment)
        rearm(slot, at: moment)
        return true
    }

    /// Takes in what another member keeps of the override of an instance that has been gone for so many milliseconds.
    mutating func learn(
        _ override: StatusOverride, of id: InstanceID, goneFor age: Int64, in namespace: Namespace, at moment: Moment
    ) {
        records.observe(override.version)
        guard let slot = records.slot(of: id, in: namespace) else {
            let gone = moment.wall.subtractingSaturated(age.multipliedSaturated(by: 1_000_000))
            guard gone.addingSaturated(OverrideShelf.time) > moment.wall else { return }
            return records.shelf.learn(override, id, in: namespace, at: gone)
        }
        let instance = records.instance(slot)
        guard override.version > instance.override?.version ?? .none else { return }
        records.update(slot, to: instance.with(override: override), of: override, at: moment.microseconds) { _ in
        }
        // It is a state of ours that nobody has told.
        if records.isTold {
            records.replicationState.changed.insert(slot)
            records.shelf.hasNews = true
        }
    }

    /// Takes in that an instance was deregistered.
    private mutating func bury(
        _ id: InstanceID, _ version: Version, age: Int64, in namespace: Namespace, at moment: Moment
    ) -> MergeOutcome {
        let slot = records.slot(of: id, in: namespace)
        var isUntold = false
        if let slot {
            // Two states never have one version, unless a member that knows of none brought them; then absence stands,
            // on all members.
            guard records.slots[slot].version <= version else { return .stale }
            isUntold = records.replicationState.changed.contains(slot)
            wheel.cancel(slot)
            records.remove(slot, version)
        } else if let buried = records.replicationState.tombstones.find(id, in: namespace)?.version, buried >= version {
            return buried == version ? .redundant : .stale
        } else {
            isUntold = records.replicationState.tombstones.isUntold(id, in: namespace)
        }
        let expired = records.replicationState.expired.find(id, in: namespace)
        if let expired, expired.record.version <= version { records.replicationState.expired.remove(id, in: namespace) }
        let isKept =
            records.isTold
            && records.replicationState.tombstones.put(
                id, in: namespace, version: version, age: age, isUntold: isUntold, at: moment.lease)
        return isKept || slot != nil ? .applied : .redundant
    }

    /// Takes in a heartbeat that another member took; returns whether it is later than all that were received.
    private mutating func hear(_ slot: Int32, _ heartbeat: Heartbeat, at moment: Moment) -> Bool {
        let deadline = records.slots[slot].deadline
        let wasHeld = records.slots[slot].isOverdue
        let wasLive = records.isLive(slot, at: moment.lease) && !isOverdue(slot)
        let isLater = records.slots[slot].hear(heartbeat, at: moment)
        // The true age may be higher than a deadline says that a pause has moved.
        if records.slots[slot].deadline < deadline || wasHeld && records.slots[slot].deadline > deadline {
            rearm(slot, at: moment)
        }
        // Look-ups took an overdue instance for gone; a cache of their result must be checked again.
        if wasLive != records.isLive(slot, at: moment.lease) { records.touch(slot, at: moment) }
        return isLater
    }

    /// Takes back what pauses have added to the leases of this many records, from this slot on. Returns how many are
    /// over by that, and where to go on, nil at the end.
    mutating func settle(from slot: Int32, limit: Int, at moment: Moment) -> (settled: Int, next: Int32?) {
        var (settled, visited, next) = (0, 0, slot)
        while let slot = records.slots.occupied(from: next) {
            guard visited < limit else { return (settled, slot) }
            (visited, next) = (visited + 1, slot + 1)
            guard records.isLive(slot, at: moment.lease), records.slots[slot].settle(at: moment) else { continue }
            rearm(slot, at: moment)
            guard !records.isLive(slot, at: moment.lease) else { continue }
            records.touch(slot, at: moment)
            settled += 1
        }
        return (settled, nil)
    }
}
