// The side of the store that faces the other members: what they tell it, what it tells them, and how the two find out that they differ.

/// What changed here since the last drain.
public struct Drained: Sendable {
    public var changes: [Replicated] = []
    /// Whether the budget ran out before the work did: drain again, nobody is woken for the rest.
    public var hasMore = false
}

extension Store {
    /// Takes in what another member tells. Never refused for capacity, and not told to anybody again.
    public func merge(_ replicated: Replicated, at moment: Moment) -> MergeOutcome { .redundant }

    /// What has changed here by clients' commands since it was last told, each id in its state of now and in no order: at most `budget` items.
    /// Renewals are told only if asked for. For one thread.
    public func drain(includeRenewals: Bool, budget: Int, at moment: Moment) -> Drained { Drained() }

    /// The state of one id, present or absent; nil when nothing is known of it.
    public func record(_ id: InstanceID, in namespace: Namespace, at moment: Moment) -> Replicated? { nil }

    /// A piece of a copy of everything, records and tombstones: at most `limit` items, and where the next piece starts, nil at the end.
    public func copy(
        from cursor: CopyCursor, limit: Int, at moment: Moment
    ) -> (items: [Replicated], next: CopyCursor?) { ([], nil) }

    /// What is held, as hashes. Each shard is seen at its own moment.
    public func digest() -> BucketDigest { BucketDigest(buckets: Array(repeating: 0, count: BucketDigest.bucketCount)) }

    /// The ids in these buckets with their versions, tombstones included, in no order.
    public func keys(in buckets: [UInt16], at moment: Moment) -> [KeyedVersion] { [] }

    /// After a pause, and once the peers have been heard: makes every lease overdue that has run out by its true age, for `expire` to sweep.
    /// Returns how many.
    public func settle(at moment: Moment) -> Int { 0 }
}
