// Listings for callers that must not be held up: a loop that serves others too. They are returned as a whole, by one
// short look under the lock, or not at all.

import Synchronization

extension Catalog {
    /// How many instances are registered in a service, overdue ones included.
    func count(of service: Name, in namespace: Namespace) -> Int {
        guard let table = records.secondaryIndex.table(of: namespace),
            let slot = records.secondaryIndex.service(service, in: table)
        else { return 0 }
        return records.secondaryIndex.services[slot].members.count
    }

    /// How many services and instances are registered in a namespace, overdue ones included.
    fileprivate func size(of namespace: Namespace) -> NamespaceSize {
        guard let table = records.secondaryIndex.table(of: namespace) else { return NamespaceSize() }
        return NamespaceSize(
            services: records.secondaryIndex.tables[table].services.count,
            instances: records.secondaryIndex.tables[table].count)
    }
}

/// How large a namespace is.
package struct NamespaceSize: Sendable {
    package var services = 0
    package var instances = 0

    package init(services: Int = 0, instances: Int = 0) {
        self.services = services
        self.instances = instances
    }
}

extension Store {
    /// How many services and instances are registered in a namespace, those included whose leases have run out and that
    /// are yet to be swept.
    package func size(of namespace: Namespace) -> NamespaceSize {
        shard(of: namespace).catalog.withLock { $0.size(of: namespace) }
    }

    /// A service's instances as `listing` tells them, or nil when more than `limit` are registered.
    ///
    /// - Parameter limit: at most `listingPiece`; a greater one counts as this.
    package func listing(of service: Name, in namespace: Namespace, at now: LeaseTime, atMost limit: Int)
        -> ServiceListing?
    {
        let limit = min(limit, Self.listingPiece)
        let found = look(in: namespace, at: now) { catalog -> ServiceListing? in
            guard catalog.count(of: service, in: namespace) <= limit else { return nil }
            var remaining = Int.max
            return catalog.members(of: service, in: namespace, at: now, remaining: &remaining, limit: limit)
        }
        guard var found else { return nil }
        found.instances = LeasedInstance.sorted(found.instances)
        return found
    }

    /// The services that have an instance, as `services` tells them, or nil when there are more than `limit`, or too
    /// many overdue instances to look past.
    package func services(in namespace: Namespace, at now: LeaseTime, atMost limit: Int) -> NamespaceListing? {
        let found = look(in: namespace, at: now) { catalog -> NamespaceListing? in
            guard catalog.size(of: namespace).services <= limit else { return nil }
            var cursor = ServiceCursor()
            let listing = catalog.services(in: namespace, at: now, from: &cursor, limit: Self.listingPiece)
            return cursor.isDone ? listing : nil
        }
        guard var found else { return nil }
        found.services.sort { $0.name < $1.name }
        return found
    }
}
