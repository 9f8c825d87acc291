// What a loop remembers within a bound. Whatever was not asked for the longest goes first, and what that is, is known
// without a search: the slots are a list in the order of their last use, linked by their numbers in one array.

/// Values by a hash, bounded by what they cost together. Two keys of equal hash displace one another: the caller has to
/// check whether the value is the right one. A plain value; one thread's at a time.
struct RecencyCache<Value> {
    private struct Slot {
        var key: UInt64
        /// Nil in a free slot.
        var value: Value?
        var cost: Int
        /// Towards the newest; of a free slot, the next free one.
        var newer: Int32
        /// Towards the oldest.
        var older: Int32
    }

    /// Stands for no slot.
    private static var none: Int32 { -1 }

    /// What all values together may cost.
    let capacity: Int
    /// What they cost. Invariant: the sum of the slots' costs, and at most `capacity`.
    private(set) var cost = 0
    private var slots: [Slot] = []
    /// Invariant: has exactly the slots that are not free.
    private var slotOf: [UInt64: Int32] = [:]
    private var newest = none
    private var oldest = none
    private var free = none

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// How many values there are.
    var count: Int { slotOf.count }

    /// The value under a hash, which is the newest from now on.
    mutating func value(for key: UInt64) -> Value? {
        guard let slot = slotOf[key] else { return nil }
        if slot != newest {
            unlink(slot)
            link(slot)
        }
        return slots[Int(slot)].value
    }

    /// Keeps a value in place of what was under its hash. One that alone exceeds the capacity is not kept.
    mutating func insert(_ value: Value, for key: UInt64, cost: Int) {
        remove(key)
        guard cost <= capacity else { return }
        makeRoom(for: cost)
        let slot: Int32
        let filled = Slot(key: key, value: value, cost: cost, newer: Self.none, older: Self.none)
        if free == Self.none {
            slot = Int32(slots.count)
            slots.append(filled)
        } else {
            slot = free
            free = slots[Int(slot)].newer
            slots[Int(slot)] = filled
        }
        slotOf[key] = slot
        link(slot)
        self.cost += cost
    }

    /// Notes that the value under a hash costs more, or less, than it did; it is the newest from now on. A value that
    /// has become too dear is dropped.
    mutating func setCost(_ cost: Int, for key: UInt64) {
        guard let value = value(for: key) else { return }
        insert(value, for: key, cost: cost)
    }

    /// Forgets the value under a hash.
    mutating func remove(_ key: UInt64) {
        guard let slot = slotOf.removeValue(forKey: key) else { return }
        unlink(slot)
        cost -= slots[Int(slot)].cost
        slots[Int(slot)].value = nil
        slots[Int(slot)].newer = free
        free = slot
    }

    private mutating func makeRoom(for cost: Int) {
        while self.cost + cost > capacity, oldest != Self.none { remove(slots[Int(oldest)].key) }
    }

    private mutating func link(_ slot: Int32) {
        slots[Int(slot)].newer = Self.none
        slots[Int(slot)].older = newest
        if newest == Self.none { oldest = slot } else { slots[Int(newest)].newer = slot }
        newest = slot
    }

    private mutating func unlink(_ slot: Int32) {
        let newer = slots[Int(slot)].newer
        let older = slots[Int(slot)].older
        if newer == Self.none { newest = older } else { slots[Int(newer)].older = older }
        if older == Self.none { oldest = newer } else { slots[Int(older)].newer = newer }
    }
}
