// How polls are divided into parts.

import Testing
import Time

@testable import Serving

struct DeliverySpreadTests {
    @Test(arguments: [1, 9, 10, 11, 1_001, 10_000])
    func `all are taken, in their order, in ten parts at most within the time`(count: UInt64) {
        var spread = DeliverySpread<UInt64>()
        spread.add(Array(0..<count))
        var taken: [UInt64] = []
        var parts = 0
        while !spread.isEmpty {
            taken += spread.next()
            parts += 1
        }
        #expect(taken == Array(0..<count))
        #expect(parts <= 10)
        // The first goes at once.
        #expect((parts - 1) * DeliveryParts.period < 50)
        #expect(spread.next().isEmpty)
    }

    @Test func `who comes to it later is behind those that wait, and all go in ten more parts`() {
        var spread = DeliverySpread<UInt64>()
        spread.add(Array(0..<1_000))
        #expect(spread.next() == Array(0..<100))
        spread.add(Array(1_000..<3_000))
        var taken: [UInt64] = []
        for _ in 0..<10 { taken += spread.next() }
        #expect(taken == Array(100..<3_000))
        #expect(spread.isEmpty)
    }
}
