// The instances of a service, or the services of a namespace. An array of a million doubles in one go, which takes
// milliseconds under a lock; this one is cut into chunks. Nearly all lists are short, and those are one array.

/// Slots in no order, each at a position that its owner remembers. A pure value; its owner guards it.
///
/// A reader that takes several turns, while others change it in between, reads from the end to the front: `remove`
/// fills a gap with the last slot, so what stays in the list moves to the front only, and is met at least once.
struct SlotList: Sendable {
    /// Slots in a chunk.
    static let chunkCapacity = 4_096
    /// Below this, room for slots that have gone is not given back.
    private static let keptCapacity = 16

    /// The first chunk. Invariant: full while there are others.
    private var first: ContiguousArray<Int32> = []
    /// The chunks after it. Invariant: all are full but the last, which is not empty.
    private var rest: ContiguousArray<ContiguousArray<Int32>> = []

    var count: Int {
        first.count + (rest.isEmpty ? 0 : (rest.count - 1) * Self.chunkCapacity + rest[rest.count - 1].count)
    }

    subscript(position: Int) -> Int32 {
        get {
            position < Self.chunkCapacity ? first[position] : rest[Self.chunk(position)][position % Self.chunkCapacity]
        }
        set {
            if position < Self.chunkCapacity {
                first[position] = newValue
            } else {
                rest[Self.chunk(position)][position % Self.chunkCapacity] = newValue
            }
        }
    }

    /// Adds a slot at the end; returns its position.
    mutating func append(_ slot: Int32) -> Int32 {
        let position = count
        if position < Self.chunkCapacity {
            first.append(slot)
        } else {
            if position.isMultiple(of: Self.chunkCapacity) { rest.append([]) }
            rest[rest.count - 1].append(slot)
        }
        return Int32(position)
    }

    /// Removes the slot at a position that exists; returns the slot that has taken this position, if one has.
    mutating func remove(at position: Int32) -> Int32? {
        let last = removeLast()
        guard Int(position) < count else { return nil }
        self[Int(position)] = last
        return last
    }

    private mutating func removeLast() -> Int32 {
        guard rest.isEmpty else {
            let last = rest[rest.count - 1].removeLast()
            if rest[rest.count - 1].isEmpty { rest.removeLast() }
            return last
        }
        let last = first.removeLast()
        if first.capacity > Self.keptCapacity, first.count < first.capacity / 4 { first = Self.copy(first) }
        return last
    }

    /// With room for as much again.
    private static func copy(_ slots: ContiguousArray<Int32>) -> ContiguousArray<Int32> {
        var copy: ContiguousArray<Int32> = []
        copy.reserveCapacity(2 * slots.count)
        copy.append(contentsOf: slots)
        return copy
    }

    private static func chunk(_ position: Int) -> Int { position / chunkCapacity - 1 }
}
