import Catalog
import TestRandom
import TestSupport
import Testing

@testable import Serving

struct RenderScheduleTests {
    private let a = Namespace("a")
    private let b = Namespace("b")
    private let c = Namespace("c")

    /// Adds jobs, all of which must be taken.
    private func append<Job>(_ jobs: [Job], of namespace: Namespace, to schedule: inout RenderSchedule<Job>) {
        for job in jobs {
            let isTaken = schedule.append(job, of: namespace)
            #expect(isTaken)
        }
    }

    @Test func `namespaces take turns, and each has one at a time`() {
        var schedule = RenderSchedule<String>(capacity: 10)
        append(["a1", "a2", "a3"], of: a, to: &schedule)
        append(["b1"], of: b, to: &schedule)
        append(["c1"], of: c, to: &schedule)
        #expect(schedule.next() == "a1")
        #expect(schedule.next() == "b1")
        #expect(schedule.next() == "c1")
        // The others of a wait for its first.
        #expect(schedule.next() == nil)
        #expect(!schedule.hasTurns && schedule.count == 2)
        append(["b2"], of: b, to: &schedule)
        schedule.finish(b)
        schedule.finish(a)
        #expect(schedule.next() == "b2")
        #expect(schedule.next() == "a2")
        #expect(schedule.next() == nil)
        schedule.finish(a)
        #expect(schedule.next() == "a3")
        #expect(schedule.count == 0)
    }

    @Test func `so many may wait of one namespace, whatever others have`() {
        var schedule = RenderSchedule<Int>(capacity: 2)
        append([1, 2], of: a, to: &schedule)
        let isTaken = schedule.append(3, of: a)
        #expect(!isTaken)
        append([1], of: b, to: &schedule)
        #expect(schedule.next() == 1)
        append([3], of: a, to: &schedule)
        #expect(schedule.count == 3)
    }

    @Test func `every job begins once, in its namespace's order, and nobody waits for more than the others' next`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        let names = (0..<6).map { Namespace("n\($0)") }
        var schedule = RenderSchedule<(Int, Int)>(capacity: 8)
        var waiting = [[Int]](repeating: [], count: names.count)
        var running = Set<Int>()
        // For each that could begin: whose jobs have begun since.
        var passed = [[Int]](repeating: [], count: names.count)
        for step in 0..<20_000 {
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                let index = Int.random(in: 0..<names.count, using: &generator)
                let isTaken = schedule.append((index, step), of: names[index])
                #expect(isTaken == (waiting[index].count < 8), "seed \(seed)")
                if isTaken {
                    if waiting[index].isEmpty { passed[index] = [] }
                    waiting[index].append(step)
                }
            case 1:
                let mayBegin = waiting.indices.contains { !waiting[$0].isEmpty && !running.contains($0) }
                #expect(schedule.hasTurns == mayBegin, "seed \(seed)")
                guard let (index, job) = schedule.next() else { continue }
                #expect(!running.contains(index), "seed \(seed)")
                #expect(waiting[index].removeFirst() == job, "seed \(seed)")
                running.insert(index)
                for other in names.indices where other != index && !waiting[other].isEmpty && !running.contains(other) {
                    #expect(!passed[other].contains(index), "seed \(seed): \(index) began twice before \(other)")
                    passed[other].append(index)
                }
                passed[index] = []
            default:
                guard let index = running.randomElement(using: &generator) else { continue }
                running.remove(index)
                passed[index] = []
                schedule.finish(names[index])
            }
            #expect(schedule.count == waiting.reduce(0) { $0 + $1.count }, "seed \(seed)")
        }
    }
}
