// Stories of whole clusters that are worth telling one by one, over the simulation's network.

import Catalog
import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

struct ClusterStoryTests {
    static func key(_ number: UInt64) -> Key { Key(namespace: Namespace("t"), id: .digest(number)) }

    static func instance(_ key: Key, ttl: Int64 = 10_000) -> Instance {
        Instance(
            id: key.id, serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up, ttl: ttl,
            tags: [], metadata: nil,
            registered: 0)
    }

    /// Three members that are ready.
    static func cluster(_ count: Int = 3) -> Simulation {
        let simulation = Simulation(memberCount: count)
        for member in simulation.members { member.start() }
        simulation.run(for: 5_000)
        return simulation
    }

    @Test func `members that all start are ready together, at once`() {
        let simulation = Simulation(memberCount: 3)
        for member in simulation.members { member.start() }
        simulation.run(for: 3_500)
        #expect(simulation.members.allSatisfy { $0.isReady })
    }

    @Test func `a change is everywhere within the time of one way`() {
        let simulation = Self.cluster()
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        simulation.run(for: 3)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) != nil })
    }

    @Test func `the last heartbeat is the same on every member`() {
        let simulation = Self.cluster()
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        simulation.run(for: 3_000)
        _ = simulation.members[1].renew(Self.key(1))
        simulation.run(for: 300)
        #expect(Set(simulation.members.map { $0.sees(Self.key(1))?.lastHeartbeat }).count == 1)
    }

    @Test func `a member that starts is not ready before it has copied, and its copy extends no lease`() {
        let simulation = Self.cluster()
        simulation.members[2].crash()
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1), ttl: 8_000)), in: Namespace("t"))
        simulation.run(for: 4_000)
        simulation.members[2].start()
        #expect(!simulation.members[2].isReady)
        simulation.run(for: 3_800)
        #expect(simulation.members.allSatisfy { $0.isReady && $0.sees(Self.key(1)) != nil })
        simulation.run(for: 300)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) == nil })
    }

    @Test
    func `a member that the others' sources have lost is heard by them all the same, also after its connections broke`()
    {
        let simulation = Self.cluster()
        let (one, two, three) = (simulation.members[0], simulation.members[1], simulation.members[2])
        // As when the directory fails for one alone, or a name's look-up leaves out who is not ready.
        one.told([three.address])
        three.told([one.address])
        simulation.run(for: 120_000)
        _ = two.apply(.register(Self.instance(Self.key(1), ttl: 600_000)), in: Namespace("t"))
        simulation.run(for: 3)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) != nil })
        for (from, to) in [(one, two), (two, one), (three, two), (two, three)] { simulation.network.cut(from, to) }
        simulation.run(for: 20_000)
        _ = two.apply(.register(Self.instance(Self.key(2), ttl: 600_000)), in: Namespace("t"))
        // It, too, is told of nobody now.
        two.told([])
        simulation.network.mendAll()
        simulation.run(for: 10_000)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(2)) != nil })
        two.leave()
        // It is gone after 500 ms, and may be back soon after.
        simulation.run(for: 400)
        #expect(one.node?.status(at: one.time).peers.map(\.address) == [three.address])
    }

    @Test func `a deregistration on one side of a partition stands on both when it is healed`() {
        let simulation = Self.cluster()
        let (one, two, three) = (simulation.members[0], simulation.members[1], simulation.members[2])
        _ = one.apply(.register(Self.instance(Self.key(1), ttl: 60_000)), in: Namespace("t"))
        simulation.run(for: 1_000)
        for (from, to) in [(one, two), (two, one), (one, three), (three, one)] { simulation.network.cut(from, to) }
        _ = one.apply(.deregister(Self.key(1).id), in: Namespace("t"))
        simulation.run(for: 8_000)
        #expect(two.sees(Self.key(1)) != nil)
        // The other side keeps it alive, and cannot know better.
        _ = two.renew(Self.key(1))
        simulation.network.mendAll()
        simulation.run(for: 10_000)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) == nil })
    }

    @Test func `a member that was stopped expires nothing that the others kept alive`() {
        let simulation = Self.cluster()
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(2))), in: Namespace("t"))
        simulation.run(for: 1_000)
        simulation.members[2].pause()
        for _ in 0..<13 {
            simulation.run(for: 3_000)
            _ = simulation.members[0].renew(Self.key(1))
        }
        simulation.members[2].resume()
        for _ in 0..<50 {
            #expect(simulation.members[2].sees(Self.key(1)) != nil)
            simulation.run(for: 100)
        }
        #expect(simulation.members[2].sees(Self.key(2)) == nil, "nobody kept it alive")
    }

    @Test func `when all members were stopped at once, nobody expires anybody before a client could be heard`() {
        let simulation = Self.cluster()
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(2))), in: Namespace("t"))
        simulation.run(for: 4_000)
        // Nobody has been told of this one yet when the members are stopped.
        _ = simulation.members[1].renew(Self.key(1))
        for member in simulation.members { member.pause() }
        simulation.run(for: 40_000)
        for member in simulation.members { member.resume() }
        for _ in 0..<50 {
            for member in simulation.members {
                #expect(member.sees(Self.key(1)) != nil && member.sees(Self.key(2)) != nil)
            }
            simulation.run(for: 100)
        }
        _ = simulation.members[2].renew(Self.key(1))
        simulation.run(for: 5_000)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) != nil && $0.sees(Self.key(2)) == nil })
    }

    @Test func `a member that was stopped for long learns nothing from peers that were just stopped too`() {
        let simulation = Self.cluster()
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        simulation.run(for: 1_000)
        simulation.members[2].pause()
        for _ in 0..<13 {
            simulation.run(for: 3_000)
            _ = simulation.members[0].renew(Self.key(1))
        }
        for member in simulation.members[..<2] { member.pause() }
        simulation.run(for: 12_000)
        for member in simulation.members { member.resume() }
        for _ in 0..<50 {
            for member in simulation.members { #expect(member.sees(Self.key(1)) != nil) }
            simulation.run(for: 100)
        }
    }

    @Test func `what a pause has added is taken back as soon as a peer is heard that knows who is alive`() {
        let simulation = Self.cluster()
        let (one, two, three) = (simulation.members[0], simulation.members[1], simulation.members[2])
        _ = one.apply(.register(Self.instance(Self.key(1), ttl: 30_000)), in: Namespace("t"))
        simulation.run(for: 1_000)
        // The second hears only the first, which was stopped with it.
        simulation.network.cut(two, three)
        simulation.network.cut(three, two)
        one.pause()
        two.pause()
        simulation.run(for: 40_000)
        #expect(three.sees(Self.key(1))?.isOverdue == true, "it hears nobody, and keeps what they have vouched for")
        two.resume()
        one.resume()
        simulation.run(for: 5_000)
        #expect(one.sees(Self.key(1)) == nil)
        simulation.run(for: 5_000)
        #expect(two.sees(Self.key(1)) == nil, "it has a lease of 30 s, of which 1 s had passed")
    }

    @Test func `two members that cannot reach one another hear each other through a third`() {
        let simulation = Self.cluster()
        let (one, two) = (simulation.members[0], simulation.members[1])
        simulation.network.cut(one, two)
        _ = one.apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        for round in 0..<20 {
            simulation.run(for: 3_000)
            _ = one.renew(Self.key(1))
            if round > 4 { #expect(two.sees(Self.key(1)) != nil, "round \(round)") }
        }
        _ = one.apply(.register(Self.instance(Self.key(2))), in: Namespace("t"))
        simulation.run(for: 20)
        #expect(two.sees(Self.key(2)) != nil)
    }

    /// Cuts both ways between these.
    static func part(_ simulation: Simulation, _ pairs: [(Int, Int)]) {
        for (one, other) in pairs {
            simulation.network.cut(simulation.members[one], simulation.members[other])
            simulation.network.cut(simulation.members[other], simulation.members[one])
        }
    }

    @Test(arguments: [[(0, 1)], [(0, 2), (0, 3), (1, 3)], [(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4)]])
    func `nothing that sends heartbeats goes missing anywhere while a path of members leads there`(cuts: [(Int, Int)]) {
        let simulation = Self.cluster(max(3, (cuts.map(\.1).max() ?? 0) + 1))
        let members = simulation.members
        // Heartbeats each 3.3 s with a TTL of 10 s, each instance at one member, spread over the time between two.
        let keys = (0..<30).map { Self.key(UInt64($0)) }
        for (number, key) in keys.enumerated() {
            let home = members[number % members.count]
            simulation.plan(after: number * 110) {
                _ = home.apply(.register(Self.instance(key)), in: key.namespace)
            }
            for beat in 1...15 {
                simulation.plan(after: number * 110 + beat * 3_300) { _ = home.renew(key) }
            }
        }
        simulation.run(for: 6_000)
        Self.part(simulation, cuts)
        for step in 0..<400 {
            simulation.run(for: 100)
            for member in members {
                let missing = keys.indices.filter { member.sees(keys[$0]) == nil }
                #expect(missing.isEmpty, "\(member) misses \(missing) after \(step * 100) ms")
            }
        }
        // A registration goes the same way, at once.
        _ = members[0].apply(.register(Self.instance(Self.key(100))), in: Namespace("t"))
        simulation.run(for: 50)
        #expect(members.allSatisfy { $0.sees(Self.key(100)) != nil })
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `whatever is cut, nothing that sends heartbeats in time is hidden from anybody to whom a path leads`(
        seed: UInt64
    ) {
        var random = SplitMix64(seed: seed)
        let simulation = Self.cluster(Int.random(in: 3...5, using: &random))
        let members = simulation.members
        let keys = (0..<24).map { Self.key(UInt64($0)) }
        for (number, key) in keys.enumerated() {
            let home = members[Int.random(in: 0..<members.count, using: &random)]
            let (ttl, period) = [(10_000, 8_000), (6_000, 2_000), (3_000, 900)][number % 3] as (Int64, Int)
            let start = Duration.random(in: 0...1_999, using: &random)
            simulation.plan(after: start) { _ = home.apply(.register(Self.instance(key, ttl: ttl)), in: key.namespace) }
            for beat in 1..<70_000 / period {
                simulation.plan(after: start + .milliseconds(beat * period)) { _ = home.renew(key) }
            }
        }
        simulation.run(for: 4_000)
        for round in 0..<2 {
            // Each member after the first keeps one way to one before it; of the others some are cut.
            var cuts: [(Int, Int)] = []
            for member in 1..<members.count {
                let kept = Int.random(in: 0..<member, using: &random)
                cuts += (0..<member).filter { $0 != kept && Int.random(in: 0..<4, using: &random) > 0 }.map {
                    ($0, member)
                }
            }
            Self.part(simulation, cuts)
            for step in 0..<280 {
                if step == 150 { simulation.network.mendAll() }
                simulation.run(for: 100)
                for member in members {
                    let missing = keys.indices.filter { member.sees(keys[$0]) == nil }
                    #expect(
                        missing.isEmpty,
                        "seed \(seed), round \(round), cuts \(cuts): \(member) misses \(missing) after \(step * 100) ms"
                    )
                }
            }
        }
    }

    @Test
    func `a member that is cut off keeps what the others vouched for, and learns who is dead when it hears them again`()
    {
        // R660 A member of a cluster that is connected to fewer than half of the others … holds the leases of instances
        // that sent their last heartbeat to another member: until it hears enough again.
        let simulation = Self.cluster()
        let (one, alone) = (simulation.members[0], simulation.members[2])
        let (alive, dead, local) = (Self.key(1), Self.key(2), Self.key(3))
        for (key, member) in [(alive, one), (dead, one), (local, alone)] {
            _ = member.apply(.register(Self.instance(key)), in: key.namespace)
        }
        simulation.run(for: 1_000)
        Self.part(simulation, [(0, 2), (1, 2)])
        for round in 1...15 {
            simulation.run(for: 3_000)
            _ = one.renew(alive)
            #expect(alone.sees(alive) != nil && alone.sees(dead) != nil, "round \(round)")
            #expect(
                (alone.sees(local) == nil) == (round > 3), "round \(round): what it would have heard itself is gone")
            #expect((one.sees(dead) == nil) == (round > 3))
        }
        #expect(alone.sees(alive)?.isOverdue == true)
        guard case .cutOff = alone.hearing else { return #expect(Bool(false), "it hears \(alone.hearing)") }
        #expect(one.hearing == .whole(restarts: false), "the majority knows who is dead")
        simulation.network.mendAll()
        for _ in 0..<40 {
            simulation.run(for: 300)
            _ = one.renew(alive)
            #expect(alone.sees(alive) != nil)
        }
        #expect(alone.sees(dead) == nil && alone.sees(alive)?.isOverdue == false)
        #expect(alone.hearing == .whole(restarts: false))
    }

    @Test func `what one of two vouched for begins anew when the other has been restarted and knows nothing`() {
        let simulation = Self.cluster(2)
        let (one, two) = (simulation.members[0], simulation.members[1])
        _ = one.apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        simulation.run(for: 1_000)
        one.crash()
        simulation.run(for: 30_000)
        #expect(two.sees(Self.key(1))?.isOverdue == true)
        one.start()
        simulation.run(for: 9_000)
        #expect(two.sees(Self.key(1))?.isOverdue == false, "a client of the other one has had no time to come back")
        simulation.run(for: 12_000)
        #expect(two.sees(Self.key(1)) == nil)
    }

    @Test func `a member that dies is asked of nobody, and copied from nobody`() {
        let simulation = Self.cluster(4)
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        let before = simulation.members.map { $0.node?.status(at: $0.time).counts.copiesReceived }
        simulation.members[0].crash()
        simulation.run(for: 8_000)
        #expect(
            simulation.members[1...].map { $0.node?.status(at: $0.time).counts.copiesReceived } == Array(before[1...]))
    }

    @Test func `what was lost without anybody noticing is found by the digests`() {
        let simulation = Self.cluster()
        // As after a mistake of ours: one member has merged what another never told it again.
        let version = Version(time: HybridTime(bits: UInt64(simulation.wall) << 16), origin: MemberID(bits: 77))
        let state = Replicated(
            namespace: Namespace("t"),
            replica: .present(
                Self.instance(Self.key(1), ttl: 60_000), version, Heartbeat(age: 0, wall: simulation.wall * 1_000_000)))
        _ = simulation.members[0].store.merge(state, at: simulation.members[0].time.moment)
        #expect(simulation.members[1].sees(Self.key(1)) == nil)
        simulation.run(for: 2 * NodeLimits().digestPeriod + 500)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) != nil })
    }

    @Test func `a member whose clock is ten years ahead corrects itself, and no change of the others is lost to it`() {
        let simulation = Self.cluster()
        simulation.members[0].skew = 315_360_000_000
        simulation.run(for: 3_000)
        #expect(abs(simulation.members[0].correction + 315_360_000_000) < 1_000)
        _ = simulation.members[0].apply(.register(Self.instance(Self.key(1))), in: Namespace("t"))
        simulation.run(for: 500)
        #expect(simulation.members[1].apply(.deregister(Self.key(1).id), in: Namespace("t")) == .done)
        simulation.run(for: 500)
        #expect(simulation.members.allSatisfy { $0.sees(Self.key(1)) == nil })
    }

    @Test func `a member alone is ready when it has waited, or at once when nobody else is expected`() {
        let simulation = Simulation(memberCount: 1)
        simulation.members[0].start()
        simulation.run(for: Simulation.syncTimeout - 200)
        #expect(!simulation.members[0].isReady)
        simulation.run(for: 400)
        #expect(simulation.members[0].isReady)
    }
}
