import Testing

@testable import Catalog

struct RecentlyExpiredTests {
    private static let tenant = Namespace("t")

    private func put(_ numbers: ClosedRange<UInt64>, version number: UInt64 = 1, into expired: inout RecentlyExpired, at now: LeaseTime) {
        for id in numbers { expired.put(makeInstance(id), version(number), in: Self.tenant, at: now) }
    }

    private func holds(_ number: UInt64, _ expired: RecentlyExpired) -> Bool { expired.find(.digest(number), in: Self.tenant) != nil }

    @Test func `the oldest make room for the newest`() {
        var expired = RecentlyExpired(retention: 1_000)
        let limit = UInt64(RecentlyExpired.limit)
        put(1...limit + 10, into: &expired, at: .zero)
        #expect(expired.count == RecentlyExpired.limit)
        #expect(!holds(10, expired) && holds(11, expired) && holds(limit + 10, expired))
    }

    @Test func `each is forgotten when its time has come, within the budget`() {
        var expired = RecentlyExpired(retention: 1_000)
        put(1...3, into: &expired, at: .zero)
        put(4...4, into: &expired, at: .zero + 500)
        #expect(expired.expire(at: .zero + 999, budget: 10) == 0)
        #expect(expired.expire(at: .zero + 1_000, budget: 2) == 2)
        #expect(expired.expire(at: .zero + 1_000, budget: 2) == 1)
        #expect(expired.count == 1 && holds(4, expired))
    }

    @Test func `who expires again is kept anew`() {
        var expired = RecentlyExpired(retention: 1_000)
        put(1...1, version: 1, into: &expired, at: .zero)
        put(1...1, version: 2, into: &expired, at: .zero + 500)
        #expect(expired.expire(at: .zero + 1_000, budget: 10) == 1)
        #expect(expired.find(.digest(1), in: Self.tenant)?.version == version(2))
        #expect(expired.expire(at: .zero + 1_500, budget: 10) == 1)
        #expect(expired.count == 0)
    }

    @Test func `the same few over and over take no more room than few`() {
        var expired = RecentlyExpired(retention: 1_000)
        for round in 0..<10_000 {
            put(1...2, into: &expired, at: .zero + Int64(round))
            expired.remove(.digest(2), in: Self.tenant)
        }
        #expect(expired.count == 1 && holds(1, expired))
        #expect(expired.expire(at: .zero + 20_000, budget: .max) <= RecentlyExpired.limit)
        #expect(expired.count == 0)
    }

    @Test func `a registry alone keeps none, and a tombstone leaves none`() {
        let member = Member(1)
        member.merge(present(version(1)), at: 0)
        #expect(member.expire(at: 31_000).count == 1)
        member.apply(.bury(one), at: 32_000)
        member.merge(present(version(1), age: 1_000), at: 33_000)
        #expect(!member.has(one, at: 33_000), "a deregistration is later than what was here")

        var alone = Catalog(namespaceCapacity: nil)
        _ = alone.apply(.register(makeInstance(1)), in: Self.tenant, from: .client, at: Moment(lease: .zero, wall: 0))
        _ = alone.expire(at: .zero + 100_000, budget: 10)
        #expect(alone.records.ledger == nil)
    }
}
