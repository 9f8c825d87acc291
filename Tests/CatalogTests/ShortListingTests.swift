import TestCatalog
import Testing

@testable import Catalog

struct ShortListingTests {
    private func store(_ services: Int, _ perService: Int) -> Store {
        let store = Store(namespaceCapacity: nil)
        for service in 0..<services {
            for number in 0..<perService {
                // Every third has run out by then.
                let instance = makeInstance(
                    UInt64(service * 1_000 + number), service: "s\(service)", ttl: number % 3 == 0 ? 500 : 30_000)
                #expect(store.apply(.register(instance), in: tenant, at: moment(0)).outcome == .done)
            }
        }
        return store
    }

    @Test func `a short listing is the listing, or none`() throws {
        let store = store(5, 90)
        let now = at(1_000)
        let (whole, short) = (
            store.listing(of: Name("s1"), in: tenant, at: now),
            store.listing(of: Name("s1"), in: tenant, at: now, atMost: 90)
        )
        let found = try #require(short)
        #expect(found.instances.map(\.instance.id) == whole.instances.map(\.instance.id))
        #expect(found.instances.count == 60)
        #expect(
            found.revision == whole.revision && found.liveUntil == whole.liveUntil && found.overdue == whole.overdue)
        // Those that are yet to be swept are looked at as well.
        #expect(store.listing(of: Name("s1"), in: tenant, at: now, atMost: 89) == nil)
        #expect(store.listing(of: Name("none"), in: tenant, at: now, atMost: 0)?.instances.isEmpty == true)
        #expect(store.listing(of: Name("s1"), in: neighbour, at: now, atMost: 0)?.instances.isEmpty == true)
    }

    @Test func `short names are the names, or none`() throws {
        let store = store(5, 9)
        let now = at(1_000)
        let whole = store.services(in: tenant, at: now)
        let found = try #require(store.services(in: tenant, at: now, atMost: 5))
        #expect(found.services.map(\.name) == whole.services.map(\.name))
        #expect(found.services.map(\.revision) == whole.services.map(\.revision))
        #expect(
            found.revision == whole.revision && found.liveUntil == whole.liveUntil && found.overdue == whole.overdue)
        #expect(store.services(in: tenant, at: now, atMost: 4) == nil)
        #expect(store.size(of: tenant).services == 5 && store.size(of: tenant).instances == 45)
        #expect(store.size(of: neighbour).services == 0 && store.size(of: neighbour).instances == 0)
    }

    @Test func `who has too many overdue instances to look past has no short names`() {
        let store = Store(namespaceCapacity: nil)
        for number in 0...Store.listingPiece {
            _ = store.apply(.register(makeInstance(UInt64(number), ttl: 500)), in: tenant, at: moment(0))
        }
        #expect(store.services(in: tenant, at: at(1), atMost: 1)?.services.count == 1)
        #expect(store.services(in: tenant, at: at(1_000), atMost: 1) == nil)
        #expect(store.services(in: tenant, at: at(1_000)).services.isEmpty)
    }
}
