// Whom a node waits for before its clients are answered, for how long, and what it knows of those who wait for it.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeAcknowledgingTests {
    private static let timeout = NodeLimits().acknowledgeTimeout

    private static func ticket(_ number: UInt64, loop: Int = 0) -> AcknowledgmentTicket {
        AcknowledgmentTicket(loop: loop, number: number)
    }

    private static func acknowledged(_ directives: [Directive]) -> [AcknowledgmentTicket] {
        directives.compactMap { if case .acknowledged(let ticket) = $0 { ticket } else { nil } }
    }

    private static func notices(_ frames: [Frame]) -> [WaitNotice] {
        frames.compactMap { if case .notice(let notice) = $0 { notice } else { nil } }
    }

    private static func standing(_ bench: NodeBench) -> ClusterStanding {
        bench.directives.compactMap { if case .standing(let standing) = $0 { standing } else { nil } }.last ?? .alone
    }

    @discardableResult
    private static func change(_ bench: NodeBench, _ number: Int, loop: Int = 0) -> [Directive] {
        bench.register(number)
        return bench.tell { $0.acknowledge(ticket(UInt64(number), loop: loop), at: bench.time) }
    }

    @Test func `with nobody to wait for a change is acknowledged at once, and nothing is waited for`() {
        let bench = NodeBench()
        #expect(Self.acknowledged(Self.change(bench, 1)) == [Self.ticket(1)])
        #expect(bench.node.nextDeadline == nil)
        #expect(Self.standing(bench) == .alone)
    }

    @Test func `a change is acknowledged when the last that is waited for has it`() throws {
        let bench = NodeBench()
        let links = try (1...2).map { try bench.acceptPrompt(member: $0) }
        for link in links { #expect(Self.notices(try bench.frames(on: link)) == [.waitedFor]) }
        #expect(Self.standing(bench).waits)
        #expect(Self.acknowledged(Self.change(bench, 1)).isEmpty)
        #expect(bench.node.nextDeadline == bench.now + Self.timeout)
        #expect(Self.acknowledged(bench.say(.acknowledge(changes: 1), on: links[0])).isEmpty)
        #expect(Self.acknowledged(bench.say(.acknowledge(changes: 1), on: links[1])) == [Self.ticket(1)])
        #expect(bench.node.nextDeadline == nil)
    }

    @Test func `what everybody has already is acknowledged at once`() throws {
        let bench = NodeBench()
        let link = try bench.acceptPrompt(member: 1)
        Self.change(bench, 1)
        bench.say(.acknowledge(changes: 1), on: link)
        #expect(Self.acknowledged(bench.tell { $0.acknowledge(Self.ticket(2), at: bench.time) }) == [Self.ticket(2)])
    }

    @Test func `one acknowledgment ends all waits before it, told by the last of each loop`() throws {
        let bench = NodeBench()
        let link = try bench.acceptPrompt(member: 1)
        for number in 1...6 { Self.change(bench, number, loop: number % 2) }
        #expect(
            Self.acknowledged(bench.say(.acknowledge(changes: 3), on: link)) == [
                Self.ticket(3, loop: 1), Self.ticket(2, loop: 0),
            ])
        #expect(
            Self.acknowledged(bench.say(.acknowledge(changes: 6), on: link)) == [
                Self.ticket(6, loop: 0), Self.ticket(5, loop: 1),
            ])
    }

    @Test func `who does not acknowledge in time is left out, is told so in the next frame, and no later change waits`()
        throws
    {
        let bench = NodeBench()
        let (slow, quick) = (try bench.acceptPrompt(member: 1), try bench.acceptPrompt(member: 2))
        Self.change(bench, 1)
        bench.say(.acknowledge(changes: 1), on: quick)
        bench.now += Self.timeout - 1
        #expect(Self.acknowledged(bench.tell { $0.expireWaits(at: bench.time) }).isEmpty)
        bench.now += 1
        let told = bench.tell { $0.expireWaits(at: bench.time) }
        #expect(Self.acknowledged(told) == [Self.ticket(1)])
        #expect(try Self.notices(bench.frames(on: slow, in: told)) == [.leftOut])
        #expect(try bench.frames(on: quick, in: told).isEmpty)
        #expect(told.contains { if case .note(.leftOut(bench.address(1))) = $0 { true } else { false } })
        Self.change(bench, 2)
        #expect(Self.acknowledged(bench.say(.acknowledge(changes: 2), on: quick)) == [Self.ticket(2)])
        #expect(
            Self.standing(bench)
                == ClusterStanding(waits: true, mayBeUnderWay: true, behindSince: nil, isCatchingUp: true))
    }

    @Test func `who was left out is waited for again when it has been prompt for five seconds`() throws {
        let bench = NodeBench()
        let link = try bench.acceptPrompt(member: 1)
        Self.change(bench, 1)
        bench.now += Self.timeout
        bench.tell { $0.expireWaits(at: bench.time) }
        bench.say(.acknowledge(changes: 1), on: link)
        let leftAt = bench.now
        while bench.now - leftAt < Attendance.probation - 100 {
            bench.pass(100)
            try bench.ready(link)
        }
        #expect(try Self.notices(bench.frames(on: link)).last == .leftOut)
        for _ in 0..<2 {
            bench.pass(100)
            try bench.ready(link)
        }
        #expect(try Self.notices(bench.frames(on: link)).last == .waitedFor)
        #expect(
            bench.directives.contains { if case .note(.waitedForAgain(bench.address(1))) = $0 { true } else { false } })
    }

    @Test(arguments: [45, 60, 120] as [Duration])
    func `a line whose answers take more than half the bound is never waited for`(delay: Duration) throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: true, hears: [])), on: link)
        for _ in 0..<100 {
            bench.now += delay
            try bench.pong(link)
            bench.pass(100)
        }
        #expect(try bench.frames(on: link).contains { $0.name == "notice" } == (delay <= Self.timeout / 2))
    }

    @Test func `members that are not ready, or of the version before, are not waited for`() throws {
        let bench = NodeBench()
        let (starting, older) = (try bench.accept(member: 1), try bench.accept(member: 2, versions: 2...2))
        for link in [starting, older] { bench.say(.subscribe, on: link) }
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: false, hears: [])), on: starting)
        try bench.pong(starting)
        try bench.ready(older)
        #expect(Self.acknowledged(Self.change(bench, 1)) == [Self.ticket(1)])
        #expect(try !bench.frames(on: older).contains { $0.name == "notice" }, "it would not know what that is")
        try bench.ready(starting)
        #expect(Self.acknowledged(Self.change(bench, 2)).isEmpty)
    }

    @Test func `those who wait already wait for whoever begins to be waited for`() throws {
        let bench = NodeBench()
        let known = try bench.acceptPrompt(member: 1)
        let new = try bench.accept(member: 2)
        bench.say(.subscribe, on: new)
        Self.change(bench, 1)
        try bench.ready(new)
        #expect(try Self.notices(bench.frames(on: new)) == [.waitedFor])
        #expect(Self.acknowledged(bench.say(.acknowledge(changes: 1), on: known)).isEmpty)
        #expect(Self.acknowledged(bench.say(.acknowledge(changes: 1), on: new)) == [Self.ticket(1)])
    }

    @Test func `a link that ends, and a queue that runs over, hold nobody up`() throws {
        var limits = NodeLimits.withoutLinking
        limits.queueChanges = 2
        let bench = NodeBench(limits: limits)
        let (full, gone) = (try bench.acceptPrompt(member: 1), try bench.acceptPrompt(member: 2))
        Self.change(bench, 1)
        #expect(Self.acknowledged(bench.tell { $0.linkClosed(gone, at: bench.time) }).isEmpty)
        Self.change(bench, 2)
        #expect(Self.acknowledged(Self.change(bench, 3)) == [Self.ticket(3)])
        #expect(try Self.notices(bench.frames(on: full)) == [.waitedFor, .leftOut])
    }

    @Test func `with local acknowledgment nobody waits, and the others are told`() throws {
        var limits = NodeLimits.withoutLinking
        limits.acknowledges = false
        let bench = NodeBench(limits: limits)
        let link = try bench.acceptPrompt(member: 1)
        #expect(Self.acknowledged(Self.change(bench, 1)) == [Self.ticket(1)])
        #expect(try Self.notices(bench.frames(on: link)) == [.neverWaits])
        #expect(
            Self.standing(bench)
                == ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: nil, isCatchingUp: true))
    }

    @Test func `after a pause of its own a node reads what was acknowledged before it leaves anybody out`() throws {
        let bench = NodeBench()
        let link = try bench.acceptPrompt(member: 1)
        Self.change(bench, 1)
        bench.now += 5 * Self.timeout
        #expect(Self.acknowledged(bench.tell { $0.expireWaits(at: bench.time) }).isEmpty)
        #expect(Self.acknowledged(bench.say(.acknowledge(changes: 1), on: link)) == [Self.ticket(1)])
    }

    // MARK: - Being waited for

    /// A node that is ready by the copy of a member, which was ready too.
    private static func reader(_ notice: WaitNotice?) throws -> (NodeBench, LinkID) {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: true, hears: [])), on: link)
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        if let notice { bench.say(.notice(notice), on: link) }
        return (bench, link)
    }

    @Test(
        arguments: [
            (nil, ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: 1_000)),
            (.leftOut, ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: 1_000)),
            (.waitedFor, ClusterStanding(waits: false, mayBeUnderWay: false, behindSince: nil)),
            (.neverWaits, ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: nil)),
        ] as [(WaitNotice?, ClusterStanding)])
    func `a member is behind as long as one that was ready does not wait for it`(
        notice: WaitNotice?, standing: ClusterStanding
    ) throws {
        let (bench, _) = try Self.reader(notice)
        #expect(Self.standing(bench) == standing)
    }

    @Test func `a member that was left out is behind until it is waited for again`() throws {
        let (bench, link) = try Self.reader(.waitedFor)
        bench.now += 50
        bench.say(.notice(.leftOut), on: link)
        #expect(Self.standing(bench).behindSince == bench.now)
        #expect(bench.directives.contains { if case .note(.leftOutBy(bench.address(1))) = $0 { true } else { false } })
        bench.now += 50
        bench.say(.notice(.waitedFor), on: link)
        #expect(Self.standing(bench) == .alone)
    }

    @Test func `a member that was paused for longer than others wait is behind until they have been heard`() throws {
        let (bench, link) = try Self.reader(.waitedFor)
        let before = bench.now
        bench.now += 100
        bench.tell { $0.tick(at: bench.time) }
        #expect(Self.standing(bench) == .alone, "that is how often it is called")
        bench.now += 300
        bench.tell { $0.tick(at: bench.time) }
        #expect(Self.standing(bench).behindSince == before + 100)
        try bench.pong(link)
        #expect(Self.standing(bench) == .alone)
    }

    @Test func `for a minute after a link was lost changes may be under way, not after a goodbye`() throws {
        let (bench, link) = try Self.reader(.waitedFor)
        bench.tell { $0.linkClosed(link, at: bench.time) }
        #expect(Self.standing(bench).mayBeUnderWay)
        bench.pass(StandingJudge.lossMemory)
        #expect(!Self.standing(bench).mayBeUnderWay)
        let (other, left) = try Self.reader(.waitedFor)
        other.say(.goodbye(.leaving), on: left)
        #expect(!Self.standing(other).mayBeUnderWay)
    }
}
