// Who waits for changes is told of each, and of nothing else. That no way to change the catalog is left out
// `RevisionModelTests` shows.

import Synchronization
import TestCatalog
import TestTime
import Testing

@testable import Catalog

struct ChangeBellTests {
    private final class Wakes: Sendable {
        let count = Atomic<Int>(0)
    }

    private static let namespace = Namespace("tenant")
    private static let bit: UInt64 = 1 << UInt64(Store.shard(of: namespace))

    private let store = Store(namespaceCapacity: nil)
    private let wakes = Wakes()
    private let listener: ChangeListener

    init() {
        listener = store.listener { [wakes] in wakes.count.add(1, ordering: .relaxed) }
    }

    private var woken: Int { wakes.count.load(ordering: .relaxed) }

    private func register(_ id: UInt64, in namespace: Namespace = namespace, at milliseconds: Int64 = 1_000) {
        _ = store.register(makeInstance(id, value: "10.0.0.\(id):80"), in: namespace, at: moment(milliseconds))
    }

    @Test func `a listener is woken once until it takes what has changed`() {
        listener.listen(to: Self.bit)
        for id in 1...3 as ClosedRange<UInt64> { register(id) }
        #expect(woken == 1)
        #expect(listener.takeChanged() == Self.bit)
        #expect(listener.takeChanged() == 0)
        register(4)
        #expect(woken == 2)
    }

    @Test func `heartbeats, look-ups and what is not done wake nobody`() {
        register(1)
        listener.listen(to: .max)
        #expect(store.renew(.digest(1), in: Self.namespace, at: moment(2_000)))
        #expect(store.renew([.digest(1), .digest(2)], in: Self.namespace, at: moment(3_000)) == [true, false])
        _ = store.deregister(.digest(9), in: Self.namespace, at: moment(4_000))
        _ = store.services(in: Self.namespace, at: at(4_000))
        _ = store.expire(at: moment(5_000), budget: 1_000)
        #expect(woken == 0)
        #expect(listener.takeChanged() == 0)
    }

    @Test func `expiry is a change`() {
        register(1)
        listener.listen(to: Self.bit)
        _ = store.expire(at: moment(100_000), budget: 1_000)
        #expect(woken == 1)
    }

    @Test func `only those are told who listen to the shard`() {
        let other = (0...).lazy.map { Namespace("\($0)") }.first {
            Store.shard(of: $0) != Store.shard(of: Self.namespace)
        }
        listener.listen(to: Self.bit)
        register(1, in: other ?? Self.namespace)
        #expect(woken == 0)
        listener.listen(to: 0)
        register(1)
        #expect(woken == 0)
        listener.listen(to: Self.bit)
        listener.end()
        register(2)
        #expect(woken == 0)
    }

    @Test func `what changes in a source is told by whoever publishes it`() {
        listener.listen(to: Self.bit)
        store.noteElsewhere(Self.namespace)
        #expect(woken == 1)
    }
}
