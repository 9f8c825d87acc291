// What /uptime says of a cluster: a fault shows when it has lasted, and is over when it is over.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct ClusterHealthTests {
    private static func status(size: Int = 3, isReady: Bool = true, _ peers: [PeerStatus] = []) -> ClusterStatus {
        ClusterStatus(
            member: MemberID(bits: 1), name: "", address: PeerAddress(host: "10.0.0.1", port: 1), isReady: isReady,
            ground: nil,
            expectedSize: 3, size: size, clockOffset: 0, clockCorrection: 0, holdsLeases: false, digestRoot: 0,
            peers: peers,
            counts: ReplicationCounts())
    }

    private static func peer(
        _ state: PeerStatus.State, digestsAgree: Bool? = nil, hasOverflowed: Bool? = nil
    ) -> PeerStatus {
        PeerStatus(
            address: PeerAddress(host: "10.0.0.2", port: 1), member: nil, name: nil, state: state, isReady: true,
            clockOffset: nil,
            failures: 0, lastCopy: nil, digestsAgree: digestsAgree,
            lag: hasOverflowed.map {
                PeerStatus.Lag(changes: 0, milliseconds: 0, queuedBytes: 0, hasOverflowed: $0, isCopying: false)
            })
    }

    @Test func `too few members show after the grace period, and not again before it has passed anew`() {
        var health = ClusterHealth(grace: 1_000)
        let observations: [(at: MonotonicTime, size: Int, isHealthy: Bool)] = [
            (0, 1, true), (999, 2, true), (1_000, 2, false), (1_500, 2, false), (1_600, 3, true), (1_700, 2, true),
            (2_699, 2, true),
            (2_700, 2, false),
        ]
        for (time, size, isHealthy) in observations {
            health.observe(Self.status(size: size), at: time)
            #expect(health.isClusterHealthy == isHealthy, "at \(time)")
            #expect(health.isReplicationHealthy)
        }
    }

    @Test func `the components carry the size as the contract has it`() {
        let health = ClusterHealth(grace: 0)
        #expect(
            health.components(Self.status(size: 2))
                == [
                    ComponentHealth(name: "CLUSTER", isHealthy: true, properties: [("size", 2), ("threshold", 3)]),
                    ComponentHealth(name: "REPLICATION", isHealthy: true),
                ])
    }

    @Test(arguments: [
        (peer(.streaming, digestsAgree: true, hasOverflowed: false), true), (peer(.streaming), true),
        (peer(.streaming, digestsAgree: false), false), (peer(.streaming, hasOverflowed: true), false),
        (peer(.copying), false),
        (peer(.greeting), false), (peer(.unreached), false),
        // Not there at all: that is the size's affair. Else one member that is switched off would make all the others
        // unhealthy.
        (peer(.waiting), true), (peer(.dialing), true), (peer(.ourself), true), (peer(.duplicate), true),
        (peer(.original), true),
        (peer(.refused), true),
    ])
    func `a member that is there but not in step is a fault of replication`(peer: PeerStatus, isHealthy: Bool) {
        var health = ClusterHealth(grace: 1_000)
        for time in [0, 1_000] as [MonotonicTime] {
            health.observe(Self.status([Self.peer(.streaming), peer]), at: time)
        }
        #expect(health.isReplicationHealthy == isHealthy)
        #expect(health.isClusterHealthy)
    }

    @Test func `that all members refuse this one shows at once, and how many they are`() {
        var health = ClusterHealth(grace: 60_000)
        var status = Self.status([Self.peer(.refused), Self.peer(.refused)])
        health.observe(status, at: 0)
        #expect(health.isReplicationHealthy, "one that refuses, among others, is its own affair")
        status.refusal = .secret
        health.observe(status, at: 1)
        #expect(
            health.components(status).last
                == ComponentHealth(name: "REPLICATION", isHealthy: false, properties: [("refused", 2)]))
        status.refusal = nil
        health.observe(status, at: 2)
        #expect(health.components(status).last == ComponentHealth(name: "REPLICATION", isHealthy: true))
    }

    @Test func `no copy within the grace period is a fault of replication`() {
        var health = ClusterHealth(grace: 1_000)
        for (time, isHealthy) in [(0, true), (999, true), (1_000, false)] as [(MonotonicTime, Bool)] {
            health.observe(Self.status(isReady: false), at: time)
            #expect(health.isReplicationHealthy == isHealthy)
        }
    }
}
