// What a client may rely on that goes from member to member, each request sent after the answer to the one before.

import Catalog
import TestCatalog
import TestTime
import Testing
import Time

@testable import Replication

struct AcknowledgingStoryTests {
    private static func key(_ number: UInt64) -> Key { ClusterStoryTests.key(number) }

    /// A change that is acknowledged; returns how long that took.
    @discardableResult
    private static func change(_ command: Command, at member: SimulatedMember, is outcome: Outcome = .done) throws
        -> Duration
    {
        let simulation = member.simulation
        let start = simulation.now
        var answeredAt: MonotonicTime?
        #expect(member.apply(command, in: Namespace("t")) == outcome)
        member.whenAcknowledged { answeredAt = simulation.now }
        simulation.run(for: NodeLimits().acknowledgeTimeout + 1)
        return try #require(answeredAt, "not acknowledged within the bound") - start
    }

    @Test func `a client reads its own writes through any member, and the change that is acknowledged later stands`()
        throws
    {
        let simulation = ClusterStoryTests.cluster()
        // As wrong as a clock may be without being corrected.
        (simulation.members[0].skew, simulation.members[1].skew) = (9_000, -9_000)
        for round in 0..<100 {
            let key = Self.key(UInt64(round))
            let members = (0..<3).map { simulation.members[(round + $0) % 3] }
            try Self.change(.register(ClusterStoryTests.instance(key)), at: members[0])
            #expect(simulation.members.allSatisfy { $0.sees(key) != nil }, "round \(round)")
            try Self.change(
                .register(ClusterStoryTests.instance(key).with(status: InstanceStatus("DOWN"))), at: members[1])
            #expect(simulation.members.allSatisfy { $0.sees(key)?.instance.status.token == "DOWN" }, "round \(round)")
            try Self.change(.deregister(key.id), at: members[2])
            #expect(simulation.members.allSatisfy { $0.sees(key) == nil }, "round \(round)")
        }
    }

    @Test func `what is acknowledged survives the member that took it`() throws {
        let simulation = ClusterStoryTests.cluster()
        _ = simulation.members[0].apply(.register(ClusterStoryTests.instance(Self.key(1))), in: Namespace("t"))
        simulation.members[0].whenAcknowledged { simulation.members[0].crash() }
        simulation.run(for: 50)
        #expect(simulation.members[0].state == .down)
        #expect(simulation.members.dropFirst().allSatisfy { $0.sees(Self.key(1)) != nil })
    }

    @Test func `a paused member costs one wait, knows that it is behind, and is waited for again`() throws {
        let simulation = ClusterStoryTests.cluster()
        let (one, paused) = (simulation.members[0], simulation.members[2])
        let quick = try Self.change(.register(ClusterStoryTests.instance(Self.key(1))), at: one)
        #expect(quick <= 10)
        paused.pause()
        #expect(
            try Self.change(.register(ClusterStoryTests.instance(Self.key(2))), at: one)
                == NodeLimits().acknowledgeTimeout)
        for number in UInt64(3)...10 {
            #expect(
                try Self.change(.register(ClusterStoryTests.instance(Self.key(number))), at: one) <= 10,
                "only the first waits")
        }
        paused.resume()
        #expect(paused.standing.behindSince != nil, "it knows by its own clock")
        simulation.run(for: 1_000)
        #expect(paused.standing.behindSince != nil)
        simulation.run(for: Attendance.probation + 1_000)
        #expect(
            simulation.members.allSatisfy {
                $0.standing == ClusterStanding(waits: true, mayBeUnderWay: false, behindSince: nil)
            })
    }

    @Test func `a member that comes back acknowledges nothing alone, and misses nothing that others acknowledge`()
        throws
    {
        let simulation = ClusterStoryTests.cluster()
        // Few instances, so that copies stay small; each change is of a version of its own.
        let keys = (1...32).map { Self.key($0) }
        var changes = 0
        func register(at member: SimulatedMember, whenAcknowledged check: @escaping (Key, Version) -> Void) throws {
            changes += 1
            let key = keys[changes % keys.count]
            #expect(member.apply(.register(ClusterStoryTests.instance(key, ttl: 60_000)), in: key.namespace) == .done)
            let version = try #require(member.held(key))
            member.whenAcknowledged { check(key, version) }
        }
        for round in 0..<30 {
            let (back, others) = Self.restart(round, in: simulation)
            let deadline = simulation.now + 5_000
            while !back.isReady, simulation.now < deadline {
                try register(at: others[changes % 2]) { key, version in
                    guard back.isReady else { return }
                    #expect(
                        back.held(key).map { $0 >= version } == true,
                        "round \(round): acknowledged elsewhere, unknown here")
                }
                simulation.run(for: back.isConnected ? 1 : 20)
            }
            try #require(back.isReady, "round \(round): not ready within 5 s")
            try register(at: back) { key, version in
                #expect(
                    others.allSatisfy { other in other.held(key).map { $0 >= version } == true },
                    "round \(round): acknowledged here, unknown elsewhere")
            }
            simulation.run(for: 1_000)
        }
    }

    @Test func `what was removed elsewhere is called registered by no member that comes back`() throws {
        let simulation = ClusterStoryTests.cluster()
        let keys = (1...32).map { Self.key($0) }
        var (changes, stillHere) = (0, 0)
        for round in 0..<30 {
            let (back, others) = Self.restart(round, in: simulation)
            let deadline = simulation.now + 5_000
            while !back.isReady, simulation.now < deadline {
                changes += 1
                let (key, member) = (keys[changes % keys.count], others[changes % 2])
                if member.sees(key) == nil {
                    member.apply(.register(ClusterStoryTests.instance(key, ttl: 60_000)), in: key.namespace)
                } else {
                    #expect(member.apply(.deregister(key.id), in: key.namespace) == .done)
                    let version = try #require(member.held(key))
                    member.whenAcknowledged {
                        // A heartbeat at this moment would find it.
                        guard back.sees(key) != nil, let held = back.held(key), held < version else { return }
                        stillHere += 1
                        #expect(back.standing.isCatchingUp, "round \(round): removed elsewhere, registered here")
                    }
                }
                simulation.run(for: back.isConnected ? 1 : 20)
            }
            try #require(back.isReady, "round \(round): not ready within 5 s")
            #expect(!back.standing.isCatchingUp)
            simulation.run(for: 1_000)
        }
        #expect(stillHere > 0, "no heartbeat would have come at such a moment")
    }

    /// One of the three members is killed, and comes back a moment later.
    private static func restart(_ round: Int, in simulation: Simulation) -> (
        back: SimulatedMember, others: [SimulatedMember]
    ) {
        let back = simulation.members[round % 3]
        back.crash()
        simulation.run(for: .milliseconds(1 + 37 * round % 300))
        back.start()
        return (back, simulation.members.filter { $0 !== back })
    }

    @Test func `an id that another has acknowledged without us is found by asking`() throws {
        var limits = NodeLimits()
        limits.acknowledges = false
        let simulation = Simulation(memberCount: 3, limits: limits)
        for member in simulation.members { member.start() }
        simulation.run(for: 5_000)
        let asker = simulation.members[1]
        #expect(asker.standing.mayBeUnderWay)
        for number in UInt64(0)..<50 {
            let key = Self.key(number)
            #expect(simulation.members[0].apply(.register(ClusterStoryTests.instance(key)), in: key.namespace) == .done)
            var isSure: Bool?
            asker.ask(key) { isSure = $0 }
            simulation.run(for: 20)
            #expect(isSure == true)
            #expect(asker.sees(key) != nil)
        }
    }

    @Test(arguments: [[0], [0, 1]] as [Set<Int>])
    func `members of two releases form one cluster`(older: Set<Int>) throws {
        let simulation = Simulation(memberCount: 3, olderMembers: older)
        for member in simulation.members { member.start() }
        simulation.run(for: 5_000)
        #expect(simulation.members.allSatisfy { $0.isReady })
        for round in 0..<12 {
            let key = Self.key(UInt64(round))
            let member = simulation.members[round % 3]
            try Self.change(.register(ClusterStoryTests.instance(key, ttl: 60_000)), at: member)
            #expect(simulation.members.allSatisfy { $0.sees(key) != nil })
            if round % 2 == 0 { try Self.change(.deregister(key.id), at: simulation.members[(round + 1) % 3]) }
        }
        simulation.run(for: 2 * NodeLimits().digestPeriod)
        let digests = simulation.members.map { $0.store.digest() }
        #expect(digests.allSatisfy { $0 == digests[0] })
        let newer = simulation.members.filter { !older.contains($0.index) }
        #expect(newer.allSatisfy { $0.standing.mayBeUnderWay && $0.standing.behindSince == nil })
        #expect(newer.allSatisfy { $0.standing.waits == (newer.count > 1) })
    }
}
