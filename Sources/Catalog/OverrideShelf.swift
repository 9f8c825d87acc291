// Overrides outlive the instances that they are about: an instance that was taken out of service and restarts is still
// out of service when it registers again. Those of instances that are gone are kept here for an hour. And those that
// end by themselves are remembered by their ends.

/// Overrides of one shard beside the instances that bear them. A pure value; its owner guards it.
struct OverrideShelf: Sendable {
    private struct Key: Hashable {
        let namespace: Namespace
        let id: InstanceID
    }

    private struct Kept {
        let override: StatusOverride
        /// Nanoseconds since 1970.
        let end: Int64
    }

    /// How long they are kept, in nanoseconds.
    static let time: Int64 = 3_600_000_000_000
    /// How many are kept; beyond, the oldest goes. With all shards full some 30 MB.
    static let limit = 2_048

    private var kept: [Key: Kept] = [:]
    /// Invariant: has each key of `kept` with its end, in the order of the ends; others are of entries that have gone.
    private var order: [(key: Key, end: Int64)] = []
    private var first = 0
    /// When the overrides end that do so by themselves, in nanoseconds since 1970.
    private var ends: [Key: Int64] = [:]
    /// The earliest of them, or earlier.
    private var nextEnd = Int64.max

    var count: Int { kept.count }
    /// Whether something was taken that other members may not know.
    var hasNews = false

    /// Keeps the override of an instance that is gone at a time, in nanoseconds since 1970.
    mutating func put(_ override: StatusOverride, _ id: InstanceID, in namespace: Namespace, at now: Int64) {
        let key = Key(namespace: namespace, id: id)
        let end = max(now.addingSaturated(Self.time), order.last?.end ?? .min)
        kept[key] = Kept(override: override, end: end)
        order.append((key, end))
        while kept.count > Self.limit { dropFirst() }
        compact()
    }

    /// Takes what is kept of an instance that comes back.
    mutating func take(_ id: InstanceID, in namespace: Namespace) -> StatusOverride? {
        guard !kept.isEmpty else { return nil }
        return kept.removeValue(forKey: Key(namespace: namespace, id: id))?.override
    }

    /// Forgets what has been kept for long enough.
    mutating func forget(at now: Int64) {
        while first < order.count, order[first].end <= now { dropFirst() }
        compact()
    }

    private mutating func dropFirst() {
        guard first < order.count else { return }
        let (key, end) = order[first]
        if kept[key]?.end == end { kept[key] = nil }
        first += 1
    }

    /// Gives back what was dropped.
    private mutating func compact() {
        guard first > 64, first > order.count / 2 else { return }
        order.removeFirst(first)
        first = 0
    }

    // MARK: - Ends

    /// Notes when an override ends by itself.
    mutating func note(_ override: StatusOverride, _ id: InstanceID, in namespace: Namespace) {
        guard override.status != nil, let until = override.until else { return }
        ends[Key(namespace: namespace, id: id)] = until
        nextEnd = min(nextEnd, until)
    }

    /// The instances whose overrides may have ended by now. Looks at all ends, but only when one has come.
    mutating func takeEnded(at now: Int64) -> [(id: InstanceID, namespace: Namespace)] {
        guard nextEnd <= now else { return [] }
        let ended = ends.filter { $0.value <= now }
        for key in ended.keys { ends[key] = nil }
        nextEnd = ends.values.min() ?? .max
        return ended.keys.map { ($0.id, $0.namespace) }
    }
}
