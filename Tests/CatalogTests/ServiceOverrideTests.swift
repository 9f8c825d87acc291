// An operator's word on a whole service: one state, joined with each instance when that is read.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

struct ServiceOverrideTests {
    private let out = InstanceStatus.outOfService
    private let second: Int64 = 1_000_000_000
    private let web = Name("web")

    private func register(
        _ member: Member, _ id: UInt64, service: String = "web", status: InstanceStatus = .up, at now: Int64
    ) {
        _ = member.store.register(
            makeInstance(id, service: service, status: status, ttl: 1 << 40), in: tenant, at: member.moment(now))
    }

    @discardableResult
    private func override(_ member: Member, _ order: OverrideOrder, at now: Int64) -> ServiceStanding? {
        let decision = member.store.override(service: web, in: tenant, order, at: member.moment(now))
        if case .done(let standing) = decision { return standing } else { return nil }
    }

    private func shown(_ member: Member, _ id: UInt64, at now: Int64) -> LeasedInstance? {
        member.store.instance(.digest(id), in: tenant, at: member.moment(now).lease)
    }

    private func statuses(_ member: Member, _ ids: ClosedRange<UInt64>, at now: Int64) -> [InstanceStatus?] {
        ids.map { shown(member, $0, at: now)?.instance.status }
    }

    private func exchange(_ one: Member, _ other: Member, at now: Int64) {
        for _ in 0..<2 {
            let (from, to) = (one.drain(at: now), other.drain(at: now))
            for state in from { _ = other.store.merge(state, at: other.moment(now)) }
            for state in to { _ = one.store.merge(state, at: one.moment(now)) }
        }
    }

    @discardableResult
    private func sweep(_ member: Member, at now: Int64) -> Int {
        member.store.expire(at: member.moment(now), budget: 100_000).left
    }

    @Test func `it holds for the instances that are there and for those that register while it stands`() {
        // R297
        let member = Member(1)
        #expect(override(member, .set(out, until: nil), at: 0) == nil, "there is no such service")
        register(member, 1, at: 0)
        register(member, 9, service: "api", at: 0)
        let before = member.store.revision(of: tenant)
        #expect(override(member, .set(out, until: nil), at: 1_000)?.instances == 1)
        #expect(shown(member, 1, at: 1_000)?.registeredStatus == .up)
        register(member, 2, at: 2_000)
        register(member, 1, status: .starting, at: 3_000)
        #expect(statuses(member, 1...2, at: 3_000) == [out, out])
        #expect(shown(member, 9, at: 3_000)?.instance.status == .up)
        #expect(member.store.tally(of: tenant).statuses == [out: 2, .up: 1])
        member.store.checkInvariants()
        #expect(override(member, .remove, at: 4_000)?.override == nil)
        #expect(statuses(member, 1...2, at: 4_000) == [.starting, .up])
        #expect(member.store.tally(of: tenant).statuses == [.starting: 1, .up: 2])
        #expect(member.store.revision(of: tenant).index > before.index)
        let after = member.store.revision(of: tenant)
        #expect(override(member, .remove, at: 5_000) != nil && member.store.revision(of: tenant) == after)
        member.store.checkInvariants()
    }

    @Test func `it changes the tags of lists at once and for all, and gives them back`() {
        let member = Member(1)
        for id in 1...3 as ClosedRange<UInt64> { register(member, id, at: 0) }
        let (namespace, service) = (member.store.revision(of: tenant), member.store.revision(of: web, in: tenant))
        override(member, .set(out, until: nil), at: 1_000)
        #expect(member.store.revision(of: tenant).digest != namespace.digest)
        #expect(member.store.revision(of: web, in: tenant).digest != service.digest)
        override(member, .remove, at: 2_000)
        #expect(member.store.revision(of: tenant).digest == namespace.digest)
        #expect(member.store.revision(of: web, in: tenant).digest == service.digest)
    }

    @Test func `an instance's own override stands over that of its service`() {
        // R298
        let member = Member(1)
        register(member, 1, at: 0)
        register(member, 2, at: 0)
        override(member, .set(out, until: nil), at: 1_000)
        _ = member.store.override(.digest(1), in: tenant, .set(.up, until: nil), at: member.moment(2_000))
        #expect(statuses(member, 1...2, at: 2_000) == [.up, out])
        #expect(shown(member, 1, at: 2_000)?.hasServiceOverride == false)
        #expect(shown(member, 2, at: 2_000)?.hasServiceOverride == true)
        // Also where the service's is the later one.
        override(member, .set(.starting, until: nil), at: 3_000)
        #expect(statuses(member, 1...2, at: 3_000) == [.up, .starting])
        _ = member.store.override(.digest(1), in: tenant, .remove, at: member.moment(4_000))
        #expect(statuses(member, 1...2, at: 4_000) == [.starting, .starting])
        #expect(member.store.counts.overrides == 1)
        member.store.checkInvariants()
    }

    @Test func `a drain takes all out at once, deregisters them at its end, and keeps those out that come back`() {
        // R299
        let member = Member(1)
        for id in 1...3 as ClosedRange<UInt64> { register(member, id, at: 0) }
        _ = member.store.override(.digest(3), in: tenant, .set(.up, until: nil), at: member.moment(500))
        #expect(override(member, .drain(for: 30 * second), at: 1_000)?.instances == 3)
        #expect(statuses(member, 1...3, at: 1_000) == [out, out, .up])
        #expect(shown(member, 1, at: 1_000)?.drainEnd == 31 * second && shown(member, 3, at: 1_000)?.drainEnd == nil)
        // Registering before the end changes nothing.
        register(member, 2, at: 20_000)
        #expect(sweep(member, at: 30_999) == 0)
        #expect(sweep(member, at: 31_000) == 2)
        #expect(statuses(member, 1...3, at: 31_000) == [nil, nil, .up])
        register(member, 1, at: 32_000)
        #expect(shown(member, 1, at: 32_000)?.instance.status == out && shown(member, 1, at: 32_000)?.drainEnd == nil)
        // The one that had an override of its own goes with that.
        _ = member.store.override(.digest(3), in: tenant, .remove, at: member.moment(33_000))
        #expect(sweep(member, at: 34_000) == 1)
        let hour: Int64 = 3_600_000
        #expect(sweep(member, at: 30_999 + hour) == 0)
        #expect(shown(member, 1, at: 30_999 + hour)?.instance.status == out)
        #expect(sweep(member, at: 31_000 + hour) == 0)
        #expect(shown(member, 1, at: 31_000 + hour)?.instance.status == .up)
        member.store.checkInvariants()
    }

    @Test func `however late the end of a drain is found, who was there leaves`() {
        let member = Member(1)
        for id in 0..<3_000 as Range<UInt64> { register(member, id, at: 0) }
        override(member, .drain(for: 30 * second), at: 1_000)
        #expect(member.store.expire(at: member.moment(4_000_000), budget: 512).hasMore)
        sweep(member, at: 4_000_001)
        #expect(member.store.counts.instances == 0 && member.store.standing(of: web, in: tenant).override == nil)
        member.store.checkInvariants()
    }

    @Test func `the drain of a service is one deregistration, and needs no member in particular`() {
        // R299
        let members = (1...3 as ClosedRange<UInt64>).map { Member($0) }
        for id in 1...5 as ClosedRange<UInt64> { register(members[0], id, at: 0) }
        override(members[0], .drain(for: 30 * second), at: 1_000)
        for state in members[0].drain(at: 1_000) {
            for other in members[1...] { _ = other.store.merge(state, at: other.moment(1_000)) }
        }
        for (index, member) in members[1...].enumerated() { #expect(sweep(member, at: 31_000 + Int64(index)) == 5) }
        for id in 1...5 as ClosedRange<UInt64> {
            let versions = members[1...].map { $0.replica(.digest(id), at: 31_100)?.version }
            #expect(versions[0] != nil && versions[0] == versions[1])
        }
        // An instance of which only a member knew that has just died.
        let late = present(7, version(500, origin: 1), ttl: 1 << 40)
        #expect(members[1].merge(late, at: 31_200) == .applied)
        sweep(members[1], at: 31_300)
        #expect(!members[1].has(.digest(7), at: 31_300))
        exchange(members[0], members[1], at: 31_400)
        exchange(members[1], members[2], at: 31_400)
        #expect(members.allSatisfy { $0.store.counts.instances == 0 && $0.store.digest() == members[0].store.digest() })
        for member in members { member.store.checkInvariants() }
    }

    @Test func `it survives the last instance, and its removal is remembered`() {
        // R297
        let (one, other) = (Member(1), Member(2))
        register(one, 1, at: 0)
        override(one, .set(out, until: nil), at: 1_000)
        let told = one.drain(at: 1_000)
        _ = one.store.deregister(.digest(1), in: tenant, at: one.moment(2_000))
        register(one, 2, at: 100_000_000)
        #expect(shown(one, 2, at: 100_000_000)?.instance.status == out)
        _ = one.store.deregister(.digest(2), in: tenant, at: one.moment(100_000_001))
        #expect(override(one, .remove, at: 100_000_002)?.instances == 0)
        #expect(override(one, .set(out, until: nil), at: 100_000_003) == nil, "nothing is known of it any more")
        for state in one.copyAll(at: 100_000_003) { _ = other.store.merge(state, at: other.moment(100_000_003)) }
        // What comes late does not bring it back.
        for state in told {
            for member in [one, other] { _ = member.store.merge(state, at: member.moment(100_000_004)) }
        }
        register(one, 3, at: 100_000_005)
        #expect(shown(one, 3, at: 100_000_005)?.instance.status == .up)
        #expect(one.store.counts.overrides == 0 && other.store.counts.overrides == 0)
        for member in [one, other] {
            member.store.checkInvariants()
            sweep(member, at: 100_000_002 + 86_400_000)
            #expect(!member.copyAll(at: 200_000_000).contains { $0.replica.id == nil }, "marks are forgotten in time")
        }
    }

    @Test func `of two the later one stands, in whatever order they come`() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0, 1, 2, 0]] {
            let (one, other) = (Member(1), Member(2))
            register(one, 1, at: 0)
            exchange(one, other, at: 0)
            var told: [Replicated] = []
            for (index, order) in [OverrideOrder.set(out, until: nil), .remove, .set(.starting, until: nil)]
                .enumerated()
            {
                override(one, order, at: Int64(index + 1) * 1_000)
                told += one.drain(at: 5_000)
            }
            for index in order { _ = other.store.merge(told[index], at: other.moment(6_000)) }
            #expect(shown(other, 1, at: 6_000)?.instance.status == .starting, "\(order)")
            #expect(one.store.digest() == other.store.digest())
            #expect(one.store.revision(of: tenant).digest == other.store.revision(of: tenant).digest)
            other.store.checkInvariants()
        }
    }

    @Test func `the change log has it for each instance once, with who has done it`() {
        // R881
        let member = Member(1)
        for id in 0..<2_000 as Range<UInt64> { register(member, id, at: 0) }
        let start = member.store.changes(in: tenant, after: nil, limit: 1).next
        let actor = Actor(address: "10.0.0.1", principal: "ops")
        _ = member.store.override(
            service: web, in: tenant, .set(out, until: nil), at: member.moment(1_000), by: actor)
        let atOnce = member.store.changes(in: tenant, after: start, limit: 10_000).changes.count
        #expect(atOnce == 1_024, "the thread that does it begins with it")
        // Who goes before its turn has had it said first.
        _ = member.store.deregister(.digest(3), in: tenant, at: member.moment(1_100))
        sweep(member, at: 1_200)
        let changes = member.store.changes(in: tenant, after: start, limit: 10_000).changes
        let updates = changes.filter { $0.kind == .overridden }
        #expect(Set(updates.map(\.id)).count == 2_000 && updates.allSatisfy { $0.actor == actor })
        #expect(updates.allSatisfy { $0.before == .up && $0.after == out && $0.member == member.name })
        #expect(changes.count <= 2_002)
        let own = changes.filter { $0.id == .digest(3) }
        #expect(own.map(\.kind).last == .deregistered && own.first?.kind == .overridden)
        #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.index < $1.index })
        #expect(member.store.revision(of: tenant).index == changes.last?.index)
    }

    @Test func `what is said of a service again and again is said of each instance twice at most`() {
        let member = Member(1)
        for id in 0..<3_000 as Range<UInt64> { register(member, id, at: 0) }
        let start = member.store.changes(in: tenant, after: nil, limit: 1).next
        let words = [out, .starting, InstanceStatus("DOWN"), .up, out, InstanceStatus("DOWN")]
        member.store.shards[Store.shard(of: tenant)].catalog.withLock { catalog in
            for (index, word) in words.enumerated() {
                _ = catalog.override(
                    ServiceKey(namespace: tenant, service: web), .set(word, until: nil), isFull: false,
                    at: member.moment(Int64(index) + 1), by: nil)
                if index == 0 { _ = catalog.endServiceOverrides(at: member.moment(1), budget: 100) }
            }
        }
        sweep(member, at: 2_000)
        let changes = member.store.changes(in: tenant, after: start, limit: 10_000).changes
        #expect(changes.count == 6_000)
        let last = Dictionary(changes.map { ($0.id, $0) }) { $1 }
        #expect(last.count == 3_000 && last.values.allSatisfy { $0.before == out && $0.after?.token == "DOWN" })
    }

    @Test func `a clock that was wrong is found, and what was said is stamped anew`() {
        let (one, other) = (Member(1, skew: 9_000_000), Member(2))
        register(one, 1, at: 0)
        override(one, .drain(for: 30 * second), at: 0)
        _ = one.drain(at: 0)
        let right = Moment(
            monotonic: MonotonicTime(milliseconds: 100), lease: one.moment(100).lease, wall: 100 * 1_000_000)
        #expect(one.store.restamp(beyond: HybridTime(milliseconds: 1_000_000), at: right) == 2)
        for state in one.store.drain(includeRenewals: true, budget: 100, at: right).changes {
            #expect(state.replica.version.time < HybridTime(milliseconds: 1_000_000))
            _ = other.store.merge(state, at: other.moment(200))
        }
        #expect(shown(other, 1, at: 200)?.instance.status == out)
        #expect(shown(other, 1, at: 200)?.drainEnd == 30_100_000_000)
        #expect(one.store.digest() == other.store.digest())
        one.store.checkInvariants()
    }

    @Test func `marks are bounded`() {
        var services = ServiceOverrides(retention: 1_000)
        for number in 0..<ServiceOverrides.markLimit + 10 {
            let removed = StatusOverride(status: nil, version: version(UInt64(number) + 1), until: nil, who: nil)
            _ = services.put(
                removed, in: .over, of: ServiceKey(namespace: tenant, service: Name("s\(number)")), isUntold: true)
        }
        services.checkInvariants()
        #expect(services.slot(of: ServiceKey(namespace: tenant, service: Name("s9"))) == nil)
        #expect(services.slot(of: ServiceKey(namespace: tenant, service: Name("s10"))) != nil)
        var alone = ServiceOverrides(retention: nil)
        let removed = StatusOverride(status: nil, version: version(1), until: nil, who: nil)
        #expect(alone.put(removed, in: .over, of: ServiceKey(namespace: tenant, service: web), isUntold: false) == nil)
        alone.checkInvariants()
    }

    @Test func `no more are taken than there may be, and one of a service is one`() {
        // R880
        let member = Member(1)
        register(member, 1, at: 0)
        register(member, 2, at: 0)
        let key = ServiceKey(namespace: tenant, service: web)
        member.store.shards[Store.shard(of: tenant)].catalog.withLock { catalog in
            let refused = catalog.override(
                key, .set(out, until: nil), isFull: true, at: member.moment(1), by: nil)
            if case .full = refused {} else { Issue.record("an override too many was taken") }
        }
        override(member, .set(out, until: nil), at: 1)
        #expect(member.store.counts.overrides == 1)
    }
}
