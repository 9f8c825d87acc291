// How what another member tells enters. Of two states of an id the one with the later version stands, and of two heartbeats the later one; neither
// depends on the order in which they come, so members that have heard the same hold the same, however often and however late they heard it.
//
// Source: the state is a last-writer-wins register beside a maximum, joined as in M. Shapiro et al., "Conflict-free Replicated Data Types", 2011.

extension Catalog {
    /// Takes in a state. Never refused for capacity, and not told to others.
    mutating func merge(_ replica: Replica, in namespace: Namespace, at moment: Moment) -> MergeOutcome {
        records.ledger?.observe(replica.version)
        switch replica {
        case .present(let instance, let version, let heartbeat):
            return merge(instance, version, heartbeat, in: namespace, at: moment)
        case .absent(let id, let version):
            return bury(id, version, in: namespace, at: moment)
        case .renewed(let id, let version, let heartbeat):
            guard let slot = records.slot(of: id, in: namespace) else {
                let buried = records.ledger?.tombstones.find(id, in: namespace)?.version ?? .none
                return buried >= version && buried > .none ? .stale : .missing
            }
            // Whatever its version, the instance has sent a heartbeat.
            hear(slot, heartbeat, at: moment)
            let held = records.slots[slot].version
            if held != version { return held < version ? .missing : .stale }
            return records.slots[slot].isLive(at: moment.lease) ? .redundant : .dead
        }
    }

    private mutating func merge(
        _ instance: Instance, _ version: Version, _ heartbeat: Heartbeat, in namespace: Namespace, at moment: Moment
    ) -> MergeOutcome {
        let isTimeless = instance.isOutOfService
        if let slot = records.slot(of: instance.id, in: namespace) {
            let held = records.slots[slot].version
            guard held < version else {
                // What does not expire has no age to tell, and must not lend it to another version that does.
                if held == version || !isTimeless { hear(slot, heartbeat, at: moment) }
                if held > version { return .stale }
                return records.slots[slot].isLive(at: moment.lease) ? .redundant : .dead
            }
            let hasSuperseded = records.update(slot) { record, known in
                guard record.supersede(with: instance, version: version, heartbeat: heartbeat, at: moment) else { return false }
                known = instance
                return true
            }
            guard hasSuperseded else { return .dead }
            // What was to be told of the older version is told by nobody: all hear the newer one from where it was made.
            records.ledger?.changed.remove(slot)
            rearm(slot)
            return .applied
        }
        if let buried = records.ledger?.tombstones.find(instance.id, in: namespace)?.version, buried >= version { return .stale }
        guard isTimeless || heartbeat.age <= instance.ttl else { return .dead }
        // Its heartbeats went elsewhere, where the change was not known that was made here. Digests tell the others of it.
        let later = isTimeless ? nil : records.ledger?.expired.find(instance.id, in: namespace)
        if let later, later.version > version, heartbeat.age <= later.instance.ttl {
            enter(later.instance, later.version, heartbeat, into: namespace, at: moment)
            return .stale
        }
        enter(instance, version, heartbeat, into: namespace, at: moment)
        return .applied
    }

    private mutating func enter(
        _ instance: Instance, _ version: Version, _ heartbeat: Heartbeat, into namespace: Namespace, at moment: Moment
    ) {
        let slot = records.insert(instance, version, into: namespace, at: moment)
        records.slots[slot].begin(with: heartbeat, at: moment)
        rearm(slot)
    }

    /// Takes in that an instance was deregistered.
    private mutating func bury(_ id: InstanceID, _ version: Version, in namespace: Namespace, at moment: Moment) -> MergeOutcome {
        if let slot = records.slot(of: id, in: namespace) {
            // Two states never have one version, unless a member that knows of none brought them; then absence stands, on all members.
            guard records.slots[slot].version <= version else { return .stale }
            wheel.cancel(slot)
            records.remove(slot)
        } else if let buried = records.ledger?.tombstones.find(id, in: namespace)?.version, buried >= version {
            return buried == version ? .redundant : .stale
        }
        let expired = records.ledger?.expired.find(id, in: namespace)
        if let expired, expired.version <= version { records.ledger?.expired.remove(id, in: namespace) }
        let age = (moment.wall / 1_000_000).subtractingSaturated(version.time.milliseconds)
        records.ledger?.tombstones.put(
            id, in: namespace, version: version, age: age, isUntold: false, at: moment.lease)
        return .applied
    }

    private mutating func hear(_ slot: Int32, _ heartbeat: Heartbeat, at moment: Moment) {
        let (deadline, wasLive) = (records.slots[slot].deadline, records.slots[slot].isLive(at: moment.lease))
        records.slots[slot].hear(heartbeat, at: moment)
        // The true age may be higher than a deadline says that a pause has moved.
        if records.slots[slot].deadline < deadline { rearm(slot) }
        // Look-ups took an overdue instance for gone; whoever kept what they found must look again.
        if wasLive != records.slots[slot].isLive(at: moment.lease) { records.touch(slot) }
    }

    /// Takes back, of so many records from this slot on, what pauses have added to the lease. Returns how many are over by that, and where to go
    /// on, nil at the end.
    mutating func settle(from slot: Int32, limit: Int, at moment: Moment) -> (settled: Int, next: Int32?) {
        var (settled, visited, next) = (0, 0, slot)
        while let slot = records.slots.occupied(from: next) {
            guard visited < limit else { return (settled, slot) }
            (visited, next) = (visited + 1, slot + 1)
            guard records.slots[slot].isLive(at: moment.lease), records.slots[slot].settle(at: moment) else { continue }
            rearm(slot)
            guard !records.slots[slot].isLive(at: moment.lease) else { continue }
            records.touch(slot)
            settled += 1
        }
        return (settled, nil)
    }
}
