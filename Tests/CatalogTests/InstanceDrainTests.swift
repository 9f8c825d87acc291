// A drain: an instance is out of service at once, is deregistered at its time by whichever member is alive, and stays
// out when it registers again.

import TestCatalog
import Testing

@testable import Catalog

struct InstanceDrainTests {
    private let out = InstanceStatus.outOfService
    private let second: Int64 = 1_000_000_000

    private func registered(_ member: Member, at now: Int64, status: InstanceStatus = .up) -> InstanceID {
        let instance = makeInstance(1, status: status, ttl: 1 << 40)
        _ = member.store.register(instance, in: tenant, at: member.moment(now))
        return instance.id
    }

    private func drain(_ member: Member, _ id: InstanceID, seconds: Int64, at now: Int64) {
        _ = member.store.override(id, in: tenant, .drain(for: seconds * second), at: member.moment(now))
    }

    private func shown(_ member: Member, _ id: InstanceID, at now: Int64) -> LeasedInstance? {
        member.store.instance(id, in: tenant, at: member.moment(now).lease)
    }

    private func sweep(_ member: Member, at now: Int64) -> Expiry {
        member.store.expire(at: member.moment(now), budget: 100_000)
    }

    private func exchange(_ one: Member, _ other: Member, at now: Int64) {
        for _ in 0..<2 {
            let (from, to) = (one.drain(at: now), other.drain(at: now))
            for state in from { _ = other.store.merge(state, at: other.moment(now)) }
            for state in to { _ = one.store.merge(state, at: one.moment(now)) }
        }
    }

    @Test func `it is out of service at once, leaves at its time, and stays out when it comes back`() {
        let member = Member(1)
        let id = registered(member, at: 0)
        drain(member, id, seconds: 30, at: 1_000)
        #expect(shown(member, id, at: 1_000)?.instance.status == out)
        #expect(shown(member, id, at: 1_000)?.drainEnd == 31 * second)
        #expect(sweep(member, at: 30_999).left == 0 && shown(member, id, at: 30_999) != nil)
        // Registering again meanwhile changes nothing.
        _ = registered(member, at: 20_000)
        #expect(sweep(member, at: 31_000).left == 1 && shown(member, id, at: 31_000) == nil)
        _ = registered(member, at: 32_000)
        let back = shown(member, id, at: 32_000)
        #expect(back?.instance.status == out && back?.registeredStatus == .up && back?.drainEnd == nil)
        #expect(sweep(member, at: 100_000_000).left == 0 && shown(member, id, at: 100_000_000) != nil)
        _ = member.store.override(id, in: tenant, .remove, at: member.moment(100_000_001))
        #expect(shown(member, id, at: 100_000_001)?.instance.status == .up)
        member.store.checkInvariants()
    }

    @Test func `it is lifted by its own removal and by that of the status, and another override stays`() {
        for order in [OverrideOrder.endDrain, .remove, .set(.up, until: nil)] {
            let member = Member(1)
            let id = registered(member, at: 0)
            drain(member, id, seconds: 30, at: 1_000)
            _ = member.store.override(id, in: tenant, order, at: member.moment(2_000))
            #expect(sweep(member, at: 40_000).left == 0)
            #expect(shown(member, id, at: 40_000)?.instance.status == .up)
            #expect(shown(member, id, at: 40_000)?.drainEnd == nil)
        }
        let member = Member(1)
        let id = registered(member, at: 0)
        _ = member.store.override(id, in: tenant, .set(out, until: nil), at: member.moment(1_000))
        _ = member.store.override(id, in: tenant, .endDrain, at: member.moment(2_000))
        #expect(shown(member, id, at: 2_000)?.instance.status == out)
    }

    @Test func `the member that took it need not live, and several that do make one deregistration`() {
        let members = (1...3 as ClosedRange<UInt64>).map { Member($0) }
        let id = registered(members[0], at: 0)
        drain(members[0], id, seconds: 30, at: 1_000)
        for state in members[0].drain(at: 1_000) {
            for other in members[1...] { _ = other.store.merge(state, at: other.moment(1_000)) }
        }
        #expect(sweep(members[1], at: 31_000).left == 1 && sweep(members[2], at: 31_050).left == 1)
        let versions = members[1...].map { $0.replica(id, at: 31_050)?.version }
        #expect(versions[0] != nil && versions[0] == versions[1])
        // One that had stood still learns of it, or finds it out itself.
        for state in members[1].drain(at: 31_100) { _ = members[0].store.merge(state, at: members[0].moment(31_100)) }
        #expect(shown(members[0], id, at: 31_100) == nil)
        #expect(sweep(members[0], at: 31_200).left == 0)
        #expect(members.allSatisfy { $0.store.digest() == members[0].store.digest() })
        _ = registered(members[2], at: 40_000)
        exchange(members[2], members[0], at: 40_000)
        #expect(shown(members[0], id, at: 40_000)?.instance.status == out)
        for member in members { member.store.checkInvariants() }
    }

    @Test func `what a fast clock has registered leaves too, and comes back`() {
        let (fast, other) = (Member(1, skew: 3_600_000), Member(2))
        let id = registered(fast, at: 0)
        exchange(fast, other, at: 100)
        drain(other, id, seconds: 30, at: 1_000)
        #expect(sweep(other, at: 31_000).left == 1)
        _ = registered(other, at: 32_000)
        exchange(fast, other, at: 33_000)
        for member in [fast, other] { #expect(shown(member, id, at: 33_000)?.instance.status == out) }
    }

    @Test func `it travels, older members pass it on, and nonsense is none`() throws {
        let override = StatusOverride(
            .drain(for: 30 * second), version(1_000_000), at: 1_000 * second, who: "me")
        let instance = makeInstance(1).with(override: override)
        #expect(instance.override == override && instance.override?.drain?.end == 1_030 * second)
        var bytes: [UInt8] = []
        StateCodec.append(
            Replicated(namespace: tenant, replica: .present(instance, version(1), Heartbeat(age: 0, wall: 0))),
            to: &bytes)
        let (count, start) = bytes.span.number(at: 0)
        var last: Namespace?
        let read = try StateCodec.decode(bytes.span, in: start..<start + count, last: &last)
        #expect(read?.replica.instance?.override == override)
        for departure in [HybridTime.zero, HybridTime(bits: .max), override.version.time] {
            let drain = Drain(end: 0, departure: departure)
            let mad = StatusOverride(status: out, version: override.version, until: nil, who: nil, drain: drain)
            #expect(makeInstance(1).with(override: mad).override == nil)
        }
    }

    @Test func `a clock that was wrong moves the end of a drain along`() {
        let override = StatusOverride(
            .drain(for: 30 * second), version(9_000_000), at: 9_000 * second, who: nil)
        let stamped = override.stamped(version(1_000_000))
        #expect(stamped.drain?.end == 1_030 * second)
        #expect(stamped.drain?.departure.milliseconds == 1_030_000)
        #expect(stamped.drain?.isCredible(of: stamped.version) == true)
    }

    @Test func `ends are taken in their order, as many as may be, and repeated orders take no room`() {
        var shelf = OverrideShelf()
        let ids = (0..<500).map { InstanceID.digest(UInt64($0)) }
        for round in 0..<20 {
            for (index, id) in ids.enumerated() {
                let until = Int64((index * 37) % 500 + round * 1_000)
                shelf.note(
                    StatusOverride(status: out, version: version(1), until: until, who: nil), id, in: tenant)
            }
        }
        for id in ids.prefix(100) { shelf.forgetEnd(of: id, in: tenant) }
        #expect(shelf.endCount == 400 && !shelf.hasEnded(at: 18_999))
        var taken: [InstanceID] = []
        while shelf.hasEnded(at: 20_000) {
            let some = shelf.takeEnded(at: 20_000, limit: 64)
            #expect(some.count <= 64)
            taken += some.map(\.id)
        }
        #expect(Set(taken) == Set(ids.dropFirst(100)) && taken.count == 400 && shelf.endCount == 0)
    }
}
