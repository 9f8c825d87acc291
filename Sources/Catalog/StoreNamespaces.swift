// All namespaces, in pieces, for operators: there may be a million of them, so neither a lock nor a loop is held for as
// long as it takes to look at all.

import Synchronization

/// How far somebody has come with all namespaces.
package struct NamespaceCursor: Sendable {
    fileprivate var shard = 0
    fileprivate var slot: Int32 = 0

    package init() {}

    /// Whether nothing is left.
    package var isDone: Bool { shard == Store.shardCount }
}

extension Store {
    /// Instances that a client may register in a namespace without limits of its own; nil is no limit.
    package var namespaceCapacity: Int? { shards[0].catalog.withLock { $0.namespaceCapacity } }

    /// Namespaces that are looked at while one lock is held: a fraction of a millisecond.
    static let namespacePiece = 1_024

    /// The next namespaces that have an instance, in no order: about `limit` of them are looked at, and at least one
    /// shard's piece. One that is there all the time is in exactly one of the pieces.
    package func namespaces(from cursor: inout NamespaceCursor, atMost limit: Int) -> [(
        namespace: Namespace, size: NamespaceSize
    )] {
        var found: [(namespace: Namespace, size: NamespaceSize)] = []
        visit(from: &cursor, atMost: limit) { catalog, slot in
            let tables = catalog.records.secondaryIndex.tables
            guard let occupied = tables.occupied(from: slot) else { return nil }
            let table = tables[occupied]
            found.append(
                (table.namespace, NamespaceSize(services: table.services.count, instances: table.count)))
            return occupied
        }
        return found
    }

    /// The same for namespaces of which changes are kept, with the index of the last; those whose last is not later than
    /// `index` are passed over.
    package func changed(after index: UInt64, from cursor: inout NamespaceCursor, atMost limit: Int) -> [(
        namespace: Namespace, last: UInt64
    )] {
        var found: [(namespace: Namespace, last: UInt64)] = []
        visit(from: &cursor, atMost: limit) { catalog, slot in
            guard let (occupied, namespace, last) = catalog.records.log?.last(from: slot) else { return nil }
            if last > index { found.append((namespace, last)) }
            return occupied
        }
        return found
    }

    /// - Parameter step: looks at the first occupied slot from this one on, and returns it; nil past the last.
    private func visit(
        from cursor: inout NamespaceCursor, atMost limit: Int, _ step: (borrowing Catalog, Int32) -> Int32?
    ) {
        var remaining = limit
        while !cursor.isDone, remaining > 0 {
            let piece = min(Self.namespacePiece, remaining)
            let (next, looked) = shards[cursor.shard].catalog.withLock { catalog -> (Int32?, Int) in
                var slot = cursor.slot
                for looked in 0..<piece {
                    guard let occupied = step(catalog, slot) else { return (nil, looked) }
                    slot = occupied + 1
                }
                return (slot, piece)
            }
            // A shard without namespaces costs a little, too.
            remaining -= max(1, looked)
            if let next { cursor.slot = next } else { (cursor.shard, cursor.slot) = (cursor.shard + 1, 0) }
        }
    }
}
