// What a store makes of states from a file, or from a member that has its own from one.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

/// A process that is started with what another has left. Its wall clock goes on, its lease clock begins anew.
private struct Run {
    static let year: Int64 = 31_557_600_000
    let store: Store
    let start: Int64

    init(_ name: UInt64?, at start: Int64) {
        self.start = start
        store =
            name.map { Store(namespaceCapacity: nil, replicating: MemberID(bits: $0)) } ?? Store(namespaceCapacity: nil)
    }

    func moment(_ now: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: now), lease: at(now - start), wall: now * 1_000_000,
            lost: LeaseClock.lostBeforeStart)
    }

    func everything(at now: Int64) -> [Replicated] {
        var items: [Replicated] = []
        var (cursor, shelf): (CopyCursor?, ShelfCursor?) = (.start, .start)
        while let from = cursor {
            let piece = store.copy(from: from, limit: 10, at: moment(now))
            (items, cursor) = (items + piece.items, piece.next)
        }
        while let from = shelf {
            let piece = store.copyShelves(from: from, limit: 10, at: moment(now))
            (items, shelf) = (items + piece.items, piece.next)
        }
        return items
    }

    @discardableResult
    func restore(_ states: [Replicated], readAt read: Int64, hasOverrides: Bool = true) -> RestoredStates {
        let terms = RestoreTerms(
            elapsed: start - read, latest: HybridTime(milliseconds: start + 100 * Self.year),
            now: HybridTime(milliseconds: start), hasOverrides: hasOverrides)
        return store.restore(states.compactMap { terms.read($0) }, at: moment(start))
    }

    func has(_ id: InstanceID, at now: Int64) -> Bool { instance(id, at: now) != nil }

    func instance(_ id: InstanceID, at now: Int64) -> LeasedInstance? {
        store.instance(id, in: tenant, at: moment(now).lease)
    }

    func register(_ id: UInt64, ttl: Int64 = 30_000, status: InstanceStatus = .up, at now: Int64) {
        _ = store.register(makeInstance(id, status: status, ttl: ttl), in: tenant, at: moment(now))
    }

    func age(_ id: InstanceID, at now: Int64) -> Int64? {
        store.state(of: id, in: tenant, at: moment(now))?.replica.heartbeat?.age
    }
}

struct RestoreTests {
    @Test(arguments: [nil, 1] as [UInt64?])
    func `a restored lease begins anew, and its true age is told`(name: UInt64?) {
        // S202 Each lease begins anew, with its own TTL, when the file has been read.
        let before = Run(name, at: 1_000_000)
        before.register(1, ttl: 30_000, at: 1_000_000)
        let after = Run(name, at: 4_600_000)
        let restored = after.restore(before.everything(at: 1_010_000), readAt: 1_010_000)
        #expect(restored.entered == 1 && restored.longestLease == 30_001)
        #expect(after.has(one, at: 4_630_000))
        #expect(!after.has(one, at: 4_630_001))
        #expect(after.age(one, at: 4_600_000) == 3_600_000)
        #expect(after.age(one, at: 4_605_000) == 3_605_000)
        // Its last heartbeat is what it was.
        #expect(after.instance(one, at: 4_600_000)?.lastHeartbeat == Int64(1_000_000_000_000))
        after.store.checkInvariants()
    }

    @Test func `who runs all the time says who died`() {
        // S302 Once its copy has come, each lease from the file ends when it would have ended without the stop.
        let before = Run(1, at: 1_000_000)
        before.register(1, ttl: 30_000, at: 1_000_000)
        before.register(2, ttl: 600_000, at: 1_000_000)
        before.register(3, status: .outOfService, at: 1_000_000)
        let after = Run(2, at: 1_100_000)
        after.restore(before.everything(at: 1_000_000), readAt: 1_000_000)
        // One was renewed elsewhere meanwhile.
        before.register(4, at: 1_090_000)
        for state in before.everything(at: 1_100_000) { _ = after.store.merge(state, at: after.moment(1_100_000)) }
        #expect(after.has(one, at: 1_100_000))
        #expect(after.store.settle(at: after.moment(1_100_000)) == 1)
        #expect(!after.has(one, at: 1_100_000))
        #expect(after.has(.digest(2), at: 1_600_000) && !after.has(.digest(2), at: 1_600_001))
        #expect(after.has(.digest(3), at: 9_000_000))
        #expect(after.has(.digest(4), at: 1_120_000) && !after.has(.digest(4), at: 1_120_001))
        after.store.checkInvariants()
    }

    @Test func `what was deregistered stays so, whichever comes first`() {
        // S301 … what the others know as deregistered stays deregistered, what they have in a later version stands.
        let before = Run(1, at: 1_000_000)
        before.register(1, at: 1_000_000)
        before.register(2, at: 1_000_000)
        let old = before.everything(at: 1_000_000)
        _ = before.store.deregister(one, in: tenant, at: before.moment(1_001_000))
        before.register(2, ttl: 60_000, at: 1_001_000)
        let new = before.everything(at: 1_002_000)
        for isFileFirst in [true, false] {
            let after = Run(2, at: 1_002_000)
            if isFileFirst { after.restore(old, readAt: 1_000_000) }
            for state in new { _ = after.store.merge(state, at: after.moment(1_002_000)) }
            if !isFileFirst { after.restore(old, readAt: 1_000_000) }
            #expect(!after.has(one, at: 1_002_000))
            #expect(after.instance(.digest(2), at: 1_002_000)?.instance.ttl == 60_000)
            after.store.checkInvariants()
            #expect(after.store.digest().root == before.store.digest().root)
        }
        // A file that has the deregistration has it for good.
        let later = Run(3, at: 1_003_000)
        later.restore(new, readAt: 1_002_000)
        for state in old { _ = later.store.merge(state, at: later.moment(1_003_000)) }
        #expect(!later.has(one, at: 1_003_000))
    }

    @Test(arguments: [nil, 1] as [UInt64?])
    func `a restart changes no digest, and whatever comes after it is later`(name: UInt64?) {
        // S203 Whatever is registered or changed after the start is later than all that is in the file.
        let before = Run(name, at: 5_000_000)
        before.register(1, at: 5_000_000)
        before.register(2, at: 5_000_001)
        let revision = before.store.revision(of: tenant)
        // The clock was set back by a lot.
        let after = Run(name, at: 1_000)
        let states = before.everything(at: 5_000_001)
        after.store.observe(states.map(\.replica.latestStamp).max() ?? .zero)
        // A client comes before the file is read.
        after.register(2, ttl: 77_000, at: 1_000)
        after.restore(states, readAt: 5_000_001)
        #expect(after.instance(.digest(2), at: 1_000)?.instance.ttl == 77_000)
        #expect(after.has(one, at: 31_000) && !after.has(one, at: 31_001))
        #expect(after.age(one, at: 1_000).map { $0 >= 0 } ?? false)

        let same = Run(name, at: 5_100_000)
        same.restore(states, readAt: 5_000_001)
        #expect(same.store.revision(of: tenant).digest == revision.digest)
        #expect(same.store.revision(of: tenant) == revision, "the index too is that of the last change")
    }

    @Test(arguments: [nil, 1] as [UInt64?])
    func `what an operator said of an instance that has gone is restored`(name: UInt64?) {
        // S102 … what operators said of them, also of those that went within the last hour.
        let before = Run(name, at: 1_000_000)
        before.register(1, at: 1_000_000)
        _ = before.store.override(
            one, in: tenant, .set(.outOfService, until: nil), at: before.moment(1_000_000))
        _ = before.store.deregister(one, in: tenant, at: before.moment(1_001_000))
        let states = before.everything(at: 1_002_000)
        for (start, isKept) in [(2_000_000, true), (4_600_999, true), (4_601_000, false)] as [(Int64, Bool)] {
            let after = Run(name, at: start)
            after.restore(states, readAt: 1_002_000)
            after.register(1, at: start)
            let status = after.instance(one, at: start)?.instance.effectiveStatus
            #expect((status == .outOfService) == isKept, "\(start): \(String(describing: status))")
        }
        let without = Run(name, at: 2_000_000)
        without.restore(states, readAt: 1_002_000, hasOverrides: false)
        without.register(1, at: 2_000_000)
        #expect(without.instance(one, at: 2_000_000)?.instance.effectiveStatus == .up)
    }

    @Test func `an override comes with its instance, or is left out and taken later`() {
        let before = Run(1, at: 1_000_000)
        before.register(1, at: 1_000_000)
        _ = before.store.override(
            one, in: tenant, .set(.outOfService, until: nil), at: before.moment(1_000_000))
        let states = before.everything(at: 1_002_000)
        let after = Run(2, at: 2_000_000)
        after.restore(states, readAt: 1_002_000, hasOverrides: false)
        #expect(after.instance(one, at: 2_000_000)?.instance.effectiveStatus == .up)
        after.restore(states, readAt: 1_002_000)
        #expect(after.instance(one, at: 2_000_000)?.instance.effectiveStatus == .outOfService)
        after.store.checkInvariants()
        #expect(after.store.digest().root == before.store.digest().root)
    }

    @Test func `a stamp beyond belief is made anew`() {
        // S206 A stamp that is more than 100 years ahead of the clock is not believed.
        let far = version(UInt64(2_000_000 + 101 * Run.year))
        let near = version(UInt64(2_000_000 + 99 * Run.year))
        let run = Run(1, at: 2_000_000)
        run.restore(
            [
                Replicated(namespace: tenant, replica: present(1, far)),
                Replicated(namespace: tenant, replica: present(2, near)),
            ], readAt: 1_000_000)
        let stamps = (1...2).map {
            run.store.state(of: .digest($0), in: tenant, at: run.moment(2_000_000))?.replica.version
        }
        #expect(stamps[0]?.time == HybridTime(milliseconds: 2_000_000))
        #expect(stamps[1] == near)
    }
}
