// What a client's wish comes to, and how it is counted.

import Catalog
import Replication
import TestTime
import Testing
import Time

@testable import Configuration
@testable import RegistryCore

struct RegistryStateTests {
    private static let namespace = Namespace("a")
    private static let moment = Moment(monotonic: .zero, lease: .zero, wall: 0)

    private func registry(capacity: Int? = nil, store: Store? = nil) -> RegistryState {
        var settings = Settings.defaults
        settings.namespaceCapacity = capacity
        return RegistryState(settings: settings, store: store, loops: 1, monotonic: 0)
    }

    private func instance(_ id: UInt64) -> Instance {
        Instance(
            id: .digest(id), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "\(id)"), status: .up,
            ttl: 30_000, tags: [],
            metadata: nil, registered: 0)
    }

    @Test func `what is done is counted, and what is refused is not`() {
        let registry = registry(capacity: 1)
        #expect(registry.register(instance(1), in: Self.namespace, at: Self.moment, by: nil))
        #expect(!registry.register(instance(2), in: Self.namespace, at: Self.moment, by: nil))
        #expect(registry.renew(.digest(1), in: Self.namespace, at: Self.moment))
        #expect(!registry.renew(.digest(2), in: Self.namespace, at: Self.moment))
        #expect(
            registry.renew([.digest(1), .digest(2), .digest(1)], in: Self.namespace, at: Self.moment) == [
                true, false, true,
            ])
        #expect(registry.lookup.instance(.digest(1), in: Self.namespace, at: .zero) != nil)
        #expect(registry.deregister(.digest(1), in: Self.namespace, at: Self.moment, by: nil))
        #expect(!registry.deregister(.digest(1), in: Self.namespace, at: Self.moment, by: nil))
        #expect(registry.lookup.instance(.digest(1), in: Self.namespace, at: .zero) == nil)
        let changes = registry.changes
        #expect([changes.registered, changes.renewed, changes.deregistered, changes.expired] == [1, 3, 1, 0])
    }

    @Test func `a member without the others' copy tells of a removal that it cannot know`() {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1), wake: {})
        let registry = registry(store: store)
        #expect(!registry.deregister(.digest(1), in: Self.namespace, at: Self.moment, by: nil))
        #expect(store.counts.tombstones == 0)
        #expect(!registry.deregister(.digest(1), in: Self.namespace, hasCopy: false, at: Self.moment, by: nil))
        #expect(store.counts.tombstones == 1)
    }
}
