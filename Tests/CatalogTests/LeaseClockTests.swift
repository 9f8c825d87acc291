import Foundation
import Synchronization
import TestRandom
import TestTime
import Testing
import Time

@testable import Catalog

struct LeaseTimeTests {
    @Test(
        arguments: [
            (0, 5, 5), (7, -9, -2), (Int64.max, 1, Int64.max), (Int64.max - 3, 4, .max), (.min, -1, .min),
            (Int64.max, .min, -1),
        ] as [(Int64, Int64, Int64)])
    func `adding milliseconds saturates`(start: Int64, added: Int64, sum: Int64) {
        #expect(LeaseTime(milliseconds: start) + added == LeaseTime(milliseconds: sum))
    }

    @Test(
        arguments: [
            (9, 4, 5), (4, 9, -5), (Int64.max, -1, Int64.max), (.min, 1, .min),
        ] as [(Int64, Int64, Int64)])
    func `the distance of two instants saturates`(later: Int64, earlier: Int64, distance: Int64) {
        #expect(LeaseTime(milliseconds: later) - LeaseTime(milliseconds: earlier) == distance)
    }

    @Test(
        arguments: [
            (3, -4, -12), (.max, 2, .max), (.max, -2, .min), (.min, -1, .max), (.min, 2, .min),
        ] as [(Int64, Int64, Int64)])
    func `a product saturates`(one: Int64, other: Int64, product: Int64) {
        #expect(one.multipliedSaturated(by: other) == product)
    }
}

struct LeaseClockTests {
    /// Rows: monotonic time of a tick, lease time expected. The clock is started at 5,000.
    @Test(
        arguments: [
            [(5_000, 0), (5_100, 100), (5_350, 350)],
            [(6_000, 1_000), (7_000, 2_000)],
            [(6_001, 1_000), (6_002, 1_001)],
            [(3_605_000, 1_000), (3_605_100, 1_100)],
            [(5_100, 100), (4_000, 100), (5_050, 100), (5_200, 200)],
            [(Int64.max, 1_000), (Int64.min, 1_000)],
        ] as [[(Int64, Int64)]])
    func `lease time follows monotonic time, at most a second a tick and never back`(ticks: [(Int64, Int64)]) {
        var clock = LeaseClock(monotonic: 5_000)
        let shared = SharedLeaseClock(monotonic: 5_000)
        for (monotonic, expected) in ticks {
            let reading = clock.reading(monotonic: MonotonicTime(milliseconds: monotonic))
            #expect(clock.tick(monotonic: MonotonicTime(milliseconds: monotonic)) == LeaseTime(milliseconds: expected))
            #expect(reading == clock.now)
            #expect(shared.tick(monotonic: MonotonicTime(milliseconds: monotonic)) == clock.now)
        }
    }

    @Test func `a pause of an hour costs a lease no more than one step`() {
        let clock = SharedLeaseClock(monotonic: 0)
        let deadline = clock.tick(monotonic: 100) + 30_000
        #expect(
            clock.now(monotonic: 3_600_100) == LeaseTime(milliseconds: 1_100),
            "read before the first tick after the pause")
        #expect(clock.tick(monotonic: 3_600_100) == LeaseTime(milliseconds: 1_100))
        #expect(clock.now(monotonic: 3_629_099) < deadline)
        for second in 1...28 { clock.tick(monotonic: MonotonicTime(milliseconds: 3_600_100 + Int64(second) * 1_000)) }
        #expect(clock.now(monotonic: 3_629_099) < deadline)
        #expect(clock.now(monotonic: 3_629_100) == deadline)
    }

    @Test func `a monotonic time read before a pause does not grant a lease in the past`() {
        let clock = SharedLeaseClock(monotonic: 0)
        clock.tick(monotonic: 500)
        clock.tick(monotonic: 3_600_500)
        #expect(clock.now(monotonic: 510) == LeaseTime(milliseconds: 1_500))
    }

    @Test(arguments: 0..<20)
    func `between ticks a reader gets what a tick would give`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var monotonic = Int64.random(in: 0...1_000_000_000, using: &random)
        var model = LeaseClock(monotonic: MonotonicTime(milliseconds: monotonic))
        let shared = SharedLeaseClock(monotonic: MonotonicTime(milliseconds: monotonic))
        for step in 0..<1_000 {
            monotonic += Int64.random(in: -50...400, using: &random)
            if Int.random(in: 0..<50, using: &random) == 0 {
                monotonic += Int64.random(in: 0...100_000, using: &random)
            }
            #expect(
                shared.now(monotonic: MonotonicTime(milliseconds: monotonic))
                    == model.reading(monotonic: MonotonicTime(milliseconds: monotonic)), "seed \(seed), step \(step)")
            if Bool.random(using: &random) {
                #expect(
                    shared.tick(monotonic: MonotonicTime(milliseconds: monotonic))
                        == model.tick(monotonic: MonotonicTime(milliseconds: monotonic)), "seed \(seed), step \(step)")
            }
        }
    }

    /// One thread ticks through pauses, three read. A reading must not exceed what the first tick at or after it gives,
    /// nor fall short of a tick that had been completed before it.
    @Test func `no thread ever reads ahead of the ticks or behind a completed one`() {
        let race = ClockRace()
        let threads = DispatchGroup()
        let bodies = [{ @Sendable in race.tick(times: 100_000) }] + (0..<3).map { _ in { @Sendable in race.read() } }
        for body in bodies {
            threads.enter()
            Thread {
                body()
                threads.leave()
            }.start()
        }
        threads.wait()

        let ticks = race.ticks.withLock { $0 }
        let readings = race.readings.withLock { $0 }
        #expect(!readings.isEmpty)
        var next = 0
        for reading in readings.sorted(by: { $0.monotonicAfter < $1.monotonicAfter }) {
            while next < ticks.count - 1, ticks[next].monotonic < reading.monotonicAfter { next += 1 }
            guard reading.floor <= reading.value, reading.value <= ticks[next].lease else {
                Issue.record("\(reading) is outside its bounds; the tick after it was \(ticks[next])")
                return
            }
        }
    }
}

/// A clock, the simulated monotonic time that its threads share, and what they saw.
private final class ClockRace: Sendable {
    struct Tick { let monotonic, lease: Int64 }
    struct Reading { let floor, value, monotonicAfter: Int64 }

    let clock = SharedLeaseClock(monotonic: 0)
    let monotonic = Atomic<Int64>(0)
    let completed = Atomic<Int64>(0)
    let done = Atomic<Bool>(false)
    let ticks = Mutex<[Tick]>([])
    let readings = Mutex<[Reading]>([])

    func tick(times: Int) {
        var random = SplitMix64(seed: 1)
        var log: [Tick] = []
        var time: Int64 = 0
        for _ in 0..<times {
            time += Int.random(in: 0..<3, using: &random) == 0 ? 60_000 : Int64.random(in: 0...100, using: &random)
            monotonic.store(time, ordering: .sequentiallyConsistent)
            let lease = clock.tick(monotonic: MonotonicTime(milliseconds: time)).milliseconds
            completed.store(lease, ordering: .sequentiallyConsistent)
            log.append(Tick(monotonic: time, lease: lease))
        }
        ticks.withLock { $0 = log }
        done.store(true, ordering: .sequentiallyConsistent)
    }

    func read() {
        var log: [Reading] = []
        repeat {
            let floor = completed.load(ordering: .sequentiallyConsistent)
            let value = clock.now(
                monotonic: MonotonicTime(milliseconds: monotonic.load(ordering: .sequentiallyConsistent))
            ).milliseconds
            log.append(
                Reading(floor: floor, value: value, monotonicAfter: monotonic.load(ordering: .sequentiallyConsistent)))
        } while !done.load(ordering: .sequentiallyConsistent) && log.count < 1_000_000
        readings.withLock { [log] in $0 += log }
    }
}
