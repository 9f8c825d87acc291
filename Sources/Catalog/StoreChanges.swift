// The change logs of all shards as one: what a tenant asks of its own changes, what the follower reads of everybody's,
// and the bound on all together.

import Synchronization

/// Some of a namespace's changes.
package struct ChangePage: Sendable {
    /// The oldest first.
    package var changes: [Change] = []
    /// Whether changes after the index asked for are missing, because they are kept no more.
    package var isMissing = false
    /// The same for a reader that knew all there was at that index since this registry was started: what may have been
    /// before the start is not missing to it.
    package var isForgotten = false
    /// What to ask after next: the index of the last of these, or when there are none of the last that is known of.
    package var next: UInt64 = 0
}

/// What the follower has not read yet, in all namespaces.
package struct UnreadChanges: Sendable {
    /// Those of one namespace in their order.
    package var changes: [(namespace: Namespace, change: Change)] = []
    /// How many were forgotten before they could be read.
    package var missed: UInt64 = 0
    /// Whether there are more.
    package var hasMore = false
}

extension Store {
    /// Whether changes are published to other members.
    package var isReplicated: Bool { dirtyShards != nil }

    /// The changes of a namespace after an index, at most `limit` of them, above 0, or without one the newest.
    ///
    /// Bytes are read outside of the lock.
    package func changes(in namespace: Namespace, after index: UInt64?, limit: Int) -> ChangePage {
        let found = shard(of: namespace).catalog.withLock {
            $0.records.log?.segments(of: namespace, after: index, newest: limit)
                ?? ChangeLog.Found(isMissing: index != nil, isForgotten: index != nil)
        }
        var page = ChangePage(
            isMissing: found.isMissing, isForgotten: found.isForgotten, next: max(found.last, index ?? 0))
        for segment in found.segments {
            segment.forEach { change in
                if change.index > index ?? 0 { page.changes.append(change) }
                return index == nil || page.changes.count < limit
            }
            if index != nil, page.changes.count >= limit { break }
        }
        if index == nil { page.changes.removeFirst(max(0, page.changes.count - limit)) }
        if let last = page.changes.last { page.next = last.index }
        return page
    }

    /// The changes that have not been read yet, about `limit` of them at most. For one thread, of a store that was made
    /// to be followed.
    package func followChanges(limit: Int) -> UnreadChanges {
        var unread = UnreadChanges()
        for shard in shards {
            guard unread.changes.count < limit else {
                unread.hasMore = true
                break
            }
            let found = shard.catalog.withLock { $0.records.log?.follow(limit: limit - unread.changes.count) }
            guard let found else { continue }
            unread.missed += found.missed
            if found.hasMore { unread.hasMore = true }
            for (namespace, segments, read) in found.unread {
                var skipped = 0
                for segment in segments {
                    segment.forEach { change in
                        if skipped < read { skipped += 1 } else { unread.changes.append((namespace, change)) }
                        return true
                    }
                }
            }
        }
        return unread
    }

    /// How often, in one call, the largest namespaces are looked for.
    static let trimTurns = 4

    /// Keeps the change logs of all namespaces together within their bound: as long as they take more, the namespaces
    /// that take the most give up their oldest changes. To be called every few milliseconds; what comes between two
    /// calls is beyond the bound.
    package func trimChanges() {
        for _ in 0..<Self.trimTurns {
            let excess = changeLogCounts.bytes - changeLogBytes
            guard excess > 0 else { return }
            let sizes = shards.map { $0.catalog.withLock { $0.records.log?.largest ?? 0 } }
            guard let largest = sizes.max(), largest > 0 else { return }
            // One namespace that stands out gives alone; where many are alike, each shard gives its part.
            let giving = sizes.indices.filter { sizes[$0] >= largest - largest / 4 }
            for number in giving {
                _ = shards[number].catalog.withLock { $0.records.log?.trim((excess + giving.count - 1) / giving.count) }
            }
        }
    }

    /// Changes that are kept, and bytes that they take.
    package var changeLogCounts: (changes: Int, bytes: Int) {
        shards.reduce((0, 0)) { counts, shard in
            let (changes, bytes) = shard.catalog.withLock { ($0.records.log?.count ?? 0, $0.records.log?.bytes ?? 0) }
            return (counts.0 + changes, counts.1 + bytes)
        }
    }
}
