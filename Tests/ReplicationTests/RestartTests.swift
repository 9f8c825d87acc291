// Members that are started with what they held before, as a file has it (docs/snapshot.md, S301–S304).

import Catalog
import TestCatalog
import TestTime
import Testing
import Time

@testable import Replication

struct RestartTests {
    private static let tenant = Namespace("t")

    private static func register(_ number: UInt64, ttl: Int64, at member: SimulatedMember) {
        _ = member.apply(.register(ClusterStoryTests.instance(ClusterStoryTests.key(number), ttl: ttl)), in: tenant)
    }

    private static func sees(_ simulation: Simulation, _ number: UInt64) -> [Bool] {
        simulation.members.map { $0.sees(ClusterStoryTests.key(number)) != nil }
    }

    @Test func `members that all lost power have what any file has, and each lease begins anew`() {
        // S303 Where no such member answers, as when all members lost power, all begin with everything that any file
        // has, and each lease begins anew as in S202. No member waits for another longer than without files.
        let simulation = ClusterStoryTests.cluster()
        let members = simulation.members
        for number in 1...3 { Self.register(UInt64(number), ttl: 10_000, at: members[number - 1]) }
        simulation.run(for: 1_000)
        let files = members.map(\.file)
        _ = members[0].apply(.deregister(ClusterStoryTests.key(3).id), in: Self.tenant)
        simulation.run(for: 1_000)
        let newest = members[0].file
        for member in members { member.crash() }
        // All leases are over by the clock.
        simulation.run(for: 60_000)
        members[0].start(newest)
        // This one has lost its disk.
        members[1].start()
        members[2].start(files[2])
        simulation.run(for: 3_500)
        #expect(members.allSatisfy { $0.isReady })
        for number in 1...2 as ClosedRange<UInt64> { #expect(Self.sees(simulation, number) == [true, true, true]) }
        #expect(Self.sees(simulation, 3) == [false, false, false], "deregistered, as the newest file says")
        // One sends its heartbeats, and one is dead.
        _ = members[1].renew(ClusterStoryTests.key(1))
        simulation.run(for: 6_000)
        _ = members[2].renew(ClusterStoryTests.key(1))
        simulation.run(for: 5_000)
        #expect(Self.sees(simulation, 1) == [true, true, true])
        #expect(Self.sees(simulation, 2) == [false, false, false])
        for member in members { member.store.checkInvariants() }
    }

    @Test func `the first of them to come back does not wait for the others, and gives them all it has`() {
        let simulation = ClusterStoryTests.cluster()
        let members = simulation.members
        Self.register(1, ttl: 60_000, at: members[0])
        simulation.run(for: 1_000)
        let file = members[0].file
        for member in members { member.crash() }
        simulation.run(for: 120_000)
        members[0].start(file)
        simulation.run(for: Simulation.syncTimeout + 4_000)
        #expect(members[0].isReady && Self.sees(simulation, 1)[0])
        // They have nothing, and it ran all the time since.
        members[1].start()
        members[2].start()
        simulation.run(for: 4_000)
        #expect(members.allSatisfy { $0.isReady })
        #expect(Self.sees(simulation, 1) == [true, true, true])
    }

    @Test func `a member with a file learns who died from one that ran all the time`() {
        // S301 A member meets the others with what its file has, and versions decide. S302 A member that ran all the
        // time knows who is alive. Once its copy has come, each lease from the file ends when it would have ended.
        let simulation = ClusterStoryTests.cluster()
        let members = simulation.members
        Self.register(1, ttl: 10_000, at: members[0])
        for number in 2...4 as ClosedRange<UInt64> { Self.register(number, ttl: 60_000, at: members[0]) }
        simulation.run(for: 1_000)
        let file = members[0].file
        members[0].crash()
        _ = members[1].apply(.deregister(ClusterStoryTests.key(2).id), in: Self.tenant)
        simulation.run(for: 40_000)
        _ = members[2].renew(ClusterStoryTests.key(4))
        simulation.run(for: 1_000)
        members[0].start(file)
        simulation.run(for: 3_500)
        #expect(members[0].isReady)
        #expect(Self.sees(simulation, 1) == [false, false, false])
        #expect(Self.sees(simulation, 2) == [false, false, false])
        #expect(Self.sees(simulation, 3) == [true, true, true])
        // Of these the one that nobody renewed ends everywhere at its time: the file has extended no lease.
        simulation.run(for: 20_000)
        #expect(Self.sees(simulation, 3) == [false, false, false])
        #expect(Self.sees(simulation, 4) == [true, true, true])
        for member in members { member.store.checkInvariants() }
    }

    @Test func `what only the file has is on all members`() {
        // S301 … and what only the file has is on all members.
        let simulation = ClusterStoryTests.cluster()
        let members = simulation.members
        for other in members[1...2] {
            simulation.network.cut(members[0], other)
            simulation.network.cut(other, members[0])
        }
        Self.register(1, ttl: 60_000, at: members[0])
        let file = members[0].file
        members[0].crash()
        simulation.network.mendAll()
        simulation.run(for: 5_000)
        members[0].start(file)
        simulation.run(for: 4_000)
        #expect(Self.sees(simulation, 1) == [true, true, true])
    }
}

struct RestoringClusterTests {
    @Test func `a registry that is alone has no copy until its file is read`() {
        // S201 Until the file is read … look-ups are answered 503 and heartbeats and removals of unknown ids too, as by
        // a member that has no copy yet (R620–R622).
        let cluster = RestoringCluster()
        #expect(!cluster.hasCopy && cluster.report == nil && cluster.isLargeEnough)
        cluster.restored()
        #expect(cluster.hasCopy)
    }
}
