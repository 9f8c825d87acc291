// What becomes of what a clock has stamped that nobody believes.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

struct RestampTests {
    private static let limit = HybridTime(milliseconds: 1_000_000)
    private static let wrong: Int64 = 9_000_000

    private static func moment(_ lease: Int64, wall: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: lease), lease: LeaseTime(milliseconds: lease), wall: wall * 1_000_000
        )
    }

    private static func versions(_ store: Store) -> [String: HybridTime] {
        var versions: [String: HybridTime] = [:]
        for item in store.copy(from: .start, limit: 100, at: moment(0, wall: 0)).items {
            versions["\(item.replica.id.map { "\($0)" } ?? "a service")"] = item.replica.version.time
        }
        return versions
    }

    @Test func `records, tombstones and what has run out are stamped anew, and nothing else`() {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        for (id, wall) in [(UInt64(1), Int64(500)), (2, Self.wrong), (3, Self.wrong), (4, Self.wrong)] {
            _ = store.apply(
                .register(makeInstance(id, ttl: id == 4 ? 10 : 60_000)), in: tenant, at: Self.moment(0, wall: wall))
        }
        _ = store.apply(.deregister(.digest(3)), in: tenant, at: Self.moment(0, wall: Self.wrong))
        _ = store.expire(at: Self.moment(100, wall: 600), budget: 10)
        _ = store.drain(includeRenewals: true, budget: 10, at: Self.moment(100, wall: 600))
        let before = Self.versions(store)
        let digest = store.digest()
        #expect(store.restamp(beyond: Self.limit, at: Self.moment(100, wall: 700)) == 3)
        let after = Self.versions(store)
        #expect(after.count == 4)
        for (id, time) in after {
            #expect(time <= Self.limit)
            #expect((before[id] == time) == (before[id]! <= Self.limit))
        }
        #expect(store.digest() != digest)
        let told = store.drain(includeRenewals: false, budget: 10, at: Self.moment(100, wall: 700)).changes
        #expect(
            Set(told.compactMap { $0.replica.id.map { "\($0)" } }) == [
                "\(InstanceID.digest(2))", "\(InstanceID.digest(3))",
            ],
            "what is there or gone is told")
        #expect(store.restamp(beyond: Self.limit, at: Self.moment(100, wall: 700)) == 0)
    }

    @Test func `an override is stamped anew like a state, and reaches members that believed neither`() {
        let (store, other) = (
            Store(namespaceCapacity: nil, replicating: MemberID(bits: 1)),
            Store(namespaceCapacity: nil, replicating: MemberID(bits: 2))
        )
        _ = store.apply(.register(makeInstance(1)), in: tenant, at: Self.moment(0, wall: 500))
        for item in store.copy(from: .start, limit: 10, at: Self.moment(0, wall: 500)).items {
            _ = other.merge(item, at: Self.moment(0, wall: 500))
        }
        _ = store.override(
            .digest(1), in: tenant, .set(.outOfService, until: nil), at: Self.moment(0, wall: Self.wrong))
        #expect(store.restamp(beyond: Self.limit, at: Self.moment(100, wall: 700)) == 1)
        let told = store.drain(includeRenewals: false, budget: 10, at: Self.moment(100, wall: 700)).changes
        #expect(told.count == 1)
        guard case .present(let instance, _, _)? = told.first?.replica else { return #expect(Bool(false)) }
        #expect(instance.override?.status == .outOfService)
        #expect(instance.override.map { $0.version.time <= Self.limit } == true)
        for item in told { _ = other.merge(item, at: Self.moment(100, wall: 700)) }
        #expect(store.digest() == other.digest())
        store.checkInvariants()
    }

    /// The clock has fallen back behind it: what is changed is later than what is held all the same.
    @Test func `a change is later than what it changes, also when that is believed and ahead`() {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        for (id, wall) in [(UInt64(1), Int64(900_000)), (2, 900_000), (3, Self.wrong)] {
            _ = store.apply(.register(makeInstance(id)), in: tenant, at: Self.moment(0, wall: wall))
        }
        _ = store.apply(.deregister(.digest(2)), in: tenant, at: Self.moment(0, wall: Self.wrong))
        #expect(store.restamp(beyond: Self.limit, at: Self.moment(0, wall: 700)) == 2)
        let before = Self.versions(store)
        for id in UInt64(1)...3 {
            _ = store.apply(.register(makeInstance(id)), in: tenant, at: Self.moment(1, wall: 701))
        }
        let after = Self.versions(store)
        for (id, time) in before { #expect(after[id]! > time) }
        #expect(after.values.allSatisfy { $0 <= Self.limit })
    }
}
