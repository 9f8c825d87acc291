// When an issuer is asked, and who waits for it. Integer literals are milliseconds.

import TestTime
import Testing
import Time

@testable import Authorization

struct KeyScheduleTests {
    /// For answers that change what is asked, which `#expect` does not take.
    private func expect<Answer: Equatable>(_ answer: Answer, _ expected: Answer) { #expect(answer == expected) }

    /// Begins at `now`, which has to be due, and ends a tenth of a second later.
    private func ask(_ schedule: inout KeySchedule, at now: MonotonicTime, _ isAnswered: Bool) {
        expect(schedule.begin(at: now), true)
        #expect(schedule.isUnderWay)
        expect(schedule.begin(at: now), false)
        schedule.end(withKeys: isAnswered, at: now + 100)
        #expect(!schedule.isUnderWay)
    }

    @Test func `keys are asked for at once, and every five minutes`() {
        // J305 … every 5 minutes
        var schedule = KeySchedule(at: 7_000)
        expect(schedule.begin(at: 6_999), false)
        #expect(!schedule.hadKeys)
        ask(&schedule, at: 7_000, true)
        #expect(schedule.hadKeys && schedule.next == 307_100)
        expect(schedule.begin(at: 307_099), false)
        ask(&schedule, at: 307_100, true)
    }

    @Test func `until there were keys it is asked soon again, and then less and less often`() {
        var schedule = KeySchedule(at: 0)
        var now: MonotonicTime = 0
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] as [Int64] {
            ask(&schedule, at: now, false)
            #expect(schedule.next == now + .milliseconds(100 + pause))
            now = schedule.next
        }
        ask(&schedule, at: now, true)
        now = schedule.next
        // Then the old keys stay.
        for _ in 0..<3 {
            ask(&schedule, at: now, false)
            #expect(schedule.hadKeys && schedule.next == now + .milliseconds(30_100))
            now = schedule.next
        }
    }

    @Test
    func `a key that is not known waits a second for a question that is due or under way, and makes no second one`() {
        // J304 … at most one each 30 s
        var schedule = KeySchedule(at: 0)
        ask(&schedule, at: 0, true)
        expect(schedule.wait(at: 29_999), nil)
        expect(schedule.begin(at: 29_999), false)
        expect(schedule.wait(at: 30_000), 31_000)
        expect(schedule.wait(at: 30_001), 31_001)
        expect(schedule.begin(at: 30_001), true)
        expect(schedule.wait(at: 31_500), 32_500)
        schedule.end(withKeys: true, at: 32_000)
        expect(schedule.wait(at: 32_000), nil)
        expect(schedule.wait(at: 60_000), nil)
        expect(schedule.wait(at: 60_001), 61_001)
    }

    @Test func `a failed question counts as one`() {
        var schedule = KeySchedule(at: 0)
        ask(&schedule, at: 0, true)
        expect(schedule.wait(at: 40_000), 41_000)
        ask(&schedule, at: 40_000, false)
        expect(schedule.wait(at: 40_200), nil)
        #expect(schedule.next == 70_100)
    }

    @Test func `the thread that asks is woken once, for a question that is due`() {
        let (woken, wake) = AsyncStream.makeStream(of: Void.self)
        let keys = IssuerKeys(at: 0) { wake.yield() }
        #expect(!keys.wereHad && keys.next == 0)
        #expect(keys.begin(at: 0) && keys.next == nil)
        #expect(keys.wait(at: 1) == 1_001)
        keys.end(withKeys: true, at: 2)
        #expect(keys.wereHad && keys.wait(at: 3) == nil)
        #expect(keys.wait(at: 40_000) == 41_000)
        wake.finish()
        withExtendedLifetime(woken) {}
    }
}
