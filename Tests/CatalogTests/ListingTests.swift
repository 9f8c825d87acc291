import TestCatalog
import TestRandom
import Testing

@testable import Catalog

struct ListingTests {
    /// Between the pieces of a listing anybody may come and go. Who is there from the first piece to the last must be
    /// listed.
    @Test(arguments: 0..<30)
    func `whoever stays is in the listing, whatever happens between its pieces`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var it = Subject()
        var present = Set<UInt64>(0..<200)
        for id in present { it.register(id, at: 0) }
        var stayed = present
        var everPresent = present
        var listed: [UInt64] = []
        var remaining = Int.max
        let limit = Int.random(in: 1...40, using: &random)
        var pieces = 0
        while remaining > 0 {
            let piece = it.catalog.members(of: Name("web"), in: tenant, at: at(1), remaining: &remaining, limit: limit)
            #expect(piece.instances.count <= limit, "seed \(seed)")
            listed += piece.instances.compactMap { if case .digest(let id) = $0.instance.id { id } else { nil } }
            pieces += 1
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                let id = UInt64.random(in: 0..<400, using: &random)
                if present.contains(id) {
                    it.apply(.deregister(.digest(id)), at: 1)
                    present.remove(id)
                    stayed.remove(id)
                } else {
                    it.register(id, at: 1)
                    present.insert(id)
                    everPresent.insert(id)
                }
            }
        }
        #expect(pieces > 1, "seed \(seed)")
        #expect(stayed.isSubset(of: listed), "seed \(seed): missing \(stayed.subtracting(listed))")
        #expect(everPresent.isSuperset(of: listed), "seed \(seed)")
    }

    /// The same for services, some of which have many members whose leases are overdue and not yet swept.
    @Test(arguments: 0..<30)
    func `a service that keeps a live member is listed, whatever happens between the pieces`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var it = Subject()
        for service in 0..<60 {
            for member in 0..<Int.random(in: 1...20, using: &random) {
                it.register(UInt64(service * 100 + member), service: "s\(service)", ttl: 1_000, at: 0)
            }
        }
        let living = Set((0..<60).filter { _ in Bool.random(using: &random) })
        for service in living { it.register(UInt64(10_000 + service), service: "s\(service)", at: 0) }
        var listed: [Name] = []
        var cursor = ServiceCursor()
        let limit = Int.random(in: 1...25, using: &random)
        while !cursor.isDone {
            listed += it.catalog.services(in: tenant, at: at(2_000), from: &cursor, limit: limit).services.map(\.name)
            if Bool.random(using: &random) {
                _ = it.catalog.expire(at: moment(2_000), budget: Int.random(in: 0...20, using: &random))
            }
        }
        #expect(Set(listed) == Set(living.map { Name("s\($0)") }), "seed \(seed)")
    }

    @Test func `a piece looks at no more than its limit, also where everybody is overdue`() {
        var it = Subject()
        for id in UInt64(0)..<100 { it.register(id, ttl: 1_000, at: 0) }
        it.register(100, service: "db", at: 0)
        var cursor = ServiceCursor()
        var names: [[Name]] = []
        while !cursor.isDone, names.count < 100 {
            names.append(it.catalog.services(in: tenant, at: at(1_001), from: &cursor, limit: 11).services.map(\.name))
        }
        #expect(names.flatMap { $0 } == [Name("db")])
        #expect(names.count == 10, "101 members by 11")
    }

    @Test func `what is larger than a piece is listed whole, sorted and once`() {
        let store = Store(namespaceCapacity: nil)
        let count = UInt64(2 * Store.listingPiece + 5)
        for id in 0..<count {
            _ = store.apply(.register(makeInstance(id &* 0x9E37_79B9_7F4A_7C15)), in: tenant, at: moment(0))
            _ = store.apply(.register(makeInstance(id, service: "s\(id)")), in: neighbour, at: moment(0))
        }
        let listing = store.listing(of: Name("web"), in: tenant, at: at(1))
        #expect(
            listing.instances.map(\.instance.id)
                == (0..<count).map { InstanceID.digest($0 &* 0x9E37_79B9_7F4A_7C15) }.sorted())
        #expect(listing.revision == store.revision(of: tenant))
        #expect(store.serviceNames(in: neighbour, at: at(1)) == (0..<count).map { Name("s\($0)") }.sorted())
    }
}

struct SortingTests {
    @Test(arguments: [0, 1, 31, 32, 33, 1_000], [0, 1, 5])
    func `instances are sorted by id, however many there are and whatever their ids are made of`(count: Int, texts: Int)
    {
        var random = SplitMix64(seed: UInt64(count))
        var ids = (0..<count).map { _ in InstanceID.digest(UInt64.random(in: 0...UInt64.max, using: &random)) }
        for index in 0..<min(texts, count) { ids[(index * 7) % count] = .text(Name("\(index)-text")) }
        let sorted = LeasedInstance.sorted(ids.map { LeasedInstance(instance: makeInstance($0), lastHeartbeat: 0) })
        #expect(sorted.map(\.instance.id) == ids.sorted())
    }
}

struct RenewalTests {
    @Test func `a renewal tells whether there was a lease to renew, and moves it`() {
        let store = Store(namespaceCapacity: nil)
        _ = store.apply(.register(makeInstance(1)), in: tenant, at: moment(0))
        #expect(store.renew(one, in: tenant, at: moment(20_000)))
        #expect(!store.renew(one, in: neighbour, at: moment(20_000)))
        #expect(!store.renew(.digest(2), in: tenant, at: moment(20_000)))
        #expect(store.instance(one, in: tenant, at: at(50_000))?.lastHeartbeat == 20_000_000_000)
        #expect(!store.renew(one, in: tenant, at: moment(50_001)), "it has run out, though nobody has swept it")
    }

    @Test func `a batch renews what it can, and answers for each id in its place`() {
        let store = Store(namespaceCapacity: nil)
        for id in UInt64(0)..<500 { _ = store.apply(.register(makeInstance(id)), in: tenant, at: moment(0)) }
        let ids = (0..<Store.renewalLimit).map { InstanceID.digest(UInt64($0)) }
        #expect(store.renew(ids, in: tenant, at: moment(10_000)) == ids.indices.map { $0 < 500 })
        #expect(store.renew([one, one, .text(Name("none"))], in: tenant, at: moment(11_000)) == [true, true, false])
        #expect(store.renew([], in: tenant, at: moment(11_000)).isEmpty)
        #expect(store.instances(of: Name("web"), in: tenant, at: at(39_999)).count == 500)
        #expect(store.instances(of: Name("web"), in: tenant, at: at(40_999)).map(\.instance.id) == [one])
    }
}
