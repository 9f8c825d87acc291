import TestCatalog
import Testing

@testable import Catalog

struct RecentlyExpiredTests {
    private static let tenant = Namespace("t")

    /// Instances whose leases of no time have just run out.
    private func put(
        _ numbers: ClosedRange<UInt64>, version number: UInt64 = 1, value: String = "10.0.0.1:80",
        into expired: inout RecentlyExpired,
        in namespace: Namespace = tenant, at now: LeaseTime
    ) {
        for id in numbers {
            let instance = makeInstance(id, ttl: 1, value: value)
            let heartbeat = Heartbeat(age: 2, wall: 0)
            let record = Record(
                instance, version: version(number), heartbeat: heartbeat,
                at: Moment(monotonic: .zero, lease: now, wall: 0))
            expired.put(instance, record, in: namespace, at: now)
        }
    }

    private func holds(_ number: UInt64, _ expired: RecentlyExpired) -> Bool {
        expired.find(.digest(number), in: Self.tenant) != nil
    }

    @Test func `those with the oldest versions make room for the others`() {
        var expired = RecentlyExpired(retention: 1_000)
        put(1...1, version: 50, into: &expired, at: .zero)
        for number in 2...UInt64(10 * RecentlyExpired.limit) {
            put(number...number, version: number % 40, into: &expired, at: .zero)
            #expect(expired.count <= RecentlyExpired.limit)
        }
        #expect(holds(1, expired), "it was changed when the others could no longer be told")
        #expect(expired.count > RecentlyExpired.limit / 2)
    }

    @Test func `a namespace whose instances come and go pushes out its own`() {
        var expired = RecentlyExpired(retention: 1_000)
        let quiet = Namespace("quiet")
        put(1...50, version: 1, into: &expired, in: quiet, at: .zero)
        for number in 1...UInt64(5 * RecentlyExpired.limit) {
            put(number...number, version: 10 + number, into: &expired, at: .zero)
        }
        #expect(
            (1...50).allSatisfy { expired.find(.digest($0), in: quiet) != nil }, "though its versions are the oldest")
        #expect(expired.count <= RecentlyExpired.limit && holds(UInt64(5 * RecentlyExpired.limit), expired))
    }

    @Test func `large ones are kept within a bound of bytes`() {
        var expired = RecentlyExpired(retention: 1_000)
        let value = String(repeating: "x", count: 150_000)
        for number in 1...100 as ClosedRange<UInt64> {
            put(number...number, version: number, value: value, into: &expired, at: .zero)
            #expect(expired.bytes <= RecentlyExpired.byteLimit)
        }
        #expect(holds(100, expired) && !holds(1, expired) && expired.count >= 4)
        for number in 1...100 as ClosedRange<UInt64> { expired.remove(.digest(number), in: Self.tenant) }
        #expect(expired.bytes == 0 && expired.count == 0)
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
        #expect(expired.find(.digest(1), in: Self.tenant)?.record.version == version(2))
        #expect(expired.expire(at: .zero + 1_500, budget: 10) == 1)
        #expect(expired.count == 0)
    }

    @Test func `what ran out long ago is not kept for being told of`() {
        var expired = RecentlyExpired(retention: 1_000)
        let instance = makeInstance(1, ttl: 500)
        for (age, isKept) in [(1_500, true), (1_501, false), (Int64.max, false)] as [(Int64, Bool)] {
            let heartbeat = Heartbeat(age: age, wall: 0)
            let record = Record(
                instance, version: version(1), heartbeat: heartbeat, at: Moment(monotonic: .zero, lease: .zero, wall: 0)
            )
            expired.put(instance, record, in: Self.tenant, at: .zero)
            #expect(holds(1, expired) == isKept, "\(age)")
        }
    }

    @Test func `the same few over and over take no more room than few`() {
        var expired = RecentlyExpired(retention: 1_000)
        for round in 0..<10_000 {
            put(1...2, into: &expired, at: .zero + Int64(round))
            expired.remove(.digest(2), in: Self.tenant)
        }
        #expect(expired.count == 1 && holds(1, expired))
        #expect(expired.expire(at: .zero + 20_000, budget: .max) <= 2 * RecentlyExpired.limit)
        #expect(expired.count == 0 && expired.bytes == 0)
    }

    @Test func `a registry alone keeps none, and a tombstone leaves none`() {
        let member = Member(1)
        member.merge(present(version(1)), at: 0)
        #expect(member.expire(at: 31_000).count == 1)
        member.apply(.bury(one), at: 32_000)
        member.merge(present(version(1), age: 1_000), at: 33_000)
        #expect(!member.has(one, at: 33_000), "a deregistration is later than what was here")

        var alone = Catalog(namespaceCapacity: nil)
        _ = alone.apply(
            .register(makeInstance(1)), in: Self.tenant, at: Moment(monotonic: .zero, lease: .zero, wall: 0))
        _ = alone.expire(at: Moment(monotonic: .zero, lease: .zero + 100_000, wall: 0), budget: 10)
        #expect(!alone.records.isTold && alone.records.replicationState.expired.bytes == 0)
    }
}
