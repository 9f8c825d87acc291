import Testing

@testable import Catalog

struct RevisionTests {
    private func serviceRevision(_ it: Subject, _ service: String = "web", at now: Int64) -> UInt64 {
        it.catalog.listing(of: Name(service), in: tenant, at: at(now)).revision
    }

    @Test func `every change but a renewal gives the service and the namespace another revision`() {
        var it = Subject()
        var (namespaces, services): ([UInt64], [UInt64]) = ([], [])
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
        #expect(Set(namespaces).count == 6 && namespaces == namespaces.sorted())
        #expect(Set(services).count == 6 && services == services.sorted())
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
        let before = (serviceRevision(it, "web", at: 1), it.catalog.revision(of: tenant), it.catalog.revision(of: neighbour))
        it.register(4, service: "db", at: 1)
        it.register(2, service: "db", status: .starting, at: 1)
        #expect(serviceRevision(it, "web", at: 1) == before.0)
        #expect(it.catalog.revision(of: tenant) > before.1)
        #expect(it.catalog.revision(of: neighbour) == before.2)
    }

    @Test func `an instance that changes its service changes both`() {
        var it = Subject()
        it.register(1, service: "web", at: 0)
        it.register(2, service: "web", at: 0)
        it.register(3, service: "db", at: 0)
        let before = (serviceRevision(it, "web", at: 1), serviceRevision(it, "db", at: 1))
        it.register(2, service: "db", at: 1)
        #expect(serviceRevision(it, "web", at: 1) > before.0)
        #expect(serviceRevision(it, "db", at: 1) > before.1)
    }

    @Test func `what has vanished and comes back has a revision that it never had`() {
        var it = Subject()
        var seen = Set<UInt64>()
        for round in Int64(0)..<5 {
            it.register(at: round)
            seen.formUnion([it.catalog.revision(of: tenant)])
            it.apply(.deregister(one), at: round)
            #expect(it.catalog.revision(of: tenant) == 0 && serviceRevision(it, at: round) == 0)
        }
        #expect(seen.count == 5 && !seen.contains(0))
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
            #expect(listing.revision == service.revision && store.revision(of: service.name, in: tenant) == service.revision)
            #expect(listing.instances.map(\.instance.id) == store.instances(of: service.name, in: tenant, at: at(1_001)).map(\.instance.id))
        }
        #expect(Set(found.services.map(\.revision)).count == 3)
        let nobody = store.listing(of: Name("none"), in: tenant, at: at(0))
        #expect(nobody.revision == 0 && nobody.instances.isEmpty && nobody.liveUntil == .distantFuture)
        #expect(store.services(in: neighbour, at: at(0)).revision == 0)
    }

    @Test func `what a look-up found gone and comes back has another revision, however the threads' clocks were read`() {
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
                #expect(after.0 > before.0 && after.1 > before.1, "\(heartbeat), \(lookUp)")
                renew(store)
                #expect(store.revision(of: tenant) == after.0, "once is enough")
            }
        }
    }
}
