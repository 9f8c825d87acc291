// The namespaces of a shard, their services, and the slots of their instances: the secondary index. Nothing is kept in
// order, so that joining and leaving cost the same in a service of ten and of a million, and in a namespace of ten
// services and of a hundred thousand; a list sorts a copy.

/// Which instances each service of each namespace has, and the revisions of both: this is the one place where either
/// changes. A pure value; its owner guards it.
struct SecondaryIndex: Sendable {
    /// Where a member stands.
    struct Place: Sendable {
        /// The slot of its namespace's table.
        let table: Int32
        /// The slot of its service.
        fileprivate(set) var service: Int32
        /// Among the service's members.
        var position: Int32

        /// Of a record that has not joined yet.
        static let nowhere = Place(table: -1, service: -1, position: -1)
    }

    /// One namespace.
    struct Table: Sendable {
        let namespace: Namespace
        /// How many instances are registered in it.
        fileprivate(set) var count = 0
        /// The sum of its services' digests.
        fileprivate(set) var digest: UInt64 = 0
        /// Of the last change to any of its services. Invariant: none of theirs is later.
        fileprivate(set) var index: UInt64

        var revision: Revision { Revision(digest: digest, index: index) }
        /// The slots of its services.
        fileprivate(set) var services = SlotList()
        /// How many instances have each status.
        var tally = StatusTally()
    }

    /// One service.
    struct Service: Sendable {
        let name: Name
        /// The slot of its namespace's table.
        let table: Int32
        /// Among the table's services.
        fileprivate var position: Int32 = 0
        /// The sum of its members' hashes.
        fileprivate(set) var digest: UInt64 = 0
        /// Of the last change to any of its members.
        fileprivate(set) var index: UInt64 = 0

        var revision: Revision { Revision(digest: digest, index: index) }
        /// The members' slots.
        fileprivate(set) var members = SlotList()
        /// The slot of the override of its status that counts (`ServiceOverrides`); -1 without one.
        fileprivate(set) var override: Int32 = -1
        /// What that adds to each member's hash: 0 without one.
        fileprivate(set) var overrideHash: UInt64 = 0
        /// Whether the change log does not have yet what an override has done to its members' statuses.
        fileprivate(set) var isUnannounced = false
        /// How many members have each status, by what they say of themselves: those that have an override aside.
        fileprivate(set) var tally = StatusTally()
    }

    /// What a member counts as.
    struct Counted: Equatable {
        /// As readers see it.
        let shown: InstanceStatus
        /// As it says itself; nil where it has an override.
        let said: InstanceStatus?
    }

    /// The override of a service, as this has it.
    typealias ServiceWord = (slot: Int32, hash: UInt64)

    /// Invariant: no table without services.
    private(set) var tables = Slab(vacant: Table(namespace: Namespace(""), index: 0))
    /// Invariant: no service without members.
    private(set) var services = Slab(vacant: Service(name: Name(""), table: -1))
    private var tableIndex = SlotIndex()
    private var serviceIndex = SlotIndex()
    /// The latest index of all tables that have gone. What comes back goes on from it, so that no index is ever given
    /// twice to one namespace; a service goes on from its namespace's.
    private var lastOfGone: UInt64 = 0
    /// Of the services and namespaces that have gone lately.
    private(set) var gone = GoneIndexes()

    /// Whether a revision has changed since this was last set to false.
    var hasNews = false

    // MARK: - Look-ups

    /// The slot of a namespace's table, unless it is empty.
    func table(of namespace: Namespace) -> Int32? {
        tableIndex.slot(hash: Self.hash(namespace)) { tables[$0].namespace == namespace }
    }

    /// The slot of a service.
    func service(_ name: Name, in table: Int32) -> Int32? {
        service(name, in: table, hash: SlotIndex.hash(name, table: table))
    }

    private func service(_ name: Name, in table: Int32, hash: UInt64) -> Int32? {
        serviceIndex.slot(hash: hash) { services[$0].table == table && services[$0].name == name }
    }

    // MARK: - Changes

    /// The slot of a namespace's table, made if there is none: an instance must join it.
    mutating func makeTable(of namespace: Namespace) -> Int32 {
        if let table = table(of: namespace) { return table }
        let table = tables.insert(Table(namespace: namespace, index: lastOfGone))
        tableIndex.insert(table, hash: Self.hash(namespace))
        return table
    }

    /// The index of a change to a namespace at a time, in microseconds since 1970. It is the one of a service that
    /// changes by it, too.
    mutating func advance(_ table: Int32, at microseconds: Int64) -> UInt64 {
        let index = ChangeIndex.next(after: tables[table].index, at: microseconds)
        tables[table].index = index
        hasNews = true
        return index
    }

    /// The same for a namespace that may be empty here: of a change that is not the store's own.
    mutating func advance(_ namespace: Namespace, at microseconds: Int64) -> UInt64 {
        if let table = table(of: namespace) { return advance(table, at: microseconds) }
        // The next one to be made goes on from it.
        lastOfGone = ChangeIndex.next(after: lastOfGone, at: microseconds)
        gone.note(nil, in: namespace, at: lastOfGone)
        return lastOfGone
    }

    /// Notes that a source has no instance of a service any more, by the change with this index. What the store has of it
    /// counts before that.
    mutating func noteGone(_ service: Name, in namespace: Namespace, at index: UInt64) {
        gone.note(service, in: namespace, at: index)
    }

    /// An index that is not before any that the namespace has had.
    func lastIndex(of namespace: Namespace) -> UInt64 { table(of: namespace).map { tables[$0].index } ?? lastOfGone }

    /// Adds a member with this hash to a service, which is made if there is none, by the change with this index.
    ///
    /// - Parameter override: the one of that service that counts, if any.
    mutating func join(
        _ slot: Int32, _ name: Name, in table: Int32, under override: ServiceWord?, hash: UInt64, index: UInt64
    ) -> Place {
        let service = makeService(name, in: table, under: override)
        tables[table].count += 1
        let position = services[service].members.append(slot)
        let place = Place(table: table, service: service, position: position)
        touch(place, difference: hash &+ services[service].overrideHash, index: index)
        return place
    }

    /// Counts a member that counts as something else than before: as nothing before it comes and after it goes.
    mutating func tally(_ place: Place, _ before: Counted?, _ after: Counted?) {
        guard before != after else { return }
        if let before { tables[place.table].tally.add(before.shown, -1) }
        if let after { tables[place.table].tally.add(after.shown, 1) }
        if let said = before?.said { services[place.service].tally.add(said, -1) }
        if let said = after?.said { services[place.service].tally.add(said, 1) }
    }

    /// Puts a service under another override, or none: from then on that counts for each member that has none itself.
    /// By the change with this index.
    ///
    /// - Parameters:
    ///   - before: the status that counted, nil being what each member says.
    ///   - after: the one that counts from here on.
    mutating func override(
        _ service: Int32, under override: ServiceWord?, from before: InstanceStatus?, to after: InstanceStatus?,
        index: UInt64
    ) {
        let (held, table) = (services[service], services[service].table)
        let hash = override?.hash ?? 0
        services[service].override = override?.slot ?? -1
        services[service].overrideHash = hash
        services[service].index = index
        let difference = (hash &- held.overrideHash) &* UInt64(held.members.count)
        services[service].digest &+= difference
        tables[table].digest &+= difference
        guard before != after else { return }
        for (said, count) in held.tally.counts {
            tables[table].tally.add(before ?? said, -count)
            tables[table].tally.add(after ?? said, count)
        }
    }

    /// Notes whether the change log does not have yet what an override has done to the statuses of a service's members.
    mutating func setUnannounced(_ isUnannounced: Bool, _ service: Int32) {
        services[service].isUnannounced = isUnannounced
    }

    private mutating func makeService(_ name: Name, in table: Int32, under override: ServiceWord?) -> Int32 {
        let hash = SlotIndex.hash(name, table: table)
        if let service = service(name, in: table, hash: hash) { return service }
        let service = services.insert(Service(name: name, table: table))
        services[service].override = override?.slot ?? -1
        services[service].overrideHash = override?.hash ?? 0
        services[service].position = tables[table].services.append(service)
        serviceIndex.insert(service, hash: hash)
        return service
    }

    /// Removes a member with this hash, and its service with the last one, by the change with this index; the table
    /// stays. Returns the slot of the member that has taken its position, if one has.
    mutating func leave(_ place: Place, hash: UInt64, index: UInt64) -> Int32? {
        touch(place, difference: 0 &- hash &- services[place.service].overrideHash, index: index)
        tables[place.table].count -= 1
        let moved = services[place.service].members.remove(at: place.position)
        if services[place.service].members.count == 0 { removeService(place.service) }
        return moved
    }

    private mutating func removeService(_ slot: Int32) {
        guard let service = services.remove(slot) else { return }
        serviceIndex.remove(slot, hash: SlotIndex.hash(service.name, table: service.table))
        gone.note(service.name, in: tables[service.table].namespace, at: service.index)
        if let moved = tables[service.table].services.remove(at: service.position) {
            services[moved].position = service.position
        }
    }

    /// Removes a table that is left without members.
    mutating func removeIfEmpty(_ table: Int32) {
        guard tables[table].count == 0 else { return }
        tableIndex.remove(table, hash: Self.hash(tables[table].namespace))
        lastOfGone = max(lastOfGone, tables[table].index)
        gone.note(nil, in: tables[table].namespace, at: tables[table].index)
        tables.remove(table)
    }

    /// Gives the service and the namespace of a member that has changed another revision: by how much its hash is
    /// another, 0 when its state is the same, and the index of the change.
    mutating func touch(_ place: Place, difference: UInt64, index: UInt64) {
        services[place.service].digest &+= difference
        services[place.service].index = index
        tables[place.table].digest &+= difference
    }

    private static func hash(_ namespace: Namespace) -> UInt64 {
        // Tables are few compared with instances, and the low bits have chosen the shard: the part must come from
        // others.
        StableHash.mixed(UInt64(bitPattern: Int64(namespace.hash)))
    }
}

extension SecondaryIndex {
    /// Stops a debug build where what is said of the fields does not hold, or the services do not have exactly these
    /// members.
    ///
    /// - Parameters:
    ///   - member: the place and the hash of the member at a slot.
    ///   - count: how many there are.
    func checkInvariants(count: Int, member: (Int32) -> (place: Place, hash: UInt64)) {
        tables.checkInvariants()
        services.checkInvariants()
        tableIndex.checkInvariants()
        serviceIndex.checkInvariants()
        gone.checkInvariants()
        assert(
            tableIndex.count == tables.count && serviceIndex.count == services.count,
            "every table and service is found by its name")
        var (next, members, listed) = (Int32(0), 0, 0)
        while let slot = tables.occupied(from: next) {
            let table = tables[slot]
            var (digest, instances) = (UInt64(0), 0)
            assert(table.services.count > 0, "no table is without services")
            assert(self.table(of: table.namespace) == slot, "a table is found by its namespace")
            for position in 0..<table.services.count {
                let service = services[table.services[position]]
                assert(service.table == slot && service.position == position, "a service knows its place")
                assert(
                    self.service(service.name, in: slot) == table.services[position], "a service is found by its name")
                assert(service.members.count > 0, "no service is without members")
                assert(service.index <= table.index, "no service's change is later than its table's")
                var sum: UInt64 = 0
                for place in 0..<service.members.count {
                    let (own, hash) = member(service.members[place])
                    assert(
                        own.table == slot && own.service == table.services[position] && own.position == place,
                        "a member knows its place")
                    sum &+= hash &+ service.overrideHash
                }
                assert(sum == service.digest, "a service's digest is the sum of its members' hashes")
                digest &+= sum
                instances += service.members.count
            }
            assert(digest == table.digest, "a table's digest is the sum of its services'")
            assert(instances == table.count, "a table counts its members")
            (members, listed, next) = (members + instances, listed + table.services.count, slot + 1)
        }
        assert(members == count, "every member is in one service")
        assert(listed == services.count, "every service is in one table")
    }
}
