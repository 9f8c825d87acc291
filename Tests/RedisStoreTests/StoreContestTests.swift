// Two members take registrations of one id before either knows of the other's: the one stands that its client changed
// later, on both members and in the store, whichever came first and whichever has the later version.

import Catalog
import RedisStore
import Replication
import TestRedisStore
import Testing
import Time

struct StoreContestTests {
    private let key = StateKey(namespace: Namespace("tenant"), id: InstanceID(Array("id-1".utf8)[...]) ?? .digest(1))

    private func register(_ changed: Int64?, at member: SimulatedMember, _ simulation: StoreSimulation) {
        let instance = Instance(
            id: key.id, serviceName: Name("s"), endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"), status: .up,
            ttl: 30_000, tags: [], metadata: nil, extra: changed.map { Array("\($0)".utf8) },
            registered: simulation.time.wall)
        _ = member.store.register(instance, in: key.namespace, at: simulation.time.moment)
        simulation.turn(member)
    }

    /// What a member shows: when the client changed it, and in which version.
    private func shown(by member: SimulatedMember, _ simulation: StoreSimulation) -> (changed: String, Version)? {
        guard let state = member.store.state(of: key.id, in: key.namespace, at: simulation.time.moment),
            case .present(let instance, let version, _) = state.replica
        else { return nil }
        return (instance.extraUTF8.map { String(decoding: $0, as: UTF8.self) } ?? "", version)
    }

    // D532
    @Test(arguments: 1...40 as ClosedRange<UInt64>, [[10, 20], [20, 10], [10, 20, 15], [20, 10, 30]] as [[Int64]])
    func `of registrations at the same time the one stands that was changed last`(seed: UInt64, changes: [Int64]) {
        let simulation = StoreSimulation(seed: seed, members: changes.count, limits: StoreLimits()) { _ in nil }
        simulation.run(until: 1_000)
        for (member, changed) in zip(simulation.members, changes) {
            register(changed, at: member, simulation)
            // Mostly less than it takes to hear of the other one.
            simulation.run(until: simulation.now / StoreSimulation.millisecond + Int64(seed % 3))
        }
        simulation.run(until: 3_000)
        let latest = changes.max().map(String.init) ?? ""
        let all = simulation.members.map { shown(by: $0, simulation) }
        #expect(all.allSatisfy { $0?.changed == latest && $0?.1 == all[0]?.1 }, "seed \(seed): \(all)")
        // A member that starts reads the same.
        simulation.trim(to: 0)
        simulation.cut(simulation.members[0])
        simulation.run(until: 6_000)
        #expect(shown(by: simulation.members[0], simulation)?.changed == latest, "seed \(seed)")
    }

    // D532
    @Test func `without a client's time, and long after, the later version stands`() {
        let simulation = StoreSimulation(seed: 1, members: 2, limits: StoreLimits()) { _ in nil }
        simulation.run(until: 1_000)
        register(20, at: simulation.members[0], simulation)
        register(nil, at: simulation.members[1], simulation)
        simulation.run(until: 2_000)
        #expect(simulation.members.allSatisfy { shown(by: $0, simulation)?.changed == "" })
        register(20, at: simulation.members[0], simulation)
        simulation.run(until: 6_000)
        register(10, at: simulation.members[1], simulation)
        simulation.run(until: 7_000)
        #expect(simulation.members.allSatisfy { shown(by: $0, simulation)?.changed == "10" })
    }
}
