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
    /// When something becomes of overrides by itself: they end, or their instances leave.
    private var ends = EndQueue<Key>()

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

    /// Some of what is kept, from a place in its order on, with the time at which each instance went, in nanoseconds
    /// since 1970; and the next place, nil at the end. What is put or dropped meanwhile may be missed or come twice.
    func piece(from place: Int, limit: Int) -> (
        kept: [(namespace: Namespace, id: InstanceID, override: StatusOverride, gone: Int64)], next: Int?
    ) {
        let start = max(place, first)
        let end = min(start.addingReportingOverflow(limit).partialValue, order.count)
        guard start < end else { return ([], nil) }
        let found = order[start..<end].compactMap { key, end in
            kept[key].flatMap { kept in
                kept.end == end
                    ? (key.namespace, key.id, kept.override, end.subtractingSaturated(Self.time)) : nil
            }
        }
        return (found, end < order.count ? end : nil)
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
        ends.note(Key(namespace: namespace, id: id), end)
    }

    /// Forgets when something becomes of the override of an instance: that has gone, or the override has.
    mutating func forgetEnd(of id: InstanceID, in namespace: Namespace) {
        ends.forget(Key(namespace: namespace, id: id))
    }

    /// Whether something has become of an override by now.
    func hasEnded(at now: Int64) -> Bool { ends.hasEnded(at: now) }

    /// The instances with whose overrides something may have become by now, at most `limit`, the earliest first.
    mutating func takeEnded(at now: Int64, limit: Int) -> [(id: InstanceID, namespace: Namespace)] {
        ends.takeEnded(at: now, limit: limit).map { ($0.id, $0.namespace) }
    }
}
