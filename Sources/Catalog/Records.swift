// Everything that a catalog holds except the wheel, which passes it to the closure that it calls while it is being
// advanced. Whatever is known of an instance in several places is written here, so that the places agree.

/// The instances of some namespaces, their leases, and how they are found.
struct Records: Sendable {
    private(set) var instances = Slab(vacant: ByteArena.Handle.none)
    /// What the instances say. Invariant: has a run for each of `instances`, and no other.
    private(set) var arena = ByteArena()
    /// Invariant: has exactly the slots of `instances`.
    var slots = Slab(vacant: Record.vacant)
    /// Invariant: has exactly the slots of `instances`, by their table and id.
    private(set) var index = SlotIndex()
    /// Invariant: has exactly the slots of `instances`, each in its place.
    var secondaryIndex = SecondaryIndex()
    /// Gives the versions.
    private var clock = HybridClock()
    /// Set once the clock has fallen back: it may be behind what is held, up to this, and must be asked for an
    /// instance's own.
    private var ceiling: HybridTime?
    /// The member that gives them.
    let member: MemberID
    /// Up to when leases may have run out.
    var bounds = ExpiryBounds.none
    /// Invariant: they have only slots whose records are marked as overdue, and none in common.
    var (held, silence) = (HeldLeases(), Silence())
    /// For other members; empty when there are none. Invariant: its digest has exactly the records, and no id with a
    /// record also has a tombstone or an entry among the expired.
    var replicationState: ReplicationState
    /// What happened lately; nil where no log is kept. Invariant: has each change that the revisions of the secondary
    /// index count, except touches.
    var log: ChangeLog?
    /// Whether there is a log.
    let isLogged: Bool
    /// Overrides of instances that are gone, and the ends of others.
    var shelf = OverrideShelf()
    /// Overrides of whole services.
    var services: ServiceOverrides
    /// How many instances have an override that counts.
    var overridden = 0
    /// How many instances have no address (`InstanceAddress`).
    private(set) var unaddressable = 0
    /// Whether there are other members. Where there are none the ledger stays empty; it is no Optional, because to look
    /// into one takes a copy of it.
    let isTold: Bool
    /// Who lets leases run out.
    let leaseKeeper: LeaseKeeper

    init(
        member: MemberID, isTold: Bool, leaseKeeper: LeaseKeeper = .member, replicationState: ReplicationState,
        log: ChangeLog? = nil
    ) {
        self.member = member
        self.leaseKeeper = leaseKeeper
        self.log = log
        isLogged = log != nil
        self.replicationState = replicationState
        self.isTold = isTold
        services = ServiceOverrides(retention: isTold ? replicationState.tombstones.retention : nil)
    }

    // MARK: - Look-ups

    /// The slot of an instance whose lease has not run out.
    func find(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> Int32? {
        guard let slot = slot(of: id, in: namespace), isLive(slot, at: now) else { return nil }
        return slot
    }

    /// The slot of an instance, be its lease overdue or not. Always inlined: a call would be handed a copy of all of
    /// these properties, which takes a sixth of a heartbeat.
    @inline(__always)
    func slot(of id: InstanceID, in namespace: Namespace) -> Int32? {
        guard let table = secondaryIndex.table(of: namespace) else { return nil }
        return index.slot(hash: SlotIndex.hash(id, table: table)) {
            slots[$0].is(id, in: table) ?? arena.withRun(instances[$0]) { PackedInstance.isSpelt($0, id) }
        }
    }

    /// Whether the instance at a slot has fields beside those that every release knows.
    func hasFurther(_ slot: Int32) -> Bool {
        arena.withRun(instances[slot]) { PackedInstance.more($0).contains(.further) }
    }

    /// The first bytes of what a protocol keeps with the instance at a slot.
    func extra(_ slot: Int32, first count: Int) -> [UInt8]? {
        arena.withRun(instances[slot]) { PackedInstance.extra($0, first: count) }
    }

    /// The namespace of the instance at a slot.
    func namespace(_ slot: Int32) -> Namespace { secondaryIndex.tables[slots[slot].place.table].namespace }

    /// The instance at a slot, copied out of the arena. Its id, if it is a digest, is kept once: by the record, where
    /// look-ups compare it.
    @inline(__always)
    func instance(_ slot: Int32) -> Instance {
        Instance(digest: slots[slot].digest, packed: PackedInstance(bytes: arena.bytes(instances[slot])))
    }

    /// The id of the instance at a slot, without looking at the instance when it is a digest.
    @inline(__always)
    func id(_ slot: Int32) -> InstanceID { slots[slot].id ?? instance(slot).id }

    // MARK: - Versions

    /// A version later than all that were given and seen here. Versions are compared within an instance only, and an
    /// instance lives in one shard.
    ///
    /// - Parameter held: the version that is held of the same id.
    mutating func stamp(isWithdrawal: Bool, after held: Version, at moment: Moment) -> Version {
        // A stamp above the ceiling is about to be made again itself.
        if let ceiling, held.time <= ceiling { clock.observe(held.time) }
        return Version(time: clock.stamp(wall: moment.wall, isWithdrawal: isWithdrawal), origin: member)
    }

    /// The same for an id that is not held, though its deregistration or expiry may be remembered.
    mutating func stamp(isWithdrawal: Bool, unseen id: InstanceID, in namespace: Namespace, at moment: Moment)
        -> Version
    {
        guard ceiling != nil else { return stamp(isWithdrawal: isWithdrawal, after: .none, at: moment) }
        let remembered = max(
            replicationState.tombstones.find(id, in: namespace)?.version ?? .none,
            replicationState.expired.find(id, in: namespace)?.record.version ?? .none)
        return stamp(isWithdrawal: isWithdrawal, after: remembered, at: moment)
    }

    /// Brings the clock back to now when it is ahead of this; returns whether it was.
    mutating func fallBack(below limit: HybridTime, at moment: Moment) -> Bool {
        guard clock.last > limit else { return false }
        clock.fallBack(to: HybridTime(nanoseconds: moment.wall))
        ceiling = limit
        return true
    }

    mutating func observe(_ version: Version) { clock.observe(version.time) }

    /// Notes a change that a source has made to a namespace. Returns its index.
    mutating func note(_ change: SourceEvent, of source: Actor, in namespace: Namespace, at microseconds: Int64)
        -> UInt64
    {
        let index = secondaryIndex.advance(namespace, at: microseconds)
        log?.append(
            change.kind, index, at: microseconds, change.instance, in: namespace, before: change.before,
            after: change.after, member: member, by: source)
        if change.after == nil {
            secondaryIndex.noteGone(change.instance.serviceName, in: namespace, at: index)
        }
        return index
    }

    // MARK: - Changes

    /// Whether readers see anything else than when this was last asked.
    mutating func takeNews() -> Bool {
        guard secondaryIndex.hasNews else { return false }
        secondaryIndex.hasNews = false
        return true
    }

    /// Enters an instance that is not here. `by` is the client that requested it from this member; `isReturn` says that
    /// its lease had run out here.
    mutating func insert(
        _ instance: Instance, _ version: Version, into namespace: Namespace, at moment: Moment, by actor: Actor? = nil,
        isReturn: Bool = false, isNews: Bool = true
    ) -> Int32 {
        let table = secondaryIndex.makeTable(of: namespace)
        // What an operator said of it before it went still counts.
        let shelved = shelf.take(instance.id, in: namespace, at: moment.wall)
        let said = instance
        let instance = instance.joining(shelved)
        let slot = instances.insert(arena.insert(instance.packed.bytes.span))
        let twin = slots.insert(Record(instance, at: moment))
        assert(twin == slot, "two slabs with the same history give out the same slots")
        slots[slot].version = version
        if instance.hasFurther { judgeOverride(slot, of: instance, in: namespace) }
        if !instance.hasAddress { unaddressable += 1 }
        let change = secondaryIndex.advance(table, at: isReturn ? moment.microseconds : version.time.microseconds)
        join(slot, instance.serviceName, in: table, index: change)
        let counts = counted(slot)
        secondaryIndex.tally(slots[slot].place, nil, counts)
        judgeDrain(slot)
        if isLogged, isNews {
            log?.append(
                isReturn ? .returned : .registered, change,
                at: isReturn ? moment.microseconds : version.time.microseconds, instance,
                in: namespace, before: nil, after: counts.shown, member: isReturn ? member : version.origin,
                by: actor)
        }
        index.insert(slot, hash: SlotIndex.hash(instance.id, table: table))
        if isTold {
            let key = BucketKey(instance.id, in: namespace)
            slots[slot].bucket = key.bucket
            replicationState.enter(slot)
            // The member that it came from may not know what was kept here.
            if shelved != nil, instance != said {
                replicationState.changed.insert(slot)
                shelf.hasNews = true
            }
            replicationState.toggle(key, version)
            if let override = instance.override?.version { replicationState.toggleOverride(key, override) }
            replicationState.tombstones.remove(instance.id, in: namespace)
            replicationState.expired.remove(instance.id, in: namespace)
        }
        return slot
    }

    /// Removes an instance whose lease has run out, and remembers it for the sake of other members.
    mutating func expire(_ slot: Int32, at moment: Moment) {
        let (namespace, record) = (namespace(slot), slots[slot])
        let instance = remove(slot, .expired, at: moment.microseconds, by: (member, nil))
        if isTold { replicationState.expired.put(instance, record, in: namespace, at: moment.lease) }
    }

    /// Removes an instance whose lease has run out as the store says, at a time in microseconds since 1970. All members
    /// are told, so none has to remember it.
    mutating func runOut(_ slot: Int32, at microseconds: Int64) {
        _ = remove(slot, .expired, at: microseconds, by: (member, nil))
    }

    /// Removes an instance that was deregistered in this version.
    mutating func remove(_ slot: Int32, _ version: Version, by actor: Actor? = nil) {
        _ = remove(slot, .deregistered, at: version.time.microseconds, by: (version.origin, actor))
    }

    /// The version of the override of the instance at a slot; `none` where it has none.
    func overrideVersion(_ slot: Int32) -> Version {
        hasFurther(slot) ? instance(slot).override?.version ?? .none : .none
    }

    /// Counts a record's versions into the digests, or out of them again.
    private mutating func toggle(_ slot: Int32) {
        guard isTold else { return }
        let key = BucketKey(id(slot), in: namespace(slot))
        replicationState.toggle(key, slots[slot].version)
        let override = overrideVersion(slot)
        if override != .none { replicationState.toggleOverride(key, override) }
    }

    /// Removes an instance, and its namespace's table with the last one. The time of that is in microseconds since
    /// 1970.
    private mutating func remove(
        _ slot: Int32, _ kind: Change.Kind, at microseconds: Int64, by source: (member: MemberID, actor: Actor?)
    ) -> Instance {
        announceFirst(slot)
        let (instance, place) = (instance(slot), slots[slot].place)
        let status = counted(slot)
        if slots[slot].isOverridden { overridden -= 1 }
        if instance.hasFurther, let override = instance.override {
            shelf.put(override, instance.id, in: namespace(slot), at: microseconds.multipliedSaturated(by: 1_000))
            shelf.forgetEnd(of: instance.id, in: namespace(slot))
        }
        secondaryIndex.tally(place, status, nil)
        if !instance.hasAddress { unaddressable -= 1 }
        toggle(slot)
        if isTold { replicationState.leave(slot) }
        stopHolding(slot, of: place.table, at: microseconds)
        let change = secondaryIndex.advance(place.table, at: microseconds)
        if isLogged {
            log?.append(
                kind, change, at: microseconds, instance, in: secondaryIndex.tables[place.table].namespace,
                before: status.shown, after: nil, member: source.member, by: source.actor)
        }
        leave(place, hash: stateHash(slot), index: change)
        secondaryIndex.removeIfEmpty(place.table)
        index.remove(slot, hash: SlotIndex.hash(instance.id, table: place.table))
        slots.remove(slot)
        if let handle = instances.remove(slot) { arena.remove(handle) }
        return instance
    }

    /// Lets a record be changed, and has another instance with the same id take the place of the one that was there, if
    /// one is given; sees to what follows from that. Returns what `body` does. The time of the change is the one of the
    /// version that there is then.
    ///
    /// - Parameters:
    ///   - override: the override that is the change.
    ///   - microseconds: when, since 1970; nil is the time of the version.
    mutating func update<Result>(
        _ slot: Int32, to instance: Instance? = nil, of override: StatusOverride? = nil, by actor: Actor? = nil,
        at microseconds: Int64? = nil, _ body: (inout Record) -> Result
    ) -> Result {
        announceFirst(slot)
        let (before, hash, status) = (self.instance(slot), stateHash(slot), counted(slot))
        toggle(slot)
        if let instance {
            arena.replace(&instances[slot], with: instance.packed.bytes.span)
            unaddressable += (before.hasAddress ? 1 : 0) - (instance.hasAddress ? 1 : 0)
            if instance.hasFurther || slots[slot].isOverridden {
                judgeOverride(slot, of: instance, in: namespace(slot))
            }
        }
        let result = body(&slots[slot])
        toggle(slot)
        let place = slots[slot].place
        let microseconds = microseconds ?? slots[slot].version.time.microseconds
        let change = secondaryIndex.advance(place.table, at: microseconds)
        if let instance, instance.serviceNameUTF8 != before.serviceNameUTF8 {
            secondaryIndex.tally(place, status, nil)
            leave(place, hash: hash, index: change)
            join(slot, instance.serviceName, in: place.table, index: change)
            secondaryIndex.tally(slots[slot].place, nil, counted(slot))
        } else {
            secondaryIndex.tally(place, status, counted(slot))
            secondaryIndex.touch(place, difference: stateHash(slot) &- hash, index: change)
        }
        judgeDrain(slot)
        if isLogged {
            let (version, instance, after) = (slots[slot].version, self.instance(slot), counted(slot))
            log?.append(
                override?.change ?? (instance.saysTheSame(as: before) ? .refreshed : .updated), change,
                at: microseconds, instance, in: secondaryIndex.tables[place.table].namespace, before: status.shown,
                after: after.shown, until: override?.end,
                fields: override == nil ? instance.fields(otherThanIn: before) : [],
                member: override?.version.origin ?? version.origin, by: actor)
        }
        return result
    }

    /// Makes caches check again, although the state of the instance is the same.
    mutating func touch(_ slot: Int32, at moment: Moment) {
        let place = slots[slot].place
        secondaryIndex.touch(place, difference: 0, index: secondaryIndex.advance(place.table, at: moment.microseconds))
    }

    /// Whether look-ups say that an instance is overdue, which is another list to a cache.
    mutating func setOverdue(_ slot: Int32, _ isOverdue: Bool, at moment: Moment) {
        guard slots[slot].isOverdue != isOverdue else { return }
        let (place, hash) = (slots[slot].place, stateHash(slot))
        slots[slot].isOverdue = isOverdue
        secondaryIndex.touch(
            place, difference: stateHash(slot) &- hash,
            index: secondaryIndex.advance(place.table, at: moment.microseconds))
    }

    /// Has the instance at a slot join a service, by the change with this index.
    private mutating func join(_ slot: Int32, _ service: Name, in table: Int32, index: UInt64) {
        let word = serviceWord(service, in: secondaryIndex.tables[table].namespace)
        slots[slot].place = secondaryIndex.join(
            slot, service, in: table, under: word, hash: stateHash(slot), index: index)
    }

    private mutating func leave(_ place: SecondaryIndex.Place, hash: UInt64, index: UInt64) {
        if let moved = secondaryIndex.leave(place, hash: hash, index: index) {
            slots[moved].place.position = place.position
        }
    }
}
