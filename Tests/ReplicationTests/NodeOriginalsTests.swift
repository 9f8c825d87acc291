// What is passed on of originals among our own members: not every one of ours can reach each of them.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeOriginalsTests {
    @Test func `an original that is read is named, and what it tells is passed on to who asks for it`() throws {
        let bench = NodeBench()
        let original = bench.address(9)
        bench.tell { $0.members([original], isComplete: true, at: bench.time) }
        bench.tell { $0.originalChanged(original, to: .connected, at: bench.time) }
        let links = [try bench.accept(member: 1), try bench.accept(member: 2)]
        for link in links { bench.say(.subscribe, on: link) }
        bench.pass(1_000)
        let named = try bench.frames(on: links[0]).contains { frame in
            if case .ping(let beat) = frame { beat.hears.contains(MemberID(original: original)) } else { false }
        }
        #expect(named)
        bench.say(.relay([MemberID(original: original)]), on: links[1])
        let renewed = Replica.renewed(
            .digest(1), Version(time: .zero, origin: MemberID(original: original)), Heartbeat(age: 0, wall: 0))
        let told = bench.tell {
            $0.originalTold([Replicated(namespace: Namespace("t"), replica: renewed)], by: original, at: bench.time)
        }
        #expect(try bench.frames(on: links[0], in: told).isEmpty)
        #expect(try bench.frames(on: links[1], in: told).map(\.name) == ["relayed"])
        #expect(told.count == 1, "nor are other originals told")
    }

    @Test(arguments: [false, true])
    func `an original that only another member reads is asked of that one`(isRead: Bool) throws {
        let bench = NodeBench()
        let original = bench.address(9)
        bench.tell { $0.members([bench.address(1), original], isComplete: true, at: bench.time) }
        if isRead { bench.tell { $0.originalChanged(original, to: .connected, at: bench.time) } }
        let link = try bench.dial(member: 1, at: bench.address(1))
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        for _ in 0..<6 {
            let wall = bench.time.wall / 1_000_000
            bench.say(.ping(Beat(token: 1, wall: wall, isReady: true, hears: [MemberID(original: original)])), on: link)
            bench.say(.pong(token: UInt64(bench.now.milliseconds)), on: link)
            bench.pass(1_000)
        }
        let asked = try bench.frames(on: link).contains { frame in
            if case .relay(let members) = frame { members == [MemberID(original: original)] } else { false }
        }
        #expect(asked != isRead)
    }

    @Test func `what is here is not whole until the members have been heard after a pause`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        #expect(!bench.node.isWhole)
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        #expect(bench.node.isWhole)
        bench.tell { $0.paused(at: bench.time) }
        #expect(!bench.node.isWhole)
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: true, hears: [])), on: link)
        bench.say(.pong(token: UInt64(bench.now.milliseconds)), on: link)
        bench.pass(100)
        #expect(bench.node.isWhole)
    }
}
