import Dispatch
import Synchronization
import TestCatalog
import TestRandom
import Testing

@testable import Catalog

/// Runs the body on so many threads at once, and returns when all have ended.
private func concurrently(_ threads: Int, _ body: @Sendable (Int) -> Void) {
    DispatchQueue.concurrentPerform(iterations: threads, execute: body)
}

extension Store {
    @discardableResult
    fileprivate func apply(_ command: Command, in namespace: Namespace, at now: Int64) -> Outcome {
        apply(command, in: namespace, at: moment(now)).outcome
    }
}

struct StoreTests {
    @Test func `instances are listed by service name, then by id, by their bytes`() {
        let store = Store(namespaceCapacity: nil)
        let tenant = Namespace("tenant")
        var random = SplitMix64(seed: 7)
        let ids: [InstanceID] =
            (0..<40).map { .digest($0) } + ["", "00000000000000a", "zz", "\u{E9}"].map { .text(Name($0)) }
        for id in ids.shuffled(using: &random) {
            let service = ["web", "db", "e\u{301}", "\u{E9}"][Int.random(in: 0..<4, using: &random)]
            store.apply(.register(makeInstance(id, service: service)), in: tenant, at: 0)
        }
        let listed = store.instances(in: tenant, at: at(1)).map {
            Array($0.instance.serviceName.text.utf8) + [0] + $0.instance.id.utf8
        }
        #expect(listed.count == ids.count)
        #expect(listed == listed.sorted { $0.lexicographicallyPrecedes($1) })
        let web = store.instances(of: Name("web"), in: tenant, at: at(1)).map(\.instance.id)
        #expect(web.count > 1 && web == web.sorted())
        #expect(store.serviceNames(in: tenant, at: at(1)).map(\.text) == ["db", "e\u{301}", "web", "\u{E9}"])
    }

    @Test func `namespaces are apart whichever shards they fall into`() {
        let store = Store(namespaceCapacity: 3)
        let namespaces = (0..<300).map { Namespace("tenant-\($0)") }
        for (number, namespace) in namespaces.enumerated() {
            for id in 0..<UInt64(number % 4) {
                #expect(store.apply(.register(makeInstance(id)), in: namespace, at: 0) == .done)
            }
        }
        for (number, namespace) in namespaces.enumerated() {
            #expect(store.instances(in: namespace, at: at(1)).count == number % 4)
        }
        #expect(store.counts == Counts(instances: 450, services: 225, namespaces: 225))
    }

    /// Each thread owns some ids and knows what must become of them; all share namespaces and services.
    @Test func `what many threads do at once adds up`() {
        let threads = 4
        let perThread: UInt64 = 300
        let store = Store(namespaceCapacity: nil)
        let namespaces = ["a", "b", "c"].map(Namespace.init)
        let expired = Atomic(0)
        let wrong = Atomic(0)
        concurrently(threads + 2) { thread in
            guard thread < threads else {
                // One sweeps and one lists, both all the time.
                for round in 0..<400 {
                    if thread == threads {
                        expired.add(store.expire(at: moment(5_000), budget: 50).expired, ordering: .relaxed)
                    } else {
                        let listed = store.instances(in: namespaces[round % 3], at: at(5_000))
                        if listed.contains(where: { $0.instance.ttl == 1 }) { wrong.add(1, ordering: .relaxed) }
                    }
                }
                return
            }
            for number in 0..<perThread {
                let id = InstanceID.digest(UInt64(thread) * 10_000 + number)
                let namespace = namespaces[Int(number % 3)]
                // By remainder: 0 stays, 1 is deregistered, 2 is overdue, 3 is replaced by one in another service.
                let fate = number % 4
                let instance = makeInstance(id, service: "s\(number % 7)", ttl: fate == 2 ? 1 : 30_000)
                var outcomes = [store.apply(.register(instance), in: namespace, at: fate == 2 ? 0 : 5_000)]
                if store.renew(id, in: namespace, at: moment(5_000)) != (fate != 2) { wrong.add(1, ordering: .relaxed) }
                switch fate {
                case 1: outcomes.append(store.apply(.deregister(id), in: namespace, at: 5_000))
                case 3:
                    outcomes.append(
                        store.apply(.register(makeInstance(id, service: "moved")), in: namespace, at: 5_000))
                default: break
                }
                if outcomes.contains(where: { $0 != .done }) { wrong.add(1, ordering: .relaxed) }
            }
        }
        var rest = store.expire(at: moment(5_000), budget: 100_000)
        #expect(!rest.hasMore)
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(expired.load(ordering: .relaxed) + rest.expired == threads * Int(perThread) / 4)
        #expect(store.counts.instances == threads * Int(perThread) / 2)
        let moved = namespaces.flatMap { store.instances(of: Name("moved"), in: $0, at: at(5_000)) }
        #expect(moved.count == threads * Int(perThread) / 4)
        rest = store.expire(at: moment(100_000), budget: 100_000)
        #expect(store.counts == Counts())
    }
}

struct StoreExpiryTests {
    @Test func `a hundred thousand overdue leases go a budget at a time, and heartbeats go on between`() {
        let store = Store(namespaceCapacity: nil)
        let tenant = Namespace("tenant")
        let (dying, living) = (UInt64(100_000), UInt64(100))
        for id in 0..<dying {
            store.apply(.register(makeInstance(id, service: "s\(id % 50)", ttl: 10_000)), in: tenant, at: 0)
        }
        for id in dying..<dying + living {
            store.apply(.register(makeInstance(id, ttl: 10_000)), in: tenant, at: 5_000)
        }
        var (now, expired, calls) = (Int64(10_064), 0, 0)
        var hasMore = true
        while hasMore, calls < 1_000 {
            let expiry = store.expire(at: moment(now), budget: 1_000)
            #expect(expiry.expired <= 1_000)
            (expired, calls, hasMore) = (expired + expiry.expired, calls + 1, expiry.hasMore)
            now += 10
            let id = InstanceID.digest(dying + UInt64(calls) % living)
            #expect(store.renew(id, in: tenant, at: moment(now)))
            #expect(!store.renew(.digest(UInt64(calls)), in: tenant, at: moment(now)))
        }
        #expect(expired == Int(dying))
        #expect(calls >= 100)
        #expect(store.counts.instances == Int(living))
    }

    /// Each of many namespaces may have less work than one batch, and all of them together far more than the budget.
    @Test func `a budget holds for all shards together`() {
        let store = Store(namespaceCapacity: nil)
        for number in 0..<200 {
            for id in UInt64(0)..<50 {
                store.apply(.register(makeInstance(id, ttl: 1_000)), in: Namespace("tenant-\(number)"), at: 0)
            }
        }
        var (expired, calls) = (0, 0)
        var hasMore = true
        while hasMore, calls < 1_000 {
            let expiry = store.expire(at: moment(2_000), budget: 300)
            #expect(expiry.expired <= 300)
            (expired, calls, hasMore) = (expired + expiry.expired, calls + 1, expiry.hasMore)
        }
        #expect(expired == 10_000)
        #expect(store.counts == Counts())
    }

    /// The wheel moves leases to a finer level as their time comes near: work as well, though nothing expires by it.
    @Test func `a budget bounds the wheel's upkeep too`() {
        let store = Store(namespaceCapacity: nil)
        for id in UInt64(0)..<10_000 {
            store.apply(.register(makeInstance(id, ttl: 20_000)), in: Namespace("tenant"), at: 0)
        }
        var calls = 1
        while store.expire(at: moment(256 * TimerWheel.resolution), budget: 500).hasMore, calls < 1_000 { calls += 1 }
        #expect((20...21).contains(calls))
        #expect(store.counts.instances == 10_000)
    }

    @Test func `no budget does nothing and says that work is left`() {
        let store = Store(namespaceCapacity: nil)
        store.apply(.register(makeInstance(1, ttl: 1_000)), in: Namespace("tenant"), at: 0)
        let expiry = store.expire(at: moment(2_000), budget: 0)
        #expect(expiry.expired == 0 && expiry.hasMore)
    }
}
