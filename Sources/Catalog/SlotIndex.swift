// From a key to the slot of what has that key. The key itself stays in the slot and is not kept here a second time, nor
// does growing ask for it: an entry is eight bytes, a slot and a part of its key's hash. Swift's Dictionary would take
// several times as much, and doubles in one go: at a million entries that holds the shard's lock for tens of
// milliseconds. This is cut into parts, each of which grows alone, by half.
//
// Sources: linear probing with deletion by backward shift, Knuth, TAOCP vol. 3, section 6.4, algorithms L and R; a
// place among any number of places by multiplication, D. Lemire, "Fast Random Integer Generation in an Interval", 2019.

/// Slots by the hash of their key. A pure value; its owner guards it.
///
/// Memory: nothing while it is empty; 10 to 15 bytes an entry when there are many, and no more than 32 after most have
/// gone. The longest thing it does is to move a part to another table, some 10 ns for each of its entries: 0.1 ms for
/// every million entries of the index.
struct SlotIndex: Sendable {
    /// A power of two.
    private static let partCount = 64
    /// Of so many places so many may be in use: few enough that a look for what is not there ends soon.
    fileprivate static let (places, used) = (5, 4)
    private static let leastCapacity = 4

    /// A table of its own for each residue of the hash; none at all until something is inserted.
    private var parts: ContiguousArray<Part> = []

    /// The slot with this hash that is the one looked for. `isMatch` is asked of slots with another hash only once in
    /// 2^32.
    func slot(hash: UInt64, where isMatch: (Int32) -> Bool) -> Int32? {
        guard !parts.isEmpty else { return nil }
        return parts[Self.part(of: hash)].slot(tag: Self.tag(of: hash), where: isMatch)
    }

    /// Enters a slot that is not entered yet.
    mutating func insert(_ slot: Int32, hash: UInt64) {
        if parts.isEmpty { parts = ContiguousArray(repeating: Part(), count: Self.partCount) }
        parts[Self.part(of: hash)].insert(slot, tag: Self.tag(of: hash))
    }

    /// Takes a slot out that was entered with this hash.
    mutating func remove(_ slot: Int32, hash: UInt64) {
        guard !parts.isEmpty else { return }
        parts[Self.part(of: hash)].remove(slot, tag: Self.tag(of: hash))
    }

    private static func part(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (partCount - 1) }
    private static func tag(of hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

    /// One open-addressed table.
    fileprivate struct Part: Sendable {
        /// The tag above, the slot's complement below (so that no entry is 0), or 0 where there is none.
        ///
        /// Invariant: at most four fifths in use; no empty place lies between an entry and its home, where it would be
        /// if it were alone.
        fileprivate var entries: ContiguousArray<UInt64> = []
        fileprivate var count = 0

        private static func entry(_ slot: Int32, _ tag: UInt32) -> UInt64 {
            UInt64(tag) << 32 | UInt64(~UInt32(bitPattern: slot))
        }
        private static func slot(_ entry: UInt64) -> Int32 { Int32(bitPattern: ~UInt32(truncatingIfNeeded: entry)) }
        fileprivate static func tag(_ entry: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: entry >> 32) }

        fileprivate func home(_ tag: UInt32) -> Int {
            // In Swift a shift binds tighter than a product.
            Int(truncatingIfNeeded: (UInt64(tag) &* UInt64(truncatingIfNeeded: entries.count)) >> 32)
        }
        fileprivate func next(_ place: Int) -> Int { place + 1 == entries.count ? 0 : place + 1 }
        /// How far it is from one place to another, onwards.
        fileprivate func distance(from start: Int, to place: Int) -> Int {
            place >= start ? place - start : place - start + entries.count
        }

        func slot(tag: UInt32, where isMatch: (Int32) -> Bool) -> Int32? {
            guard !entries.isEmpty else { return nil }
            var place = home(tag)
            while entries[place] != 0 {
                let entry = entries[place]
                if Self.tag(entry) == tag, isMatch(Self.slot(entry)) { return Self.slot(entry) }
                place = next(place)
            }
            return nil
        }

        mutating func insert(_ slot: Int32, tag: UInt32) {
            if SlotIndex.places * (count + 1) > SlotIndex.used * entries.count {
                resize(to: entries.count + entries.count / 2 + 1)
            }
            put(Self.entry(slot, tag))
            count += 1
        }

        private mutating func put(_ entry: UInt64) {
            var place = home(Self.tag(entry))
            while entries[place] != 0 { place = next(place) }
            entries[place] = entry
        }

        mutating func remove(_ slot: Int32, tag: UInt32) {
            guard !entries.isEmpty else { return }
            let wanted = Self.entry(slot, tag)
            var hole = home(tag)
            while entries[hole] != wanted {
                guard entries[hole] != 0 else { return }
                hole = next(hole)
            }
            // What follows moves into the hole, unless that would put it before its home.
            var place = next(hole)
            while entries[place] != 0 {
                if distance(from: home(Self.tag(entries[place])), to: place) >= distance(from: hole, to: place) {
                    entries[hole] = entries[place]
                    hole = place
                }
                place = next(place)
            }
            entries[hole] = 0
            count -= 1
            if count == 0 {
                entries = []
            } else if entries.count > SlotIndex.leastCapacity, 4 * count < entries.count {
                resize(to: entries.count / 2)
            }
        }

        private mutating func resize(to capacity: Int) {
            let old = entries
            entries = ContiguousArray(repeating: 0, count: max(SlotIndex.leastCapacity, capacity))
            for entry in old where entry != 0 { put(entry) }
        }
    }
}

extension SlotIndex {
    /// Secret words of this process. A client can choose ids and names, and must not be able to choose where they are
    /// stored.
    private static let secrets: (UInt64, UInt64) = {
        // Swift seeds its own hash at start, which makes it a source of numbers that no client knows.
        func word(_ number: Int) -> UInt64 {
            UInt64(bitPattern: Int64(number.hashValue)) ^ UInt64(bitPattern: Int64((~number).hashValue)) << 1
        }
        return (word(1), word(2) | 1)
    }()

    /// The hash of an id within a table.
    static func hash(_ id: InstanceID, table: Int32) -> UInt64 {
        switch id {
        case .digest(let digest): mixed(digest, table)
        case .text(let name): hash(name, table: table)
        }
    }

    /// The hash of a name within a table.
    static func hash(_ name: Name, table: Int32) -> UInt64 { mixed(UInt64(bitPattern: Int64(name.hashValue)), table) }

    /// Two rounds of multiplying to twice the width and folding (as in Wang Yi's wyhash), keyed by the secrets.
    private static func mixed(_ word: UInt64, _ table: Int32) -> UInt64 {
        folded(folded(word ^ secrets.0, secrets.1) ^ UInt64(UInt32(bitPattern: table)), secrets.0 | 1)
    }

    private static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}

extension SlotIndex {
    /// How many slots are entered.
    var count: Int { parts.reduce(0) { $0 + $1.used } }

    /// How many places all entries together lie after their homes: what looking for them costs.
    var detours: Int { parts.reduce(0) { $0 + $1.detours } }

    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() { for part in parts { part.checkInvariants() } }
}

extension SlotIndex.Part {
    fileprivate var used: Int { count }

    fileprivate var detours: Int {
        entries.indices.reduce(0) { sum, place in
            entries[place] == 0 ? sum : sum + distance(from: home(Self.tag(entries[place])), to: place)
        }
    }

    fileprivate func checkInvariants() {
        assert(count == entries.count(where: { $0 != 0 }), "the count is that of all entries")
        assert(SlotIndex.places * count <= SlotIndex.used * entries.count, "no table is fuller than it may be")
        for (place, entry) in entries.enumerated() where entry != 0 {
            var between = home(Self.tag(entry))
            while between != place {
                assert(entries[between] != 0, "no empty place lies between an entry and its home")
                between = next(between)
            }
        }
    }
}
