// The registry's truth: who is registered, and until when. A value without clock, lock or I/O: a command is applied at a given moment and
// answered; time passes when it is told to. `Store` guards several of these, one a shard.

/// The instances and leases of some namespaces.
public struct Catalog: Sendable {
    /// An instance, its lease, and where it stands in its namespace.
    struct Record {
        var instance: Instance {
            didSet { leaseTime = Self.leaseTime(of: instance) }
        }
        /// How long a lease lasts, in milliseconds; nil when it never runs out. Kept here so that a heartbeat touches no other memory.
        private var leaseTime: Int64?
        /// The digest's bucket, when others are told of this shard.
        var bucket: UInt16 = 0
        /// When the lease runs out. A heartbeat moves this and nothing else; the wheel learns of it when its older deadline comes.
        var deadline: LeaseTime
        /// Nanoseconds since 1970.
        var lastHeartbeat: Int64
        let table: Int32
        /// Among its service's members.
        var position: Int32
        /// How much lease time was lost to pauses, in milliseconds, when the last heartbeat was heard of; it stops counting after 49 days.
        private var lost: UInt32
        /// `.none` in a registry alone.
        var version = Version.none

        init(_ instance: Instance, table: Int32, at moment: Moment) {
            self.instance = instance
            self.table = table
            leaseTime = Self.leaseTime(of: instance)
            deadline = moment.lease
            lastHeartbeat = moment.wall
            position = 0
            lost = 0
            start(at: moment)
        }

        private static func leaseTime(of instance: Instance) -> Int64? { instance.status == .outOfService ? nil : instance.ttl }

        func isLive(at now: LeaseTime) -> Bool { now < deadline }

        /// Begins the lease, as it is when the last heartbeat was so long ago.
        private mutating func begin(age: Int64 = 0, at moment: Moment) {
            deadline = leaseTime.map { moment.lease + ($0 - age) } ?? .distantFuture
            lost = UInt32(clamping: moment.lost)
        }

        var leased: LeasedInstance { LeasedInstance(instance: instance, lastHeartbeat: lastHeartbeat) }

        /// Starts the lease of a registration, whatever there was before.
        mutating func start(at moment: Moment) {
            begin(at: moment)
            lastHeartbeat = moment.wall
        }

        /// Starts the lease anew, unless it was renewed at a later moment already: threads read the clock before they wait for the lock.
        mutating func renew(at moment: Moment) {
            guard leaseTime.map({ moment.lease + $0 >= deadline }) ?? true else { return }
            start(at: moment)
        }

        /// Takes another status; a lease that had no end until now begins.
        mutating func set(_ status: InstanceStatus, at moment: Moment) {
            let wasTimeless = leaseTime == nil
            instance = instance.with(status: status)
            if wasTimeless || leaseTime == nil { begin(at: moment) }
        }

        // MARK: Other members

        /// Heartbeats that two members took within so many milliseconds may reach others in either order; which is the last one is then
        /// decided by wall time, so that all members show the same.
        private static let simultaneous: Int64 = 2_000

        /// Milliseconds since the last heartbeat, pauses included; nil for what does not expire.
        func age(at moment: Moment) -> Int64? {
            guard let leaseTime else { return nil }
            let start = deadline + -leaseTime
            return max(0, (moment.lease - start).addingSaturated(Int64(UInt32(clamping: moment.lost)) - Int64(lost)))
        }

        func heartbeat(at moment: Moment) -> Heartbeat { Heartbeat(age: age(at: moment) ?? 0, wall: lastHeartbeat) }

        /// Lets the lease end when it would have ended without pauses. Returns whether that is earlier.
        mutating func settle(at moment: Moment) -> Bool {
            guard let age = age(at: moment) else { return false }
            let extended = deadline
            begin(age: age, at: moment)
            return deadline < extended
        }

        /// Takes in a heartbeat that another member took. Hearing of the one again that is known moves nothing: the time it took to be told must
        /// not extend the lease.
        mutating func hear(_ heartbeat: Heartbeat, at moment: Moment) {
            guard heartbeat.wall != lastHeartbeat else { return }
            let known = age(at: moment)
            let latest = latest(known, heartbeat)
            lastHeartbeat = latest.wall
            if let known, latest.age < known { begin(age: latest.age, at: moment) }
        }

        /// Begins the lease of an instance that another member has told of.
        mutating func begin(with heartbeat: Heartbeat, at moment: Moment) {
            begin(age: max(0, heartbeat.age), at: moment)
            lastHeartbeat = heartbeat.wall
        }

        /// Takes in a newer version, whose lease counts from the last heartbeat that was heard of by either member; refuses what would be over.
        mutating func supersede(with instance: Instance, version: Version, heartbeat: Heartbeat, at moment: Moment) -> Bool {
            let latest = latest(age(at: moment), heartbeat, isTimeless: instance.status == .outOfService)
            if let leaseTime = Self.leaseTime(of: instance), latest.age >= leaseTime { return false }
            self.instance = instance
            self.version = version
            lastHeartbeat = latest.wall
            begin(age: latest.age, at: moment)
            return true
        }

        /// The later of our last heartbeat, at this age, and another.
        private func latest(_ known: Int64?, _ heartbeat: Heartbeat, isTimeless: Bool = false) -> Heartbeat {
            let told = max(0, heartbeat.age)
            guard let known, !isTimeless else { return Heartbeat(age: told, wall: max(lastHeartbeat, heartbeat.wall)) }
            let wall: Int64
            if abs(known.subtractingSaturated(told)) <= Self.simultaneous {
                wall = max(lastHeartbeat, heartbeat.wall)
            } else {
                wall = told < known ? heartbeat.wall : lastHeartbeat
            }
            return Heartbeat(age: min(known, told), wall: wall)
        }
    }

    /// Everything but the wheel, which hands this to the closure that it calls while it is being advanced.
    struct Records {
        var slots = Slab<Record>()
        /// Invariant: has exactly the keys of `slots`.
        var index = SlotIndex()
        var tables = Slab<NamespaceTable>()
        /// Invariant: has exactly the namespaces of `tables`, none of which is empty.
        var tableOf: [Namespace: Int32] = [:]
        var sequence: UInt64 = 0
        /// Counts what happens to registrations; renewals do not count. Invariant: never goes back, so that whatever vanishes and comes
        /// back has a revision that it never had.
        private var revision: UInt64 = 0
        /// For other members; nil when there are none. Invariant: its digest has exactly the records, and no id has both a record and a
        /// tombstone.
        var ledger: Ledger?

        /// The slot of an instance whose lease has not run out.
        func find(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> Int32? {
            guard let table = tableOf[namespace], let slot = index[SlotIndex.Key(table: table, id: id)], slots[slot].isLive(at: now)
            else { return nil }
            return slot
        }

        mutating func change(_ kind: Change.Kind, in namespace: Namespace) -> Change {
            sequence += 1
            return Change(sequence: sequence, namespace: namespace, kind: kind)
        }

        mutating func insert(_ instance: Instance, _ version: Version, into namespace: Namespace, at moment: Moment) -> Int32 {
            let table = table(of: namespace)
            let slot = slots.insert(Record(instance, table: table, at: moment))
            slots[slot].position = tables[table].insert(slot, into: instance.serviceName, revision: nextRevision())
            index[SlotIndex.Key(table: table, id: instance.id)] = slot
            if ledger != nil {
                let key = BucketKey(instance.id, in: namespace)
                slots[slot].version = version
                slots[slot].bucket = key.bucket
                ledger?.enter(slot)
                ledger?.toggle(key, version)
                ledger?.tombstones.remove(instance.id, in: namespace)
            }
            return slot
        }

        /// Counts a record's version into the digest, or out of it again.
        private mutating func toggle(_ slot: Int32) {
            guard ledger != nil else { return }
            let record = slots[slot]
            ledger?.toggle(BucketKey(record.instance.id, in: tables[record.table].namespace), record.version)
        }

        private mutating func table(of namespace: Namespace) -> Int32 {
            if let table = tableOf[namespace] { return table }
            let table = tables.insert(NamespaceTable(namespace))
            tableOf[namespace] = table
            return table
        }

        /// Removes an instance, and its namespace's table with the last one.
        @discardableResult
        mutating func remove(_ slot: Int32) -> Instance {
            let record = slots[slot]
            toggle(slot)
            ledger?.leave(slot)
            leave(record, record.instance.serviceName)
            index[SlotIndex.Key(table: record.table, id: record.instance.id)] = nil
            slots.remove(slot)
            if tables[record.table].count == 0 {
                tableOf[tables[record.table].namespace] = nil
                tables.remove(record.table)
            }
            return record.instance
        }

        /// Lets an instance be changed, and sees to what follows from that. Returns what `body` does.
        mutating func update<Result>(_ slot: Int32, _ body: (inout Record) -> Result) -> Result {
            let before = slots[slot].instance.serviceName
            toggle(slot)
            let result = body(&slots[slot])
            toggle(slot)
            let record = slots[slot]
            if record.instance.serviceName != before {
                leave(record, before)
                slots[slot].position = tables[record.table].insert(slot, into: record.instance.serviceName, revision: nextRevision())
            }
            touch(slot)
            return result
        }

        /// Gives another revision to the service and the namespace of an instance that has changed.
        mutating func touch(_ slot: Int32) {
            tables[slots[slot].table].touch(slots[slot].instance.serviceName, revision: nextRevision())
        }

        private mutating func nextRevision() -> UInt64 {
            revision += 1
            return revision
        }

        private mutating func leave(_ record: Record, _ service: Name) {
            let moved = tables[record.table].remove(at: record.position, from: service, revision: nextRevision())
            if let moved { slots[moved].position = record.position }
        }

        func live(_ members: [Int32], at now: LeaseTime) -> [LeasedInstance] {
            members.compactMap { slots[$0].isLive(at: now) ? slots[$0].leased : nil }
        }
    }

    /// Leases that have run out but were not yet swept away do not count against a namespace's capacity: before a registration is
    /// refused, so many are swept. Only those of the wheel's last tick, and those that this does not reach, still count.
    private static let fullNamespaceBudget = 1_000

    /// Instances a client may register in one namespace; nil is no limit.
    private let namespaceCapacity: Int?
    var records = Records()
    /// Invariant: has exactly the slots whose records expire, each at its deadline or before.
    var wheel: TimerWheel

    /// A catalog alone, or with a member's name one that others are told of.
    public init(
        namespaceCapacity: Int?, start: LeaseTime = .zero, replicating member: MemberID? = nil, tombstones: TombstoneLimits = .standard
    ) {
        self.namespaceCapacity = namespaceCapacity
        wheel = TimerWheel(start: start)
        records.ledger = member.map { Ledger(member: $0, limits: tombstones) }
    }

    // MARK: - Commands

    /// Carries a command out, or refuses it and changes nothing.
    public mutating func apply(_ command: Command, in namespace: Namespace, from origin: Origin, at moment: Moment) -> Decision {
        switch command {
        case .register(let instance):
            return register(instance, in: namespace, from: origin, at: moment)
        case .renew(let id):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            records.slots[slot].renew(at: moment)
            if origin == .client { records.ledger?.renewed.insert(slot) }
            return Decision(
                outcome: .done, change: Change(sequence: records.sequence, namespace: namespace, kind: .renewed(id)))
        case .deregister(let id):
            guard records.find(id, in: namespace, at: moment.lease) != nil else { break }
            return remove(id, from: namespace, origin, at: moment)
        case .bury(let id):
            return remove(id, from: namespace, origin, at: moment)
        case .setStatus(let id, let status):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            let version = records.ledger?.stamp(at: moment) ?? .none
            records.update(slot) {
                $0.set(status, at: moment)
                $0.version = version
            }
            if origin == .client { records.ledger?.changed.insert(slot) }
            rearm(slot)
            return Decision(outcome: .done, change: records.change(.statusSet(id, status), in: namespace))
        }
        return Decision(outcome: .unknownInstance)
    }

    private mutating func register(
        _ instance: Instance, in namespace: Namespace, from origin: Origin, at moment: Moment
    ) -> Decision {
        var swept: [Change] = []
        let slot: Int32
        if let known = self.slot(of: instance.id, in: namespace) {
            slot = known
            let version = records.ledger?.stamp(at: moment) ?? .none
            records.update(slot) {
                $0.instance = instance
                $0.version = version
                $0.start(at: moment)
            }
        } else {
            if origin == .client, !hasRoom(in: namespace) { swept = expire(at: moment.lease, budget: Self.fullNamespaceBudget).changes }
            guard origin == .peer || hasRoom(in: namespace) else { return Decision(outcome: .namespaceFull, swept: swept) }
            slot = records.insert(instance, records.ledger?.stamp(at: moment) ?? .none, into: namespace, at: moment)
        }
        if origin == .client { records.ledger?.changed.insert(slot) }
        rearm(slot)
        return Decision(outcome: .done, swept: swept, change: records.change(.registered(instance), in: namespace))
    }

    /// Removes an instance, if it is here, and leaves a tombstone, if others are to be told.
    private mutating func remove(_ id: InstanceID, from namespace: Namespace, _ origin: Origin, at moment: Moment) -> Decision {
        let slot = slot(of: id, in: namespace)
        let isLive = slot.map { records.slots[$0].isLive(at: moment.lease) } ?? false
        if let slot {
            wheel.cancel(slot)
            records.remove(slot)
        }
        if let version = records.ledger?.stamp(at: moment) {
            records.ledger?.tombstones.put(
                id, in: namespace, version: version, isUntold: origin == .client, at: moment.lease)
        }
        if isLive { return Decision(outcome: .done, change: records.change(.deregistered(id), in: namespace)) }
        let swept = slot == nil ? [] : [records.change(.expired(id), in: namespace)]
        return Decision(outcome: .unknownInstance, swept: swept)
    }

    /// The slot of an instance, be its lease overdue or not.
    func slot(of id: InstanceID, in namespace: Namespace) -> Int32? {
        records.tableOf[namespace].flatMap { records.index[SlotIndex.Key(table: $0, id: id)] }
    }

    /// Whether a client may register another instance.
    private func hasRoom(in namespace: Namespace) -> Bool {
        guard let namespaceCapacity, let table = records.tableOf[namespace] else { return namespaceCapacity != 0 }
        return records.tables[table].count < namespaceCapacity
    }

    /// Brings the wheel to a deadline that may be earlier than the one it knows.
    mutating func rearm(_ slot: Int32) {
        let deadline = records.slots[slot].deadline
        if deadline == .distantFuture { wheel.cancel(slot) } else { wheel.schedule(slot, due: deadline) }
    }

    // MARK: - Time

    /// Lets leases run out whose deadline is at or before `now`, and tombstones be forgotten whose time has come: at most `budget` of them
    /// (renewed leases, which are put back, included).
    public mutating func expire(at now: LeaseTime, budget: Int) -> Expiry {
        var changes: [Change] = []
        var handled = 0
        let hasMore = wheel.advance(to: now, budget: budget, owner: &records) { records, slot in
            handled += 1
            let record = records.slots[slot]
            guard !record.isLive(at: now) else { return .rearm(record.deadline) }
            let namespace = records.tables[record.table].namespace
            let instance = records.remove(slot)
            changes.append(records.change(.expired(instance.id), in: namespace))
            return .expired
        }
        guard !hasMore, let forgotten = records.ledger?.tombstones.expire(at: now, budget: budget - handled) else {
            return Expiry(changes: changes, handled: handled, hasMore: hasMore)
        }
        handled += forgotten
        return Expiry(changes: changes, handled: handled, hasMore: forgotten > 0 && handled == budget)
    }

    // MARK: - Look-ups

    /// One instance, or nil when its namespace does not have it.
    public func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        records.find(id, in: namespace, at: now).map { records.slots[$0].leased }
    }

    /// The names of the services that have an instance, in no order.
    public func serviceNames(in namespace: Namespace, at now: LeaseTime) -> [Name] {
        guard let table = records.tableOf[namespace] else { return [] }
        return records.tables[table].services.compactMap { name, service in
            service.members.contains { records.slots[$0].isLive(at: now) } ? name : nil
        }
    }

    /// The revision of a namespace: another with every change to it but renewals; 0 when nobody is registered in it.
    public func revision(of namespace: Namespace) -> UInt64 {
        records.tableOf[namespace].map { records.tables[$0].revision } ?? 0
    }

    /// The services that have an instance, in no order, each with its revision, and the revision of the namespace.
    public func services(in namespace: Namespace, at now: LeaseTime) -> (revision: UInt64, services: [(name: Name, revision: UInt64)]) {
        guard let table = records.tableOf[namespace] else { return (0, []) }
        let services: [(name: Name, revision: UInt64)] = records.tables[table].services.compactMap { name, service in
            service.members.contains { records.slots[$0].isLive(at: now) } ? (name, service.revision) : nil
        }
        return (records.tables[table].revision, services)
    }

    /// The revision of a service and its instances, in no order.
    public func listing(
        of service: Name, in namespace: Namespace, at now: LeaseTime
    ) -> (revision: UInt64, instances: [LeasedInstance]) {
        guard let table = records.tableOf[namespace], let found = records.tables[table].services[service] else { return (0, []) }
        return (found.revision, records.live(found.members, at: now))
    }

    /// The instances of a service, in no order.
    public func instances(of service: Name, in namespace: Namespace, at now: LeaseTime) -> [LeasedInstance] {
        listing(of: service, in: namespace, at: now).instances
    }

    /// How much there is.
    public var counts: Counts {
        Counts(
            instances: records.slots.count,
            services: records.tableOf.values.reduce(0) { $0 + records.tables[$1].services.count },
            namespaces: records.tableOf.count,
            tombstones: records.ledger?.tombstones.count ?? 0)
    }
}

/// What the passing of time did.
public struct Expiry: Sendable {
    public var changes: [Change] = []
    /// Leases that ran out or, renewed, were put back, and tombstones that were forgotten. The budget is spent on these and on moving leases within the wheel.
    public var handled = 0
    /// Whether the budget ran out before the work did.
    public var hasMore = false
}

/// How much a catalog holds.
public struct Counts: Sendable, Equatable {
    public var instances = 0
    public var services = 0
    public var namespaces = 0
    /// Deregistrations that are remembered for the sake of other members.
    public var tombstones = 0

    static func + (left: Counts, right: Counts) -> Counts {
        Counts(
            instances: left.instances + right.instances, services: left.services + right.services,
            namespaces: left.namespaces + right.namespaces, tombstones: left.tombstones + right.tombstones)
    }
}
