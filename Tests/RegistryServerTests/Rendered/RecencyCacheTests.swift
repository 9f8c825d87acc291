// The bounded memory against a list that is searched from end to end.

import TestRandom
import TestSupport
import Testing

@testable import Serving

/// Keys and costs from the most to the least recently used.
private struct NaiveCache {
    let capacity: Int
    private(set) var entries: [(key: UInt64, value: Int, cost: Int)] = []

    var cost: Int { entries.reduce(0) { $0 + $1.cost } }

    init(capacity: Int) { self.capacity = capacity }

    mutating func value(for key: UInt64) -> Int? {
        guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
        let entry = entries.remove(at: index)
        entries.insert(entry, at: 0)
        return entry.value
    }

    mutating func insert(_ value: Int, for key: UInt64, cost: Int) {
        remove(key)
        guard cost <= capacity else { return }
        while self.cost + cost > capacity { entries.removeLast() }
        entries.insert((key, value, cost), at: 0)
    }

    mutating func setCost(_ cost: Int, for key: UInt64) {
        guard let value = value(for: key) else { return }
        insert(value, for: key, cost: cost)
    }

    mutating func remove(_ key: UInt64) { entries.removeAll { $0.key == key } }
}

struct RecencyCacheTests {
    @Test func `the least recently used goes first`() {
        var cache = RecencyCache<String>(capacity: 3)
        for (key, value) in [(1, "a"), (2, "b"), (3, "c")] as [(UInt64, String)] {
            cache.insert(value, for: key, cost: 1)
        }
        #expect(cache.value(for: 1) == "a")
        cache.insert("d", for: 4, cost: 1)
        #expect(cache.value(for: 2) == nil)
        #expect([1, 3, 4].map { cache.value(for: $0) } == ["a", "c", "d"])
        cache.insert("e", for: 5, cost: 3)
        #expect(cache.count == 1 && cache.cost == 3)
    }

    @Test func `what costs more than there may be is not kept, nor is what it would have replaced`() {
        var cache = RecencyCache<String>(capacity: 10)
        cache.insert("a", for: 1, cost: 5)
        cache.insert("b", for: 1, cost: 11)
        #expect(cache.value(for: 1) == nil && cache.cost == 0)
        var nothing = RecencyCache<String>(capacity: 0)
        nothing.insert("a", for: 1, cost: 1)
        #expect(nothing.count == 0)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `it keeps what a naive one keeps`(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let capacity = Int.random(in: 0...60, using: &generator)
        var cache = RecencyCache<Int>(capacity: capacity)
        var naive = NaiveCache(capacity: capacity)
        for step in 0..<2_000 {
            let key = UInt64.random(in: 0..<30, using: &generator)
            let cost = Int.random(in: 0...12, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0...2:
                cache.insert(step, for: key, cost: cost)
                naive.insert(step, for: key, cost: cost)
            case 3:
                cache.setCost(cost, for: key)
                naive.setCost(cost, for: key)
            case 4:
                cache.remove(key)
                naive.remove(key)
            default: #expect(cache.value(for: key) == naive.value(for: key), "seed \(seed), step \(step)")
            }
            #expect(cache.cost == naive.cost && cache.count == naive.entries.count, "seed \(seed), step \(step)")
            #expect(cache.cost <= capacity, "seed \(seed), step \(step)")
        }
    }
}
