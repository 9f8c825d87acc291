// A service instance: it registers, sends heartbeats to whichever member answers, registers again when told that it is
// unknown, and one day either deregisters, until somebody says that it is done, or just falls silent.

import Catalog
import Replication
import TestCatalog
import TestTime
import Time

final class SimulatedClient {
    enum State {
        case heartbeating
        /// Has asked to be deregistered and not yet been told that it is.
        case leaving
        case gone
        case silent
    }

    let key: Key
    /// What it asks for from now on.
    private(set) var ttl: Int64
    /// The shortest it ever asked for: somebody may know no other.
    private var shortestTTL: Int64
    unowned let simulation: Simulation
    private(set) var state = State.heartbeating
    /// When a member last took a heartbeat or a registration of it.
    private(set) var heardAt: MonotonicTime
    private var home: Int
    private var isRegistered = false
    private var incarnation = 0

    init(number: Int, simulation: Simulation, home: Int? = nil) {
        self.simulation = simulation
        key = Key(
            namespace: Namespace("tenant-\(number % 3)"),
            id: number % 4 == 0 ? .text(Name("instance-\(number)")) : .digest(UInt64(number) &* 0x9E37_79B9_7F4A_7C15))
        // Some are so seldom heard that only copies and digests can bring what was lost of them: others are repaired by
        // their next heartbeat.
        ttl = number % 4 == 1 ? 120_000 : Int64.random(in: 4...10, using: &simulation.random) * 1_000
        shortestTTL = ttl
        self.home = home ?? Int.random(in: 0..<simulation.members.count, using: &simulation.random)
        heardAt = simulation.now
        act()
    }

    var isHeartbeating: Bool { state == .heartbeating && isRegistered }

    func fallSilent() { if state == .heartbeating { state = .silent } }

    func deregister() {
        guard state == .heartbeating, isRegistered else { return }
        state = .leaving
        act()
    }

    /// Comes back after having left or fallen silent.
    func comeBack() {
        guard state == .gone || state == .silent else { return }
        state = .heartbeating
        isRegistered = false
        act()
    }

    /// Registers once more with another status, at some member, not necessarily the one that has its heartbeats.
    func setStatus() {
        guard isHeartbeating, let member = anyMember() else { return }
        let status = InstanceStatus(
            ["UP", "UP", "STARTING", "DOWN", "OUT_OF_SERVICE", "OUT_OF_SERVICE"].randomElement(
                using: &simulation.random) ?? "UP")
        register(at: member, as: status)
    }

    /// Registers once more with another TTL, at some member; its heartbeats go on where they went.
    func registerAgain() {
        guard isHeartbeating, let member = anyMember() else { return }
        ttl = [4_000, 6_000, 120_000].randomElement(using: &simulation.random) ?? ttl
        register(at: member)
        incarnation += 1
        planNext(after: pause())
    }

    private func anyMember() -> SimulatedMember? {
        simulation.members.filter(\.isServing).randomElement(using: &simulation.random)
    }

    private func pick() -> SimulatedMember? {
        if Int.random(in: 0..<6, using: &simulation.random) == 0 {
            home = Int.random(in: 0..<simulation.members.count, using: &simulation.random)
        }
        let member = simulation.members[home]
        if member.isServing { return member }
        home = (home + 1) % simulation.members.count
        return nil
    }

    /// One request, and when the next one comes.
    private func act() {
        let before = state
        guard state == .heartbeating || state == .leaving, !simulation.isEnding else { return }
        var wait = pause()
        if let member = pick() {
            if state == .leaving {
                switch member.apply(.deregister(key.id), in: key.namespace) {
                case .done:
                    write(.deregistered, at: member)
                    state = .gone
                default:
                    // It may be known elsewhere, or have run out: it asks once more, and then stops caring.
                    state = Int.random(in: 0..<4, using: &simulation.random) == 0 ? .silent : .leaving
                    wait = 300
                }
            } else if isRegistered, member.renew(key) {
                heardAt = simulation.now
            } else if !isRegistered || member.isReady {
                register(at: member)
            } else {
                wait = 200  // 503: somebody else will know.
                home = (home + 1) % simulation.members.count
            }
        } else {
            wait = 200
        }
        guard state == .heartbeating || state == .leaving, state == before else { return }
        planNext(after: wait)
    }

    /// Between two heartbeats.
    private func pause() -> Duration {
        .milliseconds(shortestTTL / 3) + .random(in: 0...300, using: &simulation.random)
    }

    private func planNext(after wait: Duration) {
        let (state, incarnation) = (state, incarnation)
        simulation.plan(after: wait) { [self] in
            if self.state == state, self.incarnation == incarnation { act() }
        }
    }

    private func register(at member: SimulatedMember, as status: InstanceStatus = .up) {
        let instance = Instance(
            id: key.id, serviceName: Name("service-\(key.id.utf8.count % 2)"),
            endpoint: Endpoint(kind: .http, value: "10.9.0.1:80"),
            status: status, ttl: ttl, tags: ["blue"], metadata: Array("{\"boot\":\(simulation.now)}".utf8),
            registered: simulation.wall)
        guard member.apply(.register(instance), in: key.namespace) == .done else { return }
        isRegistered = true
        heardAt = simulation.now
        shortestTTL = min(shortestTTL, ttl)
        write(.registered, at: member)
    }

    private func write(_ kind: Journal.Kind, at member: SimulatedMember) {
        guard let replica = member.record(key) else { return }
        simulation.trace("\(kind) \(key.id) at \(member)")
        member.whenAcknowledged { [simulation, key] in simulation.promised(key, replica.version, by: member) }
        simulation.acknowledged(
            Journal.Entry(
                kind: kind, version: replica.version, lifetime: replica.lifetime, at: simulation.now,
                member: member.index),
            for: key)
    }
}

extension Replica {
    /// Milliseconds that it is seen after its last heartbeat; nil when that is without end.
    var lifetime: Int64? {
        guard case .present(let instance, _, _) = self else { return 0 }
        return instance.isOutOfService ? nil : instance.ttl
    }
}
