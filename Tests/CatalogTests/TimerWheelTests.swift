import TestRandom
import Testing

@testable import Catalog

struct TimerWheelTests {
    private static let resolution = TimerWheel.resolution
    /// Where the four levels end: 2^32 ticks.
    private static let horizon = resolution << 32

    private func at(_ milliseconds: Int64) -> LeaseTime { LeaseTime(milliseconds: milliseconds) }

    /// Dues and jumps of every order of magnitude, so that all levels and the parked timers take part.
    private static func span(using random: inout SplitMix64) -> Int64 {
        let bits =
            Int.random(in: 0..<10, using: &random) == 0
            ? Int64.random(in: 30...41, using: &random) : .random(in: 0...26, using: &random)
        return Int64.random(in: 0...(1 << bits), using: &random)
    }

    /// The model: a due for each slot. Nothing fires early, twice in one call or when cancelled; when no work is left,
    /// nothing is late.
    @Test(arguments: 0..<50)
    func `the wheel agrees with a dictionary of dues`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var now = Int64.random(in: 0...(1 << 40), using: &random)
        var wheel = TimerWheel(start: at(now))
        var model: [Int32: Int64] = [:]
        for step in 0..<4_000 {
            let slot = Int32.random(in: 0..<300, using: &random) * (seed.isMultiple(of: 2) ? 1 : 97)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let due = now + Self.span(using: &random) - Int64.random(in: 0...200, using: &random)
                wheel.schedule(slot, due: at(due))
                model[slot] = due
            case 5:
                wheel.cancel(slot)
                model[slot] = nil
            default:
                now +=
                    Int.random(in: 0..<3, using: &random) == 0
                    ? 0 : Self.span(using: &random) >> Int64.random(in: 0...8, using: &random)
                let budget =
                    Int.random(in: 0..<4, using: &random) == 0 ? 1_000_000 : Int.random(in: 0...20, using: &random)
                var fired = Set<Int32>()
                let isWorkLeft = wheel.advance(to: at(now), budget: budget) { slot in
                    #expect(fired.insert(slot).inserted, "slot \(slot) fired twice: seed \(seed), step \(step)")
                    guard let due = model[slot], due <= now else {
                        Issue.record(
                            "slot \(slot) fired, due \(model[slot] ?? -1) at \(now): seed \(seed), step \(step)")
                        return .expired
                    }
                    guard Int.random(in: 0..<3, using: &random) == 0 else {
                        model[slot] = nil
                        return .expired
                    }
                    // The late bound of a re-armed timer counts from now at the earliest.
                    let next = now + Self.span(using: &random) - Int64.random(in: 0...200, using: &random)
                    model[slot] = max(next, now)
                    return .rearm(at(next))
                }
                #expect(fired.count <= budget, "seed \(seed), step \(step)")
                if !isWorkLeft {
                    let late = model.filter { $0.value + Self.resolution <= now }
                    #expect(late.isEmpty, "late at \(now): seed \(seed), step \(step)")
                } else {
                    #expect(budget < 1_000_000, "seed \(seed), step \(step)")
                }
            }
            if step.isMultiple(of: 100) { wheel.checkInvariants() }
            #expect(wheel.count == model.count, "seed \(seed), step \(step)")
            #expect(wheel.contains(slot) == (model[slot] != nil), "seed \(seed), step \(step)")
        }
        // Whatever was left fires, in calls of one unit, and the wheel ends empty.
        now = (model.values.max() ?? now) + Self.resolution
        var calls = 0
        while wheel.advance(
            to: at(now), budget: 1,
            fire: { slot in
                #expect(model.removeValue(forKey: slot) != nil, "seed \(seed)")
                return .expired
            })
        {
            calls += 1
            guard calls < 300 * 1_000 else {
                Issue.record("no end: seed \(seed)")
                return
            }
        }
        #expect(model.isEmpty && wheel.count == 0, "seed \(seed)")
    }

    /// Dues around every boundary of the levels, from a start that is itself just before, at or after one.
    @Test(
        arguments: [0, 255, 256, 65_535, 65_536, (1 << 24) - 1, 1 << 24, (1 << 32) - 1, 1 << 32, -1, -257] as [Int64])
    func `a timer fires neither before its due nor a tick after it`(startTick: Int64) {
        let start = startTick * Self.resolution + 5
        for bits in 0...42 as ClosedRange<Int64> {
            for offset in [-65, -64, -1, 0, 1, 63, 64] as [Int64] {
                let due = start + (1 << bits) + offset
                var wheel = TimerWheel(start: at(start))
                wheel.schedule(7, due: at(due))
                var fired: [Int32] = []
                let expire = { (slot: Int32) -> TimerWheel.Verdict in
                    fired.append(slot)
                    return .expired
                }
                _ = wheel.advance(to: at(due - 1), budget: 100, fire: expire)
                #expect(fired.isEmpty, "early: 2^\(bits) + \(offset)")
                let isWorkLeft = wheel.advance(to: at(max(due + Self.resolution, start)), budget: 100, fire: expire)
                #expect(fired == [7] && !isWorkLeft, "late: 2^\(bits) + \(offset)")
                #expect(!wheel.contains(7))
            }
        }
    }

    @Test func `a million timers of one instant end after exactly a budget's worth of calls`() {
        let timers = 1_000_000
        var wheel = TimerWheel()
        let due = at(100 * Self.resolution)
        for slot in 0..<Int32(timers) { wheel.schedule(slot, due: due) }
        #expect(wheel.count == timers)
        var fired = [Bool](repeating: false, count: timers)
        var calls = 0
        var isWorkLeft = true
        while isWorkLeft, calls <= timers {
            var firedNow = 0
            isWorkLeft = wheel.advance(to: due, budget: 1_000) { slot in
                fired[Int(slot)] = true
                firedNow += 1
                return .expired
            }
            calls += 1
            if firedNow != 1_000 { Issue.record("call \(calls) fired \(firedNow)") }
        }
        #expect(calls == 1_000)
        #expect(fired.allSatisfy { $0 } && wheel.count == 0)
    }

    @Test func `cascading counts against the budget`() {
        var wheel = TimerWheel()
        let due = at(300 * Self.resolution)
        for slot in 0..<100 as Range<Int32> { wheel.schedule(slot, due: due) }
        // One level up: each timer is moved once and then fired.
        var calls = 1
        while wheel.advance(to: due, budget: 10, fire: { _ in .expired }) { calls += 1 }
        #expect(calls == 20)
    }

    @Test func `an idle wheel skips years without spending budget`() {
        var wheel = TimerWheel()
        var fired = 0
        #expect(!wheel.advance(to: at(Self.horizon * 1_000), budget: 0) { _ in .expired })
        wheel.schedule(1, due: at(Self.horizon * 1_000 + 10))
        #expect(
            wheel.advance(to: at(Self.horizon * 1_000 + 64), budget: 0) { _ in .expired },
            "due work without budget is left")
        _ = wheel.advance(to: at(Self.horizon * 1_000 + 64), budget: 1) { _ in
            fired += 1
            return .expired
        }
        #expect(fired == 1)
    }

    @Test func `a timer re-armed into the past fires once an advance and never loops`() {
        var wheel = TimerWheel()
        wheel.schedule(3, due: at(64))
        var fired = 0
        let rearm = { (_: Int32) -> TimerWheel.Verdict in
            fired += 1
            return .rearm(.zero)
        }
        for (now, expected) in [(10_000, 1), (10_000, 1), (10_000 + Self.resolution, 2)] {
            let isWorkLeft = wheel.advance(to: at(now), budget: 1_000_000, fire: rearm)
            #expect(!isWorkLeft && fired == expected)
        }
        #expect(wheel.contains(3))
    }

    @Test func `an overdue timer fires in the next advance, though the time is the same`() {
        var wheel = TimerWheel()
        #expect(!wheel.advance(to: at(6_400), budget: 1) { _ in .expired })
        wheel.schedule(1, due: at(6_400))
        wheel.schedule(2, due: at(-5))
        var fired = Set<Int32>()
        #expect(
            !wheel.advance(to: at(6_400), budget: 2) { slot in
                fired.insert(slot)
                return .expired
            })
        #expect(fired == [1, 2])
    }

    @Test func `time that goes back fires nothing`() {
        var wheel = TimerWheel(start: at(10_000))
        wheel.schedule(1, due: at(9_000))
        #expect(!wheel.advance(to: at(9_500), budget: 10) { _ in .expired })
        #expect(wheel.contains(1))
    }

    @Test func `a timer that never comes due stays, at any time`() {
        var wheel = TimerWheel()
        wheel.schedule(1, due: .distantFuture)
        #expect(!wheel.advance(to: at(Self.horizon * 3), budget: 10) { _ in .expired })
        #expect(wheel.contains(1))
        wheel.cancel(1)
        #expect(wheel.count == 0)
    }

    @Test func `slots that were never scheduled are neither contained nor cancelled`() {
        var wheel = TimerWheel()
        wheel.schedule(5_000, due: at(10))
        for slot in [Int32.min, -1, 0, 4_999, 5_001, 9_000, .max] {
            #expect(!wheel.contains(slot))
            wheel.cancel(slot)
        }
        #expect(wheel.count == 1 && wheel.contains(5_000))
    }

    private struct Shard {
        var wheel = TimerWheel()
        var deadlines = Slab(vacant: LeaseTime.zero)

    }

    private static func expire(_ shard: inout Shard, _ now: LeaseTime) -> Bool {
        shard.wheel.advance(to: now, budget: 100, owner: &shard.deadlines) { deadlines, slot in
            guard deadlines[slot] <= now else { return .rearm(deadlines[slot]) }
            deadlines.remove(slot)
            return .expired
        }
    }

    @Test func `a heartbeat moves the record's deadline and never touches the wheel`() {
        var shard = Shard()
        let slot = shard.deadlines.insert(at(1_000))
        shard.wheel.schedule(slot, due: at(1_000))
        shard.deadlines[slot] = at(2_000)
        #expect(!Self.expire(&shard, at(1_100)))
        #expect(shard.deadlines.contains(slot) && shard.wheel.contains(slot))
        #expect(!Self.expire(&shard, at(1_999)))
        #expect(shard.deadlines.contains(slot))
        #expect(!Self.expire(&shard, at(2_000 + Self.resolution)))
        #expect(!shard.deadlines.contains(slot) && !shard.wheel.contains(slot))
    }
}
