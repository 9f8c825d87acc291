// What a link makes of the cluster's standing, as a table.

import TestTime
import Testing
import Time

@testable import Replication

struct StandingJudgeTests {
    typealias Publisher = StandingJudge.Publisher
    typealias Sight = StandingJudge.Sight

    @Test(
        arguments: [
            (Publisher(notice: .neverWaits), Sight(mayLack: true)),
            (Publisher(notice: .waitedFor, beganReady: true, isCopied: true), Sight()),
            (Publisher(notice: .waitedFor, beganReady: true), Sight(isBehind: true)),
            (Publisher(notice: .waitedFor, beganReady: false), Sight(mayLack: true)),
            (Publisher(notice: .waitedFor), Sight(mayLack: true)),
            (Publisher(notice: .waitedFor, beganReady: true, isCopied: true, isUnheard: true), Sight(isBehind: true)),
            (Publisher(notice: .leftOut), Sight(mayLack: true)),
            (Publisher(notice: .leftOut, beganReady: true, isCopied: true), Sight(isBehind: true, mayLack: true)),
            (Publisher(notice: .leftOut, wasWaitedFor: true, isCopied: true), Sight(isBehind: true, mayLack: true)),
            (
                Publisher(notice: .leftOut, isAcknowledging: false, beganReady: true, isCopied: true),
                Sight(mayLack: true)
            ),
        ] as [(Publisher, Sight)])
    func `what a publisher has said of waiting tells what may be lacking here`(publisher: Publisher, expected: Sight) {
        var sight = Sight()
        sight.add(publisher: publisher)
        #expect(sight == expected)
    }

    @Test func `a subscriber that is waited for makes changes wait, and one that is late makes unknown ids be asked`() {
        var attendance = Attendance(timeout: 100)
        var sight = Sight()
        sight.add(subscriber: attendance)
        #expect(sight == Sight())
        attendance.begin(at: 0)
        attendance.acknowledged(sentAt: 0, at: 10)
        #expect(attendance.admit(at: 10) == true)
        sight.add(subscriber: attendance)
        #expect(sight == Sight(waits: true))
        attendance.leaveOut(isLate: true, at: 20)
        sight = Sight()
        sight.add(subscriber: attendance)
        #expect(sight == Sight(mayLack: true))
    }

    @Test(
        arguments: [
            (Sight(), ClusterStanding.alone),
            (Sight(waits: true), ClusterStanding(waits: true, mayBeUnderWay: false, behindSince: nil)),
            (Sight(mayLack: true), ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: nil)),
            (Sight(isBehind: true), ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: 900)),
        ] as [(Sight, ClusterStanding)])
    func `the standing is told when it changes`(sight: Sight, expected: ClusterStanding) {
        // Something else was told before.
        var judge = StandingJudge(acknowledges: expected == .alone)
        let told = judge.judge(sight, isReaching: false, isServing: true, pausedAt: 900, at: 1_000)
        #expect(told == expected)
        #expect(judge.judge(sight, isReaching: false, isServing: true, pausedAt: nil, at: 1_100) == nil)
        #expect(judge.told == expected, "it is behind since it was first behind")
    }

    @Test func `a member that is starting waits, and one that does not serve is behind nobody`() {
        var judge = StandingJudge(acknowledges: true)
        #expect(judge.judge(Sight(), isReaching: true, isServing: false, pausedAt: nil, at: 0) == nil, "as it began")
        let told = judge.judge(Sight(isBehind: true), isReaching: true, isServing: false, pausedAt: nil, at: 0)
        #expect(told == ClusterStanding(waits: true, mayBeUnderWay: true, behindSince: nil))
    }

    @Test func `a member is catching up from when it hears one that is ready until it answers look-ups itself`() {
        var judge = StandingJudge(acknowledges: false)
        func judged(_ sight: Sight, isServing: Bool = false) -> Bool {
            _ = judge.judge(sight, isReaching: false, isServing: isServing, pausedAt: nil, at: 0)
            return judge.told.isCatchingUp
        }
        #expect(!judged(Sight()), "all may be starting together")
        #expect(judged(Sight(mayHearReady: true)), "it has not said yet what it is")
        #expect(!judged(Sight()), "it is starting too")
        #expect(judged(Sight(hearsReady: true)))
        #expect(judged(Sight()), "its link was lost, and it goes on acknowledging")
        #expect(!judged(Sight(hearsReady: true), isServing: true))
    }

    @Test func `for a minute after a link was lost unknown ids are asked for`() {
        var judge = StandingJudge(acknowledges: false)
        judge.linkLost(at: 1_000)
        #expect(
            judge.judge(Sight(), isReaching: false, isServing: true, pausedAt: nil, at: 60_999)?.mayBeUnderWay == true)
        #expect(
            judge.judge(Sight(), isReaching: false, isServing: true, pausedAt: nil, at: 61_000)?.mayBeUnderWay == false)
    }
}
