// What a node makes of what it is told, and of those who tell it.

import Catalog
import TestCatalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeSubscribingTests {
    @Test func `a copy that is cut short makes nobody ready`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        let copy = FrameCodec.encode(FrameCodecTests.states, as: .copy)
        for _ in 0..<2 {
            bench.say(.copyStart(afterGap: false), on: link)
            for part in copy { bench.say(part.frame, on: link) }
            bench.say(.copyEnd(CopySummary(count: 4, hash: copy[0].hash, isReady: true)), on: link)
        }
        #expect(!bench.directives.contains { if case .becameReady = $0 { true } else { false } })
        #expect(bench.closed(link) == .malformed(.value), "a second copy in a row that is not whole")
    }

    @Test
    func
        `a member whose peer hangs up in the middle of its copy, again and again, is not ready before the peer is silent`()
        throws
    {
        let bench = NodeBench()
        let address = bench.address(1)
        func isReady() -> ReadinessGround? {
            bench.directives.lazy.compactMap { if case .becameReady(let ground) = $0 { ground } else { nil } }.first
        }
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let timeout = bench.node.configuration.syncTimeout
        while bench.now < 0 + 4 * timeout {
            bench.pass(6_000)
            let link = try bench.dial(member: 1, at: address)
            bench.say(.copyStart(afterGap: false), on: link)
            bench.pass(1_000)
            bench.tell { $0.linkClosed(link, at: bench.time) }
            #expect(isReady() == nil, "at \(bench.now)")
        }
        #expect(bench.directives.count { if case .note(.copyOverdue) = $0 { true } else { false } } == 1)
        // It was last heard a second ago, when it began.
        bench.pass(timeout - 1_200)
        #expect(isReady() == nil)
        bench.pass(400)
        #expect(isReady() == .timeout(peersAnswered: true))
    }

    @Test func `a renewal of something unknown brings the whole`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.say(FrameCodec.encode([FrameCodecTests.states[2]], as: .changes)[0].frame, on: link)
        bench.pass(100)
        let asked = try bench.frames(on: link).compactMap { if case .askStates(let keys) = $0 { keys } else { nil } }
        #expect(asked == [[StateKey(namespace: Namespace("tenant"), id: .digest(1))]])
        #expect(try bench.frames(on: link).contains { if case .acknowledge(1) = $0 { true } else { false } })
    }

    @Test func `a member that tells and does not read its acknowledgments is let go`() throws {
        var limits = NodeLimits()
        (limits.queueBytes, limits.queueSlackBytes) = (1_000, 1_000)
        let bench = NodeBench(limits: limits)
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        let changes = FrameCodec.encode([FrameCodecTests.states[1]], as: .changes)[0].frame
        for _ in 0..<1_000 where bench.closed(link) == nil { bench.say(changes, on: link) }
        #expect(bench.closed(link) == .deaf)
        #expect(bench.bytes(on: link).count < 3_000)
        #expect(bench.directives.contains { if case .note(.lost(_, _, .deaf)) = $0 { true } else { false } })
    }

    @Test(arguments: [Beat.walls.lowerBound, Beat.walls.upperBound])
    func `two who lie about the time lead nobody further than a clock can be wrong`(wall: Int64) throws {
        let bench = NodeBench()
        for member in 1...2 as ClosedRange<UInt64> {
            let link = try bench.accept(member: member)
            let beat = Beat(token: 1, wall: wall, isReady: true, hears: [])
            for _ in 0..<5 { bench.say(.ping(beat), on: link) }
        }
        bench.pass(2_000)
        let corrections = bench.directives.compactMap {
            if case .correctClock(let milliseconds) = $0 { milliseconds } else { nil }
        }
        #expect(corrections.count == 1)
        #expect(corrections.allSatisfy { $0.magnitude <= UInt64(ClockAlarm.farthest) })
        #expect(
            bench.node.status(at: bench.time).clockOffset.magnitude
                > UInt64(NodeLimits().clockTolerance.wholeMilliseconds))
    }

    /// What tells a member of a change with this version, in each way that there is.
    static func tales(_ version: Version) -> [[UInt8]] {
        let states = [
            Replicated(
                namespace: Namespace("t"),
                replica: .present(FrameCodecTests.instance, version, Heartbeat(age: 0, wall: 0))),
            Replicated(namespace: Namespace("t"), replica: .absent(.digest(1), version)),
            Replicated(namespace: Namespace("t"), replica: .renewed(.digest(2), version, Heartbeat(age: 0, wall: 0))),
        ]
        let key = KeyedVersion(namespace: Namespace("t"), id: .digest(1), version: version, isPresent: false)
        let lists: [FrameCodec.StateList] = [.copy, .changes, .relayed, .states]
        return lists.flatMap { list in states.map { FrameCodec.encode([$0], as: list)[0].frame } } + [
            FrameCodec.encode(.keys([key], isCut: false))
        ]
    }

    /// The link that tells all of it, and the time of what is registered here afterwards less the wall clock's.
    private static func hear(stampedAhead milliseconds: Int64) throws -> [(end: CloseReason?, lead: Int64)] {
        let wall = NodeBench.time(1_000).wall / 1_000_000
        let version = Version(time: HybridTime(bits: UInt64(wall + milliseconds) << 16), origin: MemberID(bits: 1))
        return try tales(version).map { tale in
            let bench = NodeBench()
            bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
            let link = try bench.dial(member: 1, at: bench.address(1))
            bench.say(tale, on: link)
            bench.register(7)
            let own = try #require(
                bench.store.state(of: .digest(7), in: Namespace("t"), at: bench.time.moment)?.replica.version)
            return (bench.closed(link), own.time.milliseconds - wall)
        }
    }

    @Test func `a change from further ahead than a clock can be wrong ends the link and moves no clock`() throws {
        let ahead = StampBelief.aheadOfOwn + 1
        for (end, lead) in try Self.hear(stampedAhead: ahead) {
            #expect(end == .malformed(.future(milliseconds: ahead)))
            #expect(lead == 0)
        }
    }

    /// Of three clocks two agree, so there is a median; ours is wrong by as much as it pleases.
    @Test(arguments: [Int64(0), -50, 50])
    func `what is believed is measured from the median of the members' clocks`(years: Int64) throws {
        for (ahead, isBelieved) in [
            (StampBelief.aheadOfMedian - 1_000, true), (StampBelief.aheadOfMedian + 1_000, false),
        ] {
            let bench = NodeBench()
            let right = bench.time.wall / 1_000_000 + years * 31_557_600_000
            bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
            let links = try (1...2).map { try bench.dial(member: $0, at: bench.address($0)) }
            for link in links {
                for token in UInt64(1)...5 {
                    bench.say(.ping(Beat(token: token, wall: right, isReady: true, hears: [])), on: link)
                }
            }
            bench.tell { $0.tick(at: bench.time) }
            let version = Version(time: HybridTime(milliseconds: right + ahead), origin: MemberID(bits: 1))
            let replica = Replica.present(
                ClusterStoryTests.instance(ClusterStoryTests.key(1)), version, Heartbeat(age: 0, wall: bench.time.wall))
            let frame = FrameCodec.encode([Replicated(namespace: Namespace("t"), replica: replica)], as: .changes)[0]
                .frame
            bench.say(frame, on: links[0])
            #expect((bench.closed(links[0]) == nil) == isBelieved)
        }
    }

    @Test func `a member that learns that it stamped what nobody believes stamps it anew, and tells that`() throws {
        let bench = NodeBench()
        // Its own clock is sixty years ahead.
        bench.now += 60 * 31_557_600_000
        bench.register(1)
        bench.register(2)
        _ = bench.store.apply(.deregister(.digest(2)), in: Namespace("t"), at: bench.time.moment)
        bench.tell { $0.localChanges(at: bench.time) }
        let right = bench.time.wall / 1_000_000 - 60 * 31_557_600_000
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        let links = try (1...2).map { try bench.dial(member: $0, at: bench.address($0)) }
        for link in links {
            for token in UInt64(1)...5 {
                bench.say(.ping(Beat(token: token, wall: right, isReady: true, hears: [])), on: link)
            }
        }
        bench.tell { $0.tick(at: bench.time) }
        // The shell stamps by the median from now on.
        let corrections = bench.directives.compactMap {
            if case .correctClock(let milliseconds) = $0 { milliseconds } else { nil }
        }
        #expect(corrections == [-60 * 31_557_600_000])
        #expect(bench.directives.contains { if case .note(.restamped(states: 2)) = $0 { true } else { false } })
        let told = bench.store.drain(includeRenewals: false, budget: 10, at: bench.time.moment).changes
        #expect(told.count == 2, "it is told anew")
        #expect(told.allSatisfy { abs($0.replica.version.time.milliseconds - right) < 1_000 })
    }

    /// A change that was accepted stands, whatever clock it was accepted by.
    @Test(arguments: [0, 315_360_000_000, StampBelief.aheadOfOwn])
    func `a change of a clock that is wrong stands, and what is changed knowing of it is later`(ahead: Int64) throws {
        let heard = try Self.hear(stampedAhead: ahead)
        #expect(heard.allSatisfy { $0.end == nil })
        #expect(heard.contains { $0.lead == ahead })
    }
}
