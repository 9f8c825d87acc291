// Which calls of one loop wait for a change, by what they watch: a namespace, or one of its services. However many watch
// the same, it is looked at once. Pure: its caller reads the revisions.

import Catalog

/// The calls of one loop that wait for changes, by their tickets.
struct ChangeWatches {
    /// Who watches a namespace.
    fileprivate struct Watched {
        /// As of the last look; nil when there was none since a call came.
        var revision: Revision?
        /// The calls that watch it, each with the state that it knows.
        var calls: [UInt64: Revision] = [:]
        /// Those that watch one of its services. Invariant: none is empty.
        var services: [Name: [UInt64: Revision]] = [:]

        var isEmpty: Bool { calls.isEmpty && services.isEmpty }
    }

    /// By the shards of the catalog that they are in. Invariant: each has a call, and each shard a namespace.
    private var shards: [Int: [Namespace: Watched]] = [:]

    /// The shards with a namespace that is watched, a bit for each.
    var heard: UInt64 { shards.keys.reduce(0) { $0 | 1 << UInt64($1) } }

    mutating func add(_ watch: ChangeWatch, for ticket: UInt64) {
        shards[Store.shard(of: watch.namespace), default: [:]][watch.namespace, default: Watched()].add(watch, ticket)
    }

    mutating func remove(_ watch: ChangeWatch, of ticket: UInt64) {
        let shard = Store.shard(of: watch.namespace)
        guard shards[shard]?[watch.namespace]?.remove(watch, ticket) ?? false else { return }
        shards[shard]?[watch.namespace] = nil
        if shards[shard]?.isEmpty ?? false { shards[shard] = nil }
    }

    /// Takes the calls out for which something has changed, the longest waiting first.
    ///
    /// - Parameter changed: the shards in which something may have, a bit for each.
    mutating func takeChanged(
        in changed: UInt64, _ revision: (Namespace) -> Revision, _ ofService: (Name, Namespace) -> Revision
    ) -> [UInt64] {
        var tickets: [UInt64] = []
        for shard in Array(shards.keys) where changed & 1 << UInt64(shard) != 0 {
            guard var namespaces = shards.removeValue(forKey: shard) else { continue }
            for namespace in Array(namespaces.keys) {
                guard var watched = namespaces.removeValue(forKey: namespace) else { continue }
                watched.take(into: &tickets, revision(namespace)) { ofService($0, namespace) }
                if !watched.isEmpty { namespaces[namespace] = watched }
            }
            if !namespaces.isEmpty { shards[shard] = namespaces }
        }
        return tickets.sorted()
    }
}

extension ChangeWatches.Watched {
    fileprivate mutating func add(_ watch: ChangeWatch, _ ticket: UInt64) {
        if let service = watch.service {
            services[service, default: [:]][ticket] = watch.revision
        } else {
            calls[ticket] = watch.revision
        }
        // The state that it knows may be an old one.
        revision = nil
    }

    /// Returns whether nothing is left.
    fileprivate mutating func remove(_ watch: ChangeWatch, _ ticket: UInt64) -> Bool {
        if let service = watch.service {
            services[service]?[ticket] = nil
            if services[service]?.isEmpty ?? false { services[service] = nil }
        } else {
            calls[ticket] = nil
        }
        return isEmpty
    }

    /// - Parameters:
    ///   - now: the namespace's revision.
    ///   - ofService: that of one of its services; asked once for each that is watched.
    fileprivate mutating func take(into changed: inout [UInt64], _ now: Revision, _ ofService: (Name) -> Revision) {
        guard now != revision else { return }
        revision = now
        Self.take(&calls, now, into: &changed)
        for service in services.keys {
            guard var waiting = services.removeValue(forKey: service) else { continue }
            Self.take(&waiting, ofService(service), into: &changed)
            if !waiting.isEmpty { services[service] = waiting }
        }
    }

    /// Nearly always all of them go.
    private static func take(_ calls: inout [UInt64: Revision], _ now: Revision, into changed: inout [UInt64]) {
        var staying: [UInt64: Revision] = [:]
        for (ticket, known) in calls {
            if known == now { staying[ticket] = known } else { changed.append(ticket) }
        }
        calls = staying
    }
}
