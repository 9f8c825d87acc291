// Replication of Redis is asynchronous: a replica that is promoted may lack the last writes that its master had
// acknowledged. So each member remembers what the last events of a shard were about, its own writes and everybody else's,
// and writes again what a promoted server turns out to lack.

/// What the last events of a shard were about. A pure value.
struct RecentEvents {
    /// So many are remembered: at 5,000 changes a second in one shard, four seconds; replicas that are further behind are
    /// filled from the whole view.
    static let capacity = 20_000

    /// By number; invariant: rises.
    private var events: [(number: UInt64, key: StoredKey)] = []
    private var first = 0
    /// The last event by which a lease ran out.
    private var lastEnd: UInt64 = 0
    /// Below this number events may be missing.
    private(set) var complete: UInt64

    /// - Parameter seq: the last event before all that will be remembered.
    init(after seq: UInt64 = 0) { complete = seq + 1 }

    /// An event was read that is about a key.
    mutating func note(_ number: UInt64, _ key: StoredKey) {
        events.append((number, key))
        guard events.count - first > Self.capacity else { return }
        complete = max(complete, events[first].number + 1)
        first += 1
        if first > Self.capacity { (events, first) = (Array(events[first...]), 0) }
    }

    /// An event was read by which a lease ran out.
    mutating func noteEnd(_ number: UInt64) { lastEnd = number }

    /// What the events after this number were about, each once; nil when some of them are not remembered, and when a lease
    /// ran out by one: it is not held here any more, and may be renewed where it did not run out.
    func keys(after number: UInt64) -> [StoredKey]? {
        guard number + 1 >= complete, number >= lastEnd else { return nil }
        var seen: Set<StoredKey> = []
        return events[first...].filter { $0.number > number && seen.insert($0.key).inserted }.map(\.key)
    }

    /// Forgets the events after this number, which another history has in their place.
    mutating func rewind(to number: UInt64) {
        lastEnd = min(lastEnd, number)
        while events.count > first, let last = events.last, last.number > number { events.removeLast() }
    }
}
