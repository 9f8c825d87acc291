// The registry's truth: who is registered, and until when. A value without clock, lock or I/O: a command is applied at a given moment and
// answered; time passes when it is told to. `Store` guards several of these, one a shard.

/// The instances and leases of some namespaces.
public struct Catalog: Sendable {
    /// An instance, its lease, and where it stands in its namespace.
    struct Record {
        var instance: Instance {
            didSet { leaseTime = Self.leaseTime(of: instance) }
        }
        var place: Roster.Place
        /// How long a lease lasts, in milliseconds; `endless` when it never runs out. Kept here so that a heartbeat touches no other memory.
        private var leaseTime: Int64
        /// When the lease runs out. A heartbeat moves this and nothing else; the wheel learns of it when its older deadline comes.
        var deadline: LeaseTime
        /// Nanoseconds since 1970.
        var lastHeartbeat: Int64

        private static let endless = Int64.max

        init(_ instance: Instance, at moment: Moment) {
            self.instance = instance
            place = .nowhere
            leaseTime = Self.leaseTime(of: instance)
            deadline = moment.lease
            lastHeartbeat = moment.wall
            start(at: moment)
        }

        private static func leaseTime(of instance: Instance) -> Int64 { instance.isOutOfService ? endless : instance.ttl }

        func isLive(at now: LeaseTime) -> Bool { now < deadline }

        private func deadline(from moment: Moment) -> LeaseTime { leaseTime == Self.endless ? .distantFuture : moment.lease + leaseTime }

        var leased: LeasedInstance { LeasedInstance(instance: instance, lastHeartbeat: lastHeartbeat) }

        /// Starts the lease of a registration, whatever there was before.
        mutating func start(at moment: Moment) {
            deadline = deadline(from: moment)
            lastHeartbeat = moment.wall
        }

        /// Starts the lease anew, unless it was renewed at a later moment already: threads read the clock before they wait for the lock.
        mutating func renew(at moment: Moment) {
            let later = deadline(from: moment)
            guard later >= deadline else { return }
            deadline = later
            lastHeartbeat = moment.wall
        }

        /// Takes another status; a lease that had no end until now begins.
        mutating func set(_ status: InstanceStatus, at moment: Moment) {
            let wasTimeless = leaseTime == Self.endless
            instance = instance.with(status: status)
            if wasTimeless || leaseTime == Self.endless { deadline = deadline(from: moment) }
        }
    }

    /// Everything but the wheel, which hands this to the closure that it calls while it is being advanced.
    struct Records {
        var slots = Slab<Record>()
        /// Invariant: has exactly the slots of `slots`, by their table and id.
        private var index = SlotIndex()
        /// Invariant: has exactly the slots of `slots`, each in its place.
        var roster = Roster()
        var sequence: UInt64 = 0

        /// The slot of an instance whose lease has not run out.
        func find(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> Int32? {
            guard let slot = slot(of: id, in: namespace), slots[slot].isLive(at: now) else { return nil }
            return slot
        }

        /// The slot of an instance, be its lease overdue or not.
        func slot(of id: InstanceID, in namespace: Namespace) -> Int32? {
            guard let table = roster.table(of: namespace) else { return nil }
            return index.slot(hash: SlotIndex.hash(id, table: table)) { slots[$0].place.table == table && slots[$0].instance.id == id }
        }

        mutating func change(_ kind: Change.Kind, in namespace: Namespace) -> Change {
            sequence += 1
            return Change(sequence: sequence, namespace: namespace, kind: kind)
        }

        mutating func insert(_ instance: Instance, into namespace: Namespace, at moment: Moment) -> Int32 {
            let table = roster.makeTable(of: namespace)
            let slot = slots.insert(Record(instance, at: moment))
            slots[slot].place = roster.join(slot, instance.serviceName, in: table)
            index.insert(slot, hash: SlotIndex.hash(instance.id, table: table))
            return slot
        }

        /// Removes an instance, and its namespace's table with the last one.
        mutating func remove(_ slot: Int32) -> Instance {
            let (instance, table) = (slots[slot].instance, slots[slot].place.table)
            leave(slot)
            roster.removeIfEmpty(table)
            index.remove(slot, hash: SlotIndex.hash(instance.id, table: table))
            slots.remove(slot)
            return instance
        }

        /// Puts another registration into the slot of the old one with the same id.
        mutating func replace(_ slot: Int32, with instance: Instance) {
            let hasMoved = slots[slot].instance.serviceNameUTF8 != instance.serviceNameUTF8
            if hasMoved {
                leave(slot)
                slots[slot].place = roster.join(slot, instance.serviceName, in: slots[slot].place.table)
            }
            slots[slot].instance = instance
            if !hasMoved { touch(slot) }
        }

        /// Gives the service and the namespace of an instance that has changed another revision.
        mutating func touch(_ slot: Int32) { roster.touch(slots[slot].place) }

        private mutating func leave(_ slot: Int32) {
            let place = slots[slot].place
            if let moved = roster.leave(place) { slots[moved].place.position = place.position }
        }
    }

    /// Leases that have run out but were not yet swept away do not count against a namespace's capacity: before a registration is
    /// refused, so many are swept. Only those of the wheel's last tick, and those that this does not reach, still count.
    private static let fullNamespaceBudget = 1_000

    /// Instances a client may register in one namespace; nil is no limit.
    private let namespaceCapacity: Int?
    private(set) var records = Records()
    /// Invariant: has exactly the slots whose records expire, each at its deadline or before.
    private var wheel: TimerWheel

    public init(namespaceCapacity: Int?, start: LeaseTime = .zero) {
        self.namespaceCapacity = namespaceCapacity
        wheel = TimerWheel(start: start)
    }

    // MARK: - Commands

    /// Carries a command out, or refuses it and changes nothing.
    public mutating func apply(_ command: Command, in namespace: Namespace, from origin: Origin, at moment: Moment) -> Decision {
        switch command {
        case .register(let instance):
            return register(instance, in: namespace, from: origin, at: moment)
        case .renew(let id):
            guard renew(id, in: namespace, at: moment) else { break }
            return Decision(
                outcome: .done, change: Change(sequence: records.sequence, namespace: namespace, kind: .renewed(id)))
        case .deregister(let id):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            wheel.cancel(slot)
            _ = records.remove(slot)
            return Decision(outcome: .done, change: records.change(.deregistered(id), in: namespace))
        case .setStatus(let id, let status):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            records.slots[slot].set(status, at: moment)
            records.touch(slot)
            rearm(slot)
            return Decision(outcome: .done, change: records.change(.statusSet(id, status), in: namespace))
        }
        return Decision(outcome: .unknownInstance)
    }

    /// Starts the lease of an instance anew, as the command does, and tells no more than whether there is such an instance: most of what a
    /// registry is asked is this, and a decision and a change take longer than the deed.
    public mutating func renew(_ id: InstanceID, in namespace: Namespace, at moment: Moment) -> Bool {
        guard let slot = records.find(id, in: namespace, at: moment.lease) else { return false }
        records.slots[slot].renew(at: moment)
        return true
    }

    private mutating func register(
        _ instance: Instance, in namespace: Namespace, from origin: Origin, at moment: Moment
    ) -> Decision {
        var swept: [Change] = []
        if let slot = records.slot(of: instance.id, in: namespace) {
            records.replace(slot, with: instance)
            records.slots[slot].start(at: moment)
            rearm(slot)
        } else {
            if origin == .client, !hasRoom(in: namespace) { swept = expire(at: moment.lease, budget: Self.fullNamespaceBudget).changes }
            guard origin == .peer || hasRoom(in: namespace) else { return Decision(outcome: .namespaceFull, swept: swept) }
            rearm(records.insert(instance, into: namespace, at: moment))
        }
        return Decision(outcome: .done, swept: swept, change: records.change(.registered(instance), in: namespace))
    }

    /// Whether a client may register another instance.
    private func hasRoom(in namespace: Namespace) -> Bool {
        guard let namespaceCapacity, let table = records.roster.table(of: namespace) else { return namespaceCapacity != 0 }
        return records.roster.tables[table].count < namespaceCapacity
    }

    /// Brings the wheel to a deadline that may be earlier than the one it knows.
    private mutating func rearm(_ slot: Int32) {
        let deadline = records.slots[slot].deadline
        if deadline == .distantFuture { wheel.cancel(slot) } else { wheel.schedule(slot, due: deadline) }
    }

    // MARK: - Time

    /// Lets leases run out whose deadline is at or before `now`, at most `budget` of them (renewed ones, which are put back, included).
    public mutating func expire(at now: LeaseTime, budget: Int) -> Expiry {
        var changes: [Change] = []
        var handled = 0
        let hasMore = wheel.advance(to: now, budget: budget, owner: &records) { records, slot in
            handled += 1
            let record = records.slots[slot]
            guard !record.isLive(at: now) else { return .rearm(record.deadline) }
            let namespace = records.roster.tables[record.place.table].namespace
            let instance = records.remove(slot)
            changes.append(records.change(.expired(instance.id), in: namespace))
            return .expired
        }
        return Expiry(changes: changes, handled: handled, hasMore: hasMore)
    }

    // MARK: - Look-ups

    /// One instance, or nil when its namespace does not have it.
    public func instance(_ id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> LeasedInstance? {
        records.find(id, in: namespace, at: now).map { records.slots[$0].leased }
    }

    /// How much there is.
    public var counts: Counts {
        Counts(instances: records.slots.count, services: records.roster.services.count, namespaces: records.roster.tables.count)
    }
}

/// What the passing of time did.
public struct Expiry: Sendable {
    public var changes: [Change] = []
    /// Leases that ran out or, renewed, were put back. The budget is spent on these and on moving leases within the wheel.
    public var handled = 0
    /// Whether the budget ran out before the work did.
    public var hasMore = false
}

/// How much a catalog holds.
public struct Counts: Sendable, Equatable {
    public var instances = 0
    public var services = 0
    public var namespaces = 0

    static func + (left: Counts, right: Counts) -> Counts {
        Counts(
            instances: left.instances + right.instances, services: left.services + right.services,
            namespaces: left.namespaces + right.namespaces)
    }
}
