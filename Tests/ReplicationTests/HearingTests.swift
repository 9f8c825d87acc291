// When silence of the other members counts.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct HearingTests {
    private let members = (0..<5).map { MemberID(bits: UInt64($0 + 1)) }

    private func address(_ number: Int) -> PeerAddress { PeerAddress(host: "10.0.0.\(number + 1)", port: 1) }

    private func sight(_ heard: [Int], linked: [Int]? = nil, claimed: [Int] = [], copies: [Int: MonotonicTime] = [:])
        -> Hearing.Sight
    {
        Hearing.Sight(
            heard: Dictionary(uniqueKeysWithValues: heard.map { (members[$0], .some(address($0))) }),
            linked: Set((linked ?? heard).map { members[$0] }), claimed: Set(claimed.map { members[$0] }),
            trueCopies: Dictionary(uniqueKeysWithValues: copies.map { (members[$0.key], $0.value) }))
    }

    private func hearing(expected: Int? = nil, holds: Bool = true) -> Hearing {
        Hearing(expected: expected, holdsWhenCutOff: holds, longestHold: 600_000)
    }

    /// Judges at each of these times what is seen from then on; returns the verdicts.
    private func verdicts(_ hearing: inout Hearing, _ course: [(at: MonotonicTime, sight: Hearing.Sight)])
        -> [PeerHearing]
    {
        course.map { step in
            _ = hearing.judge(step.sight, at: step.at)
            return hearing.verdict
        }
    }

    private let whole = PeerHearing.whole(restarts: false)

    @Test func `a member that falls silent makes unsure until its link is closed and nobody hears it`() {
        var hearing = hearing()
        let found = verdicts(
            &hearing,
            [
                (0, sight([0, 1])), (1_600, sight([1], linked: [0, 1])), (3_000, sight([1], linked: [0, 1])),
                (3_100, sight([1])),
                (3_099 + Hearing.patience, sight([1])), (3_100 + Hearing.patience, sight([1])),
            ])
        #expect(found == [whole, .unsure, .unsure, .unsure, .unsure, whole])
    }

    @Test func `a link that breaks makes unsure for as long as others take to say that they have lost it too`() {
        var hearing = hearing()
        let found = verdicts(
            &hearing,
            [
                (0, sight([0, 1])), (100, sight([1], claimed: [0])), (200, sight([1])),
                (199 + Hearing.patience, sight([1])),
                (200 + Hearing.patience, sight([1])),
            ])
        #expect(found == [whole, .unsure, .unsure, .unsure, whole])
    }

    @Test func `one that others hear is waited for until it is heard through them`() {
        var hearing = hearing()
        let lost = sight([1], claimed: [0])
        let found = verdicts(
            &hearing,
            [(0, sight([0, 1])), (100, lost), (20_000, lost), (20_100, sight([0, 1], linked: [1], claimed: [0]))])
        #expect(found == [whole, .unsure, .unsure, whole])
        let late = verdicts(&hearing, [(30_000, lost), (30_000 + Hearing.relayPatience, lost)])
        #expect(late == [.unsure, whole])
    }

    @Test(
        arguments: [
            (1, [], true), (1, [0], false), (2, [], true), (2, [0], false), (3, [0], true), (3, [0, 1], false),
            (4, [0], true),
            (4, [0, 1], false), (5, [0, 1], true), (5, [0, 1, 2], false),
        ] as [(Int, [Int], Bool)])
    func `a member is cut off when it hears fewer than half of the others`(others: Int, heard: [Int], isCutOff: Bool) {
        // R660 A member of a cluster that is connected to fewer than half of the others … holds the leases.
        var hearing = hearing()
        let found = verdicts(
            &hearing,
            [(0, sight(Array(0..<others))), (1_000, sight(heard)), (1_000 + Hearing.cutOffPatience, sight(heard))])
        #expect(found.last == (isCutOff ? .cutOff(since: 1_000, until: 601_000) : whole))
        #expect(hearing.counts == (heard.count, others))
        // Linked is not heard, but no longer cut off from anybody for good.
        var other = self.hearing(holds: false)
        #expect(
            verdicts(&other, [(0, sight(Array(0..<others))), (1_000, sight(heard)), (9_000, sight(heard))]).last
                == whole,
            "ON_ISOLATION=expire")
    }

    @Test func `those count that there should be, and not those that have said goodbye or come back as another`() {
        var hearing = hearing(expected: 4)
        #expect(verdicts(&hearing, [(0, sight([0])), (5_000, sight([0]))]).last == .cutOff(since: 0, until: 600_000))
        var left = self.hearing()
        _ = left.judge(sight([0, 1, 2]), at: 0)
        left.left(members[1])
        left.left(members[2])
        #expect(verdicts(&left, [(5_000, sight([0])), (10_000, sight([0]))]).last == whole)
        var restarted = self.hearing()
        _ = restarted.judge(sight([0, 1, 2]), at: 0)
        // The other two are at addresses of the first ones' by now.
        let again = Hearing.Sight(
            heard: [members[3]: address(1), members[4]: address(2)], linked: [members[3], members[4]])
        #expect(verdicts(&restarted, [(5_000, again), (10_000, again)]).last == whole)
        #expect(restarted.counts == (2, 3))
    }

    @Test func `it ends when enough are heard again, whole copies included, or when its time is up`() {
        var hearing = hearing()
        _ = verdicts(&hearing, [(0, sight([0, 1])), (1_000, sight([])), (5_000, sight([]))])
        let cutOff = PeerHearing.cutOff(since: 1_000, until: 601_000)
        #expect(hearing.verdict == cutOff)
        #expect(verdicts(&hearing, [(9_000, sight([], linked: [0]))]) == [cutOff], "its copy is under way")
        #expect(verdicts(&hearing, [(9_500, sight([0], copies: [0: 9_500]))]) == [whole])
        _ = verdicts(&hearing, [(10_000, sight([])), (20_000, sight([]))])
        #expect(hearing.verdict == .cutOff(since: 10_000, until: 610_000))
        #expect(
            verdicts(&hearing, [(609_900, sight([])), (610_000, sight([])), (630_000, sight([]))]).dropFirst() == [
                whole, whole,
            ])
    }

    @Test func `leases begin anew when nobody was heard who was there all the time`() {
        var hearing = hearing()
        _ = verdicts(&hearing, [(0, sight([0], copies: [0: 0])), (1_000, sight([])), (5_000, sight([]))])
        // Its successor has been started since: what it says that it knows it may have from us.
        let found = hearing.judge(sight([1], copies: [1: 8_900]), at: 9_000)
        #expect(found == .whole(restarts: true))
        #expect(hearing.judge(sight([1], copies: [1: 8_900]), at: 9_100) == whole)
    }
}
