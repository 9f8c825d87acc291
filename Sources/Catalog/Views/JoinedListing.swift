// Listings of the store with what sources have beside it. Both sides are sorted, so they are joined in one pass, and on
// one id the store's instance stays.

import Synchronization

extension Revision {
    /// Of what the store and sources have together. Both indexes are from one sequence, so the later is that of the last
    /// change to either.
    package func joined(with source: Revision) -> Revision {
        Revision(digest: digest &+ source.digest, index: max(index, source.index))
    }
}

extension ServiceListing {
    /// Adds what sources have of the service.
    package mutating func join(_ service: SourceService) {
        revision = revision.joined(with: service.revision)
        guard !instances.isEmpty else {
            instances = service.instances
            return
        }
        var joined: [LeasedInstance] = []
        joined.reserveCapacity(instances.count + service.instances.count)
        var next = 0
        for leased in service.instances {
            let id = leased.instance.id
            while next < instances.count, instances[next].instance.id < id {
                joined.append(instances[next])
                next += 1
            }
            if next < instances.count, instances[next].instance.id == id { continue }
            joined.append(leased)
        }
        joined.append(contentsOf: instances[next...])
        instances = joined
    }
}

extension NamespaceListing {
    /// Adds the services that sources have in the namespace.
    package mutating func join(_ view: SourceNamespace) {
        revision = revision.joined(with: view.revision)
        var joined: [RevisedName] = []
        joined.reserveCapacity(services.count + view.services.count)
        var next = 0
        for service in view.services {
            while next < services.count, services[next].name < service.name {
                joined.append(services[next])
                next += 1
            }
            if next < services.count, services[next].name == service.name {
                joined.append((service.name, services[next].revision.joined(with: service.revision)))
                next += 1
            } else {
                joined.append((service.name, service.revision))
            }
        }
        joined.append(contentsOf: services[next...])
        services = joined
    }
}

extension Store {
    /// How many changes of a source are noted while a lock is held: well under a millisecond.
    private static let noted = 256

    /// Notes what a source has changed in a namespace at a time, in microseconds since 1970. Returns the index of the last
    /// change: from the sequence from which the store's own changes to the namespace have theirs.
    ///
    /// - Parameter events: not empty.
    package func note(_ events: [SourceEvent], of source: String, in namespace: Namespace, at microseconds: Int64)
        -> UInt64
    {
        let actor = Actor(address: nil, source: source)
        // Of a source that is read for the first time the log would keep these alone: the earlier ones are missing to a
        // reader as if they had been noted and forgotten.
        let events = events.suffix(ChangeLog.limit + Self.noted)
        var (index, next) = (UInt64(0), events.startIndex)
        while next < events.endIndex {
            let batch = events[next..<min(next + Self.noted, events.endIndex)]
            index = shard(of: namespace).catalog.withLock { catalog in
                batch.reduce(index) { catalog.records.note($1, of: actor, in: namespace, at: microseconds) }
            }
            next = batch.endIndex
        }
        return index
    }

    /// The revision of a namespace that has this of sources. Where the store has nothing in it, the index is not before
    /// one that the namespace had when it did.
    package func revision(of namespace: Namespace, with source: Revision) -> Revision {
        let (own, last) = shard(of: namespace).catalog.withLock { catalog in
            (catalog.revision(of: namespace), catalog.records.secondaryIndex.lastIndex(of: namespace))
        }
        return Revision(digest: own.digest &+ source.digest, index: max(last, source.index))
    }
}
