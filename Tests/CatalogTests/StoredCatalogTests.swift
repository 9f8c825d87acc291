// A catalog whose truth a store outside of the process keeps: leases end on its word, states can be published again, and
// a registration can be taken back.

import TestCatalog
import Testing
import Time

@testable import Catalog

struct StoredCatalogTests {
    private let namespace = Namespace("default")
    private let member = MemberID(bits: 7)

    private func makeStore() -> Store { Store(namespaceCapacity: nil, replicating: member, leaseKeeper: .store) }

    private func at(_ milliseconds: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: milliseconds), lease: LeaseTime(milliseconds: milliseconds),
            wall: (1_767_225_600_000 + milliseconds) * 1_000_000)
    }

    /// Registers an instance and takes it from the dirty set; returns its id and version.
    private func register(_ store: Store, ttl: Int64 = 1_000) throws -> (id: InstanceID, version: Version) {
        let instance = makeInstance(1, ttl: ttl)
        #expect(store.register(instance, in: namespace, at: at(0)).isDone)
        let drained = store.drain(includeRenewals: false, budget: 10, at: at(0))
        return (instance.id, try #require(drained.changes.first).replica.version)
    }

    @Test func `no lease runs out by a member's own clock`() throws {
        // D205 No lease runs out by a member's own clock. Look-ups show an instance until the store has said that its
        // lease is over.
        let store = makeStore()
        let (id, version) = try register(store)
        #expect(store.expire(at: at(3_600_000), budget: 1_000).expired == 0)
        #expect(store.instance(id, in: namespace, at: at(3_600_000).lease) != nil)
        #expect(store.runOut(id, in: namespace, upTo: version, at: at(3_600_000).microseconds) == .gone)
        #expect(store.instance(id, in: namespace, at: at(3_600_000).lease) == nil)
        #expect(store.runOut(id, in: namespace, upTo: version, at: at(3_600_000).microseconds) == .unknown)
        store.checkInvariants()
    }

    @Test func `the end of an older registration does not end a later one`() throws {
        let store = makeStore()
        let (id, version) = try register(store)
        let (_, later) = try register(store)
        #expect(later > version)
        #expect(store.runOut(id, in: namespace, upTo: version, at: at(10).microseconds) == .unknown)
        #expect(store.instance(id, in: namespace, at: at(10).lease) != nil)
    }

    @Test func `a heartbeat that the store has not heard of outlives the end of the lease, and is told`() throws {
        let store = makeStore()
        let (id, version) = try register(store)
        #expect(store.renew(id, in: namespace, at: at(990)))
        #expect(store.runOut(id, in: namespace, upTo: version, at: at(1_000).microseconds) == .renewed)
        #expect(store.instance(id, in: namespace, at: at(1_000).lease) != nil)
        let drained = store.drain(includeRenewals: false, budget: 10, at: at(1_000))
        guard case .present(let instance, let told, let heartbeat) = try #require(drained.changes.first).replica else {
            Issue.record("the state is told as a whole")
            return
        }
        #expect(instance.id == id)
        #expect(told == version)
        #expect(heartbeat.age == 10)
    }

    @Test func `renewals are drained with what their leases last`() throws {
        let store = makeStore()
        let (id, version) = try register(store, ttl: 1_000)
        #expect(store.drainRenewals(budget: 10, at: at(500)).renewals.isEmpty)
        #expect(store.renew(id, in: namespace, at: at(400)))
        let drained = store.drainRenewals(budget: 10, at: at(500))
        let renewal = try #require(drained.renewals.first)
        #expect(drained.renewals.count == 1 && !drained.hasMore)
        #expect(renewal.id == id && renewal.version == version)
        #expect(renewal.lease == 1_001)
        #expect(renewal.heartbeat.age == 100)
        #expect(store.drainRenewals(budget: 10, at: at(500)).renewals.isEmpty)
    }

    @Test func `a heartbeat beside a change is told by itself too, as the change may be refused`() throws {
        let store = makeStore()
        let (id, version) = try register(store, ttl: 1_000)
        #expect(store.renew(id, in: namespace, at: at(400)))
        store.republish(id, in: namespace)
        #expect(store.drain(includeRenewals: false, budget: 10, at: at(400)).changes.count == 1)
        let renewal = try #require(store.drainRenewals(budget: 10, at: at(500)).renewals.first)
        #expect(renewal.id == id && renewal.version == version && renewal.heartbeat.age == 100)
    }

    @Test func `a registration that is taken back leaves nothing`() throws {
        let store = makeStore()
        let (id, version) = try register(store)
        #expect(!store.withdraw(id, in: namespace, .none))
        #expect(store.withdraw(id, in: namespace, version))
        #expect(store.instance(id, in: namespace, at: at(1).lease) == nil)
        #expect(store.counts.tombstones == 0)
        #expect(store.drain(includeRenewals: false, budget: 10, at: at(1)).changes.isEmpty)
        store.checkInvariants()
    }

    @Test func `what is held can be published again, tombstones too`() throws {
        let store = makeStore()
        let (id, version) = try register(store)
        store.republish(id, in: namespace)
        #expect(store.drain(includeRenewals: false, budget: 10, at: at(1)).changes.map(\.replica.version) == [version])
        #expect(store.deregister(id, in: namespace, at: at(2)).isDone)
        let gone = store.drain(includeRenewals: false, budget: 10, at: at(2)).changes.map(\.replica.version)
        store.republish(id, in: namespace)
        #expect(store.drain(includeRenewals: false, budget: 10, at: at(3)).changes.map(\.replica.version) == gone)
        store.republish(.digest(99), in: namespace)
        #expect(store.drain(includeRenewals: false, budget: 10, at: at(3)).changes.isEmpty)
    }

    @Test func `states enter however old their heartbeats are`() throws {
        let one = makeStore()
        let other = Store(namespaceCapacity: nil, replicating: MemberID(bits: 8), leaseKeeper: .store)
        let (id, _) = try register(one)
        one.republish(id, in: namespace)
        let state = try #require(one.drain(includeRenewals: false, budget: 10, at: at(60_000)).changes.first)
        #expect(other.merge(state, at: at(60_000)) == .applied)
        #expect(other.instance(id, in: namespace, at: at(60_000).lease) != nil)
    }

    @Test func `what the store holds back counts as overdue, and only in its namespace is it said`() {
        let store = makeStore()
        let held = HeldBack(leases: 40, since: MonotonicTime(milliseconds: 5), until: LeaseTime(milliseconds: 90_000))
        store.holdBack([namespace: held])
        #expect(store.counts.overdue == 40)
        #expect(store.silence()?.leases == 40)
        #expect(store.silentSince(namespace) == held.since)
        #expect(store.silentSince(Namespace("another")) == nil)
        store.holdBack([:])
        #expect(store.counts.overdue == 0)
        #expect(store.silence() == nil)
    }
}
