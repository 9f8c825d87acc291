// A member with a whole copy answers clients once it and each member that answers them wait for one another, or after a
// bound.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeLinkingTests {
    /// A node that has the copy of a member, which is ready.
    private static func copied(versions: ClosedRange<UInt16> = FrameCodec.versions, naming more: [UInt64] = []) throws
        -> (
            NodeBench, LinkID
        )
    {
        let bench = NodeBench(limits: NodeLimits())
        bench.tell { $0.members(Set(([1] + more).map(bench.address)), isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1), versions: versions)
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        say(isReady: true, on: link, bench)
        return (bench, link)
    }

    private static func say(isReady: Bool, on link: LinkID, _ bench: NodeBench) {
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: isReady, hears: [])), on: link)
    }

    private static func answersClients(_ bench: NodeBench) -> Bool {
        bench.directives.contains { if case .becameReady = $0 { true } else { false } }
    }

    private static func hold(_ bench: NodeBench) -> ReadinessHold? { bench.node.status(at: bench.time).readiness.hold }

    @Test func `clients are answered when the other waits for us and we for it, in either order`() throws {
        for noticeFirst in [true, false] {
            let (bench, link) = try Self.copied()
            #expect(bench.node.isWhole, "the others may copy from it, and begin to wait for it")
            #expect(Self.hold(bench) == .linking)
            if noticeFirst { bench.say(.notice(.waitedFor), on: link) } else { _ = try bench.acceptPrompt(member: 1) }
            #expect(!Self.answersClients(bench))
            if noticeFirst { _ = try bench.acceptPrompt(member: 1) } else { bench.say(.notice(.waitedFor), on: link) }
            #expect(Self.answersClients(bench))
            #expect(Self.hold(bench) == nil)
        }
    }

    private static func isCatchingUp(_ bench: NodeBench) -> Bool {
        bench.directives.compactMap { if case .standing(let standing) = $0 { standing.isCatchingUp } else { nil } }.last
            ?? false
    }

    @Test func `until clients are answered, what the one that answers them has removed may still be here`() throws {
        let (bench, link) = try Self.copied()
        #expect(Self.isCatchingUp(bench))
        bench.say(.notice(.waitedFor), on: link)
        #expect(Self.isCatchingUp(bench))
        _ = try bench.acceptPrompt(member: 1)
        #expect(Self.answersClients(bench))
        #expect(!Self.isCatchingUp(bench))
    }

    @Test func `members that start together have nothing to catch up with, and one that was lost is caught up with`()
        throws
    {
        let bench = NodeBench(limits: NodeLimits())
        bench.tell { $0.members([bench.address(1), bench.address(2)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        #expect(Self.isCatchingUp(bench), "it has not said yet what it is")
        bench.say(.copyStart(afterGap: false), on: link)
        Self.say(isReady: false, on: link, bench)
        #expect(!Self.isCatchingUp(bench))
        Self.say(isReady: true, on: link, bench)
        #expect(Self.isCatchingUp(bench), "it has found a ground before us")
        bench.tell { $0.linkClosed(link, at: bench.time) }
        #expect(Self.isCatchingUp(bench), "it may go on acknowledging")
    }

    @Test func `a member that never waits is not waited on for that`() throws {
        let (bench, link) = try Self.copied()
        bench.say(.notice(.neverWaits), on: link)
        _ = try bench.acceptPrompt(member: 1)
        #expect(Self.answersClients(bench))
    }

    @Test func `a member of the release before waits for nobody, so its copy is enough`() throws {
        let (bench, _) = try Self.copied(versions: 2...2)
        #expect(Self.answersClients(bench))
    }

    @Test func `a second address is dialed in vain or linked before clients are answered`() throws {
        let (bench, link) = try Self.copied(naming: [2])
        bench.say(.notice(.waitedFor), on: link)
        _ = try bench.acceptPrompt(member: 1)
        #expect(!Self.answersClients(bench))
        for _ in 0..<Readiness.vainDials {
            bench.now += 1_000
            bench.tell { $0.tick(at: bench.time) }
            bench.tell { $0.dialFailed(bench.address(2), at: bench.time) }
        }
        #expect(Self.answersClients(bench))
    }

    private static func acknowledged(_ bench: NodeBench) -> [AcknowledgmentTicket] {
        bench.directives.compactMap { if case .acknowledged(let ticket) = $0 { ticket } else { nil } }
    }

    @Test func `a change is acknowledged when those that answer clients have it, with a copy or without`() throws {
        let bench = NodeBench(limits: NodeLimits())
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        bench.register(1)
        bench.tell { $0.acknowledge(AcknowledgmentTicket(loop: 0, number: 1), at: bench.time) }
        #expect(Self.acknowledged(bench).isEmpty, "nobody was reached")
        let link = try bench.dial(member: 1, at: bench.address(1))
        bench.say(.copyStart(afterGap: false), on: link)
        Self.say(isReady: true, on: link, bench)
        #expect(Self.acknowledged(bench).isEmpty, "it does not read from us yet")
        let reader = try bench.acceptPrompt(member: 1)
        #expect(try bench.frames(on: reader).contains { if case .copyEnd = $0 { true } else { false } })
        #expect(
            Self.acknowledged(bench) == [AcknowledgmentTicket(loop: 0, number: 1)],
            "it came with the copy, before the notice")
        #expect(!Self.answersClients(bench), "our own copy is not whole")
    }

    @Test func `a change is acknowledged where nobody is there, and after a bound where somebody may be`() throws {
        for isReached in [true, false] {
            let bench = NodeBench(limits: NodeLimits())
            bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
            bench.register(1)
            bench.tell { $0.acknowledge(AcknowledgmentTicket(loop: 0, number: 1), at: bench.time) }
            if isReached {
                for _ in 0..<Readiness.vainDials {
                    #expect(Self.acknowledged(bench).isEmpty)
                    bench.now += 200
                    bench.tell { $0.tick(at: bench.time) }
                    bench.tell { $0.dialFailed(bench.address(1), at: bench.time) }
                }
            } else {
                bench.now += NodeLimits().linkingTime - 1
                bench.tell { $0.expireWaits(at: bench.time) }
                #expect(Self.acknowledged(bench).isEmpty)
                bench.now += 1
                bench.tell { $0.expireWaits(at: bench.time) }
            }
            #expect(Self.acknowledged(bench) == [AcknowledgmentTicket(loop: 0, number: 1)])
        }
    }

    @Test func `the wait has a bound`() throws {
        let (bench, _) = try Self.copied()
        let limits = NodeLimits()
        #expect(bench.node.status(at: bench.time).readiness.until == bench.now + limits.linkingTime)
        bench.now += limits.linkingTime - 1
        bench.tell { $0.tick(at: bench.time) }
        #expect(!Self.answersClients(bench))
        bench.now += 1
        bench.tell { $0.tick(at: bench.time) }
        #expect(Self.answersClients(bench))
    }
}
