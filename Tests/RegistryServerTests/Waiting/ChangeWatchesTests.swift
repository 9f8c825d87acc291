// The calls that wait for a change, as a table.

import Catalog
import Testing

@testable import Serving

struct ChangeWatchesTests {
    private static let tenant = Namespace("tenant")
    private static let old = Revision(digest: 1, index: 1)
    private static let new = Revision(digest: 2, index: 2)

    private func watch(_ service: Name? = nil, since revision: Revision = old, of namespace: Namespace = tenant)
        -> ChangeWatch
    {
        ChangeWatch(namespace: namespace, service: service, revision: revision)
    }

    @Test func `a call is woken when what it watches has another state, and once`() {
        var watches = ChangeWatches()
        watches.add(watch(), for: 1)
        watches.add(watch(Name("a")), for: 2)
        watches.add(watch(Name("b")), for: 3)
        #expect(watches.takeChanged(in: .max, { _ in Self.old }, { _, _ in Self.old }) == [])
        #expect(
            watches.takeChanged(in: .max, { _ in Self.new }, { name, _ in name == Name("a") ? Self.new : Self.old })
                == [1, 2])
        #expect(
            watches.takeChanged(in: .max, { _ in Self.new }, { _, _ in Self.new }) == [], "the namespace is the same")
        #expect(watches.heard != 0)
    }

    @Test func `a call that knows an old state is woken though nothing changes any more`() {
        var watches = ChangeWatches()
        watches.add(watch(since: Self.new), for: 1)
        #expect(watches.takeChanged(in: .max, { _ in Self.new }, { _, _ in Self.new }) == [])
        watches.add(watch(Name("a")), for: 2)
        #expect(watches.takeChanged(in: .max, { _ in Self.new }, { _, _ in Self.new }) == [2])
    }

    @Test func `many calls cost one look for each namespace and service`() {
        var watches = ChangeWatches()
        for ticket in 1...100 as ClosedRange<UInt64> {
            watches.add(watch(ticket % 2 == 0 ? nil : Name("a")), for: ticket)
        }
        var looks: [String] = []
        let changed = watches.takeChanged(
            in: .max,
            { _ in
                looks.append("namespace")
                return Self.new
            },
            { name, _ in
                looks.append(name == Name("a") ? "a" : "another")
                return Self.new
            })
        #expect(changed == Array(1...100), "the longest waiting first")
        #expect(looks == ["namespace", "a"])
        #expect(watches.heard == 0)
    }

    @Test func `a call that waits no longer is not woken, and other namespaces are`() {
        var watches = ChangeWatches()
        watches.add(watch(), for: 1)
        watches.add(watch(of: Namespace("other")), for: 2)
        watches.remove(watch(), of: 1)
        watches.remove(watch(), of: 1)
        #expect(watches.takeChanged(in: .max, { _ in Self.new }, { _, _ in Self.new }) == [2])
        #expect(watches.heard == 0)
    }
}
