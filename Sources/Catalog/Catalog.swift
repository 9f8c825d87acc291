// The registry's truth: which instances are registered, and until when. A value without clock, lock or I/O: what a
// client asks for is done at a given moment and answered; time passes only when the caller advances it. `Store` guards
// several of these, one a shard.

/// The instances and leases of some namespaces.
struct Catalog: Sendable {
    /// Leases that have run out but were not yet swept away do not count against a namespace's capacity: before a
    /// registration is refused, this many are swept. Only those of the wheel's last tick, and those that this does not
    /// reach, still count.
    private static let fullNamespaceBudget = 1_000

    /// Instances a client may register in one namespace; nil is no limit.
    var namespaceCapacity: Int?
    var records: Records
    /// The latest moment of a look-up. Threads read the clock before they wait for the lock, so what comes after may be
    /// of an earlier moment.
    private var lookedUp = LeaseTime.zero
    /// Invariant: has exactly the slots whose records expire and are not held, each at its deadline or before.
    var wheel: TimerWheel

    /// A catalog that is alone, or, with a member's name, one whose changes are published. Versions bear that name, or
    /// else `alone`.
    init(
        namespaceCapacity: Int?, start: LeaseTime = .zero, replicating member: MemberID? = nil,
        alone: MemberID = MemberID(bits: 0), leaseKeeper: LeaseKeeper = .member,
        tombstones: TombstoneLimits = .standard, log: ChangeLog? = nil
    ) {
        self.namespaceCapacity = namespaceCapacity
        wheel = TimerWheel(start: start)
        records = Records(
            member: member ?? alone, isTold: member != nil, leaseKeeper: leaseKeeper,
            replicationState: ReplicationState(limits: tombstones),
            log: log)
    }

    // MARK: - What clients ask for

    /// Registers an instance, or replaces the one with its id, and restarts its lease. Not done when the namespace is
    /// full.
    ///
    /// - Parameter limits: how much the namespace may hold.
    mutating func register(
        _ instance: Instance, in namespace: Namespace, at moment: Moment, by actor: Actor?,
        limits: NamespaceLimits = .standard
    ) -> Decision {
        var expired = 0
        let slot: Int32
        if let known = records.slot(of: instance.id, in: namespace) {
            slot = known
            let version = records.stamp(
                isWithdrawal: instance.isOutOfService, after: records.slots[slot].version, at: moment)
            // What an operator said of it outlives the registration.
            let instance =
                records.hasFurther(slot) ? instance.joining(records.instance(slot).override) : instance
            records.update(slot, to: instance, by: actor) { record in
                record.version = version
                record.start(instance, at: moment)
            }
        } else {
            if !hasRoom(in: namespace, for: instance, limits) {
                expired = expire(at: moment, budget: Self.fullNamespaceBudget).expired
            }
            guard hasRoom(in: namespace, for: instance, limits) else {
                return Decision(isDone: false, expired: expired)
            }
            let version = records.stamp(
                isWithdrawal: instance.isOutOfService, unseen: instance.id, in: namespace, at: moment)
            slot = records.insert(instance, version, into: namespace, at: moment, by: actor)
        }
        if records.isTold { records.replicationState.changed.insert(slot) }
        rearm(slot, at: moment)
        return Decision(isDone: true, expired: expired)
    }

    /// Deregisters an instance. Not done when there is none, or its lease has run out.
    ///
    /// - Parameter evenIfUnknown: whether a tombstone is left for one that is not here, because others may have it: for
    ///   a member that does not have their copy yet.
    mutating func deregister(
        _ id: InstanceID, in namespace: Namespace, evenIfUnknown: Bool, at moment: Moment, by actor: Actor?
    ) -> Decision {
        guard evenIfUnknown || records.find(id, in: namespace, at: moment.lease) != nil else {
            return Decision(isDone: false)
        }
        return remove(id, from: namespace, at: moment, by: actor)
    }

    /// Restarts the lease of an instance for a client; returns whether there is such an instance.
    mutating func renew(_ id: InstanceID, in namespace: Namespace, at moment: Moment) -> Bool {
        guard let slot = records.slot(of: id, in: namespace) else { return false }
        guard records.isLive(slot, at: moment.lease) else { return false }
        let wasOverdue = isOverdue(slot)
        records.slots[slot].renew(at: moment)
        if records.slots[slot].isOverdue { rearm(slot, at: moment) }
        if wasOverdue { records.touch(slot, at: moment) }
        if records.isTold { records.replicationState.renewed.insert(slot) }
        return true
    }

    /// Removes an instance, if it is here, and leaves a tombstone, if changes are published.
    private mutating func remove(_ id: InstanceID, from namespace: Namespace, at moment: Moment, by actor: Actor?)
        -> Decision
    {
        let slot = records.slot(of: id, in: namespace)
        let isLive = slot.map { records.isLive($0, at: moment.lease) } ?? false
        let version =
            if let slot {
                records.stamp(isWithdrawal: true, after: records.slots[slot].version, at: moment)
            } else {
                records.stamp(isWithdrawal: true, unseen: id, in: namespace, at: moment)
            }
        if let slot {
            wheel.cancel(slot)
            records.remove(slot, version, by: actor)
        }
        if records.isTold {
            records.replicationState.tombstones.put(
                id, in: namespace, version: version, isUntold: true, at: moment.lease)
            records.replicationState.expired.remove(id, in: namespace)
        }
        return isLive ? Decision(isDone: true) : Decision(isDone: false, expired: slot == nil ? 0 : 1)
    }

    /// Whether a client may register another instance. Always inlined: a call would be handed a copy of the catalog.
    @inline(__always)
    private func hasRoom(in namespace: Namespace, for instance: Instance, _ limits: NamespaceLimits) -> Bool {
        let (instances, services) = (limits.instances.resolved(namespaceCapacity), limits.services.resolved(nil))
        guard instances != nil || services != nil else { return true }
        guard let table = records.secondaryIndex.table(of: namespace) else { return instances != 0 && services != 0 }
        if let instances, records.secondaryIndex.tables[table].count >= instances { return false }
        guard let services, records.secondaryIndex.tables[table].services.count >= services else { return true }
        // One more instance of a service that is there is no other service.
        return records.secondaryIndex.service(instance.serviceName, in: table) != nil
    }

    /// Brings the wheel to a deadline that may be earlier than the one it knows, or back to one that it has given up.
    mutating func rearm(_ slot: Int32, at moment: Moment) {
        let deadline = records.deadline(slot)
        records.held.remove(slot)
        records.silence.remove(slot, of: records.slots[slot].place.table, isReturn: deadline > moment.lease)
        records.setOverdue(slot, false, at: moment)
        if deadline == .distantFuture { wheel.cancel(slot) } else { wheel.schedule(slot, due: deadline) }
    }

    // MARK: - Time

    /// Lets leases run out whose deadline is at or before this moment, and tombstones be forgotten whose time has come:
    /// at most `budget` of them (renewed leases, which are put back, included).
    mutating func expire(at moment: Moment, budget: Int) -> Expiry {
        let now = moment.lease
        let overrides = endOverrides(at: moment, budget: budget)
        let services = endServiceOverrides(at: moment, budget: budget - overrides.ended)
        var handled = overrides.ended + services.handled
        handled += rejudgeHeld(budget: budget - handled, at: moment)
        // What may lie unread on a loop of ours is waited for: it comes within moments.
        let judged = min(now, records.bounds.here)
        let silent = letSilentGo(until: judged, budget: budget - handled, at: moment)
        var expired = silent.expired
        handled += silent.handled
        var hasMore = wheel.advance(to: judged, budget: budget - handled, owner: &records) { records, slot in
            handled += 1
            let deadline = records.deadline(slot)
            guard deadline <= judged else {
                records.release(slot, at: moment)
                return .rearm(deadline)
            }
            guard !records.isWithheld(slot, at: judged) else {
                records.hold(slot, at: moment)
                return .expired
            }
            if records.bounds.budget.isOn, let end = records.keep(slot, deadline, until: judged, at: moment) {
                return .rearm(end)
            }
            records.expire(slot, at: moment)
            expired += 1
            return .expired
        }
        hasMore =
            hasMore || records.held.hasReleased || records.silence.hasWork(until: judged)
            || records.shelf.hasEnded(at: moment.wall) || records.services.hasWork(at: moment.wall)
        var expiry = Expiry(
            expired: expired, left: overrides.left + services.left, handled: handled, hasMore: hasMore)
        guard !hasMore, records.isTold else { return expiry }
        var forgotten = records.replicationState.tombstones.expire(at: now, budget: budget - handled)
        forgotten += records.replicationState.expired.expire(at: now, budget: budget - handled - forgotten)
        expiry.handled += forgotten
        expiry.hasMore = forgotten > 0 && expiry.handled == budget
        return expiry
    }

    // MARK: - Look-ups

    /// Whether the last look-up found an instance gone, so that a list that was kept of it may lack the instance.
    @inline(__always)
    func isOverdue(_ slot: Int32) -> Bool { !records.isLive(slot, at: lookedUp) }

    /// Notes that something is looked up at a moment, before it is.
    mutating func lookUp(at now: LeaseTime) { lookedUp = max(lookedUp, now) }

    /// One instance, or nil when its namespace does not have it.
    func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        records.find(id, in: namespace, at: now).map { records.leased($0) }
    }

    /// How many instances have no address that feeds can give (`InstanceAddress`).
    var unaddressable: Int { records.unaddressable }

    /// How much there is.
    var counts: Counts {
        Counts(
            instances: records.slots.count, services: records.secondaryIndex.services.count,
            namespaces: records.secondaryIndex.tables.count,
            tombstones: records.replicationState.tombstones.count, overdue: records.held.count + records.silence.count,
            overrides: records.overridden + records.shelf.standing + records.services.standing)
    }
}

/// What the passing of time did.
package struct Expiry: Sendable {
    /// Leases that ran out.
    package var expired = 0
    /// Instances that had been drained, and are deregistered now.
    package var left = 0
    /// Leases that ran out or, renewed, were put back, overrides that ended, instances that the override of a service
    /// is about, and tombstones that were forgotten. The
    /// budget is spent on these and on moving leases within the wheel.
    package var handled = 0
    /// Namespaces whose leases begin to be held because many fell silent at once, or are no longer.
    package var silences = SilenceReports()
    /// Whether the budget ran out before the work did.
    package var hasMore = false
}

/// How much a catalog holds.
package struct Counts: Sendable, Equatable {
    package var instances = 0
    package var services = 0
    package var namespaces = 0
    /// Deregistrations that are remembered for the sake of other members.
    package var tombstones = 0
    /// Instances whose leases would have run out and are held.
    package var overdue = 0
    /// Statuses that operators have set, those of instances that went within the last hour included; that of a service
    /// is one.
    package var overrides = 0

    static func + (left: Counts, right: Counts) -> Counts {
        Counts(
            instances: left.instances + right.instances, services: left.services + right.services,
            namespaces: left.namespaces + right.namespaces, tombstones: left.tombstones + right.tombstones,
            overdue: left.overdue + right.overdue,
            overrides: left.overrides + right.overrides)
    }
}

extension Catalog {
    /// Stops a debug build where what is said of the fields does not hold. Looks at everything: for tests.
    func checkInvariants() {
        records.checkInvariants()
        wheel.checkInvariants()
        records.silence.checkInvariants()
        var (next, timed) = (Int32(0), 0)
        while let slot = records.slots.occupied(from: next) {
            let isTimed = records.deadline(slot) != .distantFuture && !records.held.contains(slot)
            assert(!records.silence.contains(slot) || isTimed, "a lease is held once, and by the wheel")
            assert(wheel.contains(slot) == isTimed, "the wheel has what expires and is not held")
            (next, timed) = (slot + 1, timed + (isTimed ? 1 : 0))
        }
        assert(wheel.count == timed, "the wheel has nothing else")
    }
}
