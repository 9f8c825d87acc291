// Which addresses are dialed, and who is a member though nobody names it.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeMembershipTests {
    @Test func `an address that leads to this member itself is left alone for a while, and may then lead to another`()
        throws
    {
        let bench = NodeBench()
        let address = PeerAddress(host: "192.168.0.1", port: 1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        // It is ready by then: nobody has answered.
        bench.pass(35_000)
        #expect(bench.node.isWhole)
        let link = try bench.dial(member: 100, at: address)
        #expect(bench.closed(link) == .ourself)
        let state = { bench.node.status(at: bench.time).peers.map(\.state) }
        for _ in 0..<3 {
            let before = bench.directives.count
            bench.pass(DialTable.ourselfWait / 2 - 200)
            #expect(!bench.directives[before...].contains { if case .dial = $0 { true } else { false } })
            bench.pass(DialTable.ourselfWait / 2 + 200)
            #expect(bench.directives[before...].contains { if case .dial(address) = $0 { true } else { false } })
            #expect(state() == [.ourself])
            _ = try bench.dial(member: 100, at: address)
        }
        #expect(bench.directives.count { if case .note(.ourself) = $0 { true } else { false } } == 1, "it is said once")
        bench.pass(DialTable.ourselfWait)
        let link2 = try bench.dial(member: 1, at: address)
        #expect(bench.closed(link2) == nil)
        #expect(state() == [.copying])
    }

    @Test func `a member that has no copy yet looks again soon whether an address still leads to itself`() throws {
        let bench = NodeBench()
        let address = PeerAddress(host: "192.168.0.1", port: 1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        for _ in 0..<3 {
            let link = try bench.dial(member: 100, at: address)
            #expect(bench.closed(link) == .ourself)
            let before = bench.directives.count
            bench.pass(NodeLimits().dialCap)
            #expect(bench.directives[before...].contains { if case .dial(address) = $0 { true } else { false } })
        }
        let link = try bench.dial(member: 1, at: address)
        #expect(bench.closed(link) == nil)
        bench.pass(100)
        #expect(bench.node.status(at: bench.time).readiness.hold == .copying)
    }

    @Test func `a member that was given the address of this one is another, and is told of`() throws {
        let bench = NodeBench { $0.address = HandshakeTests.hello(1).address }
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        for _ in 0..<8 {
            bench.pass(1_000)
            bench.say(.pong(token: .max), on: link)
        }
        #expect(bench.closed(link) == nil)
        #expect(bench.node.status(at: bench.time).conflicts.map(\.kind) == [.address])
        #expect(bench.node.status(at: bench.time).peers.map(\.state) == [.unreached])
        #expect(
            bench.directives.count { if case .note(.conflict) = $0 { true } else { false } } == 1, "it is said once")
    }

    @Test func `two addresses of one member are one link`() throws {
        let bench = NodeBench()
        let (one, two) = (PeerAddress(host: "10.1.0.1", port: 1), PeerAddress(host: "10.1.0.2", port: 1))
        bench.tell { $0.members([one, two], isComplete: true, at: bench.time) }
        let (first, second) = (try bench.dial(member: 1, at: one), try bench.dial(member: 1, at: two))
        #expect(bench.closed(first) == nil)
        #expect(bench.closed(second) == .duplicate)
        // The first one having ended, the other address is tried.
        let told = bench.tell { $0.linkClosed(first, at: bench.time) } + bench.tell { $0.tick(at: bench.time) }
        #expect(told.contains { if case .dial(two) = $0 { true } else { false } })
    }

    @Test func `a refusal after the proof is told as one, and not as a leaving`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        bench.say(.goodbye(.refused(.full)), on: link)
        #expect(bench.closed(link) == .refusedBy(.full))
        #expect(
            bench.directives.contains { if case .note(.lost(_, _, .refusedBy(.full))) = $0 { true } else { false } })
    }

    @Test
    func `a member that nobody names any more stays one while it lives, and is dialed for a while once it is silent`()
        throws
    {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        for _ in 0..<200 {
            bench.say(.pong(token: .max), on: link)
            bench.pass(1_000)
        }
        #expect(bench.closed(link) == nil)
        bench.pass(2_000)
        #expect(bench.closed(link) == .silent)
        let again = try bench.dial(member: 1, at: address)
        #expect(bench.closed(again) == nil, "it was cut off for a moment")
        bench.pass(3_000)
        #expect(bench.closed(again) == .silent)
        bench.pass(DialTable.patience)
        let forgotten = bench.directives.count
        bench.pass(60_000)
        #expect(!bench.directives[forgotten...].contains { if case .dial = $0 { true } else { false } })
        #expect(bench.node.status(at: bench.time).peers.map(\.state) == [.lost], "that it is missed is told on")
    }

    @Test func `a member that nobody names is forgotten with its goodbye`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        bench.say(.goodbye(.leaving), on: link)
        #expect(bench.closed(link) == .leaving)
        #expect(bench.node.status(at: bench.time).peers.isEmpty)
        // In the usual order: it leaves, and then nobody names it.
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        bench.say(.goodbye(.leaving), on: try bench.dial(member: 1, at: address))
        #expect(bench.node.status(at: bench.time).peers.count == 1)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        #expect(bench.node.status(at: bench.time).peers.isEmpty)
    }

    @Test func `a member that only reads from us is dialed for as long as it reads, whether or not anybody names it`()
        throws
    {
        let bench = NodeBench()
        let address = HandshakeTests.hello(1).address
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.tell { $0.dialFailed(address, at: bench.time) }
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        let before = bench.directives.count
        bench.pass(1_000)
        #expect(bench.directives[before...].contains { if case .dial(address) = $0 { true } else { false } })
        bench.tell { $0.linkClosed(link, at: bench.time) }
        #expect(bench.node.status(at: bench.time).peers.isEmpty, "it never answered there")
    }

    @Test func `of members that nobody names there are as many as may read from us`() throws {
        var limits = NodeLimits()
        limits.acceptedLinks = 2
        let bench = NodeBench(limits: limits)
        let addresses = (1...3).map { bench.address($0) }
        bench.tell { $0.members(Set(addresses), isComplete: true, at: bench.time) }
        let links = try (1...3).map { try bench.dial(member: $0, at: addresses[Int($0) - 1]) }
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        #expect(links.map(bench.closed) == [nil, nil, .notMember])
    }
}
