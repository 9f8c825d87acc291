// Deadlines as a table: what a sweep finds, when, and what has then passed.

import HTTP
import TestRandom
import Testing

struct ConnectionClockTests {
    /// One look at the connection.
    struct Look: Sendable {
        let at: Int64
        let activity: Activity
        var overdue: Overdue?
    }

    struct Story: Sendable, CustomTestStringConvertible {
        let name: String
        let looks: [Look]
        var testDescription: String { name }
    }

    private static let stories = [
        Story(
            name: "a connection that never sends is idle from the start",
            looks: [
                .init(at: 74_999, activity: .idle(after: 0)),
                .init(at: 75_000, activity: .idle(after: 0), overdue: .idle),
            ]),
        Story(
            name: "idle time begins anew with each request, seen or not",
            looks: [
                .init(at: 70_000, activity: .idle(after: 0)), .init(at: 140_000, activity: .idle(after: 1)),
                .init(at: 214_999, activity: .idle(after: 1)),
                .init(at: 215_000, activity: .idle(after: 1), overdue: .idle),
            ]),
        Story(
            name: "a head has ten seconds, however it drips",
            looks: [
                .init(at: 1_000, activity: .head(of: 0)), .init(at: 5_000, activity: .head(of: 0)),
                .init(at: 10_999, activity: .head(of: 0)), .init(at: 11_000, activity: .head(of: 0), overdue: .header),
            ]),
        Story(
            name: "the next request's head is another one",
            looks: [
                .init(at: 1_000, activity: .head(of: 0)), .init(at: 10_000, activity: .head(of: 1)),
                .init(at: 19_999, activity: .head(of: 1)), .init(at: 20_000, activity: .head(of: 1), overdue: .header),
            ]),
        Story(
            name: "the body's time is the request's, from its first byte",
            looks: [
                .init(at: 1_000, activity: .head(of: 0)), .init(at: 9_000, activity: .body(of: 0)),
                .init(at: 30_999, activity: .body(of: 0)), .init(at: 31_000, activity: .body(of: 0), overdue: .request),
            ]),
        Story(
            name: "an answer that nobody reads has thirty seconds",
            looks: [
                .init(at: 1_000, activity: .answer(after: 0, waiting: 200_000)),
                .init(at: 30_999, activity: .answer(after: 0, waiting: 200_000)),
                .init(at: 31_000, activity: .answer(after: 0, waiting: 200_000), overdue: .answer),
            ]),
        Story(
            name: "a few bytes taken now and then buy no time",
            looks: [
                .init(at: 0, activity: .answer(after: 0, waiting: 200_000)),
                .init(at: 10_000, activity: .answer(after: 0, waiting: 199_000)),
                .init(at: 30_000, activity: .answer(after: 0, waiting: 198_000), overdue: .answer),
            ]),
        Story(
            name: "a portion taken buys the time for the next",
            looks: [
                .init(at: 0, activity: .answer(after: 0, waiting: 3 << 20)),
                .init(at: 29_000, activity: .answer(after: 0, waiting: 2 << 20)),
                .init(at: 58_999, activity: .answer(after: 0, waiting: 2 << 20)),
                .init(at: 59_000, activity: .answer(after: 0, waiting: 2 << 20), overdue: .answer),
            ]),
        Story(
            name: "the next answer has its own time",
            looks: [
                .init(at: 0, activity: .answer(after: 0, waiting: 1_000)),
                .init(at: 29_000, activity: .answer(after: 1, waiting: 1_000)),
                .init(at: 58_999, activity: .answer(after: 1, waiting: 1_000)),
                .init(at: 59_000, activity: .answer(after: 1, waiting: 1_000), overdue: .answer),
            ]),
        Story(
            name: "an answer that is not made yet is nobody's fault",
            looks: [
                .init(at: 0, activity: .answer(after: 0, waiting: 0)),
                .init(at: 500_000, activity: .answer(after: 0, waiting: 0)),
                .init(at: 500_250, activity: .answer(after: 0, waiting: 9)),
                .init(at: 530_249, activity: .answer(after: 0, waiting: 9)),
                .init(at: 530_250, activity: .answer(after: 0, waiting: 9), overdue: .answer),
            ]),
        Story(
            name: "a refused client is waited for five seconds",
            looks: [
                .init(at: 9_000, activity: .leaving), .init(at: 13_999, activity: .leaving),
                .init(at: 14_000, activity: .leaving, overdue: .leaving),
            ]),
    ]

    @Test(arguments: stories)
    func `a deadline passes when its time is up, and not before`(_ story: Story) {
        // R826 No deadline passes early …
        var clock = ConnectionClock(now: 0)
        for look in story.looks {
            #expect(
                clock.observe(look.activity, at: look.at, Deadlines()) == look.overdue, "\(story.name), at \(look.at)")
        }
    }

    @Test func `a pause between two looks is nobody's delay`() {
        // R826 … and by as much as the registry itself stood still …
        var patience = PatientClock(now: 1_000, longestStep: 500)
        #expect(patience.time(at: 1_250) == 1_250)
        patience.look(at: 1_250)
        #expect(patience.time(at: 60_000) == 1_750)
        patience.look(at: 60_000)
        #expect(patience.time(at: 60_000) == 1_750)
        #expect(patience.time(at: 60_200) == 1_950)
        patience.look(at: 60_500)
        #expect(patience.time(at: 60_500) == 2_250)
    }

    @Test func `where a request has less time than its head, the request's time counts`() {
        var deadlines = Deadlines()
        deadlines.request = 4_000
        var clock = ConnectionClock(now: 0)
        #expect(clock.observe(.head(of: 0), at: 0, deadlines) == nil)
        #expect(clock.observe(.head(of: 0), at: 4_000, deadlines) == .request)
    }

    @Test func `a client is stuck when it took nothing since the last look`() {
        var clock = ConnectionClock(now: 0)
        _ = clock.observe(.answer(after: 0, waiting: 10), at: 0, Deadlines())
        #expect(!clock.isStuck)
        _ = clock.observe(.answer(after: 0, waiting: 9), at: 250, Deadlines())
        #expect(!clock.isStuck)
        _ = clock.observe(.answer(after: 0, waiting: 9), at: 500, Deadlines())
        #expect(clock.isStuck)
        _ = clock.observe(.answer(after: 1, waiting: 9), at: 750, Deadlines())
        #expect(!clock.isStuck)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `however often a sweep looks, a request outlives its deadline by at most two sweeps`(seed: UInt64) {
        // R826 … one may be up to half a second late: that is two sweeps.
        var generator = SplitMix64(seed: seed)
        let deadlines = Deadlines()
        let begins = Int64.random(in: 0...5_000, using: &generator)
        let headEnds = begins + Int64.random(in: 0...9_000, using: &generator)
        let sweep = Int64.random(in: 1...1_000, using: &generator)
        var clock = ConnectionClock(now: 0)
        var now: Int64 = 0
        while true {
            now += Int64.random(in: 1...sweep, using: &generator)
            let activity: Activity = now < begins ? .idle(after: 0) : now < headEnds ? .head(of: 0) : .body(of: 0)
            guard clock.observe(activity, at: now, deadlines) != nil else { continue }
            #expect(now >= begins + deadlines.request, "seed \(seed)")
            #expect(now <= begins + deadlines.request + 2 * sweep, "seed \(seed)")
            return
        }
    }

    @Test func `the parser tells what the client is at`() {
        var parser = RequestParser(limits: RequestLimits())
        #expect(parser.activity == .idle(after: 0))
        parser.feed("P")
        #expect(parser.activity == .head(of: 0))
        parser.feed("OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
        #expect(parser.activity == .body(of: 0))
        parser.feed("ab")
        #expect(parser.activity == .idle(after: 1))
        parser.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1")
        #expect(parser.activity == .body(of: 1))
        parser.refuse(.requestTimeout, "late")
        #expect(parser.activity == .leaving)
    }
}
