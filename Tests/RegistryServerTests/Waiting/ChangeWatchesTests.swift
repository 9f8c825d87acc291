// The calls that wait for a change, as a table.

import Catalog
import TestRandom
import Testing

@testable import Serving

struct ChangeWatchesTests {
    private final class Waiter {
        let number: Int
        init(_ number: Int) { self.number = number }
    }

    private typealias Watches = ChangeWatches<Waiter>

    private static let tenant = Namespace("tenant")
    private static let old = Revision(digest: 1, index: 1)
    private static let new = Revision(digest: 2, index: 2)

    private func watch(_ service: Name? = nil, since revision: Revision = old, of namespace: Namespace = tenant)
        -> ChangeWatch
    {
        ChangeWatch(namespace: namespace, service: service, revision: revision)
    }

    /// The numbers of those who are taken, where everything has this revision.
    private func taken(_ watches: inout Watches, at now: Revision) -> [Int] {
        watches.takeChanged(in: .max) { _, _ in now }.map(\.number)
    }

    @Test func `a call is woken when what it watches has another state, and once`() {
        var watches = Watches()
        _ = watches.add(Waiter(1), watch())
        _ = watches.add(Waiter(2), watch(Name("a")))
        _ = watches.add(Waiter(3), watch(Name("b")))
        #expect(taken(&watches, at: Self.old) == [])
        let woken = watches.takeChanged(in: .max) { _, name in name == Name("b") ? Self.old : Self.new }
        #expect(woken.map(\.number) == [1, 2])
        #expect(taken(&watches, at: Self.new) == [], "the namespace is the same")
        #expect(watches.heard != 0)
    }

    @Test func `a call that knows an old state is woken though nothing changes any more`() {
        var watches = Watches()
        _ = watches.add(Waiter(1), watch(since: Self.new))
        #expect(taken(&watches, at: Self.new) == [])
        #expect(watches.add(Waiter(2), watch(Name("a"))).isToBeLookedAt)
        #expect(taken(&watches, at: Self.new) == [2])
    }

    @Test func `who knows the state of the last look need not be looked at`() {
        var watches = Watches()
        #expect(watches.add(Waiter(1), watch(Name("a"))).isToBeLookedAt, "there was no look")
        #expect(taken(&watches, at: Self.new) == [1])
        #expect(!watches.add(Waiter(1), watch(Name("a"), since: Self.new)).isToBeLookedAt)
        #expect(watches.add(Waiter(2), watch(Name("a"), since: Self.old)).isToBeLookedAt)
        #expect(watches.add(Waiter(3), watch(Name("b"), since: Self.new)).isToBeLookedAt, "of that there was none")
    }

    @Test func `many calls cost one look for each namespace and service`() {
        var watches = Watches()
        for number in 1...100 { _ = watches.add(Waiter(number), watch(number % 2 == 0 ? nil : Name("a"))) }
        var looks: [String] = []
        let changed = watches.takeChanged(in: .max) { _, name in
            looks.append(name.map { $0 == Name("a") ? "a" : "another" } ?? "namespace")
            return Self.new
        }
        #expect(changed.map(\.number) == Array(1...100), "the longest waiting first")
        #expect(looks == ["namespace", "a"])
    }

    @Test func `a shard is heard until the change after the last who has waited there`() {
        var watches = Watches()
        _ = watches.add(Waiter(1), watch())
        #expect(taken(&watches, at: Self.new) == [1])
        #expect(watches.heard != 0, "who polls is back by the next")
        #expect(taken(&watches, at: Self.old) == [])
        #expect(watches.heard == 0)
        #expect(watches.add(Waiter(1), watch()).isToBeLookedAt, "nothing was heard meanwhile")
    }

    @Test func `a call that waits no longer is not woken, and other namespaces are`() {
        var watches = Watches()
        let (number, _) = watches.add(Waiter(1), watch())
        _ = watches.add(Waiter(2), watch(of: Namespace("other")))
        watches.remove(number, watch())
        watches.remove(number, watch())
        watches.remove(number, watch(Name("a")))
        #expect(taken(&watches, at: Self.new) == [2])
        #expect(taken(&watches, at: Self.old) == [])
        #expect(watches.heard == 0)
    }

    @Test func `it agrees with a list that is searched, whatever happens`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        var watches = Watches()
        let services = [nil, Name("a"), Name("b")]
        var revisions = [UInt64](repeating: 1, count: services.count)
        func revision(_ service: Name?) -> Revision {
            let state = revisions[services.firstIndex(of: service) ?? 0]
            return Revision(digest: state, index: state)
        }
        // In their order: who, which service, what it knows, and its place.
        var waiting: [(number: Int, service: Name?, known: Revision, place: UInt64)] = []
        var changes: UInt64 = 1
        for number in 0..<20_000 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0...3:
                let service = services[Int.random(in: 0..<services.count, using: &generator)]
                var known = revision(service)
                if Int.random(in: 0..<10, using: &generator) == 0 { known = Revision(digest: 0, index: 0) }
                waiting.append(
                    (number, service, known, watches.add(Waiter(number), watch(service, since: known)).number))
            case 4, 5:
                guard let index = waiting.indices.randomElement(using: &generator) else { continue }
                let left = waiting.remove(at: index)
                watches.remove(left.place, watch(left.service, since: left.known))
            case 6:
                // Whatever changes in a service changes the namespace.
                changes += 1
                revisions[0] = changes
                revisions[Int.random(in: 0..<services.count, using: &generator)] = changes
            default:
                let woken = watches.takeChanged(in: .max) { _, service in revision(service) }.map(\.number)
                #expect(woken == waiting.filter { $0.known != revision($0.service) }.map(\.number), "seed \(seed)")
                waiting.removeAll { $0.known != revision($0.service) }
            }
        }
    }
}
