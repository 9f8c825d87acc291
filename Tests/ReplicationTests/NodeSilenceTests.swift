// Links on which too little is heard, or too late.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeSilenceTests {
    @Test func `a link on which nothing is heard for three pings is closed`() throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.pass(2_900)
        #expect(bench.closed(link) == nil)
        #expect(try bench.frames(on: link).count { $0.name == "ping" } == 3)
        bench.pass(200)
        #expect(bench.closed(link) == .silent)
    }

    /// Lets time pass on a link whose other end answers each ping after so long; as long as it lasts.
    private func answer(_ link: LinkID, on bench: NodeBench, after delay: Duration, for interval: Duration) throws {
        let end = bench.now + interval
        while bench.now < end, bench.closed(link) == nil {
            bench.pass(100)
            let token = max(0, bench.now - delay)
            bench.say(.pong(token: UInt64(token.milliseconds)), on: link)
        }
    }

    @Test func `a link on which answers come too late is closed and dialed again, but not for a long copy`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        // It hears nobody whom we would have to ask it for.
        bench.say(
            .ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: false, isExtended: false, hears: [])),
            on: link)
        bench.say(.copyStart(afterGap: false), on: link)
        try answer(link, on: bench, after: 40_000, for: 40_000)
        #expect(bench.closed(link) == nil, "pings wait behind a copy")
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        try answer(link, on: bench, after: 3_000, for: 30_000)
        #expect(bench.closed(link) == nil, "slow, and alive")
        try answer(link, on: bench, after: NodeLimits().lateness + NodeLimits().pingPeriod, for: 10_000)
        #expect(bench.closed(link) == .late)
        bench.pass(NodeLimits().dialCap)
        #expect(bench.directives.contains { if case .dial(address) = $0 { true } else { false } })
    }

    @Test func `answers to what was never asked make no link seem quick`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        bench.say(.pong(token: .max), on: link)
        for _ in 0..<10 {
            bench.pass(1_000)
            bench.say(.root(0), on: link)
        }
        #expect(bench.closed(link) == .late)
    }
}
