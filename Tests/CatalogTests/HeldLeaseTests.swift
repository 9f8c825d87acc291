// Leases that silence must not end: those whose heartbeats may lie unread, and those whose heartbeats cannot arrive.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

struct HeldLeaseTests {
    private let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))

    private func moment(_ now: Int64) -> Moment {
        Moment(monotonic: MonotonicTime(milliseconds: now), lease: LeaseTime(milliseconds: now), wall: now * 1_000_000)
    }

    private func bounds(here: Int64? = nil, elsewhere: Int64? = nil, restart: Int64? = nil) -> ExpiryBounds {
        var bounds = ExpiryBounds()
        if let here { bounds.here = LeaseTime(milliseconds: here) }
        if let elsewhere { bounds.elsewhere = LeaseTime(milliseconds: elsewhere) }
        if let restart { bounds.restart = LeaseTime(milliseconds: restart) }
        return bounds
    }

    /// One is registered here, another elsewhere, both at 0 with a TTL of 30 s.
    private func fill() {
        _ = store.apply(.register(makeInstance(1)), in: tenant, at: moment(0))
        _ = store.merge(
            Replicated(namespace: tenant, replica: .present(makeInstance(2), version(1), Heartbeat(age: 0, wall: 0))),
            at: moment(0))
    }

    private func seen(at now: Int64) -> [UInt64: Bool] {
        let found = store.instances(of: makeInstance(1).serviceName, in: tenant, at: moment(now).lease)
        return Dictionary(
            uniqueKeysWithValues: found.map { leased in
                guard case .digest(let digest) = leased.instance.id else { return (0, leased.isOverdue) }
                return (digest, leased.isOverdue)
            })
    }

    private func expire(at now: Int64, _ bounds: ExpiryBounds) -> Int {
        store.expire(at: moment(now), bounds: bounds, budget: 10_000).expired
    }

    @Test
    func `a lease does not run out while its heartbeat may lie unread, and a heartbeat that is read late renews it`() {
        // R285 A lease does not run out while what was sent to this member before its end lies unread there.
        fill()
        #expect(expire(at: 33_000, bounds(here: 29_000, elsewhere: 29_000)) == 0)
        #expect(seen(at: 33_000) == [1: false, 2: false], "look-ups agree, and it is not said to be overdue")
        #expect(store.renew(.digest(1), in: tenant, at: moment(33_000)))
        #expect(expire(at: 34_000, bounds(here: 33_900, elsewhere: 33_900)) == 1)
        #expect(seen(at: 34_000) == [1: false])
        #expect(!store.renew(.digest(2), in: tenant, at: moment(34_000)), "nothing of it was unread")
    }

    @Test func `only what was last renewed elsewhere is held while others are not heard, and it is said to be overdue`()
    {
        // R286 An instance that would have expired while leases are held (R660) stays in every answer … and has
        // "overdue":true besides.
        fill()
        let before = store.revision(of: tenant)
        #expect(expire(at: 20_000, bounds(elsewhere: 20_000)) == 0)
        #expect(seen(at: 20_000) == [1: false, 2: false])
        #expect(store.revision(of: tenant) == before)
        #expect(expire(at: 31_000, bounds(elsewhere: 20_000)) == 1)
        #expect(seen(at: 31_000) == [2: true])
        #expect(store.counts.overdue == 1)
        let held = store.revision(of: tenant)
        #expect(held != before)
        // It is nobody's to look at again and again.
        #expect(store.expire(at: moment(600_000), bounds: bounds(elsewhere: 20_000), budget: 100).handled == 0)
        #expect(store.revision(of: tenant) == held)
        #expect(expire(at: 600_100, bounds()) == 1)
        #expect(seen(at: 600_100).isEmpty && store.counts.overdue == 0)
    }

    @Test func `a heartbeat ends what was overdue, taken here or elsewhere, and so does a removal`() {
        fill()
        for id in UInt64(3)...5 {
            let state = Replica.present(makeInstance(id), version(1), Heartbeat(age: 0, wall: 0))
            _ = store.merge(Replicated(namespace: tenant, replica: state), at: moment(0))
        }
        let held = bounds(elsewhere: 20_000)
        _ = expire(at: 31_000, held)
        #expect(seen(at: 31_000) == [2: true, 3: true, 4: true, 5: true])
        let before = store.revision(of: tenant)
        #expect(store.renew(.digest(2), in: tenant, at: moment(32_000)))
        let told = Replica.renewed(.digest(3), version(1), Heartbeat(age: 1_000, wall: 31_000_000_000))
        #expect(store.merge(Replicated(namespace: tenant, replica: told), at: moment(32_000)) == .renewed)
        #expect(store.apply(.deregister(.digest(4)), in: tenant, at: moment(32_000)).outcome == .done)
        #expect(seen(at: 32_000) == [2: false, 3: false, 5: true])
        #expect(store.revision(of: tenant) != before && store.counts.overdue == 1)
        // Renewed here it runs out as ever, though others are not heard; renewed elsewhere it is held again.
        #expect(expire(at: 63_000, held) == 1)
        #expect(seen(at: 63_000) == [3: true, 5: true])
    }

    @Test func `held leases begin anew when nobody could know who lives, those too whose time has not passed yet`() {
        fill()
        let state = Replica.present(makeInstance(3), version(1), Heartbeat(age: 0, wall: 0))
        _ = store.merge(Replicated(namespace: tenant, replica: state), at: moment(15_000))
        _ = expire(at: 40_000, bounds(elsewhere: 20_000))
        #expect(seen(at: 40_000) == [2: true, 3: false])
        let released = bounds(restart: 40_000)
        #expect(expire(at: 40_100, released) == 0)
        #expect(seen(at: 40_100) == [2: false, 3: false])
        #expect(seen(at: 69_900) == [2: false, 3: false])
        #expect(expire(at: 70_200, released) == 2)
        #expect(seen(at: 70_200).isEmpty)
    }

    @Test func `a million held leases are given back a batch at a time`() {
        for id in UInt64(1)...2_000 {
            let state = Replica.present(makeInstance(id), version(1), Heartbeat(age: 0, wall: 0))
            _ = store.merge(Replicated(namespace: tenant, replica: state), at: moment(0))
        }
        _ = expire(at: 31_000, bounds(elsewhere: 20_000))
        #expect(store.counts.overdue == 2_000)
        var (expired, turns) = (0, 0)
        while expired < 2_000, turns < 100 {
            let expiry = store.expire(at: moment(32_000), bounds: bounds(), budget: 300)
            #expect(expiry.handled <= 300 && (expiry.hasMore || expired + expiry.expired == 2_000))
            (expired, turns) = (expired + expiry.expired, turns + 1)
        }
        #expect(expired == 2_000 && store.counts.overdue == 0 && store.counts.instances == 0)
    }
}

struct ExpiryHoldTests {
    private func at(_ milliseconds: Int64) -> LeaseTime { LeaseTime(milliseconds: milliseconds) }

    @Test func `expiry goes no further than the slowest loop has read, and waits for a stuck one only so long`() {
        let hold = ExpiryHold(loops: 2)
        #expect(hold.bounds(at: at(5_000)) == .none, "no loop has sockets yet")
        for turn in Int64(1)...5 { for loop in hold.loops { loop.turn(at: at(turn * 100)) } }
        #expect(hold.bounds(at: at(550)).here == at(300))
        hold.loops[0].turn(at: at(600))
        #expect(hold.bounds(at: at(650)).here == at(300) && hold.bounds(at: at(650)).elsewhere == at(300))
        #expect(hold.bounds(at: at(650 + ExpiryHold.longestWait)).here == at(650))
        hold.loops[1].retire()
        #expect(hold.bounds(at: at(650)).here == at(400))
    }

    @Test func `what other members said and nobody has read yet holds only what was renewed elsewhere`() {
        let hold = ExpiryHold()
        for turn in Int64(1)...5 { hold.peers.turn(at: at(turn * 100)) }
        #expect(hold.bounds(at: at(900)).here == .distantFuture && hold.bounds(at: at(900)).elsewhere == at(300))
    }

    @Test func `being cut off holds from the first doubt on, is announced when it is certain, and ends`() {
        let hold = ExpiryHold()
        hold.peersAre(.unsure, at: at(1_000))
        #expect(hold.bounds(at: at(2_000)).elsewhere == at(1_000))
        #expect(hold.holds.isEmpty && hold.lookUpsAreStaleSince(in: nil) == nil)
        hold.peersAre(.cutOff(since: 70_000, until: 670_000), at: at(3_000))
        #expect(hold.bounds(at: at(9_000)).elsewhere == at(1_000))
        #expect(
            hold.holds == [Hold(cause: .cutOff, since: 70_000, until: 670_000)]
                && hold.lookUpsAreStaleSince(in: nil) == 70_000)
        hold.peersAre(.whole(restarts: true), at: at(10_000))
        #expect(
            hold.bounds(at: at(10_000)).elsewhere == .distantFuture && hold.bounds(at: at(10_000)).restart == at(10_000)
        )
        #expect(hold.holds.isEmpty && hold.lookUpsAreStaleSince(in: nil) == nil)
        hold.peersAre(.whole(restarts: false), at: at(11_000))
        #expect(hold.bounds(at: at(11_000)).restart == at(10_000), "what has begun anew goes on")
    }

    @Test func `a pause is shown beside, since when it began to be noticed`() {
        let hold = ExpiryHold()
        hold.clockStands(until: 20_000, at: 10_000)
        hold.clockStands(until: 25_000, at: 11_000)
        hold.peersAre(.cutOff(since: 9_000, until: 30_000), at: at(1))
        #expect(
            hold.holds == [
                Hold(cause: .paused, since: 10_000, until: 25_000), Hold(cause: .cutOff, since: 9_000, until: 30_000),
            ])
        #expect(hold.lookUpsAreStaleSince(in: nil) == 9_000)
        hold.clockStands(until: nil, at: 12_000)
        #expect(hold.holds.map(\.cause) == [.cutOff])
    }

    @Test func `what a store outside holds in some namespaces is said of look-ups there alone`() {
        let hold = ExpiryHold()
        let (here, elsewhere) = (Namespace("here"), Namespace("elsewhere"))
        #expect(NamespaceParts.part(of: here) != NamespaceParts.part(of: elsewhere))
        var parts = NamespaceParts.none
        parts.insert(NamespaceParts.part(of: here))
        hold.store((parts, since: 5_000, until: 35_000))
        #expect(hold.holds == [Hold(cause: .storeDown, since: 5_000, until: 35_000)])
        #expect(hold.lookUpsAreStaleSince(in: here) == 5_000 && hold.lookUpsAreStaleSince(in: nil) == 5_000)
        #expect(hold.lookUpsAreStaleSince(in: elsewhere) == nil)
        hold.clockStands(until: 20_000, at: 6_000)
        #expect(hold.lookUpsAreStaleSince(in: here) == 5_000 && hold.lookUpsAreStaleSince(in: elsewhere) == 6_000)
        hold.clockStands(until: nil, at: 7_000)
        hold.store(nil)
        #expect(hold.lookUpsAreStaleSince(in: here) == nil && hold.holds.isEmpty)
    }
}
