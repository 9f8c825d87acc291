import TestCatalog
import Testing

@testable import Catalog

struct MergeTests {
    enum Held { case nothing, instance, overdue, expired, outOfService, tombstone }

    /// What is held has version 10, was heard of at 0 and has a lease of 30 s; the state comes at 20 s (40 s when
    /// overdue, or expired).
    @Test(
        arguments: [
            (.nothing, present(version(5), age: 1_000), .applied, "v5"),
            (.nothing, present(version(5), age: 30_001), .dead, "nothing"),
            (.nothing, present(version(5), status: .outOfService, age: 90_000), .applied, "v5"),
            (.nothing, .absent(one, version(5)), .applied, "absent v5"),
            (.nothing, .renewed(one, version(5), Heartbeat(age: 0, wall: 1)), .missing, "nothing"),
            (.instance, present(version(9)), .stale, "v10"),
            (.instance, present(version(10)), .redundant, "v10"),
            (.instance, present(version(11)), .applied, "v11"),
            (.instance, present(version(10, origin: 2)), .applied, "v10"),
            (.instance, present(version(10, origin: 0)), .stale, "v10"),
            // Its lease is over where it comes from, but we have heard of the instance since.
            (.instance, present(version(11), age: 50_000), .applied, "v11"),
            // The later one stands, and its lease is over by what either knows.
            (.instance, present(version(11), ttl: 5_000, age: 50_000), .dead, "nothing"),
            (.instance, .absent(one, version(9)), .stale, "v10"),
            (.instance, .absent(one, version(10)), .applied, "absent v10"),
            (.instance, .absent(one, version(11)), .applied, "absent v11"),
            (.instance, .renewed(one, version(9), Heartbeat(age: 0, wall: 1)), .renewed, "v10"),
            (.instance, .renewed(one, version(10), Heartbeat(age: 0, wall: 1)), .renewed, "v10"),
            (.instance, .renewed(one, version(11), Heartbeat(age: 0, wall: 1)), .missing, "v10"),
            (.overdue, present(version(10), age: 5_000, wall: 35_000_000_000), .renewed, "v10"),
            (.overdue, present(version(10), age: 40_000), .dead, "nothing"),
            (.overdue, present(version(11), age: 5_000), .applied, "v11"),
            (.overdue, present(version(11), age: 40_000), .dead, "nothing"),
            (.overdue, present(version(11), ttl: 120_000, age: 90_000), .applied, "v11"),
            (.overdue, .absent(one, version(11)), .applied, "absent v11"),
            (.overdue, .renewed(one, version(10), Heartbeat(age: 5_000, wall: 35_000_000_000)), .renewed, "v10"),
            (.overdue, .renewed(one, version(10), Heartbeat(age: 40_000, wall: 0)), .dead, "nothing"),
            // Who knows an older version only has its heartbeats: together they are what there is.
            (.expired, present(version(9), age: 5_000, wall: 35_000_000_000), .renewed, "v10"),
            (.expired, present(version(9), age: 30_001, wall: 9_999_000_000), .stale, "nothing"),
            (.expired, present(version(10), age: 5_000, wall: 35_000_000_000), .applied, "v10"),
            // The heartbeat that is known, told by a line so slow that its age is wrong.
            (.expired, present(version(10), age: 5_000), .dead, "nothing"),
            (.expired, present(version(9), age: 5_000), .stale, "nothing"),
            (.expired, present(version(11), age: 5_000), .applied, "v11"),
            (.expired, present(version(11), age: 50_000), .dead, "nothing"),
            (.expired, present(version(11), ttl: 120_000, age: 90_000), .applied, "v11"),
            // The later one's lease is over, and the older one does not take its place.
            (.expired, present(version(9), ttl: 120_000, age: 50_000, wall: 5), .stale, "nothing"),
            (.expired, present(version(9), status: .outOfService, age: 50_000, wall: 5), .stale, "nothing"),
            (.expired, present(version(9), status: .outOfService, age: 5_000, wall: 35_000_000_000), .renewed, "v10"),
            (.expired, present(version(11), status: .outOfService, age: 90_000), .applied, "v11"),
            (.expired, .absent(one, version(9)), .applied, "absent v9"),
            (.expired, .absent(one, version(11)), .applied, "absent v11"),
            (.expired, .renewed(one, version(9), Heartbeat(age: 0, wall: 1)), .renewed, "v10"),
            (.expired, .renewed(one, version(10), Heartbeat(age: 0, wall: 1)), .applied, "v10"),
            (.expired, .renewed(one, version(10), Heartbeat(age: 30_001, wall: 1)), .dead, "nothing"),
            (.expired, .renewed(one, version(11), Heartbeat(age: 0, wall: 1)), .missing, "nothing"),
            (.outOfService, present(version(11), age: 5_000), .applied, "v11"),
            // Out of service too it has sent heartbeats, the last one 20 s ago.
            (.outOfService, present(version(11), age: 50_000), .applied, "v11"),
            (.outOfService, present(version(11), ttl: 10_000, age: 50_000), .dead, "nothing"),
            (.outOfService, .renewed(one, version(10), Heartbeat(age: 0, wall: 1)), .renewed, "v10"),
            (.tombstone, present(version(9)), .stale, "absent v10"),
            (.tombstone, present(version(10)), .stale, "absent v10"),
            (.tombstone, present(version(11)), .applied, "v11"),
            (.tombstone, present(version(11), age: 50_000), .dead, "absent v10"),
            (.tombstone, .absent(one, version(9)), .stale, "absent v10"),
            (.tombstone, .absent(one, version(10)), .redundant, "absent v10"),
            (.tombstone, .absent(one, version(11)), .applied, "absent v11"),
            (.tombstone, .renewed(one, version(10), Heartbeat(age: 0, wall: 1)), .stale, "absent v10"),
            (.tombstone, .renewed(one, version(11), Heartbeat(age: 0, wall: 1)), .missing, "absent v10"),
        ] as [(Held, Replica, MergeOutcome, String)])
    func `the later version stands, whatever comes and whatever is there`(
        held: Held, replica: Replica, outcome: MergeOutcome, state: String
    ) {
        let member = Member(7)
        switch held {
        case .nothing: break
        case .instance, .overdue: member.merge(present(version(10)), at: 0)
        case .expired:
            member.merge(present(version(10)), at: 0)
            #expect(member.expire(at: 31_000) == [one])
        case .outOfService: member.merge(present(version(10), status: .outOfService), at: 0)
        case .tombstone: member.merge(.absent(one, version(10)), at: 0)
        }
        let now: Int64 = held == .overdue || held == .expired ? 40_000 : 20_000
        for time in 1...2 {
            let found = member.merge(replica, at: now)
            if time == 1 {
                #expect(found == outcome)
            } else {
                #expect(found != .applied, "hearing it again changes nothing")
            }
            let result = member.replica(one, at: now)
            let milliseconds = result.map { $0.version.time.milliseconds } ?? 0
            switch result {
            case nil: #expect(state == "nothing")
            case .present: #expect(state == "v\(milliseconds)")
            case .absent: #expect(state == "absent v\(milliseconds)")
            case .renewed, .service: Issue.record("a renewal is no state")
            }
            #expect(member.has(one, at: now) == state.hasPrefix("v"))
        }
        #expect(member.drain(at: now).isEmpty, "what a peer told is told to nobody")
    }

    @Test func `a copy of a lease is as old as the original`() {
        let (here, there) = (Member(1, start: -500_000), Member(2, start: 0))
        here.apply(.register(makeInstance(1)), at: 0)
        guard let replica = here.replica(one, at: 20_000) else { return #expect(Bool(false), "nothing to copy") }
        #expect(replica.heartbeat == Heartbeat(age: 20_000, wall: 0))
        there.merge(replica, at: 20_000)
        #expect(there.has(one, at: 30_000))
        #expect(!there.has(one, at: 30_001))
        #expect(there.expire(at: 30_064) == [one])
    }

    @Test func `hearing of one heartbeat again and again does not extend the lease`() {
        let member = Member(1)
        for delay in 0..<20 as Range<Int64> {
            member.merge(present(version(1), age: 1_000, wall: 5), at: delay * 1_000)
        }
        #expect(member.has(one, at: 29_000))
        #expect(!member.has(one, at: 29_001))
    }

    @Test func `a renewal told by another member moves lease and last heartbeat, an older one neither`() {
        let member = Member(1)
        member.merge(present(version(1), wall: 100_000_000_000), at: 0)
        member.merge(.renewed(one, version(1), Heartbeat(age: 2_000, wall: 118_000_000_000)), at: 20_000)
        member.merge(.renewed(one, version(1), Heartbeat(age: 12_000, wall: 108_000_000_000)), at: 20_000)
        #expect(member.replica(one, at: 20_000)?.heartbeat == Heartbeat(age: 2_000, wall: 118_000_000_000))
        #expect(member.has(one, at: 48_000))
        #expect(!member.has(one, at: 48_001))
    }

    @Test func `a new version keeps the heartbeats that were taken here`() {
        let member = Member(1)
        member.merge(present(version(1)), at: 0)
        member.renew(one, at: 25_000)
        // Whoever set the status has not heard of the renewal yet.
        member.merge(present(version(2), status: .starting, age: 25_500), at: 25_500)
        #expect(member.has(one, at: 55_000))
        #expect(!member.has(one, at: 55_001))
        #expect(member.replica(one, at: 25_500)?.instance?.status == .starting)
    }

    /// X is registered with a long lease on both sides of a partition; one side puts a short one in its place, which
    /// ends before they meet again.
    @Test(arguments: [InstanceStatus.up, .outOfService])
    func `a later version that is dead takes the older one with it, on all members`(status: InstanceStatus) {
        let (a, b) = (Member(1), Member(2))
        b.apply(.register(makeInstance(1, status: status, ttl: 600_000)), at: 0)
        for item in b.copyAll(at: 0) { _ = a.store.merge(item, at: a.moment(0)) }
        a.apply(.register(makeInstance(1, ttl: 2_000)), at: 10_000)
        #expect(a.expire(at: 13_000) == [one])
        a.repair(from: b, at: 14_000)
        #expect(!a.has(one, at: 14_000))
        b.repair(from: a, at: 14_000)
        #expect(!b.has(one, at: 14_000))
        #expect(b.expire(at: 14_064) == [one])
        #expect(a.store.digest() == b.store.digest())
        // Who has only now heard of it passes it on.
        let c = Member(3)
        for item in b.copyAll(at: 15_000) { _ = c.store.merge(item, at: c.moment(15_000)) }
        #expect(c.merge(present(version(1), ttl: 600_000, age: 15_000, wall: 1), at: 15_000) == .stale)
        #expect(!c.has(one, at: 15_000))
    }

    /// Out of service on both sides of a partition; one puts it back, the other has its heartbeats.
    @Test(arguments: [true, false])
    func `what is put back into service where its heartbeats do not come is in service where they do`(
        sendsHeartbeats: Bool
    ) {
        let (a, b) = (Member(1), Member(2))
        b.apply(.register(makeInstance(1, status: .outOfService)), at: 0)
        for item in b.copyAll(at: 0) { _ = a.store.merge(item, at: a.moment(0)) }
        a.apply(.register(makeInstance(1)), at: 10_000)
        if sendsHeartbeats { for time in 1...12 as ClosedRange<Int64> { b.renew(one, at: time * 5_000) } }
        #expect(a.expire(at: 41_000) == [one])
        for _ in 0..<2 {
            a.repair(from: b, at: 61_000)
            b.repair(from: a, at: 61_000)
        }
        for member in [a, b] {
            #expect(member.replica(one, at: 61_000)?.instance?.status == (sendsHeartbeats ? .up : nil))
        }
        _ = b.expire(at: 61_064)
        #expect(a.store.digest() == b.store.digest())
    }

    @Test func `a new version may shorten a lease, and it ends then`() {
        let member = Member(1)
        member.merge(present(version(1), ttl: 600_000), at: 0)
        member.merge(present(version(2), ttl: 10_000), at: 1_000)
        #expect(member.expire(at: 11_064) == [one])
    }

    @Test func `near heartbeats at two members are ordered alike by both`() {
        let (a, b) = (Member(1, skew: 3_600_000), Member(2))
        for member in [a, b] { member.merge(present(version(1)), at: 0) }
        a.renew(one, at: 10_000)
        b.renew(one, at: 10_100)
        let (fromA, fromB) = (a.drain(at: 10_150), b.drain(at: 10_150))
        for change in fromA { _ = b.store.merge(change, at: b.moment(10_600)) }
        for change in fromB { _ = a.store.merge(change, at: a.moment(10_200)) }
        #expect(a.replica(one, at: 11_000)?.heartbeat?.wall == b.replica(one, at: 11_000)?.heartbeat?.wall)
    }

    @Test func `a last heartbeat in a far future gives way to a true one, whichever of the two was heard first`() {
        let future = Heartbeat(age: 0, wall: 315_360_000_000_000_000)
        for status in [InstanceStatus.up, .outOfService] {
            let (before, after) = (Member(1), Member(2))
            before.merge(present(version(1), status: status, wall: future.wall), at: 0)
            before.merge(.renewed(one, version(1), Heartbeat(age: 0, wall: 1_000_000_000)), at: 1_000)
            after.merge(present(version(1), status: status, wall: 1_000_000_000), at: 1_000)
            after.merge(.renewed(one, version(1), future), at: 2_000)
            for member in [before, after] {
                #expect(member.replica(one, at: 2_000)?.heartbeat?.wall == 1_000_000_000, "\(status)")
            }
        }
    }

    @Test func `a registration here is later than whatever was heard, though our clock is behind`() {
        let member = Member(1, skew: -3_600_000_000)
        member.merge(present(version(9_000_000_000)), at: 1_000)
        member.apply(.register(makeInstance(1, value: "new")), at: 2_000)
        guard let mine = member.replica(one, at: 2_000) else { return #expect(Bool(false), "it is gone") }
        #expect(mine.version > version(9_000_000_000) && mine.version.origin == member.name)
        member.apply(.deregister(one), at: 3_000)
        #expect(member.replica(one, at: 3_000).map { $0.isAbsent && $0.version > mine.version } == true)
    }

    @Test func `an instance heard of again is listed in its new service only, and its namespace has another revision`()
    {
        let member = Member(1)
        member.merge(present(version(1), service: "web"), at: 0)
        let before = member.store.revision(of: tenant)
        member.merge(present(version(2), service: "db"), at: 1)
        #expect(member.store.serviceNames(in: tenant, at: at(1)).map(\.text) == ["db"])
        #expect(member.store.revision(of: tenant) != before)
        #expect(member.store.counts == Counts(instances: 1, services: 1, namespaces: 1))
    }

    @Test func `an overdue instance that lives on is found again by those who keep what they found`() {
        let member = Member(1)
        member.merge(present(version(1)), at: 0)
        let revision = member.store.listing(of: Name("web"), in: tenant, at: at(31_000)).revision
        member.merge(.renewed(one, version(1), Heartbeat(age: 100, wall: 9)), at: 31_000)
        #expect(member.store.listing(of: Name("web"), in: tenant, at: at(31_000)).instances.count == 1)
        #expect(member.store.listing(of: Name("web"), in: tenant, at: at(31_000)).revision != revision)
    }

    @Test func `peers are never refused for capacity`() {
        let store = Store(namespaceCapacity: 1, replicating: MemberID(bits: 1))
        for id in UInt64(0)..<10 {
            let replicated = Replicated(namespace: tenant, replica: present(id, version(1)))
            #expect(store.merge(replicated, at: moment(0)) == .applied)
        }
        #expect(store.apply(.register(makeInstance(11)), in: tenant, at: moment(0)).outcome == .namespaceFull)
    }

    @Test func `a registry alone keeps no account of anything`() {
        let store = Store(namespaceCapacity: nil)
        _ = store.apply(.register(makeInstance(1)), in: tenant, at: moment(0))
        _ = store.apply(.register(makeInstance(2)), in: tenant, at: moment(0))
        _ = store.apply(.deregister(one), in: tenant, at: moment(0))
        #expect(store.apply(.bury(one), in: tenant, at: moment(0)).outcome == .unknownInstance)
        #expect(store.drain(includeRenewals: true, budget: 10, at: moment(0)).changes.isEmpty)
        #expect(store.counts == Counts(instances: 1, services: 1, namespaces: 1))
        #expect(store.digest().buckets.allSatisfy { $0 == 0 })
    }
}

struct PausedMemberTests {
    /// A member that slept from 5 s to 45 s: its lease clock shows a second more than when it fell asleep.
    private func sleeper() -> Member {
        let member = Member(1)
        for id in UInt64(1)...3 { member.apply(.register(makeInstance(id)), at: 0) }
        _ = member.drain(at: 5_000)
        member.lost = 39_000
        return member
    }

    @Test func `what a member tells after its pause is as old as it is`() {
        let member = sleeper()
        #expect(member.has(one, at: 45_000), "its own lease time stood still")
        #expect(member.replica(one, at: 45_000)?.heartbeat?.age == 45_000)
        #expect(Member(2).merge(member.replica(one, at: 45_000) ?? .absent(one, .none), at: 45_000) == .dead)
    }

    @Test func `after a pause, whom the peers kept alive stays and the others go`() {
        let member = sleeper()
        let mine = member.replica(.digest(2), at: 45_000)?.version ?? .none
        // 2 was heard of while we slept; 3 comes to us.
        #expect(
            member.merge(.renewed(.digest(2), mine, Heartbeat(age: 20_000, wall: 25_000_000_000)), at: 45_500)
                == .renewed)
        member.renew(.digest(3), at: 45_600)
        #expect(member.store.settle(at: member.moment(46_000)) == 1)
        #expect(member.expire(at: 46_064) == [one])
        #expect(member.has(.digest(2), at: 54_999) && !member.has(.digest(2), at: 55_501))
        #expect(member.has(.digest(3), at: 75_600) && !member.has(.digest(3), at: 75_601))
        #expect(member.store.settle(at: member.moment(46_100)) == 0, "who is settled is settled")
    }

    @Test
    func
        `a lease that a pause has moved and a peer's heartbeat does not is as old as that heartbeat, and ends in time once it is settled`()
    {
        let member = sleeper()
        let mine = member.replica(one, at: 45_000)?.version ?? .none
        member.merge(.renewed(one, mine, Heartbeat(age: 28_000, wall: 17_000_000_000)), at: 45_000)
        #expect(member.replica(one, at: 45_000)?.heartbeat == Heartbeat(age: 28_000, wall: 17_000_000_000))
        #expect(member.has(one, at: 47_064), "the peer may have been paused as well, and does not know who is alive")
        _ = member.store.settle(at: member.moment(45_500))
        #expect(member.replica(one, at: 45_500)?.heartbeat?.age == 28_500)
        #expect(member.expire(at: 47_064).contains(one))
    }

    @Test func `what is out of service is not settled`() {
        let member = Member(1)
        member.apply(.register(makeInstance(1, status: .outOfService)), at: 0)
        member.lost = 1_000_000
        #expect(member.store.settle(at: member.moment(1_000_000)) == 0)
        #expect(member.replica(one, at: 1_000_000)?.heartbeat?.age == 1_000_000)
    }
}
