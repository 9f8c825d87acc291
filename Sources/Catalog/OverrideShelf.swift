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
    /// How many are kept; beyond, the oldest goes. All shards together have little more than there may be overrides.
    static let limit = 32_768
    /// How many are forgotten at once, under a lock.
    private static let batch = 1_024

    private var kept: [Key: Kept] = [:]
    /// Invariant: has each key of `kept` with its end, in the order of the ends; others are of entries that have gone.
    private var order: [(key: Key, end: Int64)] = []
    private var first = 0
    /// When something becomes of overrides by itself, in nanoseconds since 1970: they end, or their instances leave.
    private var ends: [Key: Int64] = [:]
    /// A binary heap: has each key of `ends` with its time; others are of entries that have gone.
    /// Invariant: no time is before that of the one at half its index.
    private var heap: [(key: Key, end: Int64)] = []
    /// As many entries that have gone are left where they are.
    private static let fewGone = 64

    /// How many count: a mark that one was removed is kept as well, so that a member that has missed it does not bring
    /// the override back.
    private(set) var standing = 0
    /// Whether something was taken that other members may not know.
    var hasNews = false

    /// Keeps the override of an instance that is gone at a time, in nanoseconds since 1970.
    mutating func put(_ override: StatusOverride, _ id: InstanceID, in namespace: Namespace, at now: Int64) {
        let key = Key(namespace: namespace, id: id)
        let end = max(now.addingSaturated(Self.time), order.last?.end ?? .min)
        remove(key)
        kept[key] = Kept(override: override, end: end)
        if override.status != nil { standing += 1 }
        order.append((key, end))
        while kept.count > Self.limit { dropFirst() }
        compact()
    }

    /// What is kept of an instance.
    func find(_ id: InstanceID, in namespace: Namespace) -> StatusOverride? {
        kept.isEmpty ? nil : kept[Key(namespace: namespace, id: id)]?.override
    }

    /// Keeps what another member says of an instance that went at a time, in nanoseconds since 1970, if it is later than
    /// what is kept.
    mutating func learn(_ override: StatusOverride, _ id: InstanceID, in namespace: Namespace, at time: Int64) {
        guard override.version > find(id, in: namespace)?.version ?? .none else { return }
        put(override, id, in: namespace, at: time)
    }

    /// Takes what is kept of an instance that comes back at a time, in nanoseconds since 1970.
    mutating func take(_ id: InstanceID, in namespace: Namespace, at now: Int64) -> StatusOverride? {
        guard !kept.isEmpty, let found = remove(Key(namespace: namespace, id: id)) else { return nil }
        return found.until.map { $0 <= now } ?? false ? found.ended : found
    }

    @discardableResult
    private mutating func remove(_ key: Key) -> StatusOverride? {
        guard let override = kept.removeValue(forKey: key)?.override else { return nil }
        if override.status != nil { standing -= 1 }
        return override
    }

    /// Forgets what has been kept for long enough, as much as may be at once.
    mutating func forget(at now: Int64) {
        var remaining = Self.batch
        while remaining > 0, first < order.count, order[first].end <= now {
            dropFirst()
            remaining -= 1
        }
        compact()
    }

    private mutating func dropFirst() {
        guard first < order.count else { return }
        let (key, end) = order[first]
        if kept[key]?.end == end { remove(key) }
        first += 1
    }

    /// Gives back what was dropped.
    private mutating func compact() {
        guard first > 64, first > order.count / 2 else { return }
        order.removeFirst(first)
        first = 0
    }

    // MARK: - Ends

    /// How many there are.
    var endCount: Int { ends.count }

    /// Notes when something becomes of an instance's override by itself, if it does.
    mutating func note(_ override: StatusOverride, _ id: InstanceID, in namespace: Namespace) {
        guard let end = override.end else { return forgetEnd(of: id, in: namespace) }
        let key = Key(namespace: namespace, id: id)
        guard ends[key] != end else { return }
        ends[key] = end
        insert(key, end)
        dropGone()
    }

    /// Forgets when something becomes of the override of an instance: that has gone, or the override has.
    mutating func forgetEnd(of id: InstanceID, in namespace: Namespace) {
        guard !ends.isEmpty, ends.removeValue(forKey: Key(namespace: namespace, id: id)) != nil else { return }
        dropGone()
    }

    /// Whether something has become of an override by now.
    func hasEnded(at now: Int64) -> Bool { heap.first.map { $0.end <= now } ?? false }

    /// The instances with whose overrides something may have become by now, at most `limit`, the earliest first.
    mutating func takeEnded(at now: Int64, limit: Int) -> [(id: InstanceID, namespace: Namespace)] {
        var ended: [(id: InstanceID, namespace: Namespace)] = []
        while ended.count < limit, let first = heap.first, first.end <= now {
            removeFirst()
            guard ends[first.key] == first.end else { continue }
            ends[first.key] = nil
            ended.append((first.key.id, first.key.namespace))
        }
        return ended
    }

    private mutating func insert(_ key: Key, _ end: Int64) {
        heap.append((key, end))
        var index = heap.count - 1
        while index > 0, heap[index].end < heap[(index - 1) / 2].end {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child].end < heap[least].end {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }

    /// Sweeps out what has gone when it has become the greater part.
    private mutating func dropGone() {
        guard heap.count > 2 * ends.count + Self.fewGone else { return }
        // Sorted, so a heap.
        heap = ends.map { ($0.key, $0.value) }.sorted { $0.1 < $1.1 }
    }
}
