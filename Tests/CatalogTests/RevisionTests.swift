import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

struct RevisionTests {
    private func serviceRevision(_ it: Subject, _ service: String = "web", at now: Int64) -> Revision {
        it.catalog.listing(of: Name(service), in: tenant, at: at(now)).revision
    }

    @Test func `every change but a renewal gives the service and the namespace another revision`() {
        var it = Subject()
        var (namespaces, services): ([Revision], [Revision]) = ([], [])
        func note() {
            namespaces.append(it.catalog.revision(of: tenant))
            services.append(serviceRevision(it, at: 5))
        }
        it.register(2, ttl: 1_000, at: 0)
        note()
        it.register(at: 0)
        note()
        it.register(at: 1)
        note()
        it.register(status: .starting, at: 1)
        note()
        _ = it.catalog.expireAll(at: at(2_000))
        note()
        it.register(3, at: 2_000)
        it.apply(.deregister(.digest(3)), at: 2_000)
        note()
        for revisions in [namespaces, services] {
            let indexes = revisions.map(\.index)
            #expect(Set(indexes).count == 6 && indexes == indexes.sorted())
        }
        // By the last of these, one has come and gone again: what is there is what was there before.
        #expect(Set(namespaces.map(\.digest)).count == 5 && namespaces[4].digest == namespaces[5].digest)
        it.renew(one, at: 2_000)
        it.renew(.digest(9), at: 2_000)
        it.apply(.deregister(.digest(9)), at: 2_000)
        #expect(it.catalog.revision(of: tenant) == namespaces.last && serviceRevision(it, at: 2_000) == services.last)
    }

    @Test func `a change leaves the revisions of other services and namespaces alone`() {
        var it = Subject()
        it.register(1, service: "web", at: 0)
        it.register(2, service: "db", at: 0)
        it.register(3, in: neighbour, at: 0)
        let before = (
            serviceRevision(it, "web", at: 1), it.catalog.revision(of: tenant), it.catalog.revision(of: neighbour)
        )
        it.register(4, service: "db", at: 1)
        it.register(2, service: "db", status: .starting, at: 1)
        #expect(serviceRevision(it, "web", at: 1) == before.0)
        #expect(it.catalog.revision(of: tenant).index > before.1.index)
        #expect(it.catalog.revision(of: neighbour) == before.2)
    }

    @Test func `an instance that changes its service changes both`() {
        var it = Subject()
        it.register(1, service: "web", at: 0)
        it.register(2, service: "web", at: 0)
        it.register(3, service: "db", at: 0)
        let before = (serviceRevision(it, "web", at: 1), serviceRevision(it, "db", at: 1))
        it.register(2, service: "db", at: 1)
        #expect(serviceRevision(it, "web", at: 1).index > before.0.index)
        #expect(serviceRevision(it, "db", at: 1).index > before.1.index)
    }

    @Test func `what has vanished and comes back has a revision that it never had`() {
        var it = Subject()
        var seen = Set<Revision>()
        for round in Int64(0)..<5 {
            it.register(at: round)
            seen.formUnion([it.catalog.revision(of: tenant)])
            it.apply(.deregister(one), at: round)
            #expect(it.catalog.revision(of: tenant) == .none && serviceRevision(it, at: round) == .none)
        }
        #expect(seen.count == 5 && !seen.contains(.none))
        #expect(Set(seen.map(\.index)).count == 5 && Set(seen.map(\.digest)).count == 5)
    }

    @Test func `services come sorted by their bytes, with the revisions that their listings have`() {
        let store = Store(namespaceCapacity: nil)
        for (number, service) in ["web", "db", decomposed, composed, "web"].enumerated() {
            let instance = makeInstance(UInt64(number), service: service, ttl: service == "db" ? 1_000 : 30_000)
            _ = store.apply(.register(instance), in: tenant, at: moment(0))
        }
        let found = store.services(in: tenant, at: at(1_001))
        #expect(found.services.map(\.name) == [decomposed, composed, "web"].map { Name($0) }, "db is overdue")
        #expect(found.revision == store.revision(of: tenant))
        for service in found.services {
            let listing = store.listing(of: service.name, in: tenant, at: at(1_001))
            #expect(
                listing.revision == service.revision && store.revision(of: service.name, in: tenant) == service.revision
            )
            #expect(
                listing.instances.map(\.instance.id)
                    == store.instances(of: service.name, in: tenant, at: at(1_001)).map(\.instance.id))
        }
        #expect(Set(found.services.map(\.revision)).count == 3)
        let nobody = store.listing(of: Name("none"), in: tenant, at: at(0))
        #expect(nobody.revision == .none && nobody.instances.isEmpty && nobody.liveUntil == .distantFuture)
        #expect(store.services(in: neighbour, at: at(0)).revision == .none)
    }

    @Test func `what a look-up found gone and comes back has another revision, however the threads' clocks were read`()
    {
        // A look-up at 30,005 takes the lock before a heartbeat whose moment was read at 29,999.
        let heard = Replica.renewed(one, .none, Heartbeat(age: 5, wall: 7))
        let heartbeats: [(String, (Store) -> Void)] = [
            ("a client's", { #expect($0.renew(one, in: tenant, at: moment(29_999))) }),
            ("one of a batch", { #expect($0.renew([one], in: tenant, at: moment(29_999)) == [true]) }),
            ("another member's", { _ = $0.merge(Replicated(namespace: tenant, replica: heard), at: moment(29_999)) }),
        ]
        let lookUps: [(String, (Store, LeaseTime) -> Bool)] = [
            ("the service", { !$0.listing(of: Name("web"), in: tenant, at: $1).instances.isEmpty }),
            ("the services", { !$0.services(in: tenant, at: $1).services.isEmpty }),
            ("the instance", { $0.instance(one, in: tenant, at: $1) != nil }),
        ]
        for (heartbeat, renew) in heartbeats {
            for (lookUp, finds) in lookUps {
                let store = Store(namespaceCapacity: nil)
                _ = store.apply(.register(makeInstance(one)), in: tenant, at: moment(0))
                let before = (store.revision(of: tenant), store.revision(of: Name("web"), in: tenant))
                #expect(!finds(store, at(30_005)))
                renew(store)
                #expect(finds(store, at(30_005)), "\(heartbeat), \(lookUp)")
                let after = (store.revision(of: tenant), store.revision(of: Name("web"), in: tenant))
                #expect(after.0.index > before.0.index && after.1.index > before.1.index, "\(heartbeat), \(lookUp)")
                #expect(
                    after.0.digest == before.0.digest && after.1.digest == before.1.digest,
                    "what is told of it is the same")
                renew(store)
                #expect(store.revision(of: tenant) == after.0, "once is enough")
            }
        }
    }

    @Test func `an index is the time of the change in microseconds, or one more than the last`() {
        var it = Subject()
        it.register(at: 1_000)
        #expect(it.catalog.revision(of: tenant).index == 1_000_000)
        it.register(2, at: 1_000)
        #expect((1_000_000...1_000_001).contains(it.catalog.revision(of: tenant).index))
        let last = it.catalog.revision(of: tenant).index
        it.register(3, service: "db", at: 500)
        #expect(it.catalog.revision(of: tenant).index == last + 1, "the clock has gone back")
        #expect(serviceRevision(it, "db", at: 500).index == last + 1 && serviceRevision(it, at: 500).index <= last)
        it.apply(.deregister(.digest(3)), at: 2_000)
        #expect(it.catalog.revision(of: tenant).index == 2_000_000)
        _ = it.catalog.expireAll(at: at(40_000))
        it.register(at: 40_000)
        #expect(it.catalog.revision(of: tenant).index >= 40_000_000, "also after it has been empty")
    }

    @Test func `an index stays below 2^53, whatever a clock says, and grows on`() {
        var it = Subject()
        var last: UInt64 = 0
        for (id, wall) in [Int64.max, .max, 0, .min, 253_402_300_800_000_000].enumerated() {
            let instance = makeInstance(UInt64(id))
            _ = it.catalog.apply(
                .register(instance), in: tenant,
                at: Moment(monotonic: MonotonicTime(milliseconds: 0), lease: at(0), wall: wall))
            let index = it.catalog.revision(of: tenant).index
            #expect(index > last && index < 1 << 53, "\(wall)")
            last = index
        }
    }

    @Test func `a listing says what it left out as overdue, so that its own digest is known`() {
        let store = Store(namespaceCapacity: nil)
        for (id, service) in [(1, "web"), (2, "web"), (3, "db"), (4, "db")] as [(UInt64, String)] {
            let instance = makeInstance(id, service: service, ttl: id == 1 ? 30_000 : 1_000)
            _ = store.apply(.register(instance), in: tenant, at: moment(0))
        }
        let (web, db) = (
            store.listing(of: Name("web"), in: tenant, at: at(1_001)),
            store.listing(of: Name("db"), in: tenant, at: at(1_001))
        )
        let services = store.services(in: tenant, at: at(1_001))
        #expect(db.instances.isEmpty && db.overdue == db.revision.digest && services.overdue == db.overdue)
        #expect(store.overdueHash(of: .digest(2), in: tenant, at: at(1_001)) == web.overdue && web.overdue != 0)
        #expect(
            store.overdueHash(of: one, in: tenant, at: at(1_001)) == 0
                && store.overdueHash(of: .digest(9), in: tenant, at: at(0)) == 0)
        let seen = store.revision(of: tenant).digest &- web.overdue &- services.overdue
        #expect(store.expire(at: moment(1_100), budget: 100).expired == 3)
        #expect(store.revision(of: tenant).digest == seen, "once they are swept, what was listed is what there is")
        #expect(store.listing(of: Name("web"), in: tenant, at: at(1_100)).overdue == 0)
    }

    @Test func `a service is there as long as one of its members is`() {
        let store = Store(namespaceCapacity: nil)
        for id in 0..<UInt64(Store.listingPiece + 10) {
            _ = store.apply(.register(makeInstance(id, ttl: id == 0 ? 30_000 : 1_000)), in: tenant, at: moment(0))
        }
        #expect(store.hasService(Name("web"), in: tenant, at: at(1_001)), "the last one that is looked at")
        #expect(!store.hasService(Name("web"), in: tenant, at: at(30_001)))
        #expect(
            !store.hasService(Name("db"), in: tenant, at: at(0))
                && !store.hasService(Name("web"), in: neighbour, at: at(0)))
    }
}
