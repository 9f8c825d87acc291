// What must hold of a cluster, whatever happened to it. It is said once more in docs/consistency.md, for those who run
// one.

import Catalog
import Replication
import TestTime
import Time

struct Oracle {
    let simulation: Simulation

    /// At the end, all troubles being healed.
    func judge() {
        for member in simulation.members where !member.isReady { simulation.complain("\(member) is not ready") }
        judgeAgreement()
        judgeStanding()
        for client in simulation.clients { judge(client) }
    }

    /// A client hears that its change is done: every member that the one it asked waits for has it, or something later.
    /// One whose first copy of that member is still under way gets with it what was changed before it began to read,
    /// and knows that until then it may lack that.
    func judgePromise(_ key: Key, _ version: Version, by member: SimulatedMember) {
        for other in simulation.members where other !== member && member.waits(for: other) {
            guard other.hasCopied(member) else {
                // One of two that leave has closed its end already.
                if other.isReady, other.hears(member), !other.standing.mayBeUnderWay {
                    simulation.complain("\(other) copies \(member), and knows of no reason")
                }
                continue
            }
            if other.held(key).map({ $0 < version }) ?? true {
                simulation.complain(
                    "\(member) has acknowledged \(key.id) in \(version), and \(other), which it waits for, has it not")
            }
        }
    }

    /// A member that knows of no reason why it may lack anything has all that those whom it hears have acknowledged a
    /// while ago.
    private func judgeKnowledge(of member: SimulatedMember) {
        guard !member.standing.mayBeUnderWay, member.standing.behindSince == nil, !member.isOlder else { return }
        for promise in simulation.promises
        where simulation.now - promise.at > 5_000 && simulation.now - promise.at < 6_000 {
            let other = simulation.members[promise.member]
            guard promise.version.origin == other.id, other !== member, member.hears(other),
                member.held(promise.key).map({ $0 < promise.version }) ?? true
            else { continue }
            simulation.complain(
                "\(member) knows of no reason, but lacks \(promise.key.id) in \(promise.version), which m\(promise.member) has acknowledged"
            )
        }
    }

    /// In a calm sea all wait for all, and nobody lacks anything.
    private func judgeStanding() {
        guard simulation.setting.isCalm, simulation.setting.isQuick else { return }
        let isMixed = !simulation.setting.olderMembers.isEmpty
        for member in simulation.members where !member.isOlder && simulation.setting.limits.acknowledges {
            let newer = simulation.members.count { !$0.isOlder }
            if member.standing != ClusterStanding(waits: newer > 1, mayBeUnderWay: isMixed, behindSince: nil) {
                simulation.complain("\(member) stands \(member.standing) in a calm sea")
            }
        }
    }

    private func judgeAgreement() {
        guard let first = simulation.members.first else { return }
        let digest = first.store.digest()
        let held = contents(of: first)
        for other in simulation.members.dropFirst() {
            // Where leases began anew because nobody could tell who lives, the dead are there for a TTL more, and
            // elsewhere they are not.
            let mayDiffer = first.restartedAt != nil || other.restartedAt != nil
            if !mayDiffer, other.store.digest() != digest {
                simulation.complain("the digests of \(first) and \(other) differ")
            }
            let theirs = contents(of: other)
            for key in Set(held.keys).union(theirs.keys) where held[key] != theirs[key] {
                if mayDiffer, held[key] == nil || theirs[key] == nil { continue }
                simulation.complain(
                    "\(first) and \(other) differ about \(key.id): \(held[key] ?? "-"), \(theirs[key] ?? "-")")
            }
        }
    }

    /// All that clients can see of a member's instances, heartbeats aside.
    private func contents(of member: SimulatedMember) -> [Key: String] {
        var contents: [Key: String] = [:]
        var cursor: CopyCursor? = .start
        while let from = cursor {
            let piece = member.store.copy(from: from, limit: 100, at: member.time.moment)
            for item in piece.items {
                guard case .present(let instance, let version, let heartbeat) = item.replica,
                    heartbeat.age <= item.replica.lifetime ?? .max
                else { continue }
                contents[Key(namespace: item.namespace, id: instance.id)] =
                    "\(version) \(instance.serviceName.text) \(instance.status.token) \(instance.ttl) \(instance.metadata ?? []) \(instance.registered)"
            }
            cursor = piece.next
        }
        return contents
    }

    private func judge(_ client: SimulatedClient) {
        let key = client.key
        let standing = simulation.journal.standing(key)
        for member in simulation.members {
            let isSeen = member.sees(key) != nil
            switch (client.state, standing?.kind) {
            case (.heartbeating, let kind?) where client.isHeartbeating && kind != .deregistered:
                if !isSeen { simulation.complain("\(key.id) kept heartbeating, but \(member) has it not") }
                if let standing, let version = member.record(key)?.version, version < standing.version {
                    simulation.complain(
                        "\(member) has \(key.id) in an older version than was acknowledged: \(standing.kind) is lost")
                }
            case (.gone, .deregistered?):
                if isSeen { simulation.complain("\(key.id) was deregistered, but \(member) has it") }
            case (.gone, _), (.silent, _), (.leaving, _), (.heartbeating, _):
                var lifetime = standing.map(\.lifetime) ?? client.ttl
                // What its only holder died with is excused, and may have been on its way to one that was paused all
                // the same.
                if let standing, let replica = member.record(key), replica.version > standing.version {
                    lifetime = replica.lifetime
                }
                if isSeen, let lifetime,
                    simulation.now > member.seesDead(heardAt: client.heardAt, lifetime: lifetime) + Simulation.deadBound
                {
                    simulation.complain("\(key.id) is dead since \(client.heardAt), but \(member) has it")
                }
            }
        }
    }

    /// Twice a second, while there is trouble.
    func look() {
        for member in simulation.members { member.remember(simulation.clients.map(\.key)) }
        for member in simulation.members where member.state == .up && member.isReady {
            judgeKnowledge(of: member)
            // Leases stand still in a pause and until the peers have been heard.
            let isRested =
                simulation.now - member.wasPausedAt > NodeLimits().leaseHold + 1_000 || member.wasPausedAt == 0
            for client in simulation.clients {
                let seen = member.sees(client.key)?.instance
                let isSeen = seen != nil
                // A member that is cut off may not know yet that it has another TTL.
                if let seen, !seen.isOutOfService, isRested, !simulation.setting.faults.contains(.pause),
                    simulation.now > member.seesDead(heardAt: client.heardAt, lifetime: seen.ttl) + Simulation.deadBound
                {
                    simulation.complain("\(client.key.id) is dead since \(client.heardAt), but \(member) has it")
                }
                // Without trouble everything is seen everywhere within a second, or when a short queue has been copied.
                let bound: Duration = simulation.setting.hasShortQueues ? 15_000 : 1_000
                let settled =
                    simulation.journal.entries[client.key]?.last.map { simulation.now - $0.at > bound } ?? false
                if simulation.setting.isCalm, settled, simulation.now > 5_000, client.isHeartbeating, !isSeen {
                    simulation.complain("\(client.key.id) is alive in a calm sea, but \(member) has it not")
                }
                if simulation.setting.isCalm, settled, simulation.now > 5_000, client.state == .gone, isSeen {
                    simulation.complain("\(client.key.id) was deregistered in a calm sea, but \(member) has it")
                }
            }
        }
    }

    /// A member has just become ready by a copy: it must have what the one it copied from has had for a while.
    func judgeCopy(of member: SimulatedMember, from source: SimulatedMember) {
        guard source.state != .down, source.isReady else { return }
        for (key, seen) in source.seen where source.sees(key) != nil && simulation.now - seen.since > 4_000 {
            // What a pause there has given more time than its true age leaves it is dead to others; what was near its
            // end, and heard of there only while the copy was under way, has ended here.
            guard case .present(let instance, let version, let heartbeat)? = source.record(key),
                version == seen.version,
                heartbeat.age > 2_500, heartbeat.age + 1_000 < instance.ttl
            else { continue }
            if let ours = member.held(key), ours >= version { continue }
            simulation.complain("\(member) is ready by a copy from \(source), but lacks \(key.id)")
        }
    }
}

extension SimulatedMember {
    /// The version it knows of a key, of one present, run out or deregistered.
    func held(_ key: Key) -> Version? {
        store.stateForPeers(of: key.id, in: key.namespace, at: time.moment)?.replica.version
    }
}
