// Replies go to those who asked, in order, and a lost connection says what became of the rest.

import RESP
import TestRandom
import TestTime
import Testing
import Time

struct CommandQueueTests {
    @Test func `replies are for commands in the order that they were sent in`() {
        let queue = Held()
        for tag in 1...3 { #expect(queue.add(tag, bytes: 10, by: 1_000)) }
        queue.send()
        #expect(queue.answer() == 1)
        #expect(queue.add(4, bytes: 10, by: 1_000))
        queue.send()
        #expect([queue.answer(), queue.answer(), queue.answer()] == [2, 3, 4])
        #expect(queue.answer() == nil, "nobody has asked")
        #expect(queue.isEmpty && queue.bytes == 0 && queue.deadline == nil)
    }

    @Test func `a reply to what has not been sent is nobody's`() {
        let queue = Held()
        #expect(queue.add(1, bytes: 10, by: 1_000))
        #expect(queue.answer() == nil)
        queue.send()
        #expect(queue.answer() == 1)
    }

    @Test func `one command beyond a bound is not taken, and a reply makes room`() {
        let queue = Held(2, bytes: 100)
        #expect(queue.add(1, bytes: 150, by: 1), "alone it may be larger than all")
        #expect(!queue.add(2, bytes: 1, by: 1))
        queue.send()
        #expect(queue.answer() == 1)
        #expect(queue.add(2, bytes: 60, by: 1) && !queue.add(3, bytes: 41, by: 1) && queue.add(3, bytes: 40, by: 1))
        #expect(!queue.add(4, bytes: 0, by: 1))
    }

    @Test func `the first deadline counts, whoever's it is`() {
        let queue = Held()
        #expect(queue.add(1, bytes: 1, by: 5_000) && queue.add(2, bytes: 1, by: 1_000))
        queue.send()
        #expect(queue.deadline == 1_000 && !queue.isOverdue(at: 999) && queue.isOverdue(at: 1_000))
        #expect(queue.answer() == 1)
        #expect(queue.isOverdue(at: 1_000))
        #expect(queue.answer() == 2)
        #expect(!queue.isOverdue(at: .distantFuture))
    }

    @Test func `what was sent and changes something is unknown when the connection is lost, the rest is not done`() {
        let queue = Held()
        #expect(queue.add(1, bytes: 1, by: 1) && queue.add(2, bytes: 1, by: 1))
        #expect(queue.add(3, bytes: 1, by: 1, changes: false))
        queue.send()
        #expect(queue.add(4, bytes: 1, by: 1))
        #expect(queue.answer() == 1)
        let lost = queue.close()
        #expect(lost.map(\.tag) == [2, 3, 4])
        #expect(lost.map(\.loss) == [.unknown, .notDone, .notDone])
        #expect(queue.isEmpty && queue.bytes == 0)
        #expect(queue.close().isEmpty)
    }

    @Test(arguments: [UInt64](1...20))
    func `tags come back as a plain list would give them`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let queue = Held(5_000, bytes: .max)
        var model: [Int] = []
        var sent = 0
        var next = 0
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0...1 where model.count < 4_000:
                #expect(queue.add(next, bytes: next % 7, by: 1), "seed \(seed)")
                model.append(next)
                next += 1
            case 2:
                queue.send()
                sent = model.count
            default:
                let expected = sent > 0 ? model.removeFirst() : nil
                sent = max(0, sent - 1)
                guard queue.answer() == expected else {
                    Issue.record("seed \(seed)")
                    return
                }
            }
        }
        #expect(queue.count == model.count && queue.bytes == model.reduce(0) { $0 + $1 % 7 }, "seed \(seed)")
        #expect(queue.close().map(\.tag) == model, "seed \(seed)")
    }
}

/// The queue in an object: what a test expects must not change a value.
private final class Held {
    private var queue: CommandQueue<Int>

    init(_ commands: Int = 100, bytes: Int = 1_000) {
        var limits = CommandLimits()
        limits.commands = commands
        limits.bytes = bytes
        queue = CommandQueue(limits: limits)
    }

    var count: Int { queue.count }
    var isEmpty: Bool { queue.isEmpty }
    var bytes: Int { queue.bytes }
    var deadline: MonotonicTime? { queue.deadline }

    func add(_ tag: Int, bytes: Int, by deadline: MonotonicTime, changes: Bool = true) -> Bool {
        queue.add(tag, bytes: bytes, by: deadline, changes: changes)
    }
    func send() { queue.send() }
    func answer() -> Int? { queue.answer() }
    func isOverdue(at now: MonotonicTime) -> Bool { queue.isOverdue(at: now) }
    func close() -> [(tag: Int, loss: CommandLoss)] { queue.close() }
}
