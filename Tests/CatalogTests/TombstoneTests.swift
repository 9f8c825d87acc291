import TestCatalog
import TestRandom
import Testing

@testable import Catalog

struct TombstoneTests {
    private static let hour: Int64 = 3_600_000

    @Test func `a deregistration is remembered for as long as was said, and then forgotten`() {
        let member = Member(1, tombstones: TombstoneLimits(retention: Self.hour, countPerNamespace: 10))
        member.apply(.register(makeInstance(1)), at: 0)
        member.apply(.deregister(one), at: 1_000)
        _ = member.expire(at: Self.hour + 999)
        #expect(member.replica(one, at: Self.hour + 999)?.isAbsent == true)
        #expect(member.store.counts.tombstones == 1)
        _ = member.expire(at: Self.hour + 1_000)
        #expect(member.replica(one, at: Self.hour + 1_000) == nil)
        #expect(member.store.counts == Counts())
    }

    @Test func `the oldest is forgotten for one too many`() {
        let member = Member(1, tombstones: TombstoneLimits(retention: Self.hour, countPerNamespace: 10))
        for id in UInt64(0)..<25 { member.merge(.absent(.digest(id), version(1)), at: Int64(id)) }
        #expect(member.store.counts.tombstones == 10)
        for id in UInt64(0)..<25 { #expect((member.replica(.digest(id), at: 30) != nil) == (id >= 15), "id \(id)") }
        // One that is heard of anew becomes the youngest.
        member.merge(.absent(.digest(15), version(2)), at: 31)
        member.merge(.absent(.digest(99), version(1)), at: 32)
        #expect(member.replica(.digest(15), at: 33) != nil && member.replica(.digest(16), at: 33) == nil)
    }

    @Test func `a namespace that churns loses its own tombstones and nobody else's`() {
        // Whether the two share a shard is the hash's to say: there are enough others.
        let member = Member(1, tombstones: TombstoneLimits(retention: Self.hour, countPerNamespace: 10))
        let others = (0..<300).map { Namespace("n\($0)") }
        for namespace in others { member.merge(.absent(one, version(1)), in: namespace, at: 0) }
        for id in UInt64(0)..<10_000 { member.merge(.absent(.digest(id), version(1)), at: 1) }
        #expect(member.store.counts.tombstones == 310 && member.store.tombstoneCounts.forgotten == 9_990)
        for namespace in others { #expect(member.replica(one, in: namespace, at: 2)?.isAbsent == true) }
        #expect((9_990..<10_000).allSatisfy { member.replica(.digest($0), at: 2)?.isAbsent == true })
    }

    @Test func `when all take too much, those with the most forget their oldest`() {
        let member = Member(1, tombstones: TombstoneLimits(retention: Self.hour, countPerNamespace: 100))
        let (many, few) = ((0..<30).map { Namespace("m\($0)") }, (0..<30).map { Namespace("f\($0)") })
        for namespace in few {
            for id in UInt64(0)..<5 { member.merge(.absent(.digest(id), version(1)), in: namespace, at: 0) }
        }
        for namespace in many {
            for id in UInt64(0)..<100 { member.merge(.absent(.digest(id), version(1)), in: namespace, at: 1) }
        }
        #expect(member.store.tombstoneCounts.bytes > 1_600 * Tombstones.cost)
        for _ in 0..<20 { member.store.trimTombstones() }
        // A sixteenth is kept free for what comes, the 60 namespaces take as much as 182 tombstones, and each shard drops
        // whole ones.
        let counts = member.store.counts
        #expect(member.store.tombstoneCounts.bytes <= 1_600 * Tombstones.cost && counts.tombstones > 1_200)
        for namespace in few {
            #expect((0..<5).allSatisfy { member.replica(.digest($0), in: namespace, at: 2) != nil })
        }
        for namespace in many { #expect(member.replica(.digest(99), in: namespace, at: 2) != nil, "the youngest stay") }
    }

    @Test func `what comes steadily stays within the bound, and most of the bound is used`() {
        let limits = TombstoneLimits(retention: Self.hour, countPerNamespace: 1_000)
        let member = Member(1, tombstones: limits)
        let namespaces = (0..<100).map { Namespace("n\($0)") }
        var (largest, next) = (0, UInt64(0))
        for turn in 0..<100 {
            for _ in 0..<800 {
                next += 1
                member.merge(.absent(.digest(next), version(1)), in: namespaces[Int(next % 100)], at: Int64(turn))
            }
            largest = max(largest, member.store.tombstoneCounts.bytes)
            member.store.trimTombstones()
        }
        #expect(member.store.tombstoneCounts.forgotten > 50_000, "the bound was reached")
        #expect(largest <= limits.bytes)
        #expect(largest > limits.bytes * 9 / 10)
    }

    @Test func `a namespace counts besides what was deregistered in it`() {
        // A client that makes up namespaces, as trusted tokens let it, would else have a member take seven times the
        // bound.
        let member = Member(1, tombstones: TombstoneLimits(retention: Self.hour, countPerNamespace: 100))
        let namespaces = (0..<1_000).map { Namespace("\($0 + 1_000)\(String(repeating: "x", count: 252))") }
        for namespace in namespaces { member.merge(.absent(one, version(1)), in: namespace, at: 0) }
        for _ in 0..<20 { member.store.trimTombstones() }
        let most = 1_600 * Tombstones.cost / (Tombstones.cost + Tombstones.size(of: namespaces[0]))
        #expect(member.store.counts.tombstones <= most, "of \(namespaces.count)")
        // Each shard may have given one too many.
        #expect(member.store.counts.tombstones >= most - Store.shardCount - 1)
        _ = member.expire(at: Self.hour)
        #expect(member.store.tombstoneCounts.bytes == 0)
    }

    @Test(arguments: 0..<10)
    func `tombstones are those of a model, whatever comes and goes`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var tombstones = Tombstones(limits: TombstoneLimits(retention: 1_000, countPerNamespace: 8))
        // Of each namespace the ids in their order of learning, with their versions and times.
        var model: [Namespace: [(id: InstanceID, version: Version, since: Int64)]] = [:]
        let namespaces = (0..<4).map { Namespace("n\($0)") }
        let ids: [InstanceID] = (0..<14).map { .digest($0) }
        var now: Int64 = 0
        for step in 0..<3_000 {
            let namespace = namespaces.randomElement(using: &random) ?? tenant
            let id = ids.randomElement(using: &random) ?? one
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let version = version(UInt64(step + 1))
                tombstones.put(id, in: namespace, version: version, isUntold: Bool.random(using: &random), at: at(now))
                model[namespace, default: []].removeAll { $0.id == id }
                model[namespace, default: []].append((id, version, now))
                if model[namespace]?.count ?? 0 > 8 { model[namespace]?.removeFirst() }
            case 6:
                tombstones.remove(id, in: namespace)
                model[namespace]?.removeAll { $0.id == id }
            case 7: _ = tombstones.popUntold()
            default:
                now += .random(in: 0...200, using: &random)
                _ = tombstones.expire(at: at(now), budget: .max)
                for namespace in namespaces { model[namespace]?.removeAll { $0.since + 1_000 <= now } }
            }
            let count = model.values.reduce(0) { $0 + $1.count }
            let ofNamespaces = model.reduce(0) { $0 + ($1.value.isEmpty ? 0 : Tombstones.size(of: $1.key)) }
            let bytes = ofNamespaces + count * Tombstones.cost
            #expect(tombstones.count == count && tombstones.bytes == bytes, "seed \(seed), step \(step)")
            let known = model[namespace]?.first { $0.id == id }
            #expect(tombstones.find(id, in: namespace)?.version == known?.version, "seed \(seed), step \(step)")
        }
    }

    @Test func `registering again ends the memory of the deregistration`() {
        let member = Member(1)
        for round in 0..<3 as Range<Int64> {
            member.apply(.register(makeInstance(1)), at: round)
            #expect(member.store.counts == Counts(instances: 1, services: 1, namespaces: 1))
            member.apply(.deregister(one), at: round)
            #expect(member.store.counts == Counts(tombstones: 1))
        }
    }

    @Test(arguments: [0, 100_000 * hour])
    func `a tombstone that was copied when it was old goes earlier, whatever the clock says`(skew: Int64) {
        let limits = TombstoneLimits(retention: 10 * Self.hour, countPerNamespace: 10)
        let member = Member(1, skew: skew, tombstones: limits)
        let now = 100 * Self.hour
        member.merge(.absent(one, version(UInt64(now - 2 * Self.hour)), age: 2 * Self.hour), at: now)
        _ = member.expire(at: now + 8 * Self.hour - 1)
        #expect(member.replica(one, at: now)?.isAbsent == true)
        _ = member.expire(at: now + 8 * Self.hour)
        #expect(member.replica(one, at: now) == nil)
    }

    @Test func `members that copy one another all the time forget a deregistration some day`() {
        let limits = TombstoneLimits(retention: 10 * Self.hour, countPerNamespace: 10)
        let members = [Member(1, tombstones: limits), Member(2, tombstones: limits)]
        members[0].apply(.register(makeInstance(1)), at: 0)
        members[0].apply(.deregister(one), at: 1_000)
        for minute in 1...660 as ClosedRange<Int64> {
            let now = minute * 60_000
            for (from, to) in [(0, 1), (1, 0)] {
                for item in members[from].copyAll(at: now) {
                    _ = members[to].store.merge(item, at: members[to].moment(now + 5_000))
                }
            }
            for member in members { _ = member.expire(at: now + 5_000) }
            if minute == 590 { #expect(members.allSatisfy { $0.store.counts.tombstones == 1 }) }
        }
        #expect(members.allSatisfy { $0.store.counts.tombstones == 0 })
    }

    @Test func `a tombstone too old to be remembered still ends what it is about`() {
        let member = Member(1, tombstones: TombstoneLimits(retention: Self.hour, countPerNamespace: 10))
        member.apply(.register(makeInstance(1, ttl: 100 * Self.hour)), at: 5_000)
        #expect(member.merge(.absent(one, version(1), age: 2 * Self.hour), at: 5_001) == .stale)
        #expect(member.merge(.absent(one, version(9_000), age: 2 * Self.hour), at: 5_001) == .applied)
        #expect(member.merge(.absent(one, version(9_000), age: 2 * Self.hour), at: 5_001) == .redundant)
        #expect(member.store.counts == Counts())
    }

    @Test func `forgetting is bounded by the budget`() {
        let member = Member(1, tombstones: TombstoneLimits(retention: 1_000, countPerNamespace: 1_000))
        for id in UInt64(0)..<500 { member.merge(.absent(.digest(id), version(1)), at: 0) }
        #expect(member.store.expire(at: member.moment(2_000), budget: 100).hasMore)
        #expect(member.store.counts.tombstones == 400)
        #expect(member.expire(at: 2_000).isEmpty, "a tombstone is no lease")
        #expect(member.store.counts.tombstones == 0)
    }

    @Test func `a member without a copy buries what it does not know`() {
        let (newcomer, veteran) = (Member(1), Member(2))
        veteran.apply(.register(makeInstance(1)), at: 0)
        #expect(newcomer.apply(.deregister(one), at: 1) == .unknownInstance)
        #expect(newcomer.drain(at: 1).isEmpty, "ordinarily what is unknown is not told of")
        #expect(newcomer.apply(.bury(one), at: 2) == .unknownInstance)
        for item in veteran.copyAll(at: 3) { #expect(newcomer.store.merge(item, at: newcomer.moment(3)) == .stale) }
        for change in newcomer.drain(at: 3) { #expect(veteran.store.merge(change, at: veteran.moment(3)) == .applied) }
        #expect(!veteran.has(one, at: 3) && !newcomer.has(one, at: 3))
        #expect(newcomer.store.digest() == veteran.store.digest())
    }

    @Test func `burying what is here is deregistering it, and what is overdue is counted as expired`() {
        let member = Member(1)
        member.apply(.register(makeInstance(1)), at: 0)
        #expect(member.apply(.bury(one), at: 1) == .done)
        member.apply(.register(makeInstance(1)), at: 2)
        let decision = member.store.apply(.bury(one), in: tenant, at: member.moment(40_000))
        #expect(decision == CommandDecision(.unknownInstance, expired: 1))
        #expect(member.store.counts == Counts(tombstones: 1))
    }

    /// Tombstones beside a list that is searched: which there are, in which order they go, and which are still to be
    /// told.
    @Test(arguments: 0..<30)
    func `tombstones agree with a list`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let limits = TombstoneLimits(retention: 1_000, countPerNamespace: 20)
        var tombstones = Tombstones(limits: limits)
        var model: [(id: InstanceID, namespace: Namespace, version: Version, end: Int64, isUntold: Bool)] = []
        var now: Int64 = 0
        let namespaces = ["a", "b"].map(Namespace.init)
        for step in 0..<2_000 {
            now += Int64.random(in: 0...30, using: &random)
            let (id, namespace) = (
                InstanceID.digest(.random(in: 0..<30, using: &random)),
                namespaces[Int.random(in: 0..<2, using: &random)]
            )
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<4:
                let (number, isUntold) = (version(UInt64(step)), Bool.random(using: &random))
                tombstones.put(id, in: namespace, version: number, isUntold: isUntold, at: at(now))
                model.removeAll { $0.id == id && $0.namespace == namespace }
                model.append((id, namespace, number, now + 1_000, isUntold))
                if model.count(where: { $0.namespace == namespace }) > 20,
                    let first = model.firstIndex(where: { $0.namespace == namespace })
                {
                    model.remove(at: first)
                }
            case 4:
                tombstones.remove(id, in: namespace)
                model.removeAll { $0.id == id && $0.namespace == namespace }
            case 5:
                let budget = Int.random(in: 0...5, using: &random)
                let due = min(budget, model.prefix { $0.end <= now }.count)
                #expect(tombstones.expire(at: at(now), budget: budget) == due, "seed \(seed), step \(step)")
                model.removeFirst(due)
            default:
                let told = tombstones.popUntold()
                let index = model.firstIndex { $0.id == told?.id && $0.namespace == told?.namespace }
                if let index, let told {
                    #expect(model[index].isUntold && model[index].version == told.version, "seed \(seed), step \(step)")
                    model[index].isUntold = false
                } else {
                    #expect(told == nil && model.allSatisfy { !$0.isUntold }, "seed \(seed), step \(step)")
                }
            }
            #expect(tombstones.count == model.count, "seed \(seed), step \(step)")
            let wanted = model.first { $0.id == id && $0.namespace == namespace }
            #expect(tombstones.find(id, in: namespace)?.version == wanted?.version, "seed \(seed), step \(step)")
        }
    }
}
