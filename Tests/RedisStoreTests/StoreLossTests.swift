// What a server loses that takes over from another one, or that was emptied: members know it, each a part of it, and bring
// it back. Each test is one loss, at a moment that a simulation at random seldom meets.

import Catalog
import RedisStore
import Replication
import TestRedisStore
import Testing
import Time

struct StoreLossTests {
    private let key = StateKey(namespace: Namespace("tenant"), id: InstanceID(Array("id-1".utf8)[...]) ?? .digest(1))
    private let simulation = StoreSimulation(seed: 1, members: 2, limits: StoreLimits()) { _ in nil }

    init() {
        simulation.run(until: 1_000)
    }

    /// Registers an instance at a member.
    private func register(at member: SimulatedMember, ttl: Int64 = 5_000) {
        register(key, ttl: ttl, at: member, in: simulation)
    }

    private func register(_ key: StateKey, ttl: Int64, at member: SimulatedMember, in simulation: StoreSimulation) {
        let instance = Instance(
            id: key.id, serviceName: Name("s"), endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"), status: .up,
            ttl: ttl,
            tags: [], metadata: nil, registered: simulation.time.wall)
        _ = member.store.register(instance, in: key.namespace, at: simulation.time.moment)
        simulation.turn(member)
    }

    private var isStored: Bool { isStored(key, in: simulation) }

    private func isStored(_ key: StateKey, in simulation: StoreSimulation) -> Bool {
        simulation.server.shards[StoreShard(of: key.namespace).number].instances.keys.contains {
            InstanceID($0.id[...]) == key.id
        }
    }

    private func isHeld(by member: SimulatedMember) -> Bool {
        member.store.instance(key.id, in: key.namespace, at: simulation.time.moment.lease) != nil
    }

    @Test func `what a member wrote and has not read yet is written again where a promoted server lacks it`() {
        let members = simulation.members
        members.forEach { $0.isDeaf = true }
        let before = simulation.server
        register(at: members[0])
        simulation.run(until: 1_150)
        #expect(isStored && members[0].member.isFlushed, "it was written")
        #expect(!isHeld(by: members[1]), "nobody has read it")
        simulation.promote(to: before, down: 50)
        members.forEach { $0.isDeaf = false }
        simulation.run(until: 4_000)
        #expect(isStored)
        #expect(isHeld(by: members[0]) && isHeld(by: members[1]))
    }

    @Test func `a renewal that a promoted server lacks keeps its instance all the same`() {
        let member = simulation.members[0]
        register(at: member)
        simulation.run(until: 5_500)
        let before = simulation.server
        #expect(member.store.renew(key.id, in: key.namespace, at: simulation.time.moment))
        simulation.run(until: 5_800)
        simulation.promote(to: before, down: 0)
        simulation.run(until: 10_400)
        #expect(isStored, "it was renewed less than its lease ago")
        #expect(isHeld(by: member) && isHeld(by: simulation.members[1]))
    }

    @Test func `a store that was emptied for a moment lets nobody go who was renewed`() {
        let members = simulation.members
        register(at: members[0])
        for second in 2...20 {
            simulation.run(until: Int64(second) * 1_000)
            #expect(members[0].store.renew(key.id, in: key.namespace, at: simulation.time.moment))
            // The other member hears nothing of it, and is the first to fill the store.
            members[1].isDeaf = true
        }
        var ranOut = 0
        simulation.whenRanOut = { _, _ in ranOut += 1 }
        simulation.run(until: 20_500)
        simulation.empty(restarting: false)
        members[1].isDeaf = false
        simulation.run(until: 24_000)
        #expect(isStored && ranOut == 0)
    }

    @Test func `what was deregistered does not come back with a store that was emptied`() {
        let members = simulation.members
        register(at: members[0])
        simulation.run(until: 2_000)
        members[1].isDeaf = true
        #expect(members[0].store.deregister(key.id, in: key.namespace, at: simulation.time.moment).isDone)
        simulation.turn(members[0])
        simulation.run(until: 2_200)
        simulation.empty(restarting: true)
        members[1].isDeaf = false
        simulation.run(until: 10_000)
        #expect(!isStored && !isHeld(by: members[0]) && !isHeld(by: members[1]))
    }

    @Test func `nobody takes the place in a full namespace of what was acknowledged before a loss`() {
        let full = StoreSimulation(seed: 3, members: 2, limits: StoreLimits()) { _ in 1 }
        let other = StateKey(namespace: key.namespace, id: .digest(2))
        let members = full.members
        full.run(until: 1_000)
        // The second member has not read it yet, and finds room in a store that was emptied.
        members[1].isDeaf = true
        register(key, ttl: 60_000, at: members[0], in: full)
        full.run(until: 1_150)
        #expect(isStored(key, in: full) && members[0].member.isFlushed, "it was acknowledged")
        full.empty(restarting: false)
        register(other, ttl: 60_000, at: members[1], in: full)
        full.run(until: 6_000)
        members[1].isDeaf = false
        full.run(until: 12_000)
        #expect(isStored(other, in: full), "it came first")
        #expect(isStored(key, in: full))
        for member in members {
            #expect(member.store.instance(key.id, in: key.namespace, at: full.time.moment.lease) != nil)
        }
    }

    @Test func `a registration that nobody has acknowledged is judged when it is written again`() {
        let full = StoreSimulation(seed: 4, members: 2, limits: StoreLimits()) { _ in 1 }
        let other = StateKey(namespace: key.namespace, id: .digest(2))
        let members = full.members
        full.run(until: 1_000)
        // Both are taken before either has heard of the other, and the first one's connection breaks.
        register(other, ttl: 60_000, at: members[1], in: full)
        full.cut(members[1], for: 500)
        full.server.isFull = true
        register(key, ttl: 60_000, at: members[0], in: full)
        full.run(until: 1_200)
        full.server.isFull = false
        full.run(until: 12_000)
        #expect(isStored(other, in: full) != isStored(key, in: full), "one of them found room")
        for member in members {
            for key in [key, other] {
                let isShown = member.store.instance(key.id, in: key.namespace, at: full.time.moment.lease) != nil
                #expect(isShown == isStored(key, in: full))
            }
        }
    }

    @Test func `what is registered the moment a first member is ready holds no lease`() throws {
        // A function that finds something stored, and nobody there, takes it that all have been away.
        let fresh = StoreSimulation(seed: 2, members: 1, limits: StoreLimits()) { _ in nil }
        let member = try #require(fresh.members.first)
        var time: Int64 = 0
        while member.member.status(at: fresh.time.monotonic).following < StoreShard.count {
            time += 1
            try #require(time < 10_000, "the member follows all shards")
            fresh.run(until: time)
        }
        let instance = Instance(
            id: key.id, serviceName: Name("s"), endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"), status: .up,
            ttl: 1_000, tags: [], metadata: nil, registered: fresh.time.wall)
        _ = member.store.register(instance, in: key.namespace, at: fresh.time.moment)
        fresh.turn(member)
        fresh.run(until: time + 3_000)
        let shard = fresh.server.shards[StoreShard(of: key.namespace).number]
        #expect(shard.hold == 0)
        #expect(shard.instances.isEmpty, "its lease has run out")
    }
}
