import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Catalog

struct LeaseHoldTests {
    /// Ticks every 100 ms from one time to another; returns lease time.
    @discardableResult
    private func tick(_ clock: SharedLeaseClock, from: Int64, to: Int64) -> Int64 {
        var lease: Int64 = 0
        for time in stride(from: from + 100, through: to, by: 100) {
            lease = clock.tick(monotonic: MonotonicTime(milliseconds: time)).milliseconds
        }
        return lease
    }

    @Test func `a clock that is held stands, from the next tick until it is released`() {
        let clock = SharedLeaseClock(monotonic: 0)
        tick(clock, from: 0, to: 1_000)
        clock.hold(atMost: 60_000)
        #expect(!clock.isHeld && clock.now(monotonic: 1_050).milliseconds == 1_050, "what passed before is granted")
        #expect(tick(clock, from: 1_000, to: 6_000) == 1_100)
        #expect(clock.isHeld && clock.now(monotonic: 6_050).milliseconds == 1_100)
        clock.release()
        #expect(tick(clock, from: 6_000, to: 7_000) == 2_100)
        #expect(!clock.isHeld && clock.now(monotonic: 7_050).milliseconds == 2_150)
        #expect(clock.moment(monotonic: 7_050, wall: 9).lost == 4_900)
    }

    @Test func `a hold ends by itself`() {
        let clock = SharedLeaseClock(monotonic: 0)
        clock.hold(atMost: 500)
        #expect(tick(clock, from: 0, to: 600) == 100)
        #expect(tick(clock, from: 600, to: 1_600) == 1_100)
    }

    @Test func `a longer hold stays, a shorter one is no release`() {
        let clock = SharedLeaseClock(monotonic: 0)
        clock.hold(atMost: 1_000)
        clock.hold(atMost: 10)
        tick(clock, from: 0, to: 100)
        clock.hold(atMost: 10)
        #expect(tick(clock, from: 100, to: 1_100) == 100)
        #expect(tick(clock, from: 1_100, to: 1_200) == 200)
    }

    @Test(arguments: [(1_900, false), (2_000, false), (2_001, true), (3_600_000, true)] as [(Int64, Bool)])
    func `a pause holds the clock of a member with others`(gap: Int64, isHeld: Bool) {
        let (alone, among) = (SharedLeaseClock(monotonic: 0), SharedLeaseClock(monotonic: 0, isHeldByPauses: true))
        for clock in [alone, among] {
            #expect(clock.tick(monotonic: MonotonicTime(milliseconds: gap)).milliseconds == 1_000)
        }
        #expect(!alone.isHeld && among.isHeld == isHeld)
        #expect(among.tick(monotonic: MonotonicTime(milliseconds: gap + 100)).milliseconds == (isHeld ? 1_000 : 1_100))
        // Released by nobody.
        tick(among, from: gap + 100, to: gap + LeaseClock.holdAfterPause.wholeMilliseconds)
        #expect(!among.isHeld)
        #expect(
            tick(
                among, from: gap + LeaseClock.holdAfterPause.wholeMilliseconds,
                to: gap + LeaseClock.holdAfterPause.wholeMilliseconds + 100) >= 1_100)
    }

    @Test(arguments: 0..<20)
    func `lease time and what was lost make up monotonic time, and neither goes back`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let clock = SharedLeaseClock(monotonic: 50_000, isHeldByPauses: seed.isMultiple(of: 2))
        var monotonic: Int64 = 50_000
        var last = clock.moment(monotonic: MonotonicTime(milliseconds: monotonic), wall: 0)
        for step in 0..<2_000 {
            monotonic += Int.random(in: 0..<40, using: &random) == 0 ? .random(in: 0...50_000, using: &random) : 50
            switch Int.random(in: 0..<40, using: &random) {
            case 0: clock.hold(atMost: .random(in: .zero ... .seconds(5), using: &random))
            case 1: clock.release()
            default: if Bool.random(using: &random) { clock.tick(monotonic: MonotonicTime(milliseconds: monotonic)) }
            }
            let now = clock.moment(monotonic: MonotonicTime(milliseconds: monotonic), wall: 0)
            #expect(now.lease.milliseconds + now.lost == monotonic - 50_000, "seed \(seed), step \(step)")
            #expect(now.lease >= last.lease, "seed \(seed), step \(step)")
            last = now
        }
    }

    @Test func `a heartbeat during a hold is as young as it is, one before a pause as old`() {
        let clock = SharedLeaseClock(monotonic: 0, isHeldByPauses: true)
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        func age(_ id: UInt64, at monotonic: Int64) -> Int64? {
            store.state(
                of: .digest(id), in: tenant,
                at: clock.moment(monotonic: MonotonicTime(milliseconds: monotonic), wall: 0))?.replica
                .heartbeat?.age
        }
        for id in UInt64(1)...2 {
            _ = store.apply(.register(makeInstance(id)), in: tenant, at: clock.moment(monotonic: 0, wall: 0))
        }
        clock.tick(monotonic: 40_000)
        _ = store.renew(one, in: tenant, at: clock.moment(monotonic: 41_000, wall: 1))
        tick(clock, from: 41_000, to: 44_000)
        #expect(clock.isHeld)
        #expect(age(1, at: 44_000) == 3_000 && age(2, at: 44_000) == 44_000)
        clock.release()
        tick(clock, from: 44_000, to: 46_000)
        #expect(age(1, at: 46_000) == 5_000 && age(2, at: 46_000) == 46_000)
        #expect(store.settle(at: clock.moment(monotonic: 46_000, wall: 2)) == 1)
    }
}
