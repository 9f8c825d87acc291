// Times in the order in which they come, for waits that mostly end before theirs: removing one early is only noted, and
// what is noted is swept out when it has become the greater part.

import Time

/// A binary heap of tickets by their times.
struct DeadlineHeap {
    private struct Entry {
        let time: MonotonicTime
        let ticket: UInt64
    }

    /// As many dead entries are left where they are.
    private static let fewDead = 64

    /// Invariant: no entry's time is before that of the one at half its index.
    private var entries: [Entry] = []
    private var live: Set<UInt64> = []

    /// The earliest time; nil when there is none.
    var earliest: MonotonicTime? {
        mutating get {
            dropDead()
            return entries.first?.time
        }
    }

    mutating func insert(_ ticket: UInt64, at time: MonotonicTime) {
        live.insert(ticket)
        entries.append(Entry(time: time, ticket: ticket))
        var index = entries.count - 1
        while index > 0, entries[index].time < entries[(index - 1) / 2].time {
            entries.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func remove(_ ticket: UInt64) {
        guard live.remove(ticket) != nil, entries.count > 2 * live.count + Self.fewDead else { return }
        let alive = entries.filter { live.contains($0.ticket) }
        // Sorted, so a heap.
        entries = alive.sorted { $0.time < $1.time }
    }

    /// Takes a ticket whose time has come.
    mutating func pop(at now: MonotonicTime) -> UInt64? {
        dropDead()
        guard let first = entries.first, first.time <= now else { return nil }
        live.remove(first.ticket)
        removeFirst()
        return first.ticket
    }

    private mutating func dropDead() {
        while let first = entries.first, !live.contains(first.ticket) { removeFirst() }
    }

    private mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < entries.count && entries[child].time < entries[least].time {
                least = child
            }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }
}
