// The small things that a member is made of: names of histories, what events say, which answers wait for which writes, and
// what the last events were about.

import Catalog
import Replication
import Testing
import Time

@testable import RedisStore

struct StoreTermsTests {
    private let key = StateKey(namespace: Namespace("tenant"), id: InstanceID(Array("id-1".utf8)[...]) ?? .digest(1))
    private let version = Version(time: HybridTime(bits: 0x0102_0304_0506_0708), origin: MemberID(bits: 0x11))

    // MARK: - Names

    @Test func `a history has a generation`() throws {
        let epoch = try #require(StoreEpoch("00000000000000aa.12"))
        #expect(epoch.history == "00000000000000aa" && epoch.generation == 12)
        #expect(epoch.description == "00000000000000aa.12")
    }

    @Test(arguments: [
        "", "00000000000000aa", "00000000000000aa.", "aa.1", "zzzzzzzzzzzzzzzz.1", "00000000000000aa.1.1",
        "00000000000000aa.-1",
    ])
    func `what is no epoch of ours is none`(text: String) { #expect(StoreEpoch(text) == nil) }

    @Test func `all keys of a shard have one tag, which no prefix breaks`() {
        #expect(StoreShard(number: 3).tag("x") == "{x.3}" && StoreShard(number: 3).stream("x") == "{x.3}:e")
        #expect(StoreShard.all.count == 16)
        #expect((0..<100).allSatisfy { StoreShard(of: Namespace("t\($0)")) == StoreShard(of: Namespace("t\($0)")) })
        #expect(Set((0..<200).map { StoreShard(of: Namespace("t\($0)")) }).count == 16)
    }

    // MARK: - Bytes

    private func read(_ bytes: [UInt8]) throws -> StoreEvent {
        var last: Namespace?
        return try StoreEvent(bytes, last: &last)
    }

    // D511
    @Test func `an event says which state was put, with or without an operator's word`() throws {
        var bytes = Array("p".utf8)
        StateCodec.append(Replicated(namespace: key.namespace, replica: .absent(key.id, version, age: 5)), to: &bytes)
        guard case .state(let state, let override) = try read(bytes + [0]) else {
            Issue.record("no state")
            return
        }
        #expect(state.replica.id == key.id && state.replica.version == version && override == nil)
    }

    @Test func `a member that has not read what it let go lets go no more`() {
        var sweeps = RecentSweeps()
        for last in [100, 200, 300, 400] as [UInt64] {
            #expect(sweeps.areRead(upTo: 0))
            sweeps.note(last, swept: 500)
        }
        #expect(!sweeps.areRead(upTo: 99) && sweeps.areRead(upTo: 100))
        // Those of other members count by their events.
        sweeps.note(2_101, swept: 0)
        #expect(!sweeps.areRead(upTo: 100) && sweeps.areRead(upTo: 101))
        // Another history has other numbers.
        sweeps.note(150, swept: 0)
        #expect(sweeps.areRead(upTo: 0))
    }

    // D532
    @Test func `a state stands in the version that is told before it`() throws {
        let instance = Instance(
            id: key.id, serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "10.0.0.1:1"), status: .up,
            ttl: 30_000, tags: [], metadata: nil, registered: 0)
        var written: [UInt8] = []
        StateCodec.append(
            Replicated(
                namespace: key.namespace, replica: .present(instance, version, Heartbeat(age: 0, wall: 0))),
            to: &written)
        let later = Version(
            time: HybridTime(bits: version.time.bits + 2), origin: MemberID(bits: .max))
        var told: [UInt8] = []
        told.append(later)
        guard case .state(let state, nil) = try read(Array("v".utf8) + told + written + [0]) else {
            Issue.record("no state")
            return
        }
        #expect(state.replica.id == key.id && state.replica.version == later)
        var last: Namespace?
        let lease: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try StoredValue.state(told + written + lease, last: &last)?.replica.version == later)
        #expect(throws: (any Error).self) { try read(Array("v".utf8) + told.dropLast()) }
    }

    // D513
    @Test func `an event says which leases ran out, and when`() throws {
        var bytes = Array("x".utf8)
        bytes.append(bigEndian: 1_790_000_000_000_000)
        bytes += [6] + Array("tenant".utf8) + [4] + Array("id-1".utf8)
        bytes.append(version)
        let one = bytes
        bytes += [4] + Array("id-2".utf8)
        bytes.append(version)
        for (bytes, ids) in [(one, ["id-1"]), (bytes, ["id-1", "id-2"])] {
            guard case .ranOut(let gone, let microseconds) = try read(bytes) else {
                Issue.record("nothing ran out")
                return
            }
            #expect(gone.map { String(decoding: $0.key.id.utf8, as: UTF8.self) } == ids)
            #expect(gone.allSatisfy { $0.key.namespace == key.namespace && $0.version == version })
            #expect(microseconds == 1_790_000_000_000_000)
        }
        for length in 1..<bytes.count where length != one.count {
            #expect(throws: (any Error).self) { try read(Array(bytes.prefix(length))) }
        }
    }

    @Test func `an event of a newer release is passed over, and an empty one is none`() throws {
        guard case .unknown = try read([UInt8(ascii: "c"), 1, 2]) else {
            Issue.record("it is known")
            return
        }
        #expect(throws: (any Error).self) { try read([]) }
    }

    // D502
    @Test func `a value of an instance may have its lease behind its state`() throws {
        var value: [UInt8] = []
        value.append(version)
        StateCodec.append(Replicated(namespace: key.namespace, replica: .absent(key.id, version)), to: &value)
        var last: Namespace?
        let plain = try StoredValue.state(value, last: &last)
        let leased = try StoredValue.state(value + [UInt8](repeating: 7, count: 8), last: &last)
        #expect(plain?.replica.version == version && leased?.replica.version == version)
    }

    // MARK: - Answers

    private func ticket(_ number: UInt64) -> AcknowledgmentTicket { AcknowledgmentTicket(loop: 0, number: number) }

    @Test func `groups end in their order, whichever is answered first`() {
        var groups = Acknowledgments()
        let first = groups.begin([ticket(1)])
        let second = groups.begin([ticket(2)])
        for group in [first, second] {
            groups.sent(group)
            groups.answered(group)
        }
        groups.answered(second)
        #expect(groups.take().isEmpty, "the first is on its way")
        groups.answered(first)
        #expect(groups.take().map(\.ticket) == [ticket(1), ticket(2)] && groups.count == 0)
    }

    @Test func `a group of which one command is lost is not done`() {
        var groups = Acknowledgments()
        let group = groups.begin([ticket(1)])
        groups.sent(group)
        groups.sent(group)
        groups.answered(group)
        groups.answered(group, isDone: false)
        groups.answered(group)
        #expect(groups.take().map(\.isDone) == [false])
        groups.answered(group)
        #expect(groups.take().isEmpty, "an answer that comes late is nobody's")
    }

    // MARK: - What the last events were about

    @Test func `what the events after a number were about is known while all of them are remembered`() {
        var recent = RecentEvents(after: 10)
        for number in 11...UInt64(RecentEvents.capacity + 15) {
            recent.note(number, .instance(StateKey(namespace: key.namespace, id: .digest(number))))
        }
        #expect(recent.keys(after: 14) == nil, "the oldest are forgotten")
        #expect(recent.keys(after: UInt64(RecentEvents.capacity + 13))?.count == 2)
        recent.rewind(to: UInt64(RecentEvents.capacity + 14))
        #expect(recent.keys(after: UInt64(RecentEvents.capacity + 13))?.count == 1)
    }

    @Test func `each is named once, and nothing is said where a lease ran out`() {
        var recent = RecentEvents()
        recent.note(1, .instance(key))
        recent.note(2, .instance(key))
        #expect(recent.keys(after: 0) == [.instance(key)] && recent.keys(after: 2) == [])
        recent.noteEnd(3)
        recent.note(4, .instance(key))
        #expect(recent.keys(after: 2) == nil, "what ran out is not held, and may be renewed where it did not")
        #expect(recent.keys(after: 3) == [.instance(key)])
        recent.rewind(to: 2)
        #expect(recent.keys(after: 2) == [])
    }
}
