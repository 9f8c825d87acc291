// Which slots have news for the other members. A bit a slot instead of a list: noting a heartbeat twice costs nothing, an instance that comes
// and goes is not there twice, and however long nobody asks, it does not grow.

/// A set of slots (numbers from 0 up), given out again in circles, so that none waits for ever behind busy lower ones.
///
/// Inserting and removing are constant-time and allocate only when a slot is higher than all before. Finding the next one reads a word for each
/// 4,096 slots. Memory: a bit a slot, up to the highest there ever was.
struct SlotSet: Sendable {
    private(set) var count = 0
    private var words: ContiguousArray<UInt64> = []
    /// A bit for each word. Invariant: set exactly while that word is not zero.
    private var summary: ContiguousArray<UInt64> = []
    /// Where the search for the next one starts.
    private var hand: Int32 = 0

    var isEmpty: Bool { count == 0 }

    func contains(_ slot: Int32) -> Bool {
        let word = Int(slot) >> 6
        return word < words.count && words[word] & (1 << UInt64(slot & 63)) != 0
    }

    /// Makes room for a slot, so that inserting it allocates nothing.
    mutating func makeRoom(for slot: Int32) {
        let word = Int(slot) >> 6
        while words.count <= word { words.append(0) }
        while summary.count <= word >> 6 { summary.append(0) }
    }

    mutating func insert(_ slot: Int32) {
        makeRoom(for: slot)
        let (word, bit) = (Int(slot) >> 6, 1 << UInt64(slot & 63) as UInt64)
        guard words[word] & bit == 0 else { return }
        words[word] |= bit
        summary[word >> 6] |= 1 << UInt64(word & 63)
        count += 1
    }

    mutating func remove(_ slot: Int32) {
        guard contains(slot) else { return }
        let word = Int(slot) >> 6
        words[word] &= ~(1 << UInt64(slot & 63))
        if words[word] == 0 { summary[word >> 6] &= ~(1 << UInt64(word & 63)) }
        count -= 1
    }

    /// Takes out the next slot after the one that was taken last, or nil when there is none.
    mutating func popNext() -> Int32? {
        guard count > 0, let slot = first(from: hand) ?? first(from: 0) else { return nil }
        remove(slot)
        hand = slot + 1
        return slot
    }

    /// The lowest member from this slot on.
    private func first(from slot: Int32) -> Int32? {
        let word = Int(slot) >> 6
        guard word < words.count else { return nil }
        let bits = words[word] & (UInt64.max << UInt64(slot & 63))
        if bits != 0 { return Int32(word * 64 + bits.trailingZeroBitCount) }
        var mask = UInt64.max << UInt64((word + 1) & 63)
        for group in (word + 1) >> 6..<max(summary.count, (word + 1) >> 6) {
            let words = summary[group] & mask
            if words != 0 {
                let word = group * 64 + words.trailingZeroBitCount
                return Int32(word * 64 + self.words[word].trailingZeroBitCount)
            }
            mask = .max
        }
        return nil
    }
}

extension SlotSet {
    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() {
        assert(count == words.reduce(0) { $0 + $1.nonzeroBitCount }, "the count is that of all bits")
        for word in 0..<summary.count * 64 {
            let isSet = summary[word >> 6] & (1 << UInt64(word & 63)) != 0
            assert(isSet == (word < words.count && words[word] != 0), "a word's bit says whether it is zero")
        }
    }
}
