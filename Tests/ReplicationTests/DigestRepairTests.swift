// What one of two members lacks, without either having noticed, is found by digests however much the buckets hold
// beside it.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

/// A publisher's and a subscriber's session with nothing between them but time.
private struct Pair {
    let publisherStore = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
    let subscriberStore = Store(namespaceCapacity: nil, replicating: MemberID(bits: 2))
    private var publisher: PublisherSession
    private var subscriber: SubscriberSession
    private var now: MonotonicTime = 1_000
    private let limits: NodeLimits
    private let countsOverrides: Bool
    /// The copies that were begun.
    private(set) var copies = 0

    /// Both hold nothing, and the subscriber has copied that.
    init(limits: NodeLimits, countsOverrides: Bool = true) throws {
        self.limits = limits
        self.countsOverrides = countsOverrides
        publisher = PublisherSession(limits: limits, countsOverrides: countsOverrides)
        var effects: [SessionEffect] = []
        subscriber = SubscriberSession(
            at: NodeBench.time(now), countsOverrides: countsOverrides, into: &effects)
        try exchange(toPublisher: effects)
        copies = 0
    }

    var areEqual: Bool { publisherStore.digest() == subscriberStore.digest() }

    /// As if it had come long ago, by a link or a client that is gone.
    func put(_ numbers: Range<UInt64>, in namespace: Namespace, of stores: [Store]) {
        for number in numbers {
            let instance = Instance(
                id: .digest(number), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up,
                ttl: 600_000,
                tags: [], metadata: nil, registered: 0)
            let version = Version(time: HybridTime(bits: 117_309_441_330_184_192 + number), origin: MemberID(bits: 9))
            let state = Replicated(
                namespace: namespace, replica: .present(instance, version, Heartbeat(age: 0, wall: 0)))
            for store in stores { _ = store.merge(state, at: NodeBench.time(now).moment) }
        }
    }

    /// Sets an override at one of the two, or removes it, and loses the change.
    func override(_ number: UInt64, _ status: InstanceStatus?, in namespace: Namespace, of store: Store) {
        let decision = store.override(
            .digest(number), in: namespace, status.map { .set($0, until: nil) } ?? .remove,
            at: NodeBench.time(now).moment)
        guard case .done = decision else { return #expect(Bool(false), "the instance is not there") }
        _ = store.drain(includeRenewals: true, budget: .max, at: NodeBench.time(now).moment)
    }

    /// The same of the service of all instances.
    func override(service status: InstanceStatus?, in namespace: Namespace, of store: Store) {
        let decision = store.override(
            service: Name("s"), in: namespace, status.map { .set($0, until: nil) } ?? .remove,
            at: NodeBench.time(now).moment)
        guard case .done = decision else { return #expect(Bool(false), "the service is not there") }
        _ = store.drain(includeRenewals: true, budget: .max, at: NodeBench.time(now).moment)
    }

    /// The status that counts at each.
    func statuses(_ number: UInt64, in namespace: Namespace) -> [InstanceStatus?] {
        [publisherStore, subscriberStore].map {
            $0.instance(.digest(number), in: namespace, at: NodeBench.time(now).moment.lease)?.instance.status
        }
    }

    /// One period of the digest.
    mutating func pass() throws {
        now += limits.digestPeriod
        var effects: [SessionEffect] = []
        let digest = publisherStore.digest(countingOverrides: countsOverrides)
        publisher.tellRoot(digest.root, at: now, into: &effects)
        try exchange(toSubscriber: effects)
        for _ in 0..<50 {
            effects = []
            subscriber.askForWanted(into: &effects)
            try exchange(toPublisher: effects)
        }
    }

    /// Until neither has anything to say.
    private mutating func exchange(toPublisher: [SessionEffect] = [], toSubscriber: [SessionEffect] = []) throws {
        var (up, down) = (toPublisher, toSubscriber)
        let time = NodeBench.time(now)
        while !up.isEmpty || !down.isEmpty {
            var (nextUp, nextDown): ([SessionEffect], [SessionEffect]) = ([], [])
            for frame in try Self.frames(up) {
                if case .subscribe = frame { copies += 1 }
                try publisher.received(frame, store: publisherStore, isReady: true, at: time, into: &nextDown)
            }
            let belief = StampBelief(median: nil, own: time.moment.wall / 1_000_000)
            for frame in try Self.frames(down) {
                try subscriber.received(frame, store: subscriberStore, believing: belief, at: time, into: &nextUp)
            }
            publisher.drained(0)
            publisher.pump(publisherStore, isReady: true, isExtended: false, at: time, into: &nextDown)
            (up, down) = (nextUp, nextDown)
        }
    }

    private static func frames(_ effects: [SessionEffect]) throws -> [Frame] {
        try FrameCodecTests.read(
            effects.flatMap { effect -> [UInt8] in if case .send(let bytes) = effect { bytes } else { [] } })
    }
}

struct DigestRepairTests {
    /// Namespaces in the order in which a store's keys are told.
    static func namespacesInOrder() -> [Namespace] {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        for number in 0..<64 {
            let absent = Replica.absent(.digest(1), FrameCodecTests.version)
            _ = store.merge(
                Replicated(namespace: Namespace("tenant-\(number)"), replica: absent), at: NodeBench.time(0).moment)
        }
        return store.copy(from: .start, limit: 64, at: NodeBench.time(0).moment).items.map(\.namespace)
    }

    @Test func `what is told last is repaired too, though the keys told before it fill an answer`() throws {
        let namespaces = Self.namespacesInOrder()
        let (first, last) = (try #require(namespaces.first), try #require(namespaces.last))
        var limits = NodeLimits()
        limits.keyBytes = 500
        var pair = try Pair(limits: limits)
        pair.put(0..<4_000, in: first, of: [pair.publisherStore, pair.subscriberStore])
        pair.put(0..<300, in: last, of: [pair.publisherStore])
        #expect(!pair.areEqual)
        for _ in 0..<3 { try pair.pass() }
        #expect(pair.areEqual)
        #expect(pair.copies == 0, "a copy would be much for so little")
    }

    @Test func `a bucket that no answer holds is repaired by a copy`() throws {
        var limits = NodeLimits()
        limits.keyBytes = 0
        var pair = try Pair(limits: limits)
        pair.put(0..<3, in: Namespace("t"), of: [pair.publisherStore])
        for _ in 0..<3 { try pair.pass() }
        #expect(pair.areEqual)
        #expect(pair.copies == 1)
    }

    @Test func `an override that was lost on its way is found by digests, and so is its removal`() throws {
        // R294
        let namespace = Namespace("t")
        var pair = try Pair(limits: NodeLimits())
        pair.put(0..<300, in: namespace, of: [pair.publisherStore, pair.subscriberStore])
        for status in [.outOfService, .starting, nil] as [InstanceStatus?] {
            pair.override(7, status, in: namespace, of: pair.publisherStore)
            #expect(!pair.areEqual)
            for _ in 0..<2 { try pair.pass() }
            #expect(pair.areEqual && pair.statuses(7, in: namespace) == [status ?? .up, status ?? .up])
        }
        // Of two at one time the one that takes out of service stands.
        pair.override(8, .outOfService, in: namespace, of: pair.publisherStore)
        pair.override(8, .starting, in: namespace, of: pair.subscriberStore)
        for _ in 0..<2 { try pair.pass() }
        #expect(pair.areEqual && pair.statuses(8, in: namespace) == [.outOfService, .outOfService])
        #expect(pair.copies == 0)
        pair.publisherStore.checkInvariants()
        pair.subscriberStore.checkInvariants()
    }

    @Test func `what is said of a service and was lost on its way is found by digests, and so is its removal`() throws {
        // R880
        let namespace = Namespace("t")
        var pair = try Pair(limits: NodeLimits())
        pair.put(0..<300, in: namespace, of: [pair.publisherStore, pair.subscriberStore])
        for status in [.outOfService, .starting, nil] as [InstanceStatus?] {
            pair.override(service: status, in: namespace, of: pair.publisherStore)
            #expect(!pair.areEqual)
            for _ in 0..<2 { try pair.pass() }
            #expect(pair.areEqual && pair.statuses(7, in: namespace) == [status ?? .up, status ?? .up])
        }
        #expect(pair.copies == 0)
        pair.publisherStore.checkInvariants()
        pair.subscriberStore.checkInvariants()
    }

    @Test func `members of release 0.1.0 agree with ours on digests while something is said of services`() throws {
        // R880
        let namespace = Namespace("t")
        var pair = try Pair(limits: NodeLimits(), countsOverrides: false)
        pair.put(0..<300, in: namespace, of: [pair.publisherStore, pair.subscriberStore])
        pair.override(service: .outOfService, in: namespace, of: pair.publisherStore)
        for _ in 0..<3 { try pair.pass() }
        #expect(pair.copies == 0 && pair.statuses(7, in: namespace) == [.outOfService, .up])
        #expect(
            pair.publisherStore.digest(countingOverrides: false)
                == pair.subscriberStore.digest(countingOverrides: false))
    }

    @Test func `members of release 0.1.0 are asked for nothing because of overrides that they do not know`() throws {
        let namespace = Namespace("t")
        var pair = try Pair(limits: NodeLimits(), countsOverrides: false)
        pair.put(0..<2_000, in: namespace, of: [pair.publisherStore, pair.subscriberStore])
        for number in 0..<2_000 as Range<UInt64> {
            pair.override(number, .outOfService, in: namespace, of: pair.publisherStore)
        }
        for _ in 0..<3 { try pair.pass() }
        #expect(pair.copies == 0 && pair.statuses(7, in: namespace) == [.outOfService, .up])
        #expect(
            pair.publisherStore.digest(countingOverrides: false)
                == pair.subscriberStore.digest(countingOverrides: false))
    }
}
