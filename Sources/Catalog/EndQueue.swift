// What ends by itself, in the order of the ends: overrides of instances and of services. An end may be moved and
// forgotten before it comes, and neither may cost a search.

/// Keys with a time each, the earliest first. A pure value; its owner guards it.
///
/// Noting, forgetting and taking cost a logarithm of how many there are.
struct EndQueue<Key: Hashable & Sendable>: Sendable {
    /// Nanoseconds since 1970.
    private var ends: [Key: Int64] = [:]
    /// A binary heap: has each key of `ends` with its time; others are of entries that have gone.
    /// Invariant: no time is before that of the one at half its index.
    private var heap: [(key: Key, end: Int64)] = []
    /// As many entries that have gone are left where they are.
    private static var fewGone: Int { 64 }

    /// How many there are.
    var count: Int { ends.count }

    /// Notes when a key ends, in place of when it would have ended.
    mutating func note(_ key: Key, _ end: Int64) {
        guard ends[key] != end else { return }
        ends[key] = end
        insert(key, end)
        dropGone()
    }

    mutating func forget(_ key: Key) {
        guard !ends.isEmpty, ends.removeValue(forKey: key) != nil else { return }
        dropGone()
    }

    /// Whether something may have ended by now: what was forgotten or moved counts until it is taken.
    func hasEnded(at now: Int64) -> Bool { heap.first.map { $0.end <= now } ?? false }

    /// What has ended by now, at most `limit` of it, the earliest first.
    mutating func takeEnded(at now: Int64, limit: Int) -> [Key] {
        var ended: [Key] = []
        while ended.count < limit, let first = heap.first, first.end <= now {
            removeFirst()
            guard ends[first.key] == first.end else { continue }
            ends[first.key] = nil
            ended.append(first.key)
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
