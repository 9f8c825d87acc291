import TestRandom
import Testing

@testable import Catalog

struct SlotSetTests {
    @Test(arguments: 0..<30)
    func `a slot set agrees with a set`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (set, model) = (SlotSet(), Set<Int32>())
        let highest: Int32 = [10, 64, 4_096, 20_000][Int(seed % 4)]
        for step in 0..<3_000 {
            let slot = Int32.random(in: 0...highest, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0..<2:
                set.insert(slot)
                model.insert(slot)
            case 2:
                set.remove(slot)
                model.remove(slot)
            default:
                let popped = set.popNext()
                #expect((popped == nil) == model.isEmpty, "seed \(seed), step \(step)")
                if let popped { #expect(model.remove(popped) != nil, "seed \(seed), step \(step)") }
            }
            #expect(
                set.count == model.count && set.contains(slot) == model.contains(slot), "seed \(seed), step \(step)")
        }
        while let popped = set.popNext() { #expect(model.remove(popped) != nil, "seed \(seed)") }
        #expect(model.isEmpty && set.isEmpty)
    }

    @Test func `nobody waits behind a busy one`() {
        var set = SlotSet()
        for slot in [3, 70, 9_000] as [Int32] { set.insert(slot) }
        var popped: [Int32] = []
        for _ in 0..<6 {
            guard let slot = set.popNext() else { break }
            popped.append(slot)
            set.insert(3)
        }
        #expect(popped == [3, 70, 9_000, 3, 3, 3])
    }
}
