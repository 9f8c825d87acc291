// The held leases of a namespace, the oldest deadline first. A million may be held at once, and each may end by a
// heartbeat at any time: adding at the end, taking the first and removing any must all be cheap.

/// Slots by deadline: a binary heap. Its owner keeps where each slot stands, in one table for many heaps, and has a slot
/// in one of them at most.
struct DeadlineHeap: Sendable {
    private struct Entry: Sendable {
        let deadline: LeaseTime
        let slot: Int32
    }

    /// Where slots stand in their heaps, by slot; -1 is in none.
    typealias Places = ContiguousArray<Int32>

    private var entries: ContiguousArray<Entry> = []

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    /// Adds a slot that is in no heap. Constant-time where its deadline is later than most.
    mutating func insert(_ slot: Int32, due deadline: LeaseTime, _ places: inout Places) {
        entries.append(Entry(deadline: deadline, slot: slot))
        rise(entries.count - 1, &places)
    }

    /// Takes out the slot with the oldest deadline.
    mutating func popFirst(_ places: inout Places) -> (slot: Int32, deadline: LeaseTime)? {
        guard let first = entries.first else { return nil }
        remove(first.slot, &places)
        return (first.slot, first.deadline)
    }

    /// Takes out a slot that is in this heap.
    mutating func remove(_ slot: Int32, _ places: inout Places) {
        let place = Int(places[Int(slot)])
        places[Int(slot)] = -1
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        rise(place, &places)
        sink(Int(places[Int(last.slot)]), &places)
    }

    /// Moves the entry at a place up to where it belongs.
    private mutating func rise(_ start: Int, _ places: inout Places) {
        var place = start
        let entry = entries[place]
        while place > 0, entry.deadline < entries[(place - 1) / 2].deadline {
            put(entries[(place - 1) / 2], at: place, &places)
            place = (place - 1) / 2
        }
        put(entry, at: place, &places)
    }

    /// Moves the entry at a place down to where it belongs.
    private mutating func sink(_ start: Int, _ places: inout Places) {
        var place = start
        let entry = entries[place]
        while 2 * place + 1 < entries.count {
            var child = 2 * place + 1
            if child + 1 < entries.count, entries[child + 1].deadline < entries[child].deadline { child += 1 }
            guard entries[child].deadline < entry.deadline else { break }
            put(entries[child], at: place, &places)
            place = child
        }
        put(entry, at: place, &places)
    }

    private mutating func put(_ entry: Entry, at place: Int, _ places: inout Places) {
        entries[place] = entry
        places[Int(entry.slot)] = Int32(place)
    }

    /// Stops a debug build where the order does not hold, or the places are not those.
    func checkInvariants(_ places: Places) {
        for (place, entry) in entries.enumerated() {
            assert(places[Int(entry.slot)] == Int32(place), "a held slot knows its place")
            assert(
                place == 0 || entries[(place - 1) / 2].deadline <= entry.deadline, "no deadline is before its parent's")
        }
    }
}
