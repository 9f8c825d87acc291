// When the judges of a node are asked, and that each change is told once.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct JudgmentsTests {
    static func judgments(expected: Int? = 1) -> Judgments {
        Judgments(
            clock: ClockAlarm(tolerance: 10_000),
            hearing: Hearing(expected: expected, holdsWhenCutOff: true, longestHold: 60_000))
    }

    @Test func `they judge once a second, or at once when there is something new`() {
        var judgments = Self.judgments()
        let regular = [0, 100, 900, 1_000, 1_100].map { judgments.areDue(at: $0) }
        #expect(regular == [true, false, false, true, false])
        judgments.hurry(at: 1_200)
        let hurried = [1_200, 1_300, 2_200].map { judgments.areDue(at: $0) }
        #expect(hurried == [true, false, true])
    }

    @Test(
        arguments: [
            ([:], nil, nil), ([1: 9_000], nil, nil), ([1: 20_000], nil, 20_000), ([1: 9_000, 2: 8_000], nil, nil),
            ([1: 20_000, 2: 30_000], .correct(20_000), nil),
        ] as [([UInt64: Int64], ClockAlarm.Change?, Int64?)])
    func `a clock that differs is corrected, and of the only other one it is told that they differ`(
        offsets: [UInt64: Int64], change: ClockAlarm.Change?, difference: Int64?
    ) {
        var judgments = Self.judgments()
        let offsets = Dictionary(uniqueKeysWithValues: offsets.map { (MemberID(bits: $0.key), $0.value) })
        let verdict = judgments.judgeClock(offsets)
        #expect(verdict.change == change, "of two neither can tell whose clock is wrong")
        #expect(verdict.difference?.milliseconds == difference)
        let again = judgments.judgeClock(offsets)
        #expect(again.change == nil && again.difference == nil, "each is told once")
    }

    @Test func `that clocks differ is told again once they agreed`() {
        var judgments = Self.judgments()
        let told = [20_000, 20_000, 0, 20_000].map {
            judgments.judgeClock([MemberID(bits: 1): $0]).difference?.milliseconds
        }
        #expect(told == [20_000, nil, nil, 20_000])
    }

    @Test func `that this member is cut off is logged once, and its end once`() {
        var judgments = Self.judgments()
        let other = MemberID(bits: 1)
        var heard = Hearing.Sight()
        heard.heard[other] = .some(nil)
        #expect(judgments.judgeHearing(heard, at: 0) == nil)
        var events: [ClusterEvent] = []
        for now in stride(from: Int64(1_000), through: 10_000, by: 100) {
            let now = MonotonicTime(milliseconds: now)
            if let event = judgments.judgeHearing(Hearing.Sight(), at: now)?.event { events.append(event) }
        }
        guard case .cutOff(heard: 0, others: 1, milliseconds: 60_000)? = events.first else {
            return #expect(Bool(false), "\(events)")
        }
        heard.trueCopies[other] = 10_000
        if let event = judgments.judgeHearing(heard, at: 10_100)?.event { events.append(event) }
        #expect(events.count == 2)
        guard case .cutOffEnded(heard: 1, others: 1, restarts: false)? = events.last else {
            return #expect(Bool(false), "\(events)")
        }
    }
}
