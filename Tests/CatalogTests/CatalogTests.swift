import TestCatalog
import Testing

@testable import Catalog

struct LeaseTests {
    @Test func `a lease is there when its ttl has passed and gone a millisecond later, be it swept or not`() {
        var it = Subject()
        it.register(at: 1_000)
        // It may have begun late in its millisecond.
        #expect(it.has(at: 31_000))
        #expect(!it.has(at: 31_001))
        #expect(it.serviceNames(at: 31_000) == ["web"])
        #expect(it.serviceNames(at: 31_001).isEmpty)
        #expect(it.ids(of: "web", at: 31_001).isEmpty)
        #expect(it.renew(one, at: 31_001) == false)
        #expect(it.apply(.deregister(one), at: 31_001) == CommandDecision(.unknownInstance))
        #expect(it.catalog.counts.instances == 1, "nothing has swept it, so the test was about one that is still there")
    }

    @Test func `a renewed lease outlives its first deadline`() {
        var it = Subject()
        it.register(at: 0)
        it.renew(one, at: 20_000)
        #expect(it.catalog.expireAll(at: at(30_100)).isEmpty)
        #expect(it.has(at: 50_000))
        #expect(!it.has(at: 50_001))
        #expect(it.catalog.expireAll(at: at(50_100)) == [one])
    }

    @Test func `heartbeats and registrations move the last heartbeat`() {
        var it = Subject()
        for (heartbeat, now) in [false, true, false].enumerated().map({ ($1, Int64($0)) }) {
            if heartbeat { it.renew(one, at: now) } else { it.register(at: now) }
            #expect(it.catalog.instance(one, in: tenant, at: at(4))?.lastHeartbeat == now * 1_000_000)
        }
    }

    /// A thread reads the clock, and then waits for the lock while another thread, which read it later, comes first.
    @Test func `a heartbeat that comes late to the lock does not shorten the lease`() {
        var it = Subject()
        it.register(at: 0)
        it.renew(one, at: 5_000)
        #expect(it.renew(one, at: 4_000) == true)
        #expect(it.has(at: 34_999))
        #expect(it.catalog.instance(one, in: tenant, at: at(5_000))?.lastHeartbeat == 5_000_000_000)
    }

    @Test func `registering again may shorten a lease, and it ends then`() {
        var it = Subject()
        it.register(ttl: 600_000, at: 0)
        it.register(ttl: 10_000, at: 1_000)
        #expect(it.catalog.expireAll(at: at(10_900)).isEmpty)
        #expect(it.catalog.expireAll(at: at(11_064)) == [one])
    }

    @Test func `what is out of service does not expire, and does again when it is up`() {
        var it = Subject()
        it.register(status: .outOfService, at: 0)
        #expect(it.catalog.expireAll(at: at(1 << 40)).isEmpty)
        #expect(it.has(at: 1 << 40))
        it.renew(one, at: 1 << 40)
        let up = Int64(1 << 40) + 5
        it.register(status: .up, at: up)
        #expect(it.has(at: up + 30_000))
        #expect(!it.has(at: up + 30_001))
        #expect(it.catalog.expireAll(at: at(up + 30_064)) == [one])
    }

    @Test func `taking an instance out of service stops its lease`() {
        var it = Subject()
        it.register(at: 0)
        it.register(status: .outOfService, at: 29_999)
        #expect(it.catalog.expireAll(at: at(100_000)).isEmpty)
        #expect(it.has(at: 100_000))
        it.register(at: 100_000)
        #expect(it.catalog.expireAll(at: at(130_064)) == [one])
    }

    @Test func `a lease as long as time itself does not end`() {
        var it = Subject()
        it.register(ttl: .max, at: 5)
        it.renew(one, at: 6)
        #expect(it.catalog.expireAll(at: at(1 << 50)).isEmpty)
        #expect(it.has(at: 1 << 50))
    }
}

struct RegistrationTests {
    @Test func `an instance that changes its service leaves the old one`() {
        var it = Subject()
        it.register(service: "web", at: 0)
        it.register(service: "db", at: 1)
        #expect(it.serviceNames(at: 2) == ["db"])
        #expect(it.ids(of: "web", at: 2).isEmpty)
        #expect(it.ids(of: "db", at: 2) == [one])
        #expect(it.catalog.counts == Counts(instances: 1, services: 1, namespaces: 1))
    }

    @Test func `whoever leaves a service, the others stay in it`() {
        for leaver in UInt64(0)..<5 {
            var it = Subject()
            for id in UInt64(0)..<5 { it.register(id, at: 0) }
            it.apply(.deregister(.digest(leaver)), at: 1)
            it.apply(.deregister(.digest((leaver + 3) % 5)), at: 1)
            let rest = Set((0..<5).filter { $0 != leaver && $0 != (leaver + 3) % 5 }.map { InstanceID.digest($0) })
            #expect(it.ids(of: "web", at: 1) == rest, "\(leaver) left first")
        }
    }

    @Test func `a namespace sees only its own`() {
        var it = Subject()
        it.register(in: tenant, at: 0)
        #expect(!it.has(in: neighbour, at: 0))
        #expect(it.serviceNames(in: neighbour, at: 0).isEmpty)
        #expect(it.renew(one, in: neighbour, at: 0) == false)
        #expect(it.apply(.deregister(one), in: neighbour, at: 0).outcome == .unknownInstance)
        it.register(service: "db", in: neighbour, at: 0)
        it.apply(.deregister(one), in: neighbour, at: 0)
        #expect(it.serviceNames(in: tenant, at: 0) == ["web"])
    }

    @Test func `names that only look alike are two services and two namespaces`() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        var it = Subject()
        it.register(1, service: composed, in: Namespace(composed), at: 0)
        #expect(!it.has(1, in: Namespace(decomposed), at: 0))
        it.register(2, service: decomposed, in: Namespace(composed), at: 0)
        it.register(1, service: decomposed, in: Namespace(decomposed), at: 0)
        #expect(it.catalog.counts == Counts(instances: 3, services: 3, namespaces: 2))
        #expect(it.ids(of: composed, in: Namespace(composed), at: 0) == [.digest(1)])
        #expect(it.ids(of: decomposed, in: Namespace(composed), at: 0) == [.digest(2)])
        it.apply(.deregister(.digest(1)), in: Namespace(composed), at: 0)
        #expect(it.has(1, in: Namespace(decomposed), at: 0))
    }

    @Test func `the emptied catalog is empty, and its slots serve again`() {
        var it = Subject()
        for round in Int64(0)..<3 {
            let names = [Namespace("a"), Namespace("b"), Namespace("c\(round)")]
            for (number, namespace) in names.enumerated() {
                for id in UInt64(0)..<10 {
                    it.register(
                        id, service: "s\(id % 3)", ttl: 1_000, in: namespace, at: round * 10_000 + Int64(number))
                }
            }
            #expect(it.catalog.counts == Counts(instances: 30, services: 9, namespaces: 3))
            for id in UInt64(0)..<10 { it.apply(.deregister(.digest(id)), in: Namespace("a"), at: round * 10_000 + 5) }
            #expect(it.catalog.expireAll(at: at(round * 10_000 + 5_000)).count == 20)
            #expect(it.catalog.counts == Counts())
        }
    }
}
