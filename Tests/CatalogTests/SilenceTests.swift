// When many fall silent at once: how many go in a minute, who is held and until when, and that one namespace's trouble
// is no other's.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

struct SilenceTests {
    private static let second: Int64 = 1_000
    private static let minute: Int64 = 60_000
    private let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
    private let bounds: ExpiryBounds

    init() {
        var bounds = ExpiryBounds()
        bounds.budget = ExpiryBudget(share: 20, longest: 10 * Self.minute)
        self.bounds = bounds
        store.judge(by: bounds)
    }

    /// Registers instances with a TTL of 30 s, one each millisecond.
    private func fill(_ ids: ClosedRange<UInt64>, in namespace: Namespace = tenant, status: InstanceStatus = .up) {
        for (offset, id) in ids.enumerated() {
            let instance = makeInstance(id, status: status)
            _ = store.apply(.register(instance), in: namespace, at: moment(Int64(offset)))
        }
    }

    /// Lets leases run out; how many did.
    @discardableResult
    private func expire(at now: Int64, _ bounds: ExpiryBounds? = nil) -> Int {
        var (expired, hasMore) = (0, true)
        while hasMore {
            let expiry = store.expire(at: moment(now), bounds: bounds ?? self.bounds, budget: 10_000)
            expired += expiry.expired
            hasMore = expiry.hasMore
        }
        store.checkInvariants()
        return expired
    }

    private func ids(at now: Int64, in namespace: Namespace = tenant) -> Set<UInt64> {
        Set(seen(at: now, in: namespace).keys)
    }

    /// What is found, and whether it is said to be overdue.
    private func seen(at now: Int64, in namespace: Namespace = tenant) -> [UInt64: Bool] {
        let found = store.instances(of: makeInstance(1).serviceName, in: namespace, at: at(now))
        return Dictionary(
            uniqueKeysWithValues: found.compactMap { leased in
                guard case .digest(let digest) = leased.instance.id else { return nil }
                return (digest, leased.isOverdue)
            })
    }

    @Test func `of a hundred that fall silent a fifth goes a minute, the oldest deadline first, and no list flickers`()
    {
        // R870 With EXPIRY_BUDGET, at most that share of a namespace's instances expires in a minute, or 10 if that is
        // more … Leases beyond it are held … and expire in the minutes that follow, the oldest deadline first.
        fill(1...100)
        #expect(ids(at: 30_500).count == 100, "nobody has judged yet, and nobody is missing meanwhile")
        #expect(expire(at: 30_500) == 20)
        #expect(seen(at: 30_500) == Dictionary(uniqueKeysWithValues: (21...100).map { ($0, true) }))
        #expect(store.counts.overdue == 80)
        #expect(expire(at: 30_500 + Self.minute - 1) == 0)
        // A fifth of what is left each minute, 10 at least; fewer than 20 are no sign of anything.
        var (now, gone) = (30_500 + Self.minute, 20)
        for expected in [16, 12, 10, 10, 10, 10, 12] {
            #expect(expire(at: now) == expected, "at \(now)")
            gone += expected
            #expect(ids(at: now) == Set((1...100).dropFirst(gone)), "at \(now)")
            now += Self.minute
        }
        #expect(store.counts.overdue == 0 && store.counts.instances == 0)
    }

    @Test func `what is held costs nothing until its minute is over`() {
        fill(1...100)
        expire(at: 30_500)
        #expect(store.expire(at: moment(60_000), bounds: bounds, budget: 100).handled == 0)
        #expect(!store.expire(at: moment(60_000), bounds: bounds, budget: 100).hasMore)
    }

    @Test func `a heartbeat, a registration and a deregistration end it, and what is deregistered does not count`() {
        // R872 A heartbeat or a registration, at any member, ends it … R871 … Deregistrations do not count.
        fill(1...100)
        for id in UInt64(91)...100 { _ = store.apply(.deregister(.digest(id)), in: tenant, at: moment(20_000)) }
        #expect(expire(at: 30_500) == 18, "of 90, although 10 have gone before")
        for id in UInt64(21)...30 { #expect(store.renew(.digest(id), in: tenant, at: moment(40_000))) }
        for id in UInt64(31)...40 { _ = store.apply(.register(makeInstance(id)), in: tenant, at: moment(40_000)) }
        for id in UInt64(41)...50 {
            let told = Replica.renewed(.digest(id), version(0), Heartbeat(age: 0, wall: 40_000_000_000))
            _ = store.merge(Replicated(namespace: tenant, replica: told), at: moment(40_000))
        }
        for id in UInt64(51)...70 {
            #expect(store.apply(.deregister(.digest(id)), in: tenant, at: moment(40_000)).outcome == .done)
        }
        let left = seen(at: 41_000)
        #expect(left.filter(\.value).count == 2 + 20 && left.count == 52)
        #expect((21...50).allSatisfy { left[$0] == false })
        // Two and eight of the 52 that were there when the minute began.
        #expect(expire(at: 30_500 + Self.minute) == 10)
        #expect(ids(at: 91_000).isSuperset(of: 79...90) == true)
    }

    @Test func `nothing is held for longer than it may be`() {
        // R870 … no lease is held for longer than EXPIRY_HOLD after its end.
        var short = bounds
        short.budget.longest = 5 * Self.second
        store.judge(by: short)
        fill(1...100)
        #expect(expire(at: 30_500, short) == 20)
        #expect(ids(at: 35_020).count == 80)
        #expect(ids(at: 35_021).count == 79, "by the time, not by the sweep")
        #expect(expire(at: 35_500, short) + store.counts.instances <= 80)
        #expect(store.counts.instances == 0 && store.counts.overdue == 0)
    }

    @Test func `a small namespace is as ever, and so is one beside a silent one`() {
        // R871 … Each namespace is judged for itself … one that had fewer than 20 instances … as without.
        fill(1...19)
        fill(1...100, in: neighbour)
        #expect(ids(at: 30_200).isEmpty && ids(at: 30_200, in: neighbour).count == 100)
        #expect(expire(at: 30_500) == 19 + 20)
        #expect(ids(at: 30_500).isEmpty && ids(at: 30_500, in: neighbour).count == 80)
        #expect(store.silentSince(tenant) == nil && store.silentSince(neighbour) == 30_500)
        #expect(
            store.silence()
                == SilenceSummary(leases: 80, namespaces: 1, since: 30_500, until: at(30_100 + 10 * Self.minute)))
        #expect(expire(at: 700_000) == 80)
        #expect(store.silence() == nil && !store.mayBeSilent)
    }

    @Test func `the few that die in a large namespace die as ever, and what does not expire counts among all`() {
        fill(1...50)
        fill(51...100, status: .outOfService)
        for id in UInt64(1)...40 { _ = store.renew(.digest(id), in: tenant, at: moment(20_000)) }
        #expect(expire(at: 30_500) == 10 && store.counts.overdue == 0)
        #expect(expire(at: 50_500) == 10, "20 of 100 a minute")
        #expect(store.counts.overdue == 30)
    }

    @Test func `its rule can change at any time, and without one all go at once`() {
        // R875 … EXPIRY_BUDGET is taken over when settings are read again (R915).
        fill(1...100)
        #expect(expire(at: 30_500) == 20)
        var other = bounds
        other.budget.share = 50
        #expect(expire(at: 31_000, other) == 30)
        other.budget.share = 1
        #expect(expire(at: 31_000, other) == 0)
        store.judge(by: .none)
        #expect(ids(at: 31_500).isEmpty)
        #expect(expire(at: 31_500, ExpiryBounds.none) == 50)
        #expect(store.counts == Counts(tombstones: 0))
    }

    @Test func `a member without a copy lets nothing run out, takes what others hold, and judges when it has all`() {
        // R876 A member that has no copy of the others' state yet lets no lease run out …
        var waiting = bounds
        waiting.budget.waits = true
        store.judge(by: waiting)
        func tell(_ id: UInt64, age: Int64, at now: Int64) -> MergeOutcome {
            let state = Replica.present(makeInstance(id), version(id), Heartbeat(age: age, wall: 0))
            return store.merge(Replicated(namespace: tenant, replica: state), at: moment(now))
        }
        for id in UInt64(1)...60 { #expect(tell(id, age: 100_000 - Int64(id), at: 200_000) == .applied) }
        #expect(expire(at: 200_100, waiting) == 0)
        for id in UInt64(61)...100 { #expect(tell(id, age: 1_000, at: 200_200) == .applied) }
        #expect(tell(101, age: 800_000, at: 200_300) == .dead, "nobody holds it any more")
        #expect(expire(at: 202_000) == 20)
        #expect(ids(at: 202_000) == Set(21...100))
        // What it has let go stays gone, though another member holds it still; what ended later, it holds too.
        #expect(tell(5, age: 101_995, at: 202_100) == .dead)
        for id in UInt64(1)...20 { store.forget(.digest(id), in: tenant) }
        #expect(tell(5, age: 101_995, at: 202_100) == .dead)
        #expect(tell(102, age: 90_000, at: 202_200) == .applied)
        expire(at: 202_300)
        #expect(seen(at: 202_300)[102] == true)
    }

    @Test func `digests count what is held`() {
        let other = Store(namespaceCapacity: nil, replicating: MemberID(bits: 2))
        other.judge(by: bounds)
        fill(1...100)
        for state in store.copy(from: .start, limit: 1_000, at: moment(20_000)).items {
            _ = other.merge(state, at: moment(20_000))
        }
        for now in [30_500, 91_000, 152_000] as [Int64] {
            expire(at: now)
            _ = other.expire(at: moment(now), bounds: bounds, budget: 10_000)
            #expect(other.counts.instances == store.counts.instances)
            #expect(other.digest() == store.digest(), "at \(now)")
        }
        #expect(
            store.copy(from: .start, limit: 1_000, at: moment(153_000)).items.count == 52 + 48, "what has gone besides")
    }

    @Test func `what is held because of the others is not counted, and is judged when that is over`() {
        for id in UInt64(1)...100 {
            let state = Replica.present(makeInstance(id), version(id), Heartbeat(age: 100 - Int64(id), wall: 0))
            _ = store.merge(Replicated(namespace: tenant, replica: state), at: moment(100))
        }
        #expect(expire(at: 30_500) == 20)
        // From now on others are not heard.
        var cut = bounds
        cut.elsewhere = at(20_000)
        #expect(expire(at: 30_500 + Self.minute, cut) == 0)
        #expect(ids(at: 91_000).count == 80 && store.counts.overdue == 80 && store.silence() == nil)
        #expect(expire(at: 91_000) == 16)
        #expect(store.counts.overdue == 64)
        // Nobody could know who lives.
        var anew = bounds
        anew.restart = at(92_000)
        for now in stride(from: 92_000 as Int64, through: 121_000, by: 1_000) { #expect(expire(at: now, anew) == 0) }
        #expect(ids(at: 121_000).count == 64)
    }

    @Test func `many are let go a batch at a time`() {
        for id in UInt64(1)...10_000 { _ = store.apply(.register(makeInstance(id)), in: tenant, at: moment(0)) }
        var (expired, turns) = (0, 0)
        func drain(at now: Int64, to expected: Int) {
            while expired < expected, turns < 1_000 {
                let expiry = store.expire(at: moment(now), bounds: bounds, budget: 300)
                #expect(expiry.handled <= 300)
                (expired, turns) = (expired + expiry.expired, turns + 1)
            }
        }
        drain(at: 30_500, to: 2_000)
        while store.expire(at: moment(30_500), bounds: bounds, budget: 300).hasMore {}
        #expect(expired == 2_000 && store.counts.overdue == 8_000)
        turns = 0
        drain(at: 30_500 + 2 * Self.minute, to: 3_600)
        #expect(expired == 3_600 && turns <= 10)
        #expect(!store.expire(at: moment(30_500 + 2 * Self.minute), bounds: bounds, budget: 300).hasMore)
        store.checkInvariants()
    }

    @Test func `it is reported when it begins and when it ends, once each`() {
        // R874 The log has a line with cause=silence when it begins in a namespace … and one when a minute ends
        // and nothing is held any more …
        fill(1...100)
        fill(1...19, in: neighbour)
        let began = store.expire(at: moment(30_500), bounds: bounds, budget: 10_000).silences
        #expect(
            began.all == [
                SilenceReport(namespace: tenant, event: .began(instances: 100, allowance: 20, ranOut: 20))
            ])
        func renew(at now: Int64) {
            for id in UInt64(21)...90 { _ = store.renew(.digest(id), in: tenant, at: moment(now)) }
        }
        renew(at: 40_000)
        for id in UInt64(91)...94 { _ = store.apply(.deregister(.digest(id)), in: tenant, at: moment(40_000)) }
        renew(at: 69_000)
        #expect(store.expire(at: moment(90_500), bounds: bounds, budget: 10_000).silences.isEmpty, "six go now")
        for now in [95_000, 120_000, 145_000] as [Int64] { renew(at: now) }
        #expect(store.expire(at: moment(150_499), bounds: bounds, budget: 10_000).silences.isEmpty)
        let ended = store.expire(at: moment(150_500), bounds: bounds, budget: 10_000).silences
        #expect(
            ended.all == [
                SilenceReport(namespace: tenant, event: .ended(ranOut: 26, returned: 70, milliseconds: 120_000))
            ])
    }
}

extension Store {
    /// Forgets that an instance has run out here, as a member does that has let many go.
    fileprivate func forget(_ id: InstanceID, in namespace: Namespace) {
        shard(of: namespace).catalog.withLock { $0.records.replicationState.expired.remove(id, in: namespace) }
    }
}
