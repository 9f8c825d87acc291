import TestRandom
import Testing

@testable import Catalog

struct SlabTests {
    private static let chunk = Slab<Int>.chunkCapacity

    /// Random inserts, removals and mutations against a dictionary and a sorted list of free slots.
    @Test(arguments: 0..<50)
    func `the slab behaves as a dictionary that gives out the lowest free slot`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var slab = Slab(vacant: "")
        var model: [Int32: String] = [:]
        var free = Set<Int32>()
        // Phases lean towards growing or shrinking, so that chunks fill up, empty and come back.
        for step in 0..<6_000 {
            let growing = (step / 1_500).isMultiple(of: 2)
            switch Int.random(in: 0..<10, using: &random) {
            case ..<(growing ? 7 : 2):
                let slot = slab.insert("\(step)")
                #expect(slot == free.min() ?? Int32(model.count), "seed \(seed), step \(step)")
                #expect(model.updateValue("\(step)", forKey: slot) == nil, "seed \(seed), step \(step)")
                free.remove(slot)
            case ..<9:
                let slot = Int32.random(in: -2...Int32(model.count + free.count + 2), using: &random)
                #expect(slab.remove(slot) == model[slot], "seed \(seed), step \(step)")
                if model.removeValue(forKey: slot) != nil { free.insert(slot) }
            default:
                guard let slot = model.keys.min() else { continue }
                slab[slot] += "!"
                model[slot]? += "!"
            }
            #expect(slab.count == model.count, "seed \(seed), step \(step)")
            if step.isMultiple(of: 100) { slab.checkInvariants() }
        }
        for slot in -1...Int32(model.count + free.count + 1) {
            #expect(slab.contains(slot) == (model[slot] != nil), "seed \(seed), slot \(slot)")
            if let element = model[slot] { #expect(slab[slot] == element, "seed \(seed), slot \(slot)") }
        }
    }

    /// The same over many chunks, removing whole ranges.
    @Test(arguments: 0..<5)
    func `slots stay unique and low while chunks come and go`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var slab = Slab(vacant: -1)
        var live: [Int: Int] = [:]
        for round in 0..<20 {
            for _ in 0..<Int.random(in: 0...(6 * Self.chunk), using: &random) {
                let value = Int.random(in: 0...Int.max, using: &random)
                let slot = Int(slab.insert(value))
                #expect(live.updateValue(value, forKey: slot) == nil, "seed \(seed), round \(round)")
            }
            let highest = (live.keys.max() ?? 0) / Self.chunk + 1
            let first = Int.random(in: 0...highest, using: &random) * Self.chunk
            let last =
                first + Int.random(in: 0...highest, using: &random) * Self.chunk + Int.random(in: 0...3, using: &random)
            for slot in first..<last {
                #expect(slab.remove(Int32(slot)) == live.removeValue(forKey: slot), "seed \(seed), round \(round)")
            }
            #expect(slab.count == live.count, "seed \(seed), round \(round)")
            #expect(
                slab.allocatedChunks == Set(live.keys.map { $0 / Self.chunk }).count, "seed \(seed), round \(round)")
        }
        #expect(live.allSatisfy { slab[Int32($0)] == $1 }, "seed \(seed)")
    }

    @Test func `more than 64 chunks are found by their second word`() {
        var slab = Slab<UInt8>(vacant: 0)
        let total = 130 * Self.chunk + 1
        for slot in 0..<total where slab.insert(0) != Int32(slot) { Issue.record("slot \(slot) is not the next") }
        for slot in [100 * Self.chunk + 7, 3, 70 * Self.chunk] { slab.remove(Int32(slot)) }
        #expect((0..<4).map { _ in Int(slab.insert(1)) } == [3, 70 * Self.chunk, 100 * Self.chunk + 7, total])
    }

    @Test func `memory comes back when the elements are gone`() {
        var slab = Slab(vacant: -1)
        for value in 0..<(5 * Self.chunk) { _ = slab.insert(value) }
        #expect(slab.allocatedChunks == 5)
        for slot in Self.chunk..<(5 * Self.chunk - 1) { slab.remove(Int32(slot)) }
        #expect(slab.allocatedChunks == 2, "the first and the one with a survivor")
        slab.remove(Int32(5 * Self.chunk - 1))
        #expect(slab.allocatedChunks == 1)
        #expect(slab.insert(0) == Int32(Self.chunk))
    }

    private final class Witness {}
    private struct Record {
        var witness = Witness()
        var revision = 0
    }

    /// If the chunk or the element were copied for the time of the mutation, the object would have a second owner.
    @Test func `elements are mutated in place, without a copy`() {
        var slab = Slab(vacant: Record())
        for _ in 0..<(Self.chunk + 2) { _ = slab.insert(Record()) }
        for slot in [0, 1, Int32(Self.chunk) + 1] {
            #expect(isKnownUniquelyReferenced(&slab[slot].witness))
            slab[slot].revision += 1
            #expect(isKnownUniquelyReferenced(&slab[slot].witness))
            #expect(slab[slot].revision == 1)
        }
        let snapshot = slab
        #expect(
            !isKnownUniquelyReferenced(&slab[0].witness),
            "a copy of the slab shares its chunks, which shows that the check can fail")
        withExtendedLifetime(snapshot) {}
    }

    @Test func `a removed element is let go at once`() {
        var slab = Slab(vacant: Witness())
        let slot = slab.insert(Witness())
        weak let witness = slab[slot]
        _ = slab.insert(Witness())
        #expect(witness != nil)
        slab.remove(slot)
        #expect(witness == nil)
    }
}
