// Where the bound on what runs out in a minute meets leases: which of them are held, which go, and who is told.

import Synchronization
package import Time

extension Records {
    /// Whether a lease whose time is over still counts: what would hold it, or let it go, has not looked at it yet, or
    /// has held it. So what is looked up never flickers.
    @inline(never)
    func isKept(_ slot: Int32, _ deadline: LeaseTime, at now: LeaseTime) -> Bool {
        guard now < deadline + bounds.budget.longest else { return false }
        let table = slots[slot].place.table
        return silence.contains(slot) || silence.isBounded(table, count: secondaryIndex.tables[table].count)
    }

    /// Whether a lease that another member holds, and of which nothing is known here, is held here as well.
    func isHeldToo(_ record: Record, in namespace: Namespace, at now: LeaseTime) -> Bool {
        guard bounds.budget.isOn, now < record.deadline + bounds.budget.longest else { return false }
        guard !bounds.budget.waits else { return true }
        return secondaryIndex.table(of: namespace).map { silence.wouldHold(record.deadline, in: $0) } ?? false
    }

    /// Takes out a slot that is about to be removed, at a time in microseconds since 1970.
    @inline(__always)
    mutating func stopHolding(_ slot: Int32, of table: Int32, at microseconds: Int64) {
        held.remove(slot)
        silence.remove(slot, of: table)
        silence.noteCount(secondaryIndex.tables[table].count - 1, table, at: microseconds)
    }

    /// Says of a lease that is held that its time is not over after all.
    mutating func release(_ slot: Int32, at moment: Moment) {
        guard silence.contains(slot) else { return }
        silence.remove(slot, of: slots[slot].place.table)
        setOverdue(slot, false, at: moment)
    }

    /// Holds a lease that has run out, until the time that is returned at the latest; nil when it goes.
    mutating func keep(_ slot: Int32, _ deadline: LeaseTime, until now: LeaseTime, at moment: Moment) -> LeaseTime? {
        let table = slots[slot].place.table
        let (namespace, count) = (secondaryIndex.tables[table].namespace, secondaryIndex.tables[table].count)
        guard
            let end = silence.judge(
                slot, due: deadline, in: table, { (namespace, count) }, until: now, at: moment)
        else { return nil }
        setOverdue(slot, true, at: moment)
        return end
    }
}

extension Catalog {
    /// Lets held leases go as far as they may by this time, at most `budget` of them.
    mutating func letSilentGo(until now: LeaseTime, budget: Int, at moment: Moment) -> (handled: Int, expired: Int) {
        guard records.silence.isActive else { return (0, 0) }
        var (handled, expired) = (0, 0)
        while handled < budget, let table = records.silence.popEnd(until: now) {
            handled += 1
            let count = records.secondaryIndex.tables[table].count
            records.silence.end(table, count: count, until: now, at: moment)
        }
        while handled < budget, let (slot, deadline, table) = records.silence.popNext() {
            handled += 1
            wheel.cancel(slot)
            // What else holds it, or has moved its end, comes first.
            if records.deadline(slot) > now {
                rearm(slot, at: moment)
            } else if records.isWithheld(slot, at: now) {
                records.hold(slot, at: moment)
            } else {
                records.silence.noteGone(deadline, in: table)
                records.expire(slot, at: moment)
                expired += 1
            }
        }
        return (handled, expired)
    }
}

/// What is held in a store because many fell silent at once.
package struct SilenceSummary: Sendable, Equatable {
    package let leases: Int
    package let namespaces: Int
    package let since: MonotonicTime
    /// When the last of them goes at the latest.
    package let until: LeaseTime
}

extension Store {
    /// Has all shards judge by these bounds, before the first lease runs out.
    package func judge(by bounds: ExpiryBounds) {
        for shard in shards { shard.catalog.withLock { $0.setBounds(bounds) } }
    }

    /// What is held because many fell silent at once; nil when nothing is. For the thread that lets leases run out.
    package func silence() -> SilenceSummary? {
        guard isSilent.load(ordering: .relaxed) else { return nil }
        if let outside = heldBackOutside { return outside }
        var (leases, namespaces, since, until) = (0, 0, MonotonicTime.distantFuture, LeaseTime(milliseconds: .min))
        for shard in shards {
            shard.catalog.withLock { catalog in
                guard let start = catalog.records.silence.since else { return }
                leases += catalog.records.silence.count
                namespaces += catalog.records.silence.namespaces
                since = min(since, start)
                until = max(until, catalog.records.silence.latest + catalog.records.silence.budget.longest)
            }
        }
        guard leases > 0 else {
            isSilent.store(false, ordering: .relaxed)
            return nil
        }
        return SilenceSummary(leases: leases, namespaces: namespaces, since: since, until: until)
    }

    /// Whether leases of any namespace may be held because many fell silent at once.
    package var mayBeSilent: Bool { isSilent.load(ordering: .relaxed) }

    /// Since when leases of a namespace are held because many fell silent at once; nil when none is. Takes a lock.
    package func silentSince(_ namespace: Namespace) -> MonotonicTime? {
        if let outside = heldBack.withLock({ $0[namespace] }) { return outside.since }
        return shard(of: namespace).catalog.withLock { catalog in
            catalog.records.secondaryIndex.table(of: namespace).flatMap { catalog.records.silence.since($0) }
        }
    }
}
