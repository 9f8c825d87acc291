// Listings of a shard, in pieces. A service may have a million members, or a namespace a million services, and a list
// must not hold the lock for as long as that takes; so a listing remembers how far it came, and its caller lets others
// in between.

import Synchronization

/// How far a listing of services has come. It goes from the end to the front: see `SlotList`.
struct ServiceCursor {
    /// Services not yet looked at.
    var services = Int.max
    /// The service at which the last piece ended, when it had looked at a part of its members only.
    var name: Name?
    /// Members of it not yet looked at.
    var members = Int.max
    /// The hashes of those that were looked at, all of whose leases had run out.
    var overdue: UInt64 = 0

    /// Whether nothing is left.
    var isDone: Bool { services == 0 }
}

/// A service and its revision.
package typealias RevisedName = (name: Name, revision: Revision)

/// The services of a namespace that have an instance, with what is needed to keep what was found.
package struct NamespaceListing: Sendable {
    /// The namespace's.
    package var revision = Revision.none
    package var services: [RevisedName] = []
    /// The sum of the hashes of the instances of services that are left out because all their leases have run out: in
    /// the namespace's digest until they are swept.
    package var overdue: UInt64 = 0
    /// So long, at least, each of them has an instance that it has now.
    package var liveUntil = LeaseTime.distantFuture
}

/// The instances of a service whose leases have not run out, with what is needed to keep what was found.
package struct ServiceListing: Sendable {
    /// The service's.
    package var revision = Revision.none
    package var instances: [LeasedInstance] = []
    /// The sum of the hashes of those that are left out because their leases have run out: in the digests until they
    /// are swept.
    package var overdue: UInt64 = 0
    /// When the first of their leases runs out, unless it is renewed.
    package var liveUntil = LeaseTime.distantFuture
}

extension Catalog {
    /// The next members of a service, at most `limit` of them looked at, in no order, and the revision of the service.
    ///
    /// `remaining` begins as `.max` and is 0 after the last piece. An instance that is there all the time is in one of
    /// the pieces at least, and may be in several.
    func members(
        of service: Name, in namespace: Namespace, at now: LeaseTime, remaining: inout Int, limit: Int
    ) -> ServiceListing {
        guard let table = records.secondaryIndex.table(of: namespace),
            let slot = records.secondaryIndex.service(service, in: table)
        else {
            remaining = 0
            return ServiceListing()
        }
        let members = records.secondaryIndex.services[slot].members
        let end = min(remaining, members.count)
        remaining = max(0, end - limit)
        var found = ServiceListing(revision: records.secondaryIndex.services[slot].revision)
        found.instances.reserveCapacity(end - remaining)
        for position in (remaining..<end).reversed() {
            let member = members[position]
            guard records.isLive(member, at: now) else {
                found.overdue &+= records.listedHash(member)
                continue
            }
            found.instances.append(records.leased(member))
            found.liveUntil = min(found.liveUntil, records.changesAt(member, after: now))
        }
        return found
    }

    /// The next services that have an instance, at most `limit` members of any looked at, in no order, and the revision
    /// of the namespace.
    ///
    /// A service that has an instance all the time is in one of the pieces at least, and may be in several.
    func services(
        in namespace: Namespace, at now: LeaseTime, from cursor: inout ServiceCursor, limit: Int
    ) -> NamespaceListing {
        guard let table = records.secondaryIndex.table(of: namespace) else {
            cursor.services = 0
            return NamespaceListing()
        }
        let list = records.secondaryIndex.tables[table].services
        var found = NamespaceListing(revision: records.secondaryIndex.tables[table].revision)
        var budget = limit
        cursor.services = min(cursor.services, list.count)
        while cursor.services > 0, budget > 0 {
            let slot = list[cursor.services - 1]
            let name = records.secondaryIndex.services[slot].name
            // Another one has come to stand there, or the last piece ended between two.
            if cursor.name != name { (cursor.name, cursor.members, cursor.overdue) = (name, .max, 0) }
            let liveUntil = deadlineOfLiveMember(slot, at: now, from: &cursor, budget: &budget)
            if let liveUntil {
                found.services.append((name, records.secondaryIndex.services[slot].revision))
                found.liveUntil = min(found.liveUntil, liveUntil)
            } else if cursor.members == 0 {
                found.overdue &+= cursor.overdue
            }
            if liveUntil != nil || cursor.members == 0 { (cursor.services, cursor.name) = (cursor.services - 1, nil) }
        }
        return found
    }

    /// Whether one of the next members of a service is live, at most `limit` of them looked at. `remaining` begins as
    /// `.max` and is 0 at the end.
    func hasMember(_ service: Name, in namespace: Namespace, at now: LeaseTime, remaining: inout Int, limit: Int)
        -> Bool
    {
        guard let table = records.secondaryIndex.table(of: namespace),
            let slot = records.secondaryIndex.service(service, in: table)
        else {
            remaining = 0
            return false
        }
        var cursor = ServiceCursor()
        cursor.members = remaining
        var budget = limit
        let isFound = deadlineOfLiveMember(slot, at: now, from: &cursor, budget: &budget) != nil
        remaining = cursor.members
        return isFound
    }

    /// When the lease of a member runs out: of the first live one among the next, at most `budget` of them looked at.
    private func deadlineOfLiveMember(
        _ service: Int32, at now: LeaseTime, from cursor: inout ServiceCursor, budget: inout Int
    ) -> LeaseTime? {
        let members = records.secondaryIndex.services[service].members
        cursor.members = min(cursor.members, members.count)
        while cursor.members > 0, budget > 0 {
            (cursor.members, budget) = (cursor.members - 1, budget - 1)
            let member = members[cursor.members]
            if records.isLive(member, at: now) { return records.changesAt(member, after: now) }
            cursor.overdue &+= records.listedHash(member)
        }
        return nil
    }

    /// The revision of a service.
    func revision(of service: Name, in namespace: Namespace) -> Revision {
        guard let table = records.secondaryIndex.table(of: namespace),
            let slot = records.secondaryIndex.service(service, in: table)
        else { return .none }
        return records.secondaryIndex.services[slot].revision
    }

    /// The revision of a namespace: another with every change to it but renewals.
    func revision(of namespace: Namespace) -> Revision {
        // Without a closure, into which the catalog would be copied: every look-up asks.
        guard let table = records.secondaryIndex.table(of: namespace) else { return .none }
        return records.secondaryIndex.tables[table].revision
    }

    /// The index of the last change of a service, or without one, of a namespace; of one that is gone, for as long as
    /// that is remembered. 0 where nothing is known of it.
    func lastIndex(of service: Name?, in namespace: Namespace) -> UInt64 {
        let present = service.map { revision(of: $0, in: namespace) } ?? revision(of: namespace)
        return present.index > 0 ? present.index : records.secondaryIndex.gone.index(of: service, in: namespace) ?? 0
    }

    /// What an instance whose lease has run out adds to its namespace's digest until it is swept; 0 when there is no
    /// such instance.
    func overdueHash(of id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> UInt64 {
        guard let slot = records.slot(of: id, in: namespace), !records.isLive(slot, at: now) else { return 0 }
        return records.listedHash(slot)
    }
}

extension Store {
    /// How many members of a service, or services of a namespace, are looked at while a lock is held: well under a
    /// millisecond.
    static let listingPiece = 4_096

    /// Looks something up, and has the catalog know at which moment that was done.
    func look<Found: Sendable>(in namespace: Namespace, at now: LeaseTime, _ find: (inout Catalog) -> Found) -> Found {
        shard(of: namespace).catalog.withLock { catalog in
            catalog.lookUp(at: now)
            return find(&catalog)
        }
    }

    /// The revision of a namespace: another with every change to it but renewals (registration, status, deregistration,
    /// expiry), and none that it ever had before but `none`, also after having been empty.
    ///
    /// A look-up takes an overdue lease for gone at once, while the revision changes when `expire` has swept it: what
    /// is kept under a revision may for as long hold an instance whose lease has run out.
    package func revision(of namespace: Namespace) -> Revision {
        shard(of: namespace).catalog.withLock { $0.revision(of: namespace) }
    }

    /// The revision of a service.
    package func revision(of service: Name, in namespace: Namespace) -> Revision {
        shard(of: namespace).catalog.withLock { $0.revision(of: service, in: namespace) }
    }

    /// The index of the last change of a service, or without one, of a namespace; of one that is gone, for as long as
    /// that is remembered. 0 where nothing is known of it.
    package func lastIndex(of service: Name?, in namespace: Namespace) -> UInt64 {
        shard(of: namespace).catalog.withLock { $0.lastIndex(of: service, in: namespace) }
    }

    /// What an instance that a look-up at this time takes for gone adds to its namespace's digest until it is swept; 0
    /// when there is none.
    package func overdueHash(of id: InstanceID, in namespace: Namespace, at now: LeaseTime) -> UInt64 {
        look(in: namespace, at: now) { $0.overdueHash(of: id, in: namespace, at: now) }
    }

    /// Whether a service has an instance, of whatever status.
    package func hasService(_ service: Name, in namespace: Namespace, at now: LeaseTime) -> Bool {
        var remaining = Int.max
        while remaining > 0 {
            let isFound = look(in: namespace, at: now) {
                $0.hasMember(service, in: namespace, at: now, remaining: &remaining, limit: Self.listingPiece)
            }
            if isFound { return true }
        }
        return false
    }

    /// The services that have an instance, sorted by their names' bytes, each with its revision, and the revision of
    /// the namespace.
    ///
    /// A service's revision is another with every change to its instances but renewals, and differs from all it ever
    /// had before, also after having vanished: by its index.
    ///
    /// When there are more than a few thousand services they are looked at in pieces, and the lock is let go between.
    /// The result is at least as new as the revisions returned with it.
    package func services(in namespace: Namespace, at now: LeaseTime) -> NamespaceListing {
        var cursor = ServiceCursor()
        var listing = look(in: namespace, at: now) {
            $0.services(in: namespace, at: now, from: &cursor, limit: Self.listingPiece)
        }
        let isWhole = cursor.isDone
        while !cursor.isDone {
            let piece = look(in: namespace, at: now) {
                $0.services(in: namespace, at: now, from: &cursor, limit: Self.listingPiece)
            }
            listing.services += piece.services
            listing.overdue &+= piece.overdue
            listing.liveUntil = min(listing.liveUntil, piece.liveUntil)
        }
        listing.services.sort { ($0.name, $0.revision.index) < ($1.name, $1.revision.index) }
        if !isWhole { listing.services = Self.firsts(of: listing.services) { $0.name == $1.name } }
        return listing
    }

    /// The names of the services that have an instance, sorted by their bytes.
    package func serviceNames(in namespace: Namespace, at now: LeaseTime) -> [Name] {
        services(in: namespace, at: now).services.map(\.name)
    }

    /// A service's instances, sorted by id, and the service's revision.
    ///
    /// When there are more than a few thousand they are looked at in pieces, and the lock is let go between. The result
    /// is at least as new as the revision returned with it.
    package func listing(of service: Name, in namespace: Namespace, at now: LeaseTime) -> ServiceListing {
        var remaining = Int.max
        var listing = look(in: namespace, at: now) {
            $0.members(of: service, in: namespace, at: now, remaining: &remaining, limit: Self.listingPiece)
        }
        let isWhole = remaining == 0
        while remaining > 0 {
            let piece = look(in: namespace, at: now) {
                $0.members(of: service, in: namespace, at: now, remaining: &remaining, limit: Self.listingPiece)
            }
            listing.instances += piece.instances
            listing.overdue &+= piece.overdue
            listing.liveUntil = min(listing.liveUntil, piece.liveUntil)
        }
        listing.instances = LeasedInstance.sorted(listing.instances)
        if !isWhole { listing.instances = Self.firsts(of: listing.instances) { $0.instance.id == $1.instance.id } }
        return listing
    }

    /// The instances of a service, sorted by id; empty when there is no such service.
    package func instances(of service: Name, in namespace: Namespace, at now: LeaseTime) -> [LeasedInstance] {
        listing(of: service, in: namespace, at: now).instances
    }

    /// All instances of a namespace by service name, then by id. Each service is seen at one moment, the namespace as a
    /// whole is not: a lock is held for one service at a time.
    package func instances(in namespace: Namespace, at now: LeaseTime) -> [LeasedInstance] {
        serviceNames(in: namespace, at: now).flatMap { instances(of: $0, in: namespace, at: now) }
    }

    /// The first of each run of elements that are the same.
    private static func firsts<Element>(of elements: [Element], areSame: (Element, Element) -> Bool) -> [Element] {
        var firsts: [Element] = []
        firsts.reserveCapacity(elements.count)
        for element in elements {
            if let last = firsts.last, areSame(last, element) { continue }
            firsts.append(element)
        }
        return firsts
    }
}

extension LeasedInstance {
    /// Below this many, sorting them as they are takes no longer.
    private static let fewest = 3

    /// Sorts by id. Ids that are digests, as nearly all are, are sorted apart as the numbers they are: to move
    /// instances about and compare their ids in place takes several times as long.
    package static func sorted(_ instances: [LeasedInstance]) -> [LeasedInstance] {
        var keys: [(digest: UInt64, index: Int)] = []
        if instances.count >= fewest {
            keys.reserveCapacity(instances.count)
            for (index, leased) in instances.enumerated() {
                guard case .digest(let digest) = leased.instance.id else { break }
                keys.append((digest, index))
            }
        }
        guard keys.count == instances.count else { return instances.sorted { $0.instance.id < $1.instance.id } }
        keys.sort { $0.digest < $1.digest }
        return keys.map { instances[$0.index] }
    }
}
