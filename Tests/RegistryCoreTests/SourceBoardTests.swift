// What a source publishes reaches readers as a whole or not at all, and a source that is silent for too long is shown
// no more. Time is the test's own.

import Catalog
import Synchronization
import System
import TestTime
import Testing
import Time

@testable import RegistryCore

struct SourceBoardTests {
    private static let space = Namespace("prod")
    private static let maximumAge: Duration = 60_000

    private static func time(_ seconds: Int64) -> SourceTime {
        SourceTime(
            monotonic: MonotonicTime(milliseconds: seconds * 1_000),
            wall: 1_767_225_600_000_000_000 + seconds * 1_000_000_000)
    }

    private static func instance(_ port: Int, _ service: String = "reviews") -> LeasedInstance {
        let key = EndpointKey(
            serviceName: Array(service.utf8)[...], kind: .tcp, value: Array("10.0.0.1:\(port)".utf8)[...])
        return LeasedInstance(
            instance: Instance(
                id: key.instanceID, serviceName: Name(service),
                endpoint: Endpoint(kind: .tcp, value: "10.0.0.1:\(port)"),
                status: .up, ttl: 0, tags: ["filesystem"], metadata: nil, registered: 0),
            lastHeartbeat: 0)
    }

    private let store = Store(namespaceCapacity: nil)
    private let board: SourceBoard
    private let publisher: SourcePublisher

    init() throws {
        board = SourceBoard([.eureka, .filesystem], maximumAge: Self.maximumAge, store, at: Self.time(0))
        publisher = try #require(board.publisher(of: .filesystem))
    }

    private var lookup: Lookup { Lookup(store, board) }

    private func status() throws -> SourceStatus {
        try #require(board.report.first { $0.kind == .filesystem })
    }

    private func instances() -> [String] {
        lookup.listing(of: Name("reviews"), in: Self.space, at: .zero).instances.map(\.instance.endpoint.value)
    }

    @Test func `a source that is not configured has no publisher`() {
        #expect(board.publisher(of: .kubernetes) == nil)
    }

    @Test func `those who listen are told once readers see the change`() throws {
        let (lookup, told) = (lookup, Told())
        let listener = store.listener {
            told.count.store(
                lookup.listing(of: Name("reviews"), in: Self.space, at: .zero).instances.count, ordering: .relaxed)
        }
        listener.listen(to: .max)
        try publisher.replace(with: [Self.space: [Name("reviews"): [Self.instance(1)]]], at: Self.time(1))
        #expect(told.count.load(ordering: .relaxed) == 1)
        #expect(listener.takeChanged() != 0)
    }

    private final class Told: Sendable {
        let count = Atomic<Int>(-1)
    }

    @Test func `what is published is found by every look-up, and by which source it is from`() throws {
        let leased = Self.instance(1)
        try publisher.replace(with: [Self.space: [Name("reviews"): [leased]]], at: Self.time(1))
        #expect(lookup.instance(leased.instance.id, in: Self.space, at: .zero) != nil)
        #expect(lookup.hasService(Name("reviews"), in: Self.space, at: .zero))
        #expect(lookup.services(in: Self.space, at: .zero).services.map(\.name.text) == ["reviews"])
        #expect(lookup.size(of: Self.space).instances == 1)
        #expect(lookup.source(of: leased.instance.id, in: Self.space) == .filesystem)
        #expect(lookup.source(of: leased.instance.id, in: Namespace("other")) == nil)
        #expect(store.counts.instances == 0)
    }

    @Test func `a short listing is refused by what both sides have together`() throws {
        try publisher.replace(
            with: [Self.space: [Name("reviews"): [Self.instance(1), Self.instance(2)]]], at: Self.time(1))
        let own = Self.instance(3).instance
        _ = store.register(own, in: Self.space, at: Moment(monotonic: .zero, lease: .zero, wall: 0))
        #expect(lookup.listing(of: Name("reviews"), in: Self.space, at: .zero, atMost: 2) == nil)
        #expect(lookup.listing(of: Name("reviews"), in: Self.space, at: .zero, atMost: 3)?.instances.count == 3)
        #expect(lookup.services(in: Self.space, at: .zero, atMost: 0) == nil)
    }

    @Test func `a list that is too long changes nothing and is said`() throws {
        try publisher.replace(with: [Self.space: [Name("reviews"): [Self.instance(1)]]], at: Self.time(1))
        let many = Array(repeating: Self.instance(2), count: SourceBoard.instanceLimit + 1)
        #expect(throws: SourceProblem.self) {
            try publisher.replace(with: [Self.space: [Name("reviews"): many]], at: Self.time(2))
        }
        #expect(throws: SourceProblem.self) {
            try publisher.update([SourceChange(Self.space, Name("reviews"), many)], at: Self.time(2))
        }
        #expect(instances() == ["10.0.0.1:1"])
    }

    @Test func `a source that fails is shown until it is too old, and again once all was read`() throws {
        try publisher.replace(with: [Self.space: [Name("reviews"): [Self.instance(1)]]], at: Self.time(1))
        publisher.fail(SourceProblem("it is down"), at: Self.time(30))
        #expect(try status().state == .failing)
        board.dropAged(at: Self.time(61))
        #expect(instances() == ["10.0.0.1:1"])
        board.dropAged(at: Self.time(62))
        #expect(try status().state == .dropped)
        #expect(publisher.isDropped)
        #expect(instances() == [])
        // A part would be shown as the whole.
        #expect(throws: SourceProblem.self) {
            try publisher.update([SourceChange(Self.space, Name("reviews"), [Self.instance(2)])], at: Self.time(63))
        }
        publisher.confirm(at: Self.time(63))
        #expect(try status().state == .dropped)
        try publisher.replace(with: [Self.space: [Name("reviews"): [Self.instance(1)]]], at: Self.time(64))
        #expect(try status().state == .current)
        #expect(instances() == ["10.0.0.1:1"])
    }

    @Test func `a source that confirms what it has stays`() throws {
        try publisher.replace(with: [Self.space: [Name("reviews"): [Self.instance(1)]]], at: Self.time(1))
        publisher.confirm(lag: 40, at: Self.time(50))
        board.dropAged(at: Self.time(100))
        #expect(instances() == ["10.0.0.1:1"])
        #expect(try status().age(at: 100_000) == 50_000)
        #expect(try status().lag == 40)
    }

    @Test func `a source that was never read is starting, and says why`() throws {
        publisher.fail(SourceProblem("it is down", at: "prod"), at: Self.time(5))
        #expect(try status().state == .starting)
        #expect(try status().lastProblem?.problem.description == "prod: it is down")
        #expect(try status().failures == 1)
        board.dropAged(at: Self.time(1_000))
        #expect(try status().state == .starting)
    }

    @Test func `parts that cannot be used are counted, and the first of them kept`() throws {
        let problems = (0..<40).map { SourceProblem("part \($0) is bad") }
        publisher.confirm(problems, at: Self.time(5))
        #expect(try status().state == .partial)
        #expect(try status().problemCount == 40)
        #expect(try status().problems == Array(problems.prefix(SourceStatus.problemLimit)))
        publisher.confirm(at: Self.time(6))
        #expect(try status().state == .current)
        #expect(try status().problems == [])
        #expect(try status().lastProblem?.problem == problems[0])
    }

    @Test func `readers see a change as a whole while a source publishes`() throws {
        let (board, publisher, lookup) = (board, publisher, lookup)
        let sides = [1, 2].map { side in (0..<40).map { Self.instance(side * 100 + $0) } }
        try publisher.replace(with: [Self.space: [Name("reviews"): sides[0]]], at: Self.time(1))
        let isDone = Atomic<Bool>(false)
        let torn = Atomic<Int>(0)
        let ended = try WakeSignal()
        let reader = try NamedThread("reader") {
            while !isDone.load(ordering: .acquiring) {
                let listing = lookup.listing(of: Name("reviews"), in: Self.space, at: .zero)
                let first = listing.instances.first?.instance.endpoint.value.prefix(10)
                if !listing.instances.allSatisfy({ $0.instance.endpoint.value.prefix(10) == first }) {
                    torn.add(1, ordering: .relaxed)
                }
            }
            ended.raise()
        }
        for round in 0..<500 {
            try publisher.update(
                [SourceChange(Self.space, Name("reviews"), sides[round % 2])], at: Self.time(2))
        }
        isDone.store(true, ordering: .releasing)
        let hasEnded = ended.wait(until: MonotonicClock.now() + 30_000)
        #expect(hasEnded, "the reader has not ended within 30 s")
        reader.join()
        #expect(torn.load(ordering: .relaxed) == 0)
        #expect(board.report.count == 2)
    }
}
