import TestCatalog
import Testing

@testable import Catalog

struct CapacityTests {
    @Test func `a full namespace refuses a client's new instance and changes nothing`() {
        var it = Subject(capacity: 2)
        it.register(1, at: 0)
        it.register(2, at: 0)
        let decision = it.register(3, at: 0)
        #expect(decision == CommandDecision(.namespaceFull))
        #expect(it.ids(of: "web", at: 0) == [.digest(1), .digest(2)])
        #expect(it.register(3, in: neighbour, at: 0).outcome == .done, "the limit is each namespace's own")
    }

    @Test func `a registration renewed and a peer's are never refused`() {
        var it = Subject(capacity: 1)
        it.register(1, at: 0)
        #expect(it.register(1, service: "db", at: 1).outcome == .done)
        let told = it.catalog.merge(present(2, version(1)), in: tenant, at: moment(1))
        #expect(told == .applied)
        #expect(it.register(2, at: 1).outcome == .done, "a peer's instance is a registration like any other")
        #expect(it.register(3, at: 1).outcome == .namespaceFull)
        it.apply(.deregister(.digest(2)), at: 2)
        #expect(it.register(3, at: 2).outcome == .namespaceFull)
        it.apply(.deregister(.digest(1)), at: 2)
        #expect(it.register(3, at: 2).outcome == .done)
    }

    @Test func `nothing at all may be registered where the capacity is none`() {
        var it = Subject(capacity: 0)
        #expect(it.register(at: 0).outcome == .namespaceFull)
        #expect(it.catalog.counts == Counts())
    }

    @Test
    func `a lease a tick of the wheel overdue does not count, and is counted with the registration that swept it`() {
        var it = Subject(capacity: 2)
        it.register(1, ttl: 1_000, at: 0)
        it.register(2, ttl: 1_000, at: 0)
        let now = 1_000 + TimerWheel.resolution
        let decision = it.register(3, at: now)
        #expect(decision == CommandDecision(.done, expired: 2))
        #expect(it.catalog.held == [Key(namespace: tenant, id: .digest(3))])
        #expect(it.register(4, at: now).outcome == .done)
        #expect(it.register(5, at: now).outcome == .namespaceFull)
        #expect(it.catalog.expireAll(at: at(now)).isEmpty, "each is counted once")
    }
}

struct ExpiryBudgetTests {
    @Test func `a budget bounds what one call does, and the calls end`() {
        var it = Subject()
        for id in UInt64(0)..<1_000 { it.register(id, ttl: 1_000, at: 0) }
        var (calls, expired) = (0, 0)
        var hasMore = true
        while hasMore, calls < 10_000 {
            let expiry = it.catalog.expire(at: moment(10_000), budget: 10)
            #expect(expiry.expired <= 10)
            (calls, expired, hasMore) = (calls + 1, expired + expiry.expired, expiry.hasMore)
        }
        #expect(expired == 1_000)
        #expect(it.catalog.counts == Counts())
    }

    @Test func `an overdue lease renewed by registering again is not swept by what is left of the work`() {
        var it = Subject()
        for id in UInt64(0)..<20 { it.register(id, ttl: 1_000, at: 0) }
        _ = it.catalog.expire(at: moment(2_000), budget: 5)
        for id in UInt64(0)..<20 { it.register(id, ttl: 1_000, at: 2_000) }
        #expect(it.catalog.expireAll(at: at(2_500)).isEmpty)
        #expect(it.ids(of: "web", at: 2_500).count == 20)
    }
}
