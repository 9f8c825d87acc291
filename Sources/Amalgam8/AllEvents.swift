// The latest events of all namespaces, for operators (docs/rest-api.md, R655). Each namespace has a log of its own, so the
// newest of all are found in two passes, both in steps: which namespaces changed last, and what happened in those.

import Catalog
import HTTP
import RegistryCore
import Serving

/// The search for the newest events of all namespaces. A value; each step goes on with a copy.
struct AllEvents {
    /// Namespaces that are looked at, and changes that are read, in one go: each some two milliseconds.
    private static let (namespacesOfStep, changesOfStep) = (8_192, 4_096)

    private let since: UInt64
    private let limit: Int
    private var cursor = NamespaceCursor()
    /// Those that changed last. The newest events of all are among theirs, since each has one at least. Once all are
    /// found: the latest at the end.
    private var heads: [(namespace: Namespace, last: UInt64)] = []
    /// Invariant: after each step, at most `limit`, the newest of those read, the oldest first.
    private var events: [(namespace: Namespace?, change: Change)] = []
    /// Whether events after `since` are left out, or are kept no more.
    private var isMissing = false

    private init(_ query: EventQuery) {
        since = query.since ?? 0
        limit = query.limit
    }

    static func answer(_ query: EventQuery, _ call: borrowing Call) throws(Refused) -> Reply {
        guard call.isByOperator else { throw .operatorOnly }
        return AllEvents(query).step(call)
    }

    private func step(_ call: borrowing Call) -> Reply {
        var search = self
        if search.cursor.isDone ? search.read(call.registry.lookup) : search.findHeads(call.registry.lookup) {
            let next = search.events.last?.change.index ?? since
            let body = EventHandlers.body(
                search.events, next: next, isMissing: since > 0 && search.isMissing,
                namesMember: call.registry.lookup.hasSeveralMembers)
            return .now(Response(.ok, contentType: .json, body: body))
        }
        return .later(Waiting(for: .turn) { [search] (call, _) throws(Refused) in search.step(call) })
    }

    /// Looks at some namespaces; whether there is nothing to be read.
    private mutating func findHeads(_ lookup: Lookup) -> Bool {
        heads += lookup.changed(after: since, from: &cursor, atMost: Self.namespacesOfStep)
        guard cursor.isDone || heads.count > 2 * EventQuery.maximumLimit else { return false }
        heads.sort { $0.last < $1.last }
        if heads.count > limit { isMissing = true }
        heads.removeFirst(max(0, heads.count - limit))
        return cursor.isDone && read(lookup)
    }

    /// Reads what happened in some of the namespaces; whether nothing later can be in the others.
    private mutating func read(_ lookup: Lookup) -> Bool {
        var looked = 0
        while let head = heads.last {
            if events.count == limit, let oldest = events.first, head.last < oldest.change.index {
                isMissing = true
                return true
            }
            guard looked < Self.changesOfStep else { return false }
            heads.removeLast()
            let page = lookup.changes(in: head.namespace, after: nil, limit: limit)
            looked += page.changes.count + 1
            let new = page.changes.filter { $0.index > since }
            if new.count == limit || lookup.changes(in: head.namespace, after: since, limit: 1).isMissing {
                isMissing = true
            }
            merge(new, of: head.namespace)
        }
        return true
    }

    private mutating func merge(_ changes: [Change], of namespace: Namespace) {
        events += changes.map { (namespace, $0) }
        // By the name, too, so that two answers have one order.
        events.sort {
            ($0.change.index, $0.namespace?.name ?? "") < ($1.change.index, $1.namespace?.name ?? "")
        }
        guard events.count > limit else { return }
        isMissing = true
        events.removeFirst(events.count - limit)
    }
}
