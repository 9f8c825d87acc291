// Who is missing, since when, and how it went; and two members that have one name or one address.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct MemberMemoryTests {
    @Test func `a member that was killed is known by name, since when and why, long after nobody names it`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        let lostAt = bench.now
        bench.tell { $0.linkClosed(link, at: bench.time) }
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        bench.pass(2 * NodeLimits().dialBase)
        bench.tell { $0.dialFailed(address, reason: "Connection refused", at: bench.time) }
        bench.pass(DialTable.patience + 2_000)
        let peer = try #require(bench.node.status(at: bench.time).peers.first)
        #expect(peer.state == .lost)
        #expect(peer.name == HandshakeTests.hello(1).name)
        #expect(peer.member == MemberID(bits: 1))
        #expect(peer.version == FrameCodec.versions.upperBound)
        #expect(peer.since == lostAt)
        #expect(peer.fault?.1 == .unreachable("Connection refused"))
        #expect(bench.node.status(at: bench.time).size == 1, "it is no member")
        // The same member at another address.
        let elsewhere = bench.address(2)
        bench.tell { $0.members([elsewhere], isComplete: true, at: bench.time) }
        _ = try bench.dial(member: 1, at: elsewhere)
        #expect(bench.node.status(at: bench.time).peers.map(\.address) == [elsewhere])
    }

    @Test func `while a lost member is dialed again its name stays, and one that has said goodbye is not missed`()
        throws
    {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.tell { $0.linkClosed(link, at: bench.time) }
        let peer = try #require(bench.node.status(at: bench.time).peers.first)
        #expect(peer.state == .waiting)
        #expect(peer.name == HandshakeTests.hello(1).name)
        #expect(peer.fault?.1 == .closed(nil))
        let again = try bench.dial(member: 1, at: address)
        bench.say(.goodbye(.leaving), on: again)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        bench.pass(2_000)
        #expect(bench.node.status(at: bench.time).peers.isEmpty)
    }

    @Test func `what is remembered is bounded, in number and in time`() {
        var memory = MemberMemory()
        for number in 0..<UInt64(1_000) {
            let address = PeerAddress(host: "10.1.\(number / 250).\(number % 250)", port: 1)
            var hello = HandshakeTests.hello(1)
            (hello.member, hello.name) = (MemberID(bits: number + 1), "member-\(number)")
            let time = MonotonicTime(milliseconds: Int64(number))
            memory.heard(address, hello, version: 2, at: time)
            memory.lost(address, .silent, at: time)
        }
        #expect(memory.records.count <= MemberMemory.limit)
        #expect(memory.records[PeerAddress(host: "10.1.3.249", port: 1)]?.fault?.1 == .closed(.silent))
        memory.prune(keeping: [], at: 999 + MemberMemory.retention)
        #expect(memory.records.isEmpty)
    }
}

struct TwinWatchTests {
    private static func member(_ bits: UInt64, _ name: String, at host: Int) -> TwinWatch.Member {
        TwinWatch.Member(
            member: MemberID(bits: bits), name: name, advertised: PeerAddress(host: "10.0.0.\(host)", port: 1))
    }

    @Test
    func `two live members of one name or one address are told once, after a while, and are found until one is gone`() {
        var watch = TwinWatch()
        let apart: Set = [Self.member(1, "a", at: 1), Self.member(2, "b", at: 2)]
        let sameName: Set = [Self.member(1, "a", at: 1), Self.member(2, "a", at: 2)]
        let sameAddress: Set = [Self.member(1, "a", at: 1), Self.member(2, "b", at: 1)]
        for (members, kind, value) in [(sameName, .name, "a"), (sameAddress, .address, "10.0.0.1:1")]
            as [(Set<TwinWatch.Member>, MemberConflict.Kind, String)]
        {
            #expect(watch.judge(members, at: 0).isEmpty, "a restart looks the same at first")
            #expect(watch.conflicts.isEmpty)
            let told = watch.judge(members, at: 0 + TwinWatch.patience)
            #expect(told.map(\.kind) == [kind])
            #expect(told.map(\.value) == [value])
            #expect(watch.judge(members, at: 0 + 2 * TwinWatch.patience).isEmpty)
            #expect(watch.conflicts == told)
            #expect(watch.judge(apart, at: 0 + 3 * TwinWatch.patience).isEmpty)
            #expect(watch.conflicts.isEmpty)
        }
    }

    @Test func `members without a name have no name in common`() {
        var watch = TwinWatch()
        for time in [0, 0 + TwinWatch.patience] as [MonotonicTime] {
            #expect(watch.judge([Self.member(1, "", at: 1), Self.member(2, "", at: 2)], at: time).isEmpty)
        }
    }

    @Test func `a member of our name stays linked, and the node says so`() throws {
        let bench = NodeBench { $0.name = HandshakeTests.hello(1).name }
        let links = [try bench.accept(member: 1), try bench.accept(member: 2)]
        for _ in 0..<20 {
            for link in links { bench.say(.pong(token: UInt64(bench.now.milliseconds)), on: link) }
            bench.pass(500)
        }
        #expect(links.allSatisfy { bench.closed($0) == nil })
        #expect(bench.directives.count { if case .note(.conflict) = $0 { true } else { false } } == 1)
        #expect(bench.node.status(at: bench.time).conflicts.map(\.kind) == [.name])
    }
}
