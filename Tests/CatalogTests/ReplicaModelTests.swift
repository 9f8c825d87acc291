// Several members, and a network that loses, repeats, delays and reorders, beside one list of what was acknowledged to
// clients. When the members have compared their digests and repaired what differs, each holds of every id what the
// latest acknowledged command made of it, and nothing else.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

/// One run. The members' clocks disagree by up to an hour, and each was started at another time.
private final class Cluster {
    /// What the latest acknowledged command of an id left behind; nil is nothing.
    struct Acknowledged {
        var version: Version
        var instance: Instance?
    }

    let seed: UInt64
    var random: SplitMix64
    var members: [Member]
    /// What is under way from one member to another.
    var network: [(from: Int, to: Int, replicated: Replicated)] = []
    var acknowledged: [Key: Acknowledged] = [:]
    var now: Int64 = 1_000_000_000
    var step = 0
    var problems = 0

    let keys = (0..<12).flatMap { id in
        ["a", "b"].map { Key(namespace: Namespace($0), id: id < 10 ? .digest(UInt64(id)) : .text(Name("i\(id)"))) }
    }

    init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: seed)
        members = (1...UInt64.random(in: 2...4, using: &random)).map {
            Member(
                $0, start: .random(in: 0...1_000_000, using: &random),
                skew: .random(in: -3_600_000...3_600_000, using: &random))
        }
        self.random = random
    }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String, at place: SourceLocation = #_sourceLocation) {
        guard !isTrue else { return }
        problems += 1
        Issue.record("\(what()): seed \(seed), step \(step)", sourceLocation: place)
    }

    func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }

    /// A client's command to some member. TTLs are so long that nothing expires: a lease that ends is for another test.
    func command() {
        guard let key = keys.randomElement(using: &random), let member = members.randomElement(using: &random) else {
            return
        }
        if chance(4) {
            member.renew(key.id, in: key.namespace, at: now)
            return
        }
        let instance = makeInstance(
            key.id, service: chance(2) ? "web" : "db", status: chance(5) ? .outOfService : .up, ttl: 1 << 40,
            value: "\(step)")
        // What is known is registered again in another status, and else as it was: that is how a client changes one.
        let known = member.replica(key.id, in: key.namespace, at: now)?.instance ?? instance
        let commands: [Command] = [
            .register(instance), .register(instance), .register(known.with(status: .starting)),
            .register(known.with(status: .outOfService)), .deregister(key.id), .bury(key.id),
        ]
        guard let command = commands.randomElement(using: &random) else { return }
        let outcome = member.apply(command, in: key.namespace, at: now)
        let made = member.replica(key.id, in: key.namespace, at: now)
        switch command {
        case .bury: break
        case .register, .deregister: guard outcome == .done else { return }
        }
        guard let made else { return expect(false, "nothing is left of \(command)") }
        expect(made.version.origin == member.name, "a version of somebody else's")
        let before = acknowledged[key]?.version ?? .none
        expect(made.version != before, "two commands of one version")
        if made.version > before { acknowledged[key] = Acknowledged(version: made.version, instance: made.instance) }
    }

    /// Some member tells the others what is new. What is lost is lost for ever.
    func tell() {
        let from = Int.random(in: 0..<members.count, using: &random)
        let drained = members[from].store.drain(
            includeRenewals: chance(2), budget: .random(in: 0...20, using: &random), at: members[from].moment(now))
        for replicated in drained.changes {
            for to in members.indices where to != from {
                if chance(5) { continue }
                network.append((from, to, replicated))
                if chance(5) { network.append((from, to, replicated)) }
            }
        }
    }

    /// Something arrives, however long it took; sometimes it will arrive once more.
    func deliver() {
        guard !network.isEmpty else { return }
        let index = Int.random(in: 0..<network.count, using: &random)
        let message = network[index]
        if !chance(8) { network.remove(at: index) }
        let (from, to) = (members[message.from], members[message.to])
        guard let id = message.replicated.replica.id else { return expect(false, "nothing is said of services") }
        let key = Key(namespace: message.replicated.namespace, id: id)
        switch to.store.merge(message.replicated, at: to.moment(now)) {
        case .applied, .redundant, .renewed, .stale: break
        case .dead: expect(false, "dead, with a lease of years")
        case .missing:
            if let whole = from.store.state(of: key.id, in: key.namespace, at: from.moment(now)) {
                _ = to.store.merge(whole, at: to.moment(now))
            }
        }
    }

    /// A member is replaced by another one, which copies what a neighbour holds.
    func replace() {
        let index = Int.random(in: 0..<members.count, using: &random)
        let source = members[(index + 1) % members.count]
        let newcomer = Member(UInt64(100 + step), start: now)
        // What only the one that goes knows would be lost, and is not promised; so it goes only when the others have
        // heard it. Digests are not enough for that: they tell of tombstones only where somebody has the instance,
        // which may still be under way.
        for other in members where other !== members[index] {
            for item in members[index].copyAll(at: now) { _ = other.store.merge(item, at: other.moment(now)) }
        }
        for item in source.copyAll(at: now) { _ = newcomer.store.merge(item, at: newcomer.moment(now)) }
        expect(newcomer.store.digest() == source.store.digest(), "a copy that differs")
        network.removeAll { $0.from == index || $0.to == index }
        members[index] = newcomer
    }

    func advance() {
        step += 1
        now += .random(in: 0...500, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: command()
        case 4..<6: tell()
        case 6..<9: deliver()
        default: if chance(25) { replace() }
        }
        if step.isMultiple(of: 100), let member = members.randomElement(using: &random) {
            member.store.checkInvariants()
        }
    }

    /// Everybody looks at everybody, once for each member: somebody who never had an instance has no need of its
    /// tombstone, may hence get the instance itself from another who has not seen the tombstone either, and finds that
    /// out a round later; but then it has the tombstone.
    func heal() {
        network = []
        for _ in members {
            for to in members.indices {
                for from in members.indices where from != to { members[to].repair(from: members[from], at: now) }
            }
        }
        for member in members {
            expect(member.store.digest() == members[0].store.digest(), "digests differ after the repair")
        }
        for key in keys {
            let wanted = acknowledged[key]
            for member in members {
                let found = member.replica(key.id, in: key.namespace, at: now)
                guard let instance = wanted?.instance else {
                    expect(found?.isPresent != true, "\(key.id) is there, deregistered or never registered")
                    continue
                }
                expect(found?.version == wanted?.version, "\(key.id) has another version than the latest acknowledged")
                expect(
                    found?.instance?.endpoint.value == instance.endpoint.value
                        && found?.instance?.status == instance.status
                        && found?.instance?.serviceName == instance.serviceName,
                    "\(key.id) is another than the latest acknowledged")
                let listed = member.store.instances(
                    of: instance.serviceName, in: key.namespace, at: member.moment(now).lease)
                expect(listed.count { $0.instance.id == key.id } == 1, "\(key.id) is not listed once")
            }
        }
        let present = acknowledged.values.count { $0.instance != nil }
        for member in members {
            expect(member.store.counts.instances == present, "\(member.store.counts), not \(present)")
        }
    }
}

struct ReplicaModelTests {
    @Test(arguments: 0..<30)
    func `members that have compared their digests hold what was acknowledged last, whatever was lost`(seed: UInt64) {
        let cluster = Cluster(seed: seed)
        for _ in 0..<3 {
            for _ in 0..<300 where cluster.problems == 0 { cluster.advance() }
            if cluster.problems == 0 { cluster.heal() }
        }
    }

    /// Nothing is lost here and little delayed, but told in any order and twice. Then leases end alike, and the last
    /// heartbeat is the same.
    @Test(arguments: 0..<15)
    func `a lease ends on all members when its last heartbeat is a TTL ago, whoever took it`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let members = (1...3 as ClosedRange<UInt64>).map {
            Member(
                $0, start: .random(in: -500_000...0, using: &random),
                skew: .random(in: -3_600_000...3_600_000, using: &random))
        }
        let delay: Int64 = 100
        var heard: [UInt64: (time: Int64, wall: Int64, ttl: Int64)] = [:]
        var now: Int64 = 0
        for step in 0..<400 {
            now += .random(in: 0...1_000, using: &random)
            let id = UInt64.random(in: 0..<8, using: &random)
            let ttl = Int64.random(in: 2_000...20_000, using: &random)
            let from = Int.random(in: 0..<3, using: &random)
            let last = heard[id]
            if let last, now - last.time < last.ttl {
                // Two members do not hear of one instance at nearly the same time, but for another test.
                if now - last.time > 3_000 {
                    #expect(members[from].renew(.digest(id), at: now), "seed \(seed), step \(step)")
                    heard[id] = (now, now + members[from].skew, last.ttl)
                }
            } else if last.map({ now - $0.time > $0.ttl + delay }) ?? true {
                members[from].apply(.register(makeInstance(id, ttl: ttl)), at: now)
                heard[id] = (now, now + members[from].skew, ttl)
            }
            var changes = members[from].drain(at: now + .random(in: 0...delay / 2, using: &random))
            now += delay
            changes += changes
            for change in changes.shuffled(using: &random) {
                for to in members where to !== members[from] { _ = to.store.merge(change, at: to.moment(now)) }
            }
            for member in members { _ = member.expire(at: now) }
            for (id, last) in heard {
                for member in members {
                    let found = member.replica(.digest(id), at: now)?.heartbeat
                    let age = now - last.time
                    if age < last.ttl {
                        #expect(found?.wall == last.wall * 1_000_000, "id \(id), seed \(seed), step \(step)")
                    }
                    if age >= last.ttl + delay { #expect(found == nil, "id \(id), seed \(seed), step \(step)") }
                }
            }
        }
    }
}
