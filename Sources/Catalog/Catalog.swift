// The registry's truth: who is registered, and until when. A value without clock, lock or I/O: a command is applied at a given moment and
// answered; time passes when it is told to. `Store` guards several of these, one a shard.

/// The instances and leases of some namespaces.
public struct Catalog: Sendable {
    /// An instance, its lease, and where it stands in its namespace.
    private struct Record {
        var instance: Instance
        /// When the lease runs out. A heartbeat moves this and nothing else; the wheel learns of it when its older deadline comes.
        var deadline: LeaseTime
        /// Nanoseconds since 1970.
        var lastHeartbeat: Int64
        let table: Int32
        /// Among its service's members.
        var position: Int32

        func isLive(at now: LeaseTime) -> Bool { now < deadline }

        var leased: LeasedInstance { LeasedInstance(instance: instance, lastHeartbeat: lastHeartbeat) }

        /// Starts the lease of a registration, whatever there was before.
        mutating func start(at moment: Moment) {
            deadline = instance.status == .outOfService ? .distantFuture : moment.lease + instance.ttl
            lastHeartbeat = moment.wall
        }

        /// Starts the lease anew, unless it was renewed at a later moment already: threads read the clock before they wait for the lock.
        mutating func renew(at moment: Moment) {
            if deadline == .distantFuture || moment.lease + instance.ttl >= deadline { start(at: moment) }
        }
    }

    /// Everything but the wheel, which hands this to the closure that it calls while it is being advanced.
    private struct Records {
        var slots = Slab<Record>()
        /// Invariant: has exactly the keys of `slots`.
        var index = SlotIndex()
        var tables = Slab<NamespaceTable>()
        /// Invariant: has exactly the namespaces of `tables`, none of which is empty.
        var tableOf: [Namespace: Int32] = [:]
        var sequence: UInt64 = 0

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

        mutating func insert(_ instance: Instance, into namespace: Namespace, at moment: Moment) -> Int32 {
            let table = tableOf[namespace] ?? tables.insert(NamespaceTable(namespace))
            tableOf[namespace] = table
            let slot = slots.insert(
                Record(instance: instance, deadline: moment.lease, lastHeartbeat: moment.wall, table: table, position: 0))
            slots[slot].start(at: moment)
            slots[slot].position = tables[table].insert(slot, into: instance.serviceName)
            index[SlotIndex.Key(table: table, id: instance.id)] = slot
            return slot
        }

        /// Removes an instance, and its namespace's table with the last one.
        mutating func remove(_ slot: Int32) -> Instance {
            let record = slots[slot]
            leave(record)
            index[SlotIndex.Key(table: record.table, id: record.instance.id)] = nil
            slots.remove(slot)
            if tables[record.table].count == 0 {
                tableOf[tables[record.table].namespace] = nil
                tables.remove(record.table)
            }
            return record.instance
        }

        /// Puts another registration into the slot of the old one with the same id.
        mutating func replace(_ slot: Int32, with instance: Instance) {
            let record = slots[slot]
            if record.instance.serviceName != instance.serviceName {
                leave(record)
                slots[slot].position = tables[record.table].insert(slot, into: instance.serviceName)
            }
            slots[slot].instance = instance
        }

        private mutating func leave(_ record: Record) {
            if let moved = tables[record.table].remove(at: record.position, from: record.instance.serviceName) {
                slots[moved].position = record.position
            }
        }

        func live(_ members: [Int32], at now: LeaseTime) -> [LeasedInstance] {
            members.compactMap { slots[$0].isLive(at: now) ? slots[$0].leased : nil }
        }
    }

    /// How much overdue work a full namespace may do before a registration is refused, in leases.
    private static let fullNamespaceBudget = 1_000

    /// Instances a client may register in one namespace; nil is no limit.
    private let namespaceCapacity: Int?
    private var records = Records()
    /// Invariant: has exactly the slots whose records expire, each at its deadline or before.
    private var wheel: TimerWheel
    /// What ran out while a registration looked for room; the next `expire` reports it.
    private var pending: [Change] = []

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
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            records.slots[slot].renew(at: moment)
            return Decision(
                outcome: .done, change: Change(sequence: records.sequence, namespace: namespace, kind: .renewed(id)))
        case .deregister(let id):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            wheel.cancel(slot)
            _ = records.remove(slot)
            return Decision(outcome: .done, change: records.change(.deregistered(id), in: namespace))
        case .setStatus(let id, let status):
            guard let slot = records.find(id, in: namespace, at: moment.lease) else { break }
            setStatus(status, of: slot, at: moment)
            return Decision(outcome: .done, change: records.change(.statusSet(id, status), in: namespace))
        }
        return Decision(outcome: .unknownInstance, change: nil)
    }

    private mutating func register(
        _ instance: Instance, in namespace: Namespace, from origin: Origin, at moment: Moment
    ) -> Decision {
        if let slot = slot(of: instance.id, in: namespace) {
            records.replace(slot, with: instance)
            records.slots[slot].start(at: moment)
            rearm(slot)
        } else {
            guard origin == .peer || hasRoom(in: namespace, at: moment.lease) else {
                return Decision(outcome: .namespaceFull, change: nil)
            }
            rearm(records.insert(instance, into: namespace, at: moment))
        }
        return Decision(outcome: .done, change: records.change(.registered(instance), in: namespace))
    }

    /// The slot of an instance, be its lease overdue or not.
    private func slot(of id: InstanceID, in namespace: Namespace) -> Int32? {
        records.tableOf[namespace].flatMap { records.index[SlotIndex.Key(table: $0, id: id)] }
    }

    /// Whether a client may register another instance. Leases that have run out but were not yet swept away do not count against it, except
    /// those of the wheel's last tick, and those that `fullNamespaceBudget` does not reach.
    private mutating func hasRoom(in namespace: Namespace, at now: LeaseTime) -> Bool {
        guard let namespaceCapacity else { return true }
        if count(in: namespace) >= namespaceCapacity { pending += expire(at: now, budget: Self.fullNamespaceBudget).changes }
        return count(in: namespace) < namespaceCapacity
    }

    private func count(in namespace: Namespace) -> Int {
        records.tableOf[namespace].map { records.tables[$0].count } ?? 0
    }

    private mutating func setStatus(_ status: InstanceStatus, of slot: Int32, at moment: Moment) {
        let wasTimeless = records.slots[slot].instance.status == .outOfService
        records.slots[slot].instance = records.slots[slot].instance.with(status: status)
        if status == .outOfService {
            records.slots[slot].deadline = .distantFuture
        } else if wasTimeless {
            // It comes back to a life with deadlines: the first one starts now.
            records.slots[slot].deadline = moment.lease + records.slots[slot].instance.ttl
        }
        rearm(slot)
    }

    /// Brings the wheel to a deadline that may be earlier than the one it knows.
    private mutating func rearm(_ slot: Int32) {
        let deadline = records.slots[slot].deadline
        if deadline == .distantFuture { wheel.cancel(slot) } else { wheel.schedule(slot, due: deadline) }
    }

    // MARK: - Time

    /// Lets leases run out whose deadline is at or before `now`, at most `budget` of them (renewed ones, which are put back, included).
    public mutating func expire(at now: LeaseTime, budget: Int) -> Expiry {
        var changes = pending
        var handled = 0
        pending = []
        let hasMore = wheel.advance(to: now, budget: budget, owner: &records) { records, slot in
            handled += 1
            let record = records.slots[slot]
            guard !record.isLive(at: now) else { return .rearm(record.deadline) }
            let namespace = records.tables[record.table].namespace
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

    /// The names of the services that have an instance, sorted by their bytes.
    public func serviceNames(in namespace: Namespace, at now: LeaseTime) -> [Name] {
        guard let number = records.tableOf[namespace] else { return [] }
        let table = records.tables[number]
        return table.serviceNames.filter { name in
            table.members(of: name)?.contains { records.slots[$0].isLive(at: now) } ?? false
        }
    }

    /// The instances of a service, in no order.
    public func instances(of service: Name, in namespace: Namespace, at now: LeaseTime) -> [LeasedInstance] {
        guard let number = records.tableOf[namespace], let members = records.tables[number].members(of: service) else { return [] }
        return records.live(members, at: now)
    }

    /// How much there is.
    public var counts: Counts {
        Counts(
            instances: records.slots.count,
            services: records.tableOf.values.reduce(0) { $0 + records.tables[$1].serviceNames.count },
            namespaces: records.tableOf.count)
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
