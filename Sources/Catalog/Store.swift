// The catalog as all threads see it: shards, each a catalog behind a lock of its own. A namespace lives in one shard,
// so a command and a look-up take one lock, and the changes of a namespace come one after the other. Nothing is
// rendered, sorted or sent while a lock is held.

import Synchronization

/// The registry's catalog, safe to use from any thread.
///
/// Lock order: a shard's lock is a leaf; no two are held together, and nothing else is locked while one is held.
package final class Store: Sendable {
    final class Shard: Sendable {
        let catalog: Mutex<Catalog>

        init(_ catalog: Catalog) {
            self.catalog = Mutex(catalog)
        }
    }

    /// How many shards there are, a power of two: enough that tenants seldom wait for one another.
    package static let shardCount = 64
    /// How many leases run out, or are put back, while one lock is held: well under a millisecond of waiting for
    /// everybody else.
    package static let expiryBatch = 256

    /// How many leases are renewed while one lock is held: well under a millisecond.
    package static let renewalLimit = 1_000

    let shards: [Shard]
    /// Bytes that the tombstones of all namespaces may take together; see `trimTombstones`.
    let tombstoneBytes: Int
    /// What the tombstones took after the last `trimTombstones`.
    let trimmedTombstoneBytes = Atomic<Int>(0)
    /// Bytes that the change logs of all namespaces may take together; see `trimChanges`.
    let changeLogBytes: Int
    /// Those who wait for changes.
    let bell = ChangeBell()
    /// State for replication, kept only in a cluster.
    let dirtyShards: DirtyShards?
    /// Where the next `expire` starts: where the last one stopped, so that work in one shard never keeps it from
    /// another.
    private let nextToExpire = Atomic<Int>(0)
    /// Whether leases may be held because many fell silent at once. Written by the thread that lets leases run out.
    let isSilent = Atomic<Bool>(false)
    /// What a store outside holds back for that reason, by namespace.
    let heldBack = Mutex<[Namespace: HeldBack]>([:])
    /// What is to be said of that.
    let outsideReports = Mutex(SilenceReports())
    /// Where the next `drain` starts.
    let nextToDrain = Atomic<Int>(0)

    /// - Parameter namespaceCapacity: instances a client may register in one namespace; nil is no limit.
    package convenience init(namespaceCapacity: Int?, changes: ChangeLogLimits = .standard) {
        self.init(namespaceCapacity: namespaceCapacity, replicating: nil, changes: changes)
    }

    /// - Parameters:
    ///   - namespaceCapacity: instances a client may register in one namespace; nil is no limit.
    ///   - replicating: this member, when changes are published to others; nil is a registry alone, which keeps no
    ///   account of them.
    ///   - leaseKeeper: who lets leases run out.
    ///   - wake: called outside of every lock, by the thread that made the change, when there is something to drain
    ///   after there was nothing.
    package init(
        namespaceCapacity: Int?, replicating: MemberID?, tombstones: TombstoneLimits = .standard,
        changes: ChangeLogLimits = .standard, leaseKeeper: LeaseKeeper = .member,
        wake: @escaping @Sendable () -> Void = {}
    ) {
        changeLogBytes = changes.bytes
        tombstoneBytes = tombstones.bytes
        dirtyShards = replicating.map { _ in DirtyShards(wake: wake) }
        // By which the versions of this run differ from those of any other.
        let alone = MemberID(bits: .random(in: 1 ... .max >> 1))
        shards = (0..<Self.shardCount).map { _ in
            Shard(
                Catalog(
                    namespaceCapacity: namespaceCapacity, replicating: replicating, alone: alone,
                    leaseKeeper: leaseKeeper, tombstones: tombstones,
                    log: changes.bytes > 0 ? ChangeLog(isFollowed: changes.isFollowed, start: changes.start) : nil))
        }
    }

    func number(of namespace: Namespace) -> Int { Self.shard(of: namespace) }

    func shard(of namespace: Namespace) -> Shard { shards[number(of: namespace)] }

    /// Puts another limit on the instances that a client may register in one namespace into force; nil is none. What is
    /// there stays.
    package func change(namespaceCapacity: Int?) {
        for shard in shards { shard.catalog.withLock { $0.namespaceCapacity = namespaceCapacity } }
    }

    /// Registers an instance for a client, or replaces the one with its id, and restarts its lease. Not done when the
    /// namespace holds as many instances or services as it may.
    package func register(
        _ instance: Instance, in namespace: Namespace, at moment: Moment, by actor: Actor? = nil,
        limits: NamespaceLimits = .standard
    ) -> Decision {
        let number = number(of: namespace)
        let decision = change(number) {
            $0.register(instance, in: namespace, at: moment, by: actor, limits: limits)
        }
        if decision.isDone { dirtyShards?.noteChanges(shard: number) }
        return decision
    }

    /// Deregisters an instance for a client. Not done when there is none in this namespace, or its lease has run out.
    ///
    /// - Parameter evenIfUnknown: whether it is published to the other members even if it is not here, for a member
    ///   that does not have their copy yet.
    package func deregister(
        _ id: InstanceID, in namespace: Namespace, evenIfUnknown: Bool = false, at moment: Moment,
        by actor: Actor? = nil
    ) -> Decision {
        let number = number(of: namespace)
        let decision = change(number) {
            $0.deregister(id, in: namespace, evenIfUnknown: evenIfUnknown, at: moment, by: actor)
        }
        if decision.isDone || evenIfUnknown { dirtyShards?.noteChanges(shard: number) }
        return decision
    }

    /// Restarts the lease of an instance for a client; returns whether there is such an instance.
    package func renew(_ id: InstanceID, in namespace: Namespace, at moment: Moment) -> Bool {
        let number = number(of: namespace)
        let isDone = change(number) { $0.renew(id, in: namespace, at: moment) }
        if isDone { dirtyShards?.noteRenewal(shard: number) }
        return isDone
    }

    /// The first bytes of what a protocol keeps with an instance, at most `count`; nil where there is no such instance,
    /// or nothing is kept with it.
    package func extra(of id: InstanceID, in namespace: Namespace, first count: Int, at now: LeaseTime) -> [UInt8]? {
        shard(of: namespace).catalog.withLock { catalog in
            catalog.records.find(id, in: namespace, at: now).flatMap { catalog.records.extra($0, first: count) }
        }
    }

    /// Restarts the leases of several instances, all at one moment and under one lock: `renewalLimit` of them at most,
    /// or this traps. Returns for each whether there is such an instance.
    package func renew(_ ids: [InstanceID], in namespace: Namespace, at moment: Moment) -> [Bool] {
        precondition(ids.count <= Self.renewalLimit, "leases are renewed \(Self.renewalLimit) at a time")
        let number = number(of: namespace)
        let done = change(number) { catalog in ids.map { catalog.renew($0, in: namespace, at: moment) } }
        if done.contains(true) { dirtyShards?.noteRenewal(shard: number) }
        return done
    }

    /// One instance, or nil when its namespace does not have it.
    package func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        look(in: namespace, at: now) { $0.instance(id, in: namespace, at: now) }
    }

    /// Lets leases run out in every shard, a batch at a time, at most `budget` of them (renewed ones, which are put
    /// back, included). When that is spent before every shard was asked, work may be left. From then on, too, shards
    /// judge by these bounds.
    package func expire(at moment: Moment, bounds: ExpiryBounds = .none, budget: Int) -> Expiry {
        var done = Expiry()
        done.silences = takeOutsideReports()
        var remaining = budget
        let start = nextToExpire.load(ordering: .relaxed)
        for index in start..<start + Self.shardCount {
            let number = index & (Self.shardCount - 1)
            repeat {
                guard remaining > 0 else {
                    nextToExpire.store(number, ordering: .relaxed)
                    done.hasMore = true
                    return done
                }
                let share = min(Self.expiryBatch, remaining)
                let batch = change(number) { catalog in
                    catalog.setBounds(bounds)
                    var batch = catalog.expire(at: moment, budget: share)
                    if catalog.records.silence.count > 0 { isSilent.store(true, ordering: .relaxed) }
                    if !catalog.records.silence.reports.isEmpty {
                        batch.silences = catalog.records.silence.takeReports()
                    }
                    return batch
                }
                if !batch.silences.isEmpty { done.silences += batch.silences }
                // Others may not know of drains.
                if batch.left > 0 { dirtyShards?.noteChanges(shard: number) }
                done.expired += batch.expired
                done.left += batch.left
                done.handled += batch.handled
                done.hasMore = batch.hasMore
                // A budget that is used up may have gone into the wheel's own upkeep, which is not counted but takes
                // its time too.
                remaining -= batch.hasMore ? share : batch.handled
            } while done.hasMore
        }
        return done
    }

    /// How much there is in all shards, each counted at its own moment. What a store outside holds back is overdue too.
    package var counts: Counts {
        var counts = shards.reduce(Counts()) { counts, shard in counts + shard.catalog.withLock { $0.counts } }
        counts.overdue += heldBackOutside?.leases ?? 0
        return counts
    }

    /// How many instances have no address (`InstanceAddress`), in all shards.
    package var unaddressable: Int {
        shards.reduce(0) { count, shard in count + shard.catalog.withLock { $0.unaddressable } }
    }
}

extension Store {
    /// Stops a debug build where an invariant of the catalog does not hold. Looks at everything: for tests.
    package func checkInvariants() { for shard in shards { shard.catalog.withLock { $0.checkInvariants() } } }
}
