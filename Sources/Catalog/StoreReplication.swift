// The side of the store that faces the other members: what it receives, what it publishes, and how two members find out
// that they differ. All of it is done a batch at a time, so that no request waits for a copy.

import Synchronization

/// What changed here since the last drain.
package struct Drained: Sendable {
    package var changes: [Replicated] = []
    /// Whether the budget ran out before the work did: drain again, since no wake-up comes for the rest.
    package var hasMore = false
}

extension Store {
    /// How many items are read while one lock is held: well under a millisecond.
    static let replicaBatch = 256
    /// How many records are only looked at while one lock is held.
    static let scanBatch = 4_096

    /// Takes in a state from another member. Never refused for capacity, and not published again.
    package func merge(_ replicated: Replicated, at moment: Moment) -> MergeOutcome {
        let number = number(of: replicated.namespace)
        let (outcome, hasNews) = change(number) { catalog in
            let outcome = catalog.merge(replicated.replica, in: replicated.namespace, at: moment)
            defer { catalog.records.shelf.hasNews = false }
            return (outcome, catalog.records.shelf.hasNews)
        }
        // An override that was kept here for an instance that has come back.
        if hasNews { dirtyShards?.noteChanges(shard: number) }
        if case .service = replicated.replica { beginPasses(number, at: moment) }
        return outcome
    }

    /// The changes by clients' commands since they were last published, each id in its present state and in no order:
    /// at most `budget` items. Renewals are included on request only. For one thread at a time.
    ///
    /// `wake` is called for changes that come after the last drain that had no more.
    package func drain(includeRenewals: Bool, budget: Int, at moment: Moment) -> Drained {
        var drained = Drained()
        guard let dirtyShards else { return drained }
        let waiting = dirtyShards.shards(withRenewals: includeRenewals)
        guard waiting != 0 else { return drained }
        var remaining = budget
        let start = nextToDrain.load(ordering: .relaxed)
        for index in start..<start + Self.shardCount {
            let number = index & (Self.shardCount - 1)
            guard waiting & (1 << UInt64(number)) != 0 else { continue }
            guard remaining > 0 else {
                // The shards from here on go first next time.
                nextToDrain.store(number, ordering: .relaxed)
                drained.hasMore = true
                break
            }
            dirtyShards.clear(number, withRenewals: includeRenewals)
            var hasMore = true
            while hasMore, remaining > 0 {
                let share = min(Self.replicaBatch, remaining)
                let batch = shards[number].catalog.withLock {
                    $0.drain(includeRenewals: includeRenewals, budget: share, at: moment)
                }
                drained.changes += batch.changes
                hasMore = batch.hasMore
                // What is drained but has run out since is no change, yet took its time.
                remaining -= hasMore ? share : batch.changes.count
            }
            guard hasMore else { continue }
            dirtyShards.putBack(number, withRenewals: includeRenewals)
            nextToDrain.store(number + 1, ordering: .relaxed)
            drained.hasMore = true
            break
        }
        return drained
    }

    /// The state of one id, present or absent; nil when nothing is known of it, or its lease has run out.
    package func state(of id: InstanceID, in namespace: Namespace, at moment: Moment) -> Replicated? {
        shard(of: namespace).catalog.withLock { $0.state(of: id, in: namespace, at: moment) }
    }

    /// The same for another member, which must also receive what has expired here: it may hold an older version of it.
    package func stateForPeers(of id: InstanceID, in namespace: Namespace, at moment: Moment) -> Replicated? {
        shard(of: namespace).catalog.withLock { $0.stateForPeers(of: id, in: namespace, at: moment) }
    }

    /// A piece of a copy of everything, records, tombstones, what has run out and overrides of services: at most
    /// `limit` items (above 0), and where the next piece starts, nil at the end.
    ///
    /// Whatever is there when the copy starts and still is when it ends is copied exactly once, in a state that it had
    /// in between. Whatever comes meanwhile may be copied or not, and reaches others as a change.
    package func copy(from cursor: CopyCursor, limit: Int, at moment: Moment) -> (
        items: [Replicated], next: CopyCursor?
    ) {
        var items: [Replicated] = []
        var cursor = cursor
        while cursor.shard < Self.shardCount {
            guard items.count < limit else { return (items, cursor) }
            let share = min(Self.replicaBatch, limit - items.count)
            let piece = shards[cursor.shard].catalog.withLock {
                $0.copy(cursor.part, from: cursor.slot, limit: share, at: moment)
            }
            items += piece.items
            cursor.advance(to: piece.next)
        }
        return (items, nil)
    }

    /// What is held, as hashes. Each shard is seen at its own moment.
    ///
    /// - Parameter countingOverrides: false for a member that knows of none.
    package func digest(countingOverrides: Bool = true) -> BucketDigest {
        var buckets = [UInt64](repeating: 0, count: BucketDigest.bucketCount)
        for shard in shards {
            // The shard's array is shared for as long as it takes to read it, and copied if it is written meanwhile: 32
            // kB.
            let (digest, overrides) = shard.catalog.withLock {
                ($0.records.replicationState.digest, $0.records.replicationState.overrideDigest)
            }
            for index in digest.indices { buckets[index] ^= digest[index] }
            guard countingOverrides else { continue }
            for index in overrides.indices { buckets[index] ^= overrides[index] }
        }
        return BucketDigest(buckets: buckets)
    }

    /// The ids in these buckets with their versions, tombstones and what has run out included, in no order. Reads all
    /// records, a batch at a time.
    package func keys(in buckets: [UInt16], at moment: Moment) -> [KeyedVersion] {
        let buckets = BucketSet(buckets)
        var keys: [KeyedVersion] = []
        var cursor = CopyCursor.start
        while cursor.shard < Self.shardCount {
            let piece = shards[cursor.shard].catalog.withLock {
                $0.keys(in: buckets, cursor.part, from: cursor.slot, limit: Self.scanBatch, at: moment)
            }
            keys += piece.keys
            cursor.advance(to: piece.next)
        }
        return keys
    }

    /// What is said of services in these buckets, marks of what was removed included. It is sent whenever a member
    /// finds that the buckets differ: that is little, and saves asking for it.
    package func serviceStates(in buckets: [UInt16]) -> [Replicated] {
        let buckets = BucketSet(buckets)
        var states: [Replicated] = []
        for shard in shards {
            var slot: Int32? = 0
            while let from = slot {
                let piece = shard.catalog.withLock { $0.serviceStates(in: buckets, from: from, limit: Self.scanBatch) }
                states += piece.states
                slot = piece.next
            }
        }
        return states
    }

    /// How many tombstones are forgotten while one lock is held: well under a millisecond.
    private static let trimBatch = 1_024

    /// Keeps the tombstones of all namespaces together within their bound: as long as they would take more, the
    /// namespaces whose take the most forget their oldest. To be called every few milliseconds. Until the next call as
    /// much is expected to come as since the last one, and room is made for it; only what comes beyond that is beyond
    /// the bound.
    package func trimTombstones() {
        guard dirtyShards != nil else { return }
        var bytes = tombstoneCounts.bytes
        defer { trimmedTombstoneBytes.store(bytes, ordering: .relaxed) }
        // A burst will not come again.
        let expected = min(max(0, bytes - trimmedTombstoneBytes.load(ordering: .relaxed)), tombstoneBytes / 16)
        for _ in 0..<Self.trimTurns {
            let excess = bytes + expected - tombstoneBytes
            guard excess > 0 else { return }
            let sizes = shards.map { $0.catalog.withLock { $0.records.replicationState.tombstones.largest } }
            guard let largest = sizes.max(), largest > 0 else { return }
            let giving = sizes.indices.filter { sizes[$0] >= largest - largest / 4 }
            for number in giving {
                shards[number].catalog.withLock {
                    $0.records.replicationState.tombstones.trim(
                        (excess + giving.count - 1) / giving.count, budget: Self.trimBatch)
                }
            }
            bytes = tombstoneCounts.bytes
        }
    }

    /// What the tombstones take in bytes, and how many were forgotten before their time.
    package var tombstoneCounts: (bytes: Int, forgotten: UInt64) {
        shards.reduce((0, 0)) { counts, shard in
            let (bytes, forgotten) = shard.catalog.withLock {
                ($0.records.replicationState.tombstones.bytes, $0.records.replicationState.tombstones.forgotten)
            }
            return (counts.0 + bytes, counts.1 + forgotten)
        }
    }

    /// After a pause, and once the peers have answered: lets every lease end when it would have ended without pauses.
    /// Those that are over by that are for `expire` to sweep; returns how many.
    package func settle(at moment: Moment) -> Int {
        var settled = 0
        for number in shards.indices {
            var slot: Int32? = 0
            while let from = slot {
                let piece = change(number) { $0.settle(from: from, limit: Self.scanBatch, at: moment) }
                settled += piece.settled
                slot = piece.next
            }
        }
        return settled
    }
}
