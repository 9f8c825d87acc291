// The namespaces of a shard, their services, and who is in them. Nothing is kept in order, so that joining and leaving cost the same in a service
// of ten and of a million, and in a namespace of ten services and of a hundred thousand; whoever lists them sorts a copy.

/// Who is in which service of which namespace, and the revisions of both. A pure value; whoever holds it guards it.
struct Roster: Sendable {
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
        /// The revision of the last change to any of its services.
        fileprivate(set) var revision: UInt64 = 0
        /// The slots of its services.
        fileprivate(set) var services = SlotList()
    }

    /// One service.
    struct Service: Sendable {
        let name: Name
        /// The slot of its namespace's table.
        let table: Int32
        /// Among the table's services.
        fileprivate var position: Int32 = 0
        /// The revision of the last change to any of its members.
        fileprivate(set) var revision: UInt64 = 0
        /// The members' slots.
        fileprivate(set) var members = SlotList()
    }

    /// Invariant: no table without services.
    private(set) var tables = Slab(vacant: Table(namespace: Namespace("")))
    /// Invariant: no service without members.
    private(set) var services = Slab(vacant: Service(name: Name(""), table: -1))
    private var tableIndex = SlotIndex()
    private var serviceIndex = SlotIndex()
    /// Counts what happens to members. Invariant: never goes back, so that whatever vanishes and comes back has a revision that it never had.
    private var revision: UInt64 = 0

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

    /// The slot of a namespace's table, made if there is none: somebody must join it.
    mutating func makeTable(of namespace: Namespace) -> Int32 {
        if let table = table(of: namespace) { return table }
        let table = tables.insert(Table(namespace: namespace))
        tableIndex.insert(table, hash: Self.hash(namespace))
        return table
    }

    /// Adds a member to a service, which is made if there is none.
    mutating func join(_ slot: Int32, _ name: Name, in table: Int32) -> Place {
        let service = makeService(name, in: table)
        tables[table].count += 1
        let position = services[service].members.append(slot)
        let place = Place(table: table, service: service, position: position)
        touch(place)
        return place
    }

    private mutating func makeService(_ name: Name, in table: Int32) -> Int32 {
        let hash = SlotIndex.hash(name, table: table)
        if let service = service(name, in: table, hash: hash) { return service }
        let service = services.insert(Service(name: name, table: table))
        services[service].position = tables[table].services.append(service)
        serviceIndex.insert(service, hash: hash)
        return service
    }

    /// Removes a member, and its service with the last one; the table stays. Returns the slot of the member that has taken its position, if
    /// one has.
    mutating func leave(_ place: Place) -> Int32? {
        touch(place)
        tables[place.table].count -= 1
        let moved = services[place.service].members.remove(at: place.position)
        if services[place.service].members.count == 0 { removeService(place.service) }
        return moved
    }

    private mutating func removeService(_ slot: Int32) {
        guard let service = services.remove(slot) else { return }
        serviceIndex.remove(slot, hash: SlotIndex.hash(service.name, table: service.table))
        if let moved = tables[service.table].services.remove(at: service.position) { services[moved].position = service.position }
    }

    /// Removes a table that is left without members.
    mutating func removeIfEmpty(_ table: Int32) {
        guard tables[table].count == 0 else { return }
        tableIndex.remove(table, hash: Self.hash(tables[table].namespace))
        tables.remove(table)
    }

    /// Gives the service and the namespace of a member that has changed another revision.
    mutating func touch(_ place: Place) {
        revision += 1
        services[place.service].revision = revision
        tables[place.table].revision = revision
    }

    private static func hash(_ namespace: Namespace) -> UInt64 {
        // Tables are few beside instances, and the low bits have chosen the shard: the part must come from others.
        StableHash.mixed(UInt64(bitPattern: Int64(namespace.hash)))
    }
}
