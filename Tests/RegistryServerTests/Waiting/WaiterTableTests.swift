import TestRandom
import TestSupport
import TestTime
import Testing
import Time

@testable import Serving

struct WaiterTableTests {
    @Test func `an acknowledgment answers all that waited before it, in their order, and nobody else`() {
        var table = WaiterTable<String>(capacity: 10)
        let a = table.waitForAcknowledgment("a", until: 100)
        table.waitForTurn("turn")
        let b = table.waitForAcknowledgment("b", until: 110)
        let c = table.waitForAcknowledgment("c", until: 120)
        #expect(a < b && b < c)
        #expect(table.takeAcknowledged(upTo: b)?.waiter == "a")
        #expect(table.takeAcknowledged(upTo: b)?.waiter == "b")
        #expect(table.takeAcknowledged(upTo: b) == nil)
        #expect(table.count == 2)
        #expect(table.takeAcknowledged(upTo: .max)?.waiter == "c")
        #expect(table.takeTurn(upTo: .max) == "turn")
        #expect(table.count == 0)
    }

    @Test func `who has waited long enough is told so, the earliest first`() {
        var table = WaiterTable<String>(capacity: 10)
        _ = table.waitForAcknowledgment("acknowledgment", until: 100)
        _ = table.wait("late", until: 300)
        let answered = table.wait("answered", until: 50)
        _ = table.wait("early", until: 60)
        #expect(table.nextDeadline == 50)
        #expect(table.take(answered) == "answered")
        #expect(table.take(answered) == nil)
        #expect(table.nextDeadline == 60)
        #expect(table.takeOverdue(at: 59) == nil)
        #expect(table.takeOverdue(at: 100) == "acknowledgment")
        #expect(table.takeOverdue(at: 100) == "early")
        #expect(table.takeOverdue(at: 100) == nil)
        #expect(table.nextDeadline == 300)
        #expect(table.count == 1)
    }

    @Test func `turns go round, and those that come meanwhile wait for the next`() {
        var table = WaiterTable<Int>(capacity: 10)
        for waiter in 0..<3 { table.waitForTurn(waiter) }
        let last = table.lastTicket
        var served: [Int] = []
        while let waiter = table.takeTurn(upTo: last) {
            served.append(waiter)
            table.waitForTurn(waiter + 10)
        }
        #expect(served == [0, 1, 2])
        #expect(table.hasTurns)
        #expect(table.takeTurn(upTo: .max) == 10)
    }

    @Test func `it is full at its bound, and not when somebody has been served`() {
        var table = WaiterTable<Int>(capacity: 2)
        _ = table.waitForAcknowledgment(1, until: 1)
        #expect(!table.isFull)
        let second = table.wait(2, until: 1)
        #expect(table.isFull)
        #expect(table.take(second) == 2)
        #expect(!table.isFull)
    }

    @Test func `it agrees with a list that is searched, whatever happens`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        var table = WaiterTable<Int>(capacity: .max)
        // Ticket, waiter, deadline; of acknowledgments and of the others.
        var acknowledgments: [(UInt64, Int, MonotonicTime)] = []
        var others: [(UInt64, Int, MonotonicTime)] = []
        var now: MonotonicTime = 0
        for step in 0..<20_000 {
            now += Duration.random(in: 0...2, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1: acknowledgments.append((table.waitForAcknowledgment(step, until: now + 100), step, now + 100))
            case 2, 3:
                let deadline = now + Duration.random(in: 1...200, using: &generator)
                others.append((table.wait(step, until: deadline), step, deadline))
            case 4:
                guard let upTo = acknowledgments.randomElement(using: &generator)?.0 else { continue }
                while let (waiter, _) = table.takeAcknowledged(upTo: upTo) {
                    #expect(waiter == acknowledgments.removeFirst().1, "seed \(seed)")
                }
                #expect(acknowledgments.first?.0 ?? .max > upTo, "seed \(seed)")
            default:
                guard let index = others.indices.randomElement(using: &generator) else { continue }
                #expect(table.take(others[index].0) == others[index].1, "seed \(seed)")
                others.remove(at: index)
            }
            while let waiter = table.takeOverdue(at: now) {
                if acknowledgments.first?.1 == waiter {
                    #expect(acknowledgments.removeFirst().2 <= now, "seed \(seed)")
                } else {
                    let index = others.firstIndex { $0.1 == waiter }
                    #expect(index.map { others[$0].2 <= now } ?? false, "seed \(seed)")
                    if let index { others.remove(at: index) }
                }
            }
            #expect((acknowledgments + others).allSatisfy { $0.2 > now }, "seed \(seed)")
            #expect(table.nextDeadline == (acknowledgments + others).map(\.2).min(), "seed \(seed)")
            #expect(table.count == acknowledgments.count + others.count, "seed \(seed)")
        }
    }
}
