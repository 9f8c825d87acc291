// When members look at leases that are over: a period would be long for whoever waits, so the functions tell when the next
// lease may go, and a member looks then.

import Catalog
import RedisStore
import TestRedisStore
import Testing
import Time

struct StoreSweepTests {
    /// Milliseconds between the moment from which a lease may go and its going, of leases that end at any time.
    private func delays(of count: Int, lease: Int64) throws -> [Int64] {
        let simulation = StoreSimulation(seed: 9, members: 1, limits: StoreLimits()) { _ in nil }
        let member = simulation.members[0]
        simulation.run(until: 2_000)
        // What nobody was there to renew is held for the grace of the first member.
        for number in simulation.server.shards.indices { simulation.server.shards[number].hold = 0 }
        var registered: [[UInt8]: Int64] = [:]
        var delays: [Int64] = []
        simulation.whenRanOut = { [unowned simulation] key, _ in
            guard let deadline = registered[key.id] else { return }
            delays.append(simulation.serverTime - deadline - Int64(simulation.server.sweepDelay))
        }
        for number in 0..<count {
            simulation.plan(after: Int64(number) * 433) { [unowned simulation] in
                let name = "one-\(number)"
                guard let id = InstanceID(Array(name.utf8)[...]) else { return }
                let instance = Instance(
                    id: id, serviceName: Name("s"), endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"),
                    status: .up, ttl: lease, tags: [], metadata: [], registered: simulation.time.wall)
                _ = member.store.register(instance, in: Namespace("tenant"), at: simulation.time.moment)
                registered[Array(name.utf8)] = simulation.serverTime + lease
                simulation.turn(member)
            }
        }
        simulation.run(until: 2_000 + Int64(count) * 433 + lease + 2_000)
        return delays.sorted()
    }

    @Test func `a lease goes as soon as it may, not when a period is over`() throws {
        let delays = try delays(of: 40, lease: 3_000)
        #expect(delays.count == 40)
        let (period, half) = (Int64(150), 20)
        #expect(delays.first ?? -1 >= 0, "a renewal may be on its way")
        #expect(delays.prefix(half).allSatisfy { $0 < period / 10 }, "\(delays)")
        #expect(delays.reduce(0, +) < Int64(delays.count) * period / 3, "\(delays)")
    }
}
