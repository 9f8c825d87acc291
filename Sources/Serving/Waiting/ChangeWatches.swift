// Which calls of one loop wait for a change of a namespace, or of one of its services. Nobody is told of changes here:
// a loop with such calls looks at the revisions of their namespaces every few milliseconds, which costs a lock for each
// namespace however many wait, and gathers what changes meanwhile. Pure: its caller reads the revisions.

import Catalog

/// The calls of one loop that wait for changes, by their tickets.
struct ChangeWatches {
    private struct Watched {
        /// As of the last look; nil when there was none since a call came.
        var revision: Revision?
        var calls: [UInt64: ChangeWatch] = [:]
    }

    /// Invariant: each has a call.
    private var namespaces: [Namespace: Watched] = [:]

    var isEmpty: Bool { namespaces.isEmpty }

    mutating func add(_ watch: ChangeWatch, for ticket: UInt64) {
        namespaces[watch.namespace, default: Watched()].calls[ticket] = watch
        // The state that it knows may be an old one.
        namespaces[watch.namespace]?.revision = nil
    }

    mutating func remove(_ watch: ChangeWatch, of ticket: UInt64) {
        namespaces[watch.namespace]?.calls[ticket] = nil
        if namespaces[watch.namespace]?.calls.isEmpty ?? false { namespaces[watch.namespace] = nil }
    }

    /// Takes the calls out for which something has changed, the longest waiting first.
    mutating func takeChanged(_ revision: (Namespace) -> Revision, _ ofService: (Name, Namespace) -> Revision)
        -> [UInt64]
    {
        var changed: [UInt64] = []
        for (namespace, watched) in namespaces {
            let now = revision(namespace)
            guard now != watched.revision else { continue }
            namespaces[namespace]?.revision = now
            // One look for each service, however many wait for it.
            var services: [Name: Revision] = [:]
            for (ticket, watch) in watched.calls {
                let current: Revision
                if let service = watch.service {
                    current = services[service] ?? ofService(service, namespace)
                    services[service] = current
                } else {
                    current = now
                }
                guard current != watch.revision else { continue }
                changed.append(ticket)
                remove(watch, of: ticket)
            }
        }
        return changed.sorted()
    }
}
