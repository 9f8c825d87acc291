// What one registry is told of another one's snapshots: everything once, and then what has changed.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog
@testable import Snapshot

struct StateParcelTests {
    private let namespace = Namespace("tenant")

    private func instance(_ number: UInt64, metadata: Int = 0) -> Instance {
        Instance(
            id: .digest(number), serviceName: Name("web"), endpoint: Endpoint(kind: .tcp, value: "h:\(number)"),
            status: .up, ttl: 30_000, tags: [],
            metadata: metadata > 0 ? Array("\"\(String(repeating: "x", count: metadata))\"".utf8) : nil,
            registered: Subject.moment(0).wall)
    }

    private func makeStore(_ count: UInt64) -> Store {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 7))
        for number in 0..<count {
            _ = store.register(instance(number, metadata: 1_000), in: namespace, at: Subject.moment(0))
        }
        return store
    }

    /// All that is told, delivered.
    private func tell(_ parcels: inout StateParcels, _ store: Store, at milliseconds: Int64) throws -> [Replicated] {
        let found = try parcels.parcels(of: Subject.file(of: store, at: milliseconds))
        for parcel in found.parcels { parcels.delivered(parcel) }
        return found.parcels.flatMap { StateParcel.states(in: $0.bytes).states }
    }

    @Test func `everything is told once, in parcels that a request may have`() throws {
        let store = makeStore(200)
        var parcels = StateParcels()
        let found = try parcels.parcels(of: Subject.file(of: store))
        #expect(found.states == 200)
        #expect(found.parcels.count > 2)
        #expect(found.parcels.allSatisfy { $0.bytes.count <= StateParcel.mostBytes })
        #expect(found.parcels.reduce(0) { $0 + $1.count } == 200)
        let told = found.parcels.flatMap { StateParcel.states(in: $0.bytes).states }
        #expect(Set(told.compactMap(\.replica.id)).count == 200)
        for parcel in found.parcels.dropFirst() { parcels.delivered(parcel) }
        let again = try parcels.parcels(of: Subject.file(of: store))
        #expect(again.states == 200)
        #expect(again.parcels.map(\.bytes) == [found.parcels[0].bytes], "what was not delivered is told again")
        parcels.delivered(again.parcels[0])
        #expect(try parcels.parcels(of: Subject.file(of: store)).parcels.isEmpty)
    }

    @Test func `a heartbeat, a change, an override and a deregistration are told, with the ages of leases`() throws {
        let store = makeStore(10)
        var parcels = StateParcels()
        #expect(try tell(&parcels, store, at: 1_000).count == 10)
        let moment = Subject.moment(2_000)
        #expect(store.renew(.digest(1), in: namespace, at: moment))
        #expect(store.register(instance(2), in: namespace, at: moment).isDone)
        #expect(store.deregister(.digest(3), in: namespace, at: moment).isDone)
        _ = store.override(.digest(4), in: namespace, .set(.outOfService, until: nil), at: moment)
        let told = try tell(&parcels, store, at: 2_500)
        #expect(Set(told.compactMap(\.replica.id)) == [.digest(1), .digest(2), .digest(3), .digest(4)])
        for case .present(let instance, _, let heartbeat) in told.map(\.replica) {
            #expect(heartbeat.age == (instance.id == .digest(4) ? 2_500 : 500), "\(instance.id)")
        }
        #expect(try tell(&parcels, store, at: 3_000).isEmpty)
    }

    @Test func `a snapshot that is damaged is told nothing of`() throws {
        var file = Subject.file(of: makeStore(10))
        file[file.count / 2] ^= 1
        var parcels = StateParcels()
        #expect(throws: SnapshotFault.self) { _ = try parcels.parcels(of: file) }
        #expect(StateParcel.states(in: []).states.isEmpty)
        #expect(StateParcel.states(in: Array("no states".utf8)).states.isEmpty)
    }
}
