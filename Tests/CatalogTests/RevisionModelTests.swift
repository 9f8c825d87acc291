// Revisions beside a model too simple to be wrong: the set of what is registered, in which version. Whatever members
// did to get there, those with equal sets have equal digests, those with different sets have different ones, and no
// member's index ever stands still while its set changes.

import TestCatalog
import TestRandom
import Testing

@testable import Catalog

/// A member, and what it should hold.
private final class Observed {
    struct Held: Hashable {
        let id: InstanceID
        let version: Version
    }

    let member: Member
    private var last: [Namespace: UInt64] = [:]
    private var lastOfServices: [Namespace: [Name: UInt64]] = [:]
    private var sets: [Namespace: [Name: Set<Held>]] = [:]
    private let listener: ChangeListener
    /// The shards of which it was told since the last look at a namespace.
    private var told: [Namespace: UInt64] = [:]
    /// The same since the start: for a namespace that was not looked at before.
    private var toldEver: UInt64 = 0
    private var revisions: [Namespace: Revision] = [:]

    init(_ member: Member) {
        self.member = member
        listener = member.store.listener {}
        listener.listen(to: .max)
    }

    /// Whether those who listen have been told of a change since the last look, if there is one.
    private func checkBell(_ namespace: Namespace, _ revision: Revision, _ problem: (String) -> Void) {
        let changed = listener.takeChanged()
        toldEver |= changed
        for known in told.keys { told[known, default: 0] |= changed }
        let isTold = told[namespace, default: toldEver] & 1 << UInt64(Store.shard(of: namespace)) != 0
        if revision != revisions[namespace] ?? .none, !isTold { problem("nobody is told of a change") }
        (told[namespace], revisions[namespace]) = (0, revision)
    }

    /// What is registered in a namespace, swept or not, by service.
    func held(in namespace: Namespace) -> [Name: Set<Held>] {
        var held: [Name: Set<Held>] = [:]
        for shard in member.store.shards {
            shard.catalog.withLock { catalog in
                var next = Int32(0)
                while let slot = catalog.records.slots.occupied(from: next) {
                    next = slot + 1
                    guard catalog.records.namespace(slot) == namespace else { continue }
                    let instance = catalog.records.instance(slot)
                    held[instance.serviceName, default: []].insert(
                        Held(id: instance.id, version: catalog.records.slots[slot].version))
                }
            }
        }
        return held
    }

    /// Looks at a namespace after something was done at this time, in milliseconds of wall time.
    func check(_ namespace: Namespace, at wall: Int64, _ problem: (String) -> Void) {
        let (store, now) = (member.store, held(in: namespace))
        let revision = store.revision(of: namespace)
        checkBell(namespace, revision, problem)
        let before = sets[namespace] ?? [:]
        if now != before, !now.isEmpty, revision.index <= last[namespace] ?? 0 {
            problem("the index stands at \(revision.index)")
        }
        if now == before, !now.isEmpty, revision.index < last[namespace] ?? 0 { problem("the index goes back") }
        if revision.index >= 1 << 53 { problem("the index is \(revision.index)") }
        let services = now.keys.reduce(UInt64(0)) { $0 &+ store.revision(of: $1, in: namespace).digest }
        if services != revision.digest { problem("the services' digests are not the namespace's") }
        for (service, members) in now {
            let index = store.revision(of: service, in: namespace).index
            let known = lastOfServices[namespace]?[service] ?? 0
            if index > revision.index { problem("a service is later than its namespace") }
            if members == before[service] ? index < known : index <= known {
                problem("the index of \(service) is \(index) after \(known)")
            }
            lastOfServices[namespace, default: [:]][service] = index
        }
        sets[namespace] = now
        if !now.isEmpty { last[namespace] = revision.index }
    }
}

struct RevisionModelTests {
    @Test(arguments: 0..<30)
    func `digests are equal where contents are, however members came to them`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let members = (1...3).map {
            Observed(
                Member($0, start: .random(in: -9_000...0, using: &random), skew: .random(in: -50...50, using: &random)))
        }
        let namespaces = [tenant, neighbour, Namespace("caf\u{E9}")]
        let ids: [InstanceID] = (0..<6).map { .digest($0) } + ["a", "\u{E9}"].map { .text(Name($0)) }
        var digests: [Namespace: [UInt64: [Name: Set<Observed.Held>]]] = [:]
        var now: Int64 = 1_000
        var problems = 0
        for step in 0..<600 where problems < 5 {
            func problem(_ what: String) {
                problems += 1
                Issue.record("\(what): seed \(seed), step \(step)")
            }
            now += .random(in: 0...40, using: &random)
            let observed = members[Int.random(in: 0..<3, using: &random)]
            let (member, namespace) = (observed.member, namespaces.randomElement(using: &random) ?? tenant)
            let id = ids.randomElement(using: &random) ?? one
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<4:
                let service = ["web", "db", "c"].randomElement(using: &random) ?? ""
                member.apply(
                    .register(makeInstance(id, service: service, ttl: .random(in: 100...9_000, using: &random))),
                    in: namespace, at: now)
            case 4: member.apply(.deregister(id), in: namespace, at: now)
            case 5: member.renew(id, in: namespace, at: now)
            case 6: _ = member.expire(at: now)
            case 7: _ = member.store.listing(of: Name("web"), in: namespace, at: member.moment(now + 200).lease)
            default:
                // What one has, another hears: late, in another order, or twice.
                let from = members[Int.random(in: 0..<3, using: &random)].member
                for change in from.copyAll(at: now).shuffled(using: &random) where Bool.random(using: &random) {
                    _ = member.store.merge(change, at: member.moment(now))
                }
            }
            if step.isMultiple(of: 100) { member.store.checkInvariants() }
            for namespace in namespaces { observed.check(namespace, at: now, problem) }
            for namespace in namespaces {
                let (digest, held) = (member.store.revision(of: namespace).digest, observed.held(in: namespace))
                if let known = digests[namespace]?[digest], known != held { problem("two contents have one digest") }
                digests[namespace, default: [:]][digest] = held
                for other in members where other.held(in: namespace) == held {
                    if other.member.store.revision(of: namespace).digest != digest {
                        problem("one content has two digests")
                    }
                }
            }
        }
        // At the end nothing that was is left, and what is registered then lasts: how old the heartbeats of before are,
        // members may judge a little differently. All hear everything, and a member that has just been started is the
        // fourth.
        now += 100_000
        for member in members.map(\.member) { _ = member.expire(at: now) }
        for namespace in namespaces {
            for id in ids {
                let member = members[Int.random(in: 0..<3, using: &random)].member
                let service = ["web", "db", "c"].randomElement(using: &random) ?? ""
                member.apply(.register(makeInstance(id, service: service, ttl: 1_000_000)), in: namespace, at: now)
                if Int.random(in: 0..<4, using: &random) == 0 { member.apply(.deregister(id), in: namespace, at: now) }
            }
        }
        let all = members.map(\.member) + [Member(4, start: now - 5)]
        for _ in 0..<2 {
            for from in all {
                for to in all where to !== from {
                    for change in from.copyAll(at: now) { _ = to.store.merge(change, at: to.moment(now)) }
                }
            }
        }
        for namespace in namespaces {
            #expect(Set(all.map { $0.store.revision(of: namespace).digest }).count == 1, "seed \(seed)")
            #expect(all[0].store.revision(of: namespace) != .none, "seed \(seed)")
            for service in ["web", "db", "c"] {
                #expect(
                    Set(all.map { $0.store.revision(of: Name(service), in: namespace).digest }).count == 1,
                    "\(service), seed \(seed)")
            }
        }
    }

    @Test func `members' indexes are those of the changes, where they heard them in order`() {
        let (here, there) = (Member(1), Member(2, start: -500, skew: 20))
        for now in [10, 20, 30] as [Int64] {
            here.apply(.register(makeInstance(UInt64(now))), at: now)
            for change in here.drain(at: now) { _ = there.store.merge(change, at: there.moment(now + 3)) }
            #expect(here.store.revision(of: tenant) == there.store.revision(of: tenant))
            #expect(here.store.revision(of: tenant).index == UInt64(now) * 1_000)
        }
        here.apply(.deregister(.digest(10)), at: 40)
        for change in here.drain(at: 40) { _ = there.store.merge(change, at: there.moment(43)) }
        #expect(here.store.revision(of: tenant) == there.store.revision(of: tenant))
    }
}
