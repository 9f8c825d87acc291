import Dispatch
import Synchronization
import TestCatalog
import TestRandom
import Testing

@testable import Catalog

/// Counts, from any thread.
final class Counter: Sendable {
    private let count = Atomic(0)
    var value: Int { count.load(ordering: .sequentiallyConsistent) }
    func add() { count.add(1, ordering: .sequentiallyConsistent) }
}

struct DrainTests {
    @Test func `what clients do is told once, in its state of now`() {
        let member = Member(1)
        member.apply(.register(makeInstance(1)), at: 0)
        member.apply(.register(makeInstance(1, status: .starting)), at: 1)
        member.renew(one, at: 2)
        let changes = member.drain(at: 3)
        #expect(changes.count == 1)
        #expect(changes.first?.replica.instance?.status == .starting)
        #expect(changes.first?.replica.heartbeat == Heartbeat(age: 1, wall: 2_000_000))
        #expect(member.drain(at: 4).isEmpty)
        member.apply(.deregister(one), at: 5)
        #expect(member.drain(at: 6).map(\.replica.isAbsent) == [true])
        member.apply(.register(makeInstance(1)), at: 7)
        #expect(member.drain(at: 8).map(\.replica.isPresent) == [true])
        #expect(member.drain(at: 8).isEmpty)
    }

    @Test func `renewals are told when asked for, once each`() {
        let member = Member(1)
        for id in UInt64(1)...3 { member.apply(.register(makeInstance(id)), at: 0) }
        _ = member.drain(at: 0)
        for _ in 0..<5 { member.renew(one, at: 1_000) }
        member.renew(.digest(9), at: 1_000)
        #expect(member.drain(renewals: false, at: 1_000).isEmpty)
        let changes = member.drain(at: 1_500)
        #expect(changes.count == 1 && changes.first?.replica.isRenewal == true)
        #expect(changes.first?.replica.heartbeat == Heartbeat(age: 500, wall: 1_000_000_000))
        #expect(member.drain(at: 2_000).isEmpty)
    }

    @Test func `what is gone before it is told is not told`() {
        let member = Member(1)
        for id in UInt64(1)...3 { member.apply(.register(makeInstance(id, ttl: 1_000)), at: 0) }
        member.renew(one, at: 500)
        _ = member.expire(at: 2_000)
        // Another takes a slot that had news.
        member.merge(present(7, version(1)), at: 2_000)
        #expect(member.drain(at: 2_000).isEmpty)
    }

    /// Whoever waits until the others have the older one must find it there or this one.
    @Test func `what a peer's newer change has replaced before it was told is told as that`() {
        let member = Member(1)
        func told(at now: Int64) -> [Version] { member.drain(at: now).map(\.replica.version) }
        member.apply(.register(makeInstance(1)), at: 0)
        #expect(member.merge(present(version(1_000)), at: 1) == .applied)
        #expect(told(at: 2) == [version(1_000)])
        member.apply(.deregister(one), at: 3)
        #expect(member.merge(present(version(9_000)), at: 4) == .applied)
        #expect(told(at: 5) == [version(9_000)])
        member.apply(.register(makeInstance(1)), at: 6)
        #expect(member.merge(.absent(one, version(10_000)), at: 7) == .applied)
        #expect(told(at: 8) == [version(10_000)])
        member.apply(.bury(one), at: 9)
        #expect(member.merge(.absent(one, version(11_000)), at: 10) == .applied)
        #expect(told(at: 11) == [version(11_000)])
        #expect(member.merge(present(version(12_000)), at: 12) == .applied)
        #expect(told(at: 13).isEmpty)
    }

    @Test func `a budget bounds a drain, and the drains end with everything told`() {
        let member = Member(1)
        let namespaces = (0..<20).map { Namespace("tenant-\($0)") }
        for id in UInt64(0)..<600 { member.apply(.register(makeInstance(id)), in: namespaces[Int(id % 20)], at: 0) }
        for id in UInt64(0)..<100 { member.apply(.deregister(.digest(id)), in: namespaces[Int(id % 20)], at: 0) }
        for id in UInt64(300)..<400 { member.renew(.digest(id), in: namespaces[Int(id % 20)], at: 0) }
        var told: Set<InstanceID> = []
        var (calls, items, hasMore) = (0, 0, true)
        while hasMore, calls < 1_000 {
            let drained = member.store.drain(includeRenewals: true, budget: 7, at: member.moment(1))
            #expect(drained.changes.count <= 7)
            for id in drained.changes.compactMap(\.replica.id) { told.insert(id) }
            (calls, items, hasMore) = (calls + 1, items + drained.changes.count, drained.hasMore)
        }
        #expect(items == 600 && told.count == 600)
        #expect(member.store.drain(includeRenewals: true, budget: 0, at: member.moment(1)).hasMore == false)
    }

    @Test func `the teller is woken when there is something after there was nothing, and never for a renewal`() {
        let wakes = Counter()
        let member = Member(1, wake: { wakes.add() })
        member.apply(.register(makeInstance(1)), at: 0)
        #expect(wakes.value == 1)
        member.apply(.register(makeInstance(2)), in: neighbour, at: 0)
        member.apply(.register(makeInstance(1, status: .starting)), at: 0)
        #expect(wakes.value == 1, "it has been woken for these")
        _ = member.drain(renewals: false, at: 0)
        member.renew(one, at: 1)
        member.renew(.digest(5), at: 1)
        member.apply(.deregister(.digest(5)), at: 1)
        member.merge(present(3, version(1)), at: 1)
        #expect(wakes.value == 1)
        member.apply(.deregister(one), at: 2)
        #expect(wakes.value == 2)
        _ = member.drain(at: 2)
        member.apply(.bury(.digest(5)), at: 3)
        #expect(wakes.value == 3)
    }

    /// Four threads change things, one tells another store whenever it is woken: nothing is left out.
    @Test func `nothing is lost between those who change and the one who tells`() {
        let bell = DispatchSemaphore(value: 0)
        let source = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1), wake: { bell.signal() })
        let copy = Store(namespaceCapacity: nil, replicating: MemberID(bits: 2))
        let writers = 4
        let running = Atomic(writers)
        let silences = Counter()
        DispatchQueue.concurrentPerform(iterations: writers + 1) { thread in
            guard thread < writers else {
                var isLast = false
                while !isLast {
                    // The last look comes after the last change.
                    isLast = running.load(ordering: .sequentiallyConsistent) == 0
                    if !isLast, bell.wait(timeout: .now() + 20) == .timedOut { silences.add() }
                    var hasMore = true
                    while hasMore {
                        let drained = source.drain(includeRenewals: false, budget: 50, at: moment(1))
                        for change in drained.changes { _ = copy.merge(change, at: moment(1)) }
                        hasMore = drained.hasMore
                    }
                }
                return
            }
            var random = SplitMix64(seed: UInt64(thread))
            for _ in 0..<3_000 {
                let id = UInt64.random(in: 0..<40, using: &random)
                let namespace = Namespace("tenant-\(id % 3)")
                let command: Command =
                    Int.random(in: 0..<3, using: &random) == 0 ? .deregister(.digest(id)) : .register(makeInstance(id))
                _ = source.apply(command, in: namespace, at: moment(0))
            }
            running.subtract(1, ordering: .sequentiallyConsistent)
            bell.signal()
        }
        #expect(silences.value == 0, "nobody called though there was something to tell")
        #expect(source.digest() == copy.digest())
        #expect(source.counts.instances == copy.counts.instances)
    }
}

struct CopyTests {
    @Test(arguments: 0..<20)
    func `what is there from the start to the end of a copy is in it exactly once`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let member = Member(1)
        let namespaces = ["a", "b", "c"].map(Namespace.init)
        for id in UInt64(0)..<300 {
            member.apply(.register(makeInstance(id)), in: namespaces[Int(id % 3)], at: 0)
            if id.isMultiple(of: 5) { member.apply(.deregister(.digest(id)), in: namespaces[Int(id % 3)], at: 0) }
        }
        var touched: Set<UInt64> = []
        var times: [InstanceID: Int] = [:]
        var cursor: CopyCursor? = .start
        while let from = cursor {
            let limit = Int.random(in: 1...40, using: &random)
            let piece = member.store.copy(from: from, limit: limit, at: member.moment(1))
            #expect(piece.items.count <= limit, "seed \(seed)")
            for id in piece.items.compactMap(\.replica.id) { times[id, default: 0] += 1 }
            cursor = piece.next
            for _ in 0..<10 {
                // Some of the first come and go, and are renewed and changed; new ones come.
                let id = UInt64.random(in: 0..<100, using: &random)
                touched.insert(id)
                let namespace = namespaces[Int(id % 3)]
                member.apply(
                    Bool.random(using: &random) ? .deregister(.digest(id)) : .register(makeInstance(id)), in: namespace,
                    at: 1)
                member.apply(.register(makeInstance(1_000 + id)), in: namespace, at: 1)
                let other = UInt64.random(in: 100..<300, using: &random)
                member.renew(.digest(other), in: namespaces[Int(other % 3)], at: 1)
                // Not of those that are gone: they would come.
                if other.isMultiple(of: 5) { continue }
                member.apply(.register(makeInstance(other, status: .starting)), in: namespaces[Int(other % 3)], at: 1)
            }
        }
        for id in UInt64(0)..<300 where !touched.contains(id) {
            #expect(times[.digest(id)] == 1, "id \(id), seed \(seed)")
        }
    }

    @Test func `a copy makes another member equal, and the leases as old`() {
        let (here, there) = (Member(1), Member(2, start: 10_000))
        for id in UInt64(0)..<500 {
            here.apply(
                .register(makeInstance(id, ttl: id < 100 ? 5_000 : 60_000)), in: Namespace("tenant-\(id % 40)"),
                at: Int64(id))
        }
        for id in UInt64(450)..<500 {
            here.apply(.deregister(.digest(id)), in: Namespace("tenant-\(id % 40)"), at: 2_000)
        }
        let items = here.copyAll(at: 20_000)
        #expect(items.count == 400, "what is dead is not copied, tombstones are")
        for item in items { #expect(there.store.merge(item, at: there.moment(20_000)) == .applied) }
        _ = here.expire(at: 20_000)
        #expect(here.store.digest() == there.store.digest())
        #expect(there.store.counts.tombstones == 50)
        #expect(there.drain(at: 20_000).isEmpty)
        for id in UInt64(0)..<450 {
            let namespace = Namespace("tenant-\(id % 40)")
            #expect(here.has(.digest(id), in: namespace, at: 60_250) == (id >= 250), "registered at \(id)")
            #expect(there.has(.digest(id), in: namespace, at: 60_250) == (id >= 250), "registered at \(id)")
        }
    }

    @Test func `an empty store is copied at once`() {
        let piece = Member(1).store.copy(from: .start, limit: 1, at: moment(0))
        #expect(piece.items.isEmpty && piece.next == nil)
    }
}

struct DigestTests {
    @Test func `the digest depends on what is held and not on how it came about`() {
        var random = SplitMix64(seed: 3)
        let replicas = (UInt64(0)..<200).map { present($0, version(1_000 + $0)) }
        let members = [Member(1), Member(2)]
        for (number, member) in members.enumerated() {
            for replica in replicas.shuffled(using: &random) { member.merge(replica, at: Int64(number)) }
            for id in UInt64(0)..<50 { member.merge(present(id, version(500)), at: 1) }
        }
        #expect(members[0].store.digest() == members[1].store.digest())
        members[0].renew(.digest(3), at: 2)
        #expect(members[0].store.digest() == members[1].store.digest(), "leases are left out")
        members[0].merge(.absent(.digest(999), version(1)), at: 2)
        #expect(members[0].store.digest() == members[1].store.digest(), "tombstones are left out")
        members[0].apply(.register(makeInstance(3, status: .starting)), at: 2)
        let (mine, theirs) = (members[0].store.digest(), members[1].store.digest())
        #expect(mine.root != theirs.root)
        #expect(zip(mine.buckets, theirs.buckets).count { $0 != $1 } == 1)
    }

    @Test func `an emptied store has the digest of an empty one`() {
        let member = Member(1)
        for id in UInt64(0)..<100 { member.apply(.register(makeInstance(id, ttl: 1_000)), at: 0) }
        for id in UInt64(0)..<100 { member.apply(.register(makeInstance(id, service: "db", ttl: 1_000)), at: 0) }
        for id in UInt64(0)..<40 { member.apply(.deregister(.digest(id)), at: 0) }
        for id in UInt64(40)..<60 { member.merge(.absent(.digest(id), version(9_000)), at: 0) }
        _ = member.expire(at: 5_000)
        #expect(member.store.digest() == Member(2).store.digest())
    }

    @Test func `the keys of a bucket are all that is in it`() {
        let member = Member(1)
        let texts = ["", "a", "\u{E9}", "e\u{301}"].map { InstanceID.text(Name($0)) }
        for id in (UInt64(0)..<100).map({ InstanceID.digest($0) }) + texts {
            member.apply(.register(makeInstance(id)), at: 0)
        }
        member.apply(.deregister(one), at: 1)
        let buckets = member.store.digest().buckets
        let occupied = (0..<BucketDigest.bucketCount).filter { buckets[$0] != 0 }.map { UInt16($0) }
        let tombstone = BucketKey(one, in: tenant).bucket
        let keys = member.store.keys(in: occupied + [tombstone, .max], at: member.moment(1))
        #expect(keys.count == 104 && Set(keys).count == 104)
        #expect(keys.filter { !$0.isPresent }.map(\.id) == [one])
        for key in keys {
            let bucket = BucketKey(key.id, in: tenant).bucket
            let alone = member.store.keys(in: [bucket], at: member.moment(1))
            #expect(alone.contains(key) && alone.allSatisfy { BucketKey($0.id, in: tenant).bucket == bucket })
        }
        #expect(member.store.keys(in: [], at: member.moment(1)).isEmpty)
    }
}
