// What sources have is shown as one view, whatever the order in which they changed. Fixed cases say what is promised;
// random changes are compared with a model that keeps a plain dictionary.

import TestRandom
import Testing

@testable import Catalog

struct SourceViewsTests {
    private static let space = Namespace("prod")

    static func instance(
        _ id: UInt64, _ service: String = "reviews", tag: String = "a", heartbeat: Int64 = 1
    ) -> LeasedInstance {
        LeasedInstance(
            instance: Instance(
                id: .digest(id), serviceName: Name(service), endpoint: Endpoint(kind: .http, value: "10.0.0.1:\(id)"),
                status: .up, ttl: 0, tags: [tag], metadata: nil, registered: 0),
            lastHeartbeat: heartbeat)
    }

    private var index: UInt64 = 100
    /// What was noted of the last changes.
    private var events: [String] = []

    private mutating func apply(_ changes: [SourceChange], of source: Int = 0, to views: inout SourceViews) -> Bool {
        var next = index
        var noted: [String] = []
        let isChanged = views.apply(changes, of: source) { _, events in
            noted += events.map { "\($0.kind) \($0.instance.id.description)" }
            next += 1
            return next
        }
        index = next
        events = noted
        views.checkInvariants()
        return isChanged
    }

    @Test mutating func `a published service is found by its name and its instances by their ids`() throws {
        var views = SourceViews(sources: 1)
        #expect(
            apply([SourceChange(Self.space, Name("reviews"), [Self.instance(2), Self.instance(1)])], to: &views))
        let view = try #require(views.joined[Self.space])
        #expect(view.service(Name("reviews"))?.instances.map(\.instance.id) == [.digest(1), .digest(2)])
        #expect(view.instance(.digest(2))?.instance.endpoint.value == "10.0.0.1:2")
        #expect(view.instance(.digest(3)) == nil)
        #expect(view.service(Name("review")) == nil)
        #expect(views.size(of: 0) == SourceSize(namespaces: 1, services: 1, instances: 2))
    }

    @Test mutating func `of two instances with one id in a service the first stays`() throws {
        var views = SourceViews(sources: 1)
        _ = apply(
            [SourceChange(Self.space, Name("reviews"), [Self.instance(1, tag: "x"), Self.instance(1, tag: "y")])],
            to: &views)
        #expect(views.joined[Self.space]?.service(Name("reviews"))?.instances.map(\.instance.tags) == [["x"]])
    }

    @Test mutating func `what is published again as it was keeps its revision, with the times of its heartbeats`()
        throws
    {
        var views = SourceViews(sources: 1)
        _ = apply([SourceChange(Self.space, Name("reviews"), [Self.instance(1)])], to: &views)
        let before = try #require(views.joined[Self.space]).revision
        #expect(!apply([SourceChange(Self.space, Name("reviews"), [Self.instance(1)])], to: &views))
        #expect(apply([SourceChange(Self.space, Name("reviews"), [Self.instance(1, heartbeat: 9)])], to: &views))
        let view = try #require(views.joined[Self.space])
        #expect(view.revision == before)
        #expect(view.service(Name("reviews"))?.instances.first?.lastHeartbeat == 9)
    }

    @Test mutating func `a digest depends on what the instances say, and not on the order of changes`() throws {
        var (one, other) = (SourceViews(sources: 1), SourceViews(sources: 1))
        let reviews = SourceChange(Self.space, Name("reviews"), [Self.instance(1), Self.instance(2)])
        let ratings = SourceChange(Self.space, Name("ratings"), [Self.instance(3, "ratings")])
        _ = apply([reviews, ratings], to: &one)
        _ = apply([ratings], to: &other)
        _ = apply([SourceChange(Self.space, Name("reviews"), [Self.instance(7)])], to: &other)
        #expect(one.joined[Self.space]?.revision.digest != other.joined[Self.space]?.revision.digest)
        _ = apply([reviews], to: &other)
        #expect(one.joined[Self.space]?.revision.digest == other.joined[Self.space]?.revision.digest)
        _ = apply([SourceChange(Self.space, Name("ratings"), [Self.instance(3, "ratings", tag: "b")])], to: &other)
        #expect(one.joined[Self.space]?.revision.digest != other.joined[Self.space]?.revision.digest)
    }

    @Test mutating func `on one id the first source wins, and the next one when it is gone`() throws {
        var views = SourceViews(sources: 2)
        _ = apply(
            [SourceChange(Self.space, Name("reviews"), [Self.instance(1, tag: "second")])], of: 1, to: &views)
        let alone = try #require(views.joined[Self.space]?.service(Name("reviews"))).revision
        _ = apply([SourceChange(Self.space, Name("reviews"), [Self.instance(1, tag: "first")])], of: 0, to: &views)
        #expect(views.joined[Self.space]?.instance(.digest(1))?.instance.tags == ["first"])
        _ = apply([SourceChange(Self.space, Name("reviews"), [])], of: 0, to: &views)
        #expect(views.joined[Self.space]?.instance(.digest(1))?.instance.tags == ["second"])
        // The content is as it was, and the change that led back to it can be waited for.
        let again = try #require(views.joined[Self.space]?.service(Name("reviews"))).revision
        #expect(again.digest == alone.digest)
        #expect(again.index > alone.index)
    }

    @Test mutating func `what readers see change is noted, once`() throws {
        func id(_ number: UInt64) -> String { InstanceID.digest(number).description }
        var views = SourceViews(sources: 2)
        _ = apply([SourceChange(Self.space, Name("reviews"), [1, 2, 4].map { Self.instance($0) })], of: 1, to: &views)
        #expect(events == ["registered \(id(1))", "registered \(id(2))", "registered \(id(4))"])
        _ = apply(
            [
                SourceChange(
                    Self.space, Name("reviews"), [Self.instance(2, tag: "b"), Self.instance(3), Self.instance(4)])
            ],
            of: 1, to: &views)
        #expect(events == ["deregistered \(id(1))", "updated \(id(2))", "registered \(id(3))"])
        // The same instance of a source that wins, and what it hides.
        _ = apply([SourceChange(Self.space, Name("reviews"), [Self.instance(3)])], of: 0, to: &views)
        #expect(events == [])
        _ = apply([SourceChange(Self.space, Name("reviews"), [Self.instance(4, heartbeat: 7)])], of: 1, to: &views)
        #expect(events == ["deregistered \(id(2))"])
    }

    @Test mutating func `a source that has nothing more leaves nothing behind`() {
        var views = SourceViews(sources: 1)
        _ = apply([SourceChange(Self.space, Name("reviews"), [Self.instance(1)])], to: &views)
        _ = apply(views.changes(of: 0, to: [:]), to: &views)
        #expect(views.joined.isEmpty)
        #expect(views.size(of: 0) == SourceSize())
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max), 1, 2])
    mutating func `random changes leave what a plain dictionary has`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var views = SourceViews(sources: 3)
        var model: [[Namespace: [Name: [UInt64: String]]]] = Array(repeating: [:], count: 3)
        let spaces = [Namespace("a"), Namespace("b")]
        for _ in 0..<300 {
            var changes: [SourceChange] = []
            let source = Int.random(in: 0..<3, using: &random)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let space = spaces.randomElement(using: &random)!
                let number = UInt64.random(in: 0..<6, using: &random)
                var instances: [UInt64: String] = [:]
                for _ in 0..<Int.random(in: 0...5, using: &random) {
                    // An id belongs to one service.
                    instances[number * 100 + .random(in: 0..<8, using: &random)] = ["x", "y"].randomElement(
                        using: &random)!
                }
                let name = "s\(number)"
                changes.append(
                    SourceChange(space, Name(name), instances.map { Self.instance($0.key, name, tag: $0.value) }))
                model[source][space, default: [:]][Name(name)] = instances.isEmpty ? nil : instances
            }
            _ = apply(changes, of: source, to: &views)
            for space in spaces {
                var expected: [UInt64: String] = [:]
                for source in model.reversed() {
                    for instances in (source[space] ?? [:]).values { expected.merge(instances) { $1 } }
                }
                let view = views.joined[space]
                #expect(view?.count ?? 0 == expected.count, "seed \(seed)")
                for (id, tag) in expected {
                    #expect(view?.instance(.digest(id))?.instance.tags == [tag], "seed \(seed)")
                }
            }
        }
    }
}

struct JoinedListingTests {
    private static let space = Namespace("prod")
    private static let now = Moment(monotonic: .zero, lease: .zero, wall: 1_767_225_600_000_000_000)

    private static func registered(_ id: UInt64, _ service: String = "reviews") -> Instance {
        Instance(
            id: .digest(id), serviceName: Name(service), endpoint: Endpoint(kind: .tcp, value: "own:\(id)"),
            status: .up,
            ttl: 30_000, tags: [], metadata: nil, registered: 0)
    }

    @Test func `a joined listing is sorted, and on one id has the instance of the store`() {
        let store = Store(namespaceCapacity: nil)
        for id: UInt64 in [2, 4, 9] { _ = store.register(Self.registered(id), in: Self.space, at: Self.now) }
        var listing = store.listing(of: Name("reviews"), in: Self.space, at: Self.now.lease)
        let own = listing.revision
        let service = SourceService(
            Name("reviews"), [1, 4, 5, 11].map { SourceViewsTests.instance($0) }, index: own.index + 5)
        listing.join(service)
        #expect(listing.instances.map(\.instance.id) == [1, 2, 4, 5, 9, 11].map { .digest($0) })
        #expect(listing.instances[2].instance.endpoint.value == "own:4")
        #expect(listing.revision.digest == own.digest &+ service.revision.digest)
        #expect(listing.revision.index == own.index + 5)
    }

    @Test func `joined services are sorted, each once, with the revision of both sides`() throws {
        let store = Store(namespaceCapacity: nil)
        for (id, name) in [(1 as UInt64, "b"), (2, "d")] {
            _ = store.register(Self.registered(id, name), in: Self.space, at: Self.now)
        }
        var listing = store.services(in: Self.space, at: Self.now.lease)
        var views = SourceViews(sources: 1)
        _ = views.apply(
            ["a", "b", "e"].enumerated().map { number, name in
                SourceChange(Self.space, Name(name), [SourceViewsTests.instance(UInt64(10 + number), name)])
            }, of: 0
        ) { store.note($1, of: "eureka", in: $0, at: 0) }
        let view = try #require(views.joined[Self.space])
        listing.join(view)
        #expect(listing.services.map(\.name.text) == ["a", "b", "d", "e"])
        let own = store.revision(of: Name("b"), in: Self.space)
        let joined = try #require(view.service(Name("b"))).revision
        #expect(listing.services[1].revision == own.joined(with: joined))
    }

    @Test func `a namespace's index grows with each change of either side, also when the store has nothing in it`() {
        let store = Store(namespaceCapacity: nil)
        func note(at microseconds: Int64) -> UInt64 {
            let event = SourceEvent(
                kind: .registered, instance: Self.registered(9), before: nil, after: .up)
            return store.note([event], of: "eureka", in: Self.space, at: microseconds)
        }
        let source = Revision(digest: 7, index: note(at: 1))
        #expect(source.index > 0)
        #expect(store.revision(of: Self.space, with: source).index == source.index)
        _ = store.register(Self.registered(1), in: Self.space, at: Self.now)
        let registered = store.revision(of: Self.space, with: source)
        #expect(registered.index > source.index)
        let later = note(at: 1)
        #expect(later > registered.index)
        _ = store.deregister(.digest(1), in: Self.space, at: Self.now)
        let emptied = store.revision(of: Self.space, with: Revision(digest: 7, index: later))
        #expect(emptied.index > later)
        #expect(emptied.digest == 7)
        let page = store.changes(in: Self.space, after: 0, limit: 10)
        #expect(page.changes.map(\.kind) == [.registered, .registered, .registered, .deregistered])
        #expect(page.changes.map { $0.actor?.source } == ["eureka", nil, "eureka", nil])
        #expect(page.changes.map(\.index) == page.changes.map(\.index).sorted())
    }

    @Test func `of more changes than the log keeps a reader is told that some are missing`() {
        let store = Store(namespaceCapacity: nil)
        _ = store.register(Self.registered(1), in: Self.space, at: Self.now)
        let known = store.changes(in: Self.space, after: 0, limit: 10).next
        let events = (0..<20_000).map { number in
            SourceEvent(kind: .registered, instance: Self.registered(UInt64(number)), before: nil, after: .up)
        }
        let index = store.note(events, of: "eureka", in: Self.space, at: 0)
        let page = store.changes(in: Self.space, after: known, limit: 20_000)
        #expect(page.isMissing)
        #expect(page.changes.count <= 10_000)
        #expect(page.changes.last?.index == index)
    }
}
