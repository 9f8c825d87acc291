import Catalog
import Gzip
import Replication
import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import LegacyPeers

/// Reading an original: its stream first, its copy after.
struct OriginalsReadingTests {
    private let member = OneOfOurs()

    private func isAsked(_ directive: OriginalDirective) -> Bool {
        if case .dialCopy(OneOfOurs.peer) = directive { true } else { false }
    }

    private func isCopied(_ directive: OriginalDirective) -> Bool {
        if case .copied(OneOfOurs.peer) = directive { true } else { false }
    }

    private func end(_ link: LinkID) { member.receive(ChunkedEncoding.end, on: link) }

    @Test(arguments: [false, true], [false, true])
    func `a stream is read however the bytes come in, packed or not`(isPacked: Bool, isChunked: Bool) throws {
        let deflater = try #require(Deflater())
        let body = try Sample.live.body
        let packed = isPacked ? deflater.pack(body) : body
        let wire = isChunked ? ChunkedEncoding.chunk(packed) : packed
        for seed in 0..<20 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let member = OneOfOurs()
            let link = member.openStream(answer: LegacyAnswer(isChunked: isChunked, isPacked: isPacked, date: nil))
            for piece in pieces(wire, using: &generator) { member.receive(piece, on: link) }
            let ratings = member.store.state(
                of: .text(Name("ratings:host1")), in: Namespace("tenant-a"), at: member.moment)
            guard case .present(let instance, _, _)? = ratings?.replica else {
                Issue.record("seed \(seed)")
                continue
            }
            #expect(instance.status == .outOfService && instance.tags == ["a", "b"] && instance.ttl == 40_000)
            #expect(member.originals.status.counts.received == 5)
        }
    }

    @Test func `a copy is asked for when the live changes flow, and told when it is whole`() {
        _ = member.openStream()
        #expect(member.directives.contains(where: isAsked))
        let copy = member.openCopy()
        member.receive(.register(member.instance("i", registered: 60_000, renewed: 10_000)), kind: .copy, on: copy)
        #expect(!member.directives.contains(where: isCopied))
        end(copy)
        #expect(member.directives.contains(where: isCopied))
        #expect(member.originals.status.members.first?.lastCopy?.count == 1)
    }

    @Test func `a copy brings leases as old as they are, and no dead ones`() {
        _ = member.openStream()
        let copy = member.openCopy()
        let live = member.instance("live", registered: 60_000, renewed: 29_000)
        let dead = member.instance("dead", registered: 60_000, renewed: 31_000)
        member.receive(.register(live), .register(dead), kind: .copy, on: copy)
        #expect(member.isPresent("live") && !member.isPresent("dead"))
        member.pass(1_100)
        #expect(!member.isPresent("live"))
    }

    @Test func `a copy that is cut short is not whole, and is asked for again, later each time`() {
        _ = member.openStream()
        let copy = member.openCopy()
        member.receive(.register(member.instance("i")), kind: .copy, on: copy)
        member.carry(member.originals.linkClosed(copy, at: member.time))
        #expect(!member.directives.contains(where: isCopied))
        var asked: [Duration] = []
        for _ in 0..<6 {
            member.directives = []
            let start = member.now
            while !member.directives.contains(where: isAsked) { member.pass(100) }
            asked.append(member.now - start)
            member.carry(member.originals.copyFailed(OneOfOurs.peer, at: member.time))
        }
        #expect(asked == [500, 1_000, 2_000, 4_000, 8_000, 10_000])
    }

    @Test func `a copy that never ends is given up`() {
        _ = member.openStream()
        let copy = member.openCopy()
        member.pass(120_100)
        #expect(member.directives.contains { if case .abort(copy, .stalled) = $0 { true } else { false } })
    }

    @Test(arguments: [10, 5_000] as [Int64])
    func `an instance deregistered while it is being copied stays so`(age: Int64) {
        let live = member.openStream()
        let copy = member.openCopy()
        let instance = member.instance("i", registered: age)
        member.receive(.deregister(id: bytes("i")), on: live)
        member.receive(.register(instance), kind: .copy, on: copy)
        #expect(!member.isPresent("i"))
    }

    @Test(arguments: [0, 1, 700_000, 999_999] as [Int64], [OriginalEnvelope.Kind.copy, .repair])
    func `what one original has deregistered does not come back from another that missed it`(
        fraction: Int64, kind: OriginalEnvelope.Kind
    ) {
        let link = member.openStream()
        // Registered at ours, whose clock seldom stands at a whole millisecond.
        let moment = Moment(
            monotonic: member.now, lease: LeaseTime(milliseconds: member.now.milliseconds), wall: member.wall + fraction
        )
        let instance = member.ours("i", registered: moment.wall)
        _ = member.store.apply(.register(instance), in: OneOfOurs.namespace, at: moment)
        member.pass(5_000)
        member.receive(.deregister(id: bytes("i")), on: link)
        let stream = member.openStream(from: OneOfOurs.other)
        let old = OriginalInstance(instance, heartbeat: Heartbeat(age: 0, wall: moment.wall))
        member.receive(.register(old), kind: kind, on: kind == .copy ? member.openCopy(from: OneOfOurs.other) : stream)
        #expect(!member.isPresent("i"))
        // What was registered since does come.
        member.receive(.register(member.instance("i", registered: 4_000)), kind: kind, on: stream)
        #expect(member.isPresent("i"))
    }

    @Test func `nor does it by a member of ours that knew nothing when it read the other`() throws {
        let newcomer = OneOfOurs()
        _ = newcomer.openStream(from: OneOfOurs.other)
        let copy = newcomer.openCopy(from: OneOfOurs.other)
        let moment = Moment(
            monotonic: member.now, lease: member.moment.lease, wall: member.wall + 700_000)
        let instance = member.ours("i", registered: moment.wall)
        _ = member.store.apply(.register(instance), in: OneOfOurs.namespace, at: moment)
        for one in [member, newcomer] { one.pass(5_000) }
        member.receive(.deregister(id: bytes("i")), on: member.openStream())
        newcomer.receive(
            .register(OriginalInstance(instance, heartbeat: Heartbeat(age: 0, wall: moment.wall))), kind: .copy,
            on: copy)
        let told = try #require(member.store.stateForPeers(of: instance.id, in: OneOfOurs.namespace, at: member.moment))
        _ = newcomer.store.merge(told, at: newcomer.moment)
        #expect(!newcomer.isPresent("i"))
    }

    @Test func `what renews its lease at an original stays at a member that hears the original through another`() {
        let far = OneOfOurs()
        let live = member.openStream()
        let register = OriginalMessage.register(member.instance("i"))
        for message in [register] + Array(repeating: .renew(id: bytes("i")), count: 4) {
            member.directives = []
            member.receive(message, on: live)
            for case .merged(let states, OneOfOurs.peer) in member.directives {
                for state in states { _ = far.store.merge(state, at: far.moment) }
            }
            #expect(far.isPresent("i"))
            for one in [member, far] { one.pass(20_000) }
        }
        member.receive(.setStatus(id: bytes("i"), status: "OUT_OF_SERVICE"), .deregister(id: bytes("i")), on: live)
        for case .merged(let states, _) in member.directives.suffix(1) {
            for state in states { _ = far.store.merge(state, at: far.moment) }
        }
        #expect(!far.isPresent("i"))
        #expect(
            far.store.drain(includeRenewals: true, budget: 100, at: far.moment).changes.isEmpty,
            "told to originals by nobody")
    }

    @Test func `a status that was missed comes with the next copy`() {
        let live = member.openStream()
        let instance = member.instance("i", registered: 500)
        member.receive(.register(instance), on: live)
        end(member.openCopy())
        member.carry(member.originals.linkClosed(live, at: member.time))
        member.pass(5_000)
        _ = member.openStream()
        let copy = member.openCopy()
        var changed = instance
        changed.status = "OUT_OF_SERVICE"
        member.receive(.register(changed), kind: .copy, on: copy)
        #expect(member.status("i") == "OUT_OF_SERVICE")
    }

    @Test func `a copy does not take back a status that came live meanwhile`() {
        let live = member.openStream()
        let instance = member.instance("i", registered: 500)
        member.receive(.register(instance), on: live)
        let copy = member.openCopy()
        member.receive(.setStatus(id: bytes("i"), status: "OUT_OF_SERVICE"), on: live)
        member.receive(.register(instance), kind: .copy, on: copy)
        #expect(member.status("i") == "OUT_OF_SERVICE")
    }

    @Test func `a copy does not take back what a client changed here`() throws {
        let live = member.openStream()
        let instance = member.instance("i", registered: 500)
        member.receive(.register(instance), on: live)
        member.client(.register(try instance.instance().with(status: .outOfService)))
        member.receive(.register(instance), kind: .copy, on: member.openCopy())
        #expect(member.status("i") == "OUT_OF_SERVICE")
    }

    @Test func `what lay here during a pause is as old as the pause, and a copy is asked for`() {
        let live = member.openStream()
        end(member.openCopy())
        member.receive(.register(member.instance("i")), on: live)
        member.directives = []
        member.sleep(20_000)
        member.receive(.renew(id: bytes("i")), on: live)
        guard case .present(_, _, let heartbeat)? = member.held("i") else { return #expect(Bool(false)) }
        #expect(heartbeat.age == 20_000)
        #expect(member.directives.contains(where: isAsked))
        member.receive(
            .register(member.instance("i", registered: 20_000, renewed: 3_000)), kind: .copy, on: member.openCopy())
        guard case .present(_, _, let told)? = member.held("i") else { return #expect(Bool(false)) }
        #expect(told.age == 3_000)
    }

    @Test func `a stream that ends is reported, with its copy given up`() {
        let live = member.openStream()
        let copy = member.openCopy()
        member.directives = []
        member.carry(member.originals.linkClosed(live, at: member.time))
        #expect(member.directives.contains { if case .lost(OneOfOurs.peer) = $0 { true } else { false } })
        #expect(member.directives.contains { if case .abort(copy, .cutShort) = $0 { true } else { false } })
        #expect(member.originals.status.members.isEmpty)
    }

    @Test func `whoever is no original is left`() {
        let cases: [([UInt8], OriginalFailure)] = [
            (bytes("not chunked"), .chunk(.length)),
            (ChunkedEncoding.chunk(bytes("HTTP/1.1 400 Bad Request\n")), .event(.notAField)),
            (
                ChunkedEncoding.chunk(bytes(String(repeating: "event: X\ndata: {}\n\n", count: 64))),
                .unusable(.eventName)
            ),
            (ChunkedEncoding.chunk(bytes(String(repeating: "data: x\n", count: 200_000))), .event(.tooLong)),
            (ChunkedEncoding.end, .cutShort),
        ]
        for (bytes, failure) in cases where failure != .cutShort {
            let link = member.openStream()
            member.directives = []
            member.receive(bytes, on: link)
            #expect(
                member.directives.contains { if case .abort(link, failure) = $0 { true } else { false } }, "\(failure)")
            #expect(member.directives.contains { if case .lost = $0 { true } else { false } })
        }
        let link = member.openStream(answer: LegacyAnswer(isChunked: false, isPacked: true, date: nil))
        member.receive(bytes("not packed"), on: link)
        #expect(member.directives.contains { if case .abort(link, .packing) = $0 { true } else { false } })
    }
}
