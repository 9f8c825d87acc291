// A member that knows only some of the others, or hears them late, must not take that for all there is.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct HalfKnownTests {
    private static func isReady(_ bench: NodeBench) -> Bool {
        bench.directives.contains { if case .becameReady = $0 { true } else { false } }
    }

    /// A member that has started as well tells all it has: nothing.
    @discardableResult
    private static func copyNothing(from member: UInt64, _ bench: NodeBench) throws -> LinkID {
        let link = try bench.dial(member: member, at: bench.address(member))
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: false)), on: link)
        return link
    }

    @Test func `another that is starting is not everybody as long as nobody was named`() throws {
        let bench = NodeBench()
        // It has looked already, and dials us; our own look still hangs.
        bench.say(.subscribe, on: try bench.accept(member: 1))
        let link = try Self.copyNothing(from: 1, bench)
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: false, hears: [])), on: link)
        #expect(!Self.isReady(bench))
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        #expect(Self.isReady(bench))
    }

    @Test func `the first name to be resolved is not everybody`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: false, at: bench.time) }
        try Self.copyNothing(from: 1, bench)
        #expect(!Self.isReady(bench))
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        #expect(!Self.isReady(bench), "the second may have everything")
    }

    @Test func `who does not learn of everybody in time is ready with what there is`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: false, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: false)), on: link)
        for token in 1...30 as ClosedRange<UInt64> {
            #expect(!Self.isReady(bench))
            bench.pass(1_000)
            bench.say(.pong(token: UInt64(bench.now.milliseconds)), on: link)
            bench.say(
                .ping(Beat(token: token, wall: bench.time.wall / 1_000_000, isReady: false, hears: [])), on: link)
        }
        #expect(Self.isReady(bench))
    }

    @Test func `beats that wait behind slow copies are no wrong clock`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        let links = [try bench.dial(member: 1, at: bench.address(1)), try bench.dial(member: 2, at: bench.address(2))]
        for link in links { bench.say(.copyStart(afterGap: false), on: link) }
        for second in 1...40 {
            bench.pass(1_000)
            for link in links {
                bench.say(.copy(States(states: [], count: 0, hash: 0)), on: link)
                // Sent half as long ago as the copy runs, by a clock that is right.
                let wall = bench.time.wall / 1_000_000 - Int64(second) * 500
                bench.say(.ping(Beat(token: 1, wall: wall, isReady: true, hears: [])), on: link)
            }
        }
        bench.pass(1_000)
        #expect(!bench.directives.contains { if case .correctClock = $0 { true } else { false } })
    }
}
