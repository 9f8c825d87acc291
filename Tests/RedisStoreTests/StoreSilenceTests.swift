// What a member says of namespaces whose leases the store holds back (docs/rest-api.md, R874): once when it begins, and once
// when nothing is held any more and all that ran out is counted.

import Catalog
import Replication
import Testing
import Time

@testable import RedisStore

struct StoreSilenceTests {
    private static let budget = ExpiryBudget(share: 20, longest: 600_000)
    private let crowd = Namespace("crowd")
    private let shard: StoreShard

    init() { shard = StoreShard(of: crowd) }

    private func held(_ leases: Int) -> [Namespace: HeldBack] {
        leases == 0 ? [:] : [crowd: HeldBack(leases: leases, since: .zero, until: .distantFuture)]
    }

    private func at(_ milliseconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

    /// A tick's reply.
    private func tick(
        _ silence: inout StoreSilence, _ leases: Int, _ time: Int64, instances: Int, isAllRead: Bool = true
    )
        -> [SilenceReport.Event]
    {
        silence.holds(held(leases), in: shard, Self.budget, isAllRead: isAllRead, at: at(time)) { _ in instances }
            .map(\.event)
    }

    @Test func `it is said once how many there were, may expire and have, and once what became of them`() {
        var silence = StoreSilence()
        for number in 0..<20 { silence.ranOut(in: crowd, at: at(1_000 + Int64(number))) }
        #expect(
            tick(&silence, 30, 1_250, instances: 80) == [.began(instances: 100, allowance: 20, ranOut: 20)])
        #expect(tick(&silence, 40, 1_500, instances: 80).isEmpty)
        for _ in 0..<16 { silence.ranOut(in: crowd, at: at(61_500)) }
        #expect(tick(&silence, 4, 62_000, instances: 64).isEmpty)
        #expect(tick(&silence, 0, 70_000, instances: 64).isEmpty, "its last events may be on their way")
        #expect(tick(&silence, 0, 70_250, instances: 64, isAllRead: false).isEmpty)
        #expect(
            tick(&silence, 0, 71_250, instances: 64) == [.ended(ranOut: 36, returned: 24, milliseconds: 70_000)])
        #expect(tick(&silence, 0, 71_500, instances: 64).isEmpty)
    }

    @Test func `what ran out in an earlier minute does not count, nor what another shard says`() throws {
        var silence = StoreSilence()
        for _ in 0..<9 { silence.ranOut(in: crowd, at: at(1_000)) }
        #expect(tick(&silence, 5, 61_000, instances: 50) == [.began(instances: 50, allowance: 10, ranOut: 0)])
        let other = try #require(StoreShard.all.first { $0 != shard })
        for time in [61_250, 61_500] as [Int64] {
            let reports = silence.holds([:], in: other, Self.budget, isAllRead: true, at: at(time)) { _ in 0 }
            #expect(reports.isEmpty)
        }
        #expect(tick(&silence, 6, 62_000, instances: 50).isEmpty)
    }

    @Test func `what is to be said comes with the next expiry, and once`() {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1), leaseKeeper: .store)
        let report = SilenceReport(namespace: crowd, event: .began(instances: 100, allowance: 20, ranOut: 20))
        store.report([report])
        let moment = Moment(monotonic: .zero, lease: .zero, wall: 0)
        #expect(store.expire(at: moment, budget: 100).silences.all == [report])
        #expect(store.expire(at: moment, budget: 100).silences.isEmpty)
    }
}
