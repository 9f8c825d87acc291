// An operator's word on a status: beside the registration, later than it or not.

import TestCatalog
import Testing

@testable import Catalog

struct StatusOverrideTests {
    private let out = InstanceStatus.outOfService

    private func registered(_ member: Member, at now: Int64) -> InstanceID {
        let instance = makeInstance(1, status: .up, ttl: 30_000)
        _ = member.store.register(instance, in: tenant, at: member.moment(now))
        return instance.id
    }

    @discardableResult
    private func override(
        _ member: Member, _ id: InstanceID, _ status: InstanceStatus?, until: Int64? = nil, at now: Int64
    ) -> Bool {
        let decision = member.store.override(
            id, in: tenant, status.map { .set($0, until: until.map { $0 * 1_000_000 }) } ?? .remove,
            at: member.moment(now))
        if case .done = decision { return true } else { return false }
    }

    private func shown(_ member: Member, _ id: InstanceID, at now: Int64) -> (InstanceStatus?, InstanceStatus?) {
        let found = member.store.instance(id, in: tenant, at: member.moment(now).lease)
        return (found?.instance.status, found?.registeredStatus)
    }

    private func exchange(_ one: Member, _ other: Member, at now: Int64) {
        for _ in 0..<2 {
            let (from, to) = (one.drain(at: now), other.drain(at: now))
            for state in from { _ = other.store.merge(state, at: other.moment(now)) }
            for state in to { _ = one.store.merge(state, at: one.moment(now)) }
        }
    }

    @Test func `it counts until it is removed, and changes revisions and the tally`() {
        let member = Member(1)
        let id = registered(member, at: 0)
        let before = member.store.revision(of: tenant)
        #expect(override(member, id, out, at: 1_000))
        #expect(shown(member, id, at: 1_000) == (out, .up))
        let during = member.store.revision(of: tenant)
        #expect(during.digest != before.digest && during.index > before.index)
        #expect(member.store.tally(of: tenant).statuses == [out: 1])
        #expect(override(member, id, nil, at: 2_000))
        #expect(shown(member, id, at: 2_000) == (.up, nil))
        #expect(member.store.revision(of: tenant).digest == before.digest)
        #expect(member.store.tally(of: tenant).statuses == [.up: 1])
        // Nothing is left to remove.
        let after = member.store.revision(of: tenant)
        #expect(override(member, id, nil, at: 3_000) && member.store.revision(of: tenant) == after)
        #expect(!override(member, .digest(99), out, at: 3_000))
        member.store.checkInvariants()
    }

    @Test func `it has no say in whether a lease runs out`() {
        let member = Member(1)
        let id = registered(member, at: 0)
        override(member, id, out, at: 1_000)
        #expect(member.expire(at: 31_000) == [id])
        #expect(member.store.tally(of: tenant).statuses == [:])
    }

    @Test func `it outlives registrations, and the instance by an hour`() {
        let hour: Int64 = 3_600_000
        for gap in [hour - 1_000, hour + 1_000] {
            let member = Member(1)
            let id = registered(member, at: 0)
            override(member, id, out, at: 1_000)
            _ = registered(member, at: 2_000)
            #expect(shown(member, id, at: 2_000) == (out, .up))
            _ = member.store.deregister(id, in: tenant, at: member.moment(3_000))
            #expect(member.store.counts.overrides == 1)
            _ = member.store.expire(at: member.moment(3_000 + gap), budget: 1_000)
            _ = registered(member, at: 3_000 + gap)
            #expect(shown(member, id, at: 3_000 + gap) == (gap < hour ? (out, .up) : (.up, nil)))
            member.store.checkInvariants()
        }
    }

    @Test func `it ends at its time, on each member`() {
        let (one, other) = (Member(1), Member(2, start: 50))
        let id = registered(one, at: 0)
        override(one, id, out, until: 20_000, at: 1_000)
        exchange(one, other, at: 2_000)
        #expect(shown(other, id, at: 2_000) == (out, .up))
        for member in [one, other] {
            _ = member.store.expire(at: member.moment(19_999), budget: 1_000)
            #expect(shown(member, id, at: 19_999) == (out, .up))
            let digest = member.store.revision(of: tenant).digest
            _ = member.store.expire(at: member.moment(20_000), budget: 1_000)
            #expect(shown(member, id, at: 20_000) == (.up, nil))
            #expect(member.store.revision(of: tenant).digest != digest)
        }
        // A copy that comes late does not bring it back.
        for state in one.copyAll(at: 20_000) { _ = other.store.merge(state, at: other.moment(20_000)) }
        #expect(shown(other, id, at: 20_000) == (.up, nil))
    }

    @Test func `neither it nor a registration at another member undoes the other`() {
        for overridesFirst in [true, false] {
            let (one, other) = (Member(1), Member(2))
            let id = registered(one, at: 0)
            exchange(one, other, at: 100)
            let starting = makeInstance(1, status: .starting, ttl: 30_000)
            if overridesFirst { override(one, id, out, at: 1_000) }
            _ = other.store.register(starting, in: tenant, at: other.moment(1_500))
            if !overridesFirst { override(one, id, out, at: 2_000) }
            exchange(one, other, at: 3_000)
            for member in [one, other] { #expect(shown(member, id, at: 3_000) == (out, .starting)) }
            #expect(one.store.revision(of: tenant).digest == other.store.revision(of: tenant).digest)
            override(other, id, nil, at: 4_000)
            exchange(one, other, at: 5_000)
            for member in [one, other] { #expect(shown(member, id, at: 5_000) == (.starting, nil)) }
            one.store.checkInvariants()
            other.store.checkInvariants()
        }
    }

    @Test func `what a member keeps of an instance that was gone reaches those that do not know it`() {
        let (one, other) = (Member(1), Member(2))
        let id = registered(one, at: 0)
        override(one, id, out, at: 1_000)
        _ = one.store.deregister(id, in: tenant, at: one.moment(2_000))
        _ = one.drain(at: 2_000)
        _ = registered(other, at: 3_000)
        exchange(one, other, at: 4_000)
        for member in [one, other] { #expect(shown(member, id, at: 4_000) == (out, .up)) }
    }

    @Test func `fields of a newer release stay beside it`() throws {
        let instance = makeInstance(1)
        let unknown: [UInt8] = [9, 2, 1, 2, 7, 0]
        let other = Instance(digest: instance.digest, packed: instance.packed.with(further: unknown))
        #expect(other.override == nil && other.further == unknown)
        let override = StatusOverride(status: out, version: version(7), until: 5, who: "me")
        let both = other.with(override: override)
        #expect(both.override == override && both.metadata == instance.metadata && both.tags == instance.tags)
        #expect(both.further?.suffix(6) == unknown[...])
        #expect(both.with(override: override.ended).effectiveStatus == both.status)
        #expect(other.joining(override) == both && both.joining(nil) == both)
    }
}
