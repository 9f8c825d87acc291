import TestRandom
import Testing

@testable import Catalog

struct SlotIndexTests {
    /// Hashes whose useful bits are so few that many entries share a part, a home, or all of the hash.
    private static func hash(_ key: Int, crowding: Int) -> UInt64 {
        switch crowding {
        case 0: StableHash.mixed(UInt64(key))
        case 1: UInt64(key % 7) << 32
        case 2: UInt64(0xFFFF_FFF0 + key % 16) << 32
        default: UInt64(key % 3) << 61 | UInt64(key % 2)
        }
    }

    /// Random insertions and removals beside a dictionary of what each key's slot is.
    @Test(arguments: 0..<40)
    func `the index agrees with a dictionary, however the hashes collide`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let crowding = Int(seed % 4)
        let keys = crowding == 0 ? 2_000 : 60
        var index = SlotIndex()
        var model: [Int: Int32] = [:]
        var keyOf: [Int32: Int] = [:]
        var next: Int32 = 0
        for step in 0..<6_000 {
            let key = Int.random(in: 0..<keys, using: &random)
            let hash = Self.hash(key, crowding: crowding)
            let growing = (step / 1_500).isMultiple(of: 2)
            let found = index.slot(hash: hash) { keyOf[$0] == key }
            #expect(found == model[key], "seed \(seed), step \(step)")
            if let slot = found {
                guard Int.random(in: 0..<10, using: &random) < (growing ? 2 : 8) else { continue }
                index.remove(slot, hash: hash)
                (model[key], keyOf[slot]) = (nil, nil)
            } else if Int.random(in: 0..<10, using: &random) < (growing ? 8 : 2) {
                index.insert(next, hash: hash)
                (model[key], keyOf[next]) = (next, key)
                next += 1
            }
            guard step.isMultiple(of: 100) else { continue }
            index.checkInvariants()
            #expect(index.count == model.count, "seed \(seed), step \(step)")
        }
        for key in 0..<keys {
            let found = index.slot(hash: Self.hash(key, crowding: crowding)) { keyOf[$0] == key }
            #expect(found == model[key], "seed \(seed), key \(key)")
        }
    }

    /// Knuth, TAOCP vol. 3, section 6.4: at four fifths full an entry lies two places after its home in the mean.
    @Test(arguments: 0..<4)
    func `an entry lies a few places after its home at most, however many there are`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var index = SlotIndex()
        for slot in Int32(0)..<100_000 {
            index.insert(slot, hash: random.next())
            guard (slot + 1).isMultiple(of: 5_000) else { continue }
            #expect(index.detours <= 3 * index.count, "seed \(seed), \(slot + 1) entries")
        }
    }

    @Test func `removing what is not there, or under another hash, changes nothing`() {
        var index = SlotIndex()
        index.remove(1, hash: 5)
        index.insert(1, hash: 5 << 32)
        index.remove(2, hash: 5 << 32)
        index.remove(1, hash: 6 << 32)
        #expect(index.slot(hash: 5 << 32) { _ in true } == 1)
        #expect(index.slot(hash: 6 << 32) { _ in true } == nil)
        #expect(index.slot(hash: 5 << 32 | 1) { _ in true } == nil, "another part")
    }

    @Test func `the slots at the ends of their range are told apart from an empty place`() {
        var index = SlotIndex()
        for slot in [0, 1, Int32.max] { index.insert(slot, hash: 0) }
        for slot in [0, 1, Int32.max] { #expect(index.slot(hash: 0) { $0 == slot } == slot) }
    }

    @Test func `ids and names hash apart by their table`() {
        let ids = [InstanceID.digest(1), .digest(2), .text(Name(composed)), .text(Name(decomposed))]
        let hashes = Set(ids.flatMap { id in (0..<50).map { SlotIndex.hash(id, table: $0) } })
        #expect(hashes.count == 200)
    }

    /// Chosen digests: multiples of a large power of two differ in their highest bits only.
    @Test func `digests that share most bits spread over the parts`() {
        var parts: [UInt64: Int] = [:]
        for number in UInt64(0)..<4_096 { parts[SlotIndex.hash(.digest(number << 52), table: 0) & 63, default: 0] += 1 }
        #expect(parts.count == 64)
        #expect(parts.values.allSatisfy { $0 < 200 }, "64 each are expected: \(parts)")
    }
}

struct SlotListTests {
    @Test(arguments: 0..<10)
    func `a list agrees with an array, and removal fills the gap with the last one`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var list = SlotList()
        var model: [Int32] = []
        let chunk = SlotList.chunkCapacity
        for round in 0..<8 {
            for _ in 0..<Int.random(in: 0...(2 * chunk), using: &random) {
                let slot = Int32.random(in: 0...Int32.max, using: &random)
                #expect(list.append(slot) == Int32(model.count), "seed \(seed), round \(round)")
                model.append(slot)
            }
            for _ in 0..<Int.random(in: 0...(round == 7 ? model.count : min(model.count, 2 * chunk)), using: &random) {
                let position = Int.random(in: 0..<model.count, using: &random)
                let last = model.removeLast()
                if position < model.count { model[position] = last }
                #expect(
                    list.remove(at: Int32(position)) == (position < model.count ? last : nil),
                    "seed \(seed), round \(round)")
            }
            #expect(list.count == model.count, "seed \(seed), round \(round)")
            #expect(model.indices.allSatisfy { list[$0] == model[$0] }, "seed \(seed), round \(round)")
        }
        while !model.isEmpty {
            _ = list.remove(at: Int32(model.count - 1))
            model.removeLast()
        }
        #expect(list.count == 0)
    }
}
