import Catalog
import Replication
import TestTime
import Testing
import Time

@testable import LegacyPeers

/// What originals hear from us.
struct OriginalsWritingTests {
    @Test func `what is served here after a pause is copied, told anew and handed out`() throws {
        let member = OneOfOurs()
        let live = member.openStream()
        let asking = member.stream()
        member.client(.register(member.ours("i")))
        member.freeze(40_000)
        #expect(try member.messages(on: member.copy(askedBy: OneOfOurs.other)).envelopes.count == 1)
        #expect(try member.messages(on: member.stream(askedBy: OneOfOurs.other)).envelopes.count == 1)
        member.receive(.repair(id: bytes("i")), kind: .repair, on: live)
        #expect(try member.messages(on: asking).envelopes.last?.kind == .repair)
    }

    private func registers(_ envelopes: [OriginalEnvelope]) -> [String] {
        envelopes.compactMap {
            if case .register(let instance) = $0.message { String(decoding: instance.id, as: UTF8.self) } else { nil }
        }
    }

    @Test(arguments: [false, true])
    func `what a client does here is told at once`(acceptsGzip: Bool) throws {
        let member = OneOfOurs()
        let link = member.stream(acceptsGzip: acceptsGzip)
        #expect(try member.messages(on: link).envelopes.isEmpty)
        member.client(.register(member.ours("i")))
        member.renew("i")
        member.client(.deregister(.text(Name("i"))))
        let (envelopes, isWhole) = try member.messages(on: link)
        #expect(envelopes.allSatisfy { $0.kind == .live && $0.namespace == "tenant" })
        #expect(registers(Array(envelopes.prefix(1))) == ["i"])
        #expect(envelopes.dropFirst().map(\.message) == [.renew(id: bytes("i")), .deregister(id: bytes("i"))])
        #expect(!isWhole)
        member.carry(member.originals.leave(at: member.time))
        #expect(try member.messages(on: link).isWhole)
    }

    @Test func `an instance is told as the original tells it`() throws {
        let member = OneOfOurs()
        let link = member.stream()
        let instance = Instance(
            id: .digest(0x6ae9_2bee_6105_d203), serviceName: Name("reviews"),
            endpoint: Endpoint(kind: .http, value: "172.17.0.5:9080"),
            status: .starting, ttl: 60_000, tags: ["v1", "canary"], metadata: bytes(#"{"zone":"eu","weight":3}"#),
            registered: member.wall)
        member.client(.register(instance))
        guard case .register(var told)? = try member.messages(on: link).envelopes.first?.message else {
            return #expect(Bool(false))
        }
        #expect(told.registered == member.wall && told.lastRenewal == member.wall)
        (told.registered, told.lastRenewal) = (SampleTests.reviews.registered, SampleTests.reviews.lastRenewal)
        #expect(told == SampleTests.reviews)
    }

    @Test func `an instance is told with the status that counts, by its own override or its service's`() throws {
        // R294, R880
        let member = OneOfOurs()
        let link = member.stream()
        func told(on link: LinkID) throws -> [String] {
            try member.messages(on: link).envelopes.compactMap {
                guard case .register(let instance) = $0.message else { return nil }
                return String(decoding: instance.id, as: UTF8.self) + " " + instance.status
            }.sorted()
        }
        for id in ["i", "j"] { member.client(.register(member.ours(id))) }
        _ = member.store.override(
            .text(Name("i")), in: OneOfOurs.namespace, .set(.starting, until: nil), at: member.moment)
        member.offer()
        #expect(try told(on: link) == ["i STARTING", "i UP", "j UP"])
        _ = member.store.override(
            service: Name("s"), in: OneOfOurs.namespace, .set(.outOfService, until: nil), at: member.moment)
        member.offer()
        #expect(try told(on: link) == ["i STARTING", "i STARTING", "i UP", "j OUT_OF_SERVICE", "j UP"])
        #expect(try told(on: member.copy(askedBy: OneOfOurs.other)) == ["i STARTING", "j OUT_OF_SERVICE"])
        // What an original hands back of it is no word of its client's.
        let copy = member.openCopy()
        member.receive(
            .register(
                OriginalInstance(
                    member.ours("j", status: .outOfService), heartbeat: Heartbeat(age: 0, wall: member.wall))),
            kind: .copy, on: copy)
        #expect(member.status("j") == "UP")
    }

    @Test(arguments: [false, true])
    func `a copy has everything once, and its end`(acceptsGzip: Bool) throws {
        let member = OneOfOurs { $0.copyBytesInFlight = 20_000 }
        for number in 0..<2_000 { member.client(.register(member.ours("i\(number)"))) }
        member.receive(.register(member.instance("theirs", status: "OUT_OF_SERVICE")), on: member.openStream())
        member.client(.deregister(.text(Name("i3"))))
        let link = member.copy(acceptsGzip: acceptsGzip)
        var rounds = 0
        while !member.directives.contains(where: { if case .finish(link) = $0 { true } else { false } }) {
            rounds += 1
            try #require(rounds < 1_000)
            member.carry(member.originals.drained(link, queuedBytes: 0, at: member.time))
        }
        #expect(acceptsGzip || rounds > 3, "paced")
        let (envelopes, isWhole) = try member.messages(on: link)
        #expect(isWhole && envelopes.allSatisfy { $0.kind == .copy })
        #expect(Set(registers(envelopes)) == Set((0..<2_000).filter { $0 != 3 }.map { "i\($0)" } + ["theirs"]))
        #expect(envelopes.count == 2_000)
    }

    @Test func `a renewal of something unknown asks its sender alone, and not again at once`() throws {
        let member = OneOfOurs()
        let (asked, other) = (member.stream(), member.stream(askedBy: OneOfOurs.other))
        let link = member.openStream()
        for _ in 0..<3 { member.receive(.renew(id: bytes("i")), .renew(id: bytes("i")), on: link) }
        #expect(
            try member.messages(on: asked).envelopes == [
                OriginalEnvelope(kind: .repair, namespace: "tenant", message: .repair(id: bytes("i")))
            ])
        #expect(try member.messages(on: other).envelopes.isEmpty)
        member.pass(2_000)
        member.receive(.renew(id: bytes("i")), on: link)
        #expect(try member.messages(on: asked).envelopes.count == 2)
        member.receive(.register(member.instance("i", registered: 60_000, renewed: 100)), kind: .repair, on: link)
        #expect(member.isPresent("i"))
    }

    @Test func `whoever asks for an instance gets it, alone`() throws {
        let member = OneOfOurs()
        member.receive(.register(member.instance("i")), on: member.openStream(from: OneOfOurs.other))
        let (asking, other) = (member.stream(), member.stream(askedBy: OneOfOurs.other))
        let link = member.openStream()
        member.receive(.repair(id: bytes("i")), kind: .repair, on: link)
        member.receive(.repair(id: bytes("unknown")), kind: .repair, on: link)
        let envelopes = try member.messages(on: asking).envelopes
        #expect(registers(envelopes) == ["i"] && envelopes.allSatisfy { $0.kind == .repair })
        #expect(String(decoding: member.sent[asking] ?? [], as: UTF8.self).contains("id: 0\nevent: REPAIR\n"))
        #expect(try member.messages(on: other).envelopes.isEmpty)
    }

    @Test func `a slow reader's queue is bounded, and it hears all that began here when it has drained`() throws {
        let member = OneOfOurs { ($0.queueBytes, $0.copyBytesInFlight) = (50_000, 10_000) }
        let (slow, quick) = (member.stream(), member.stream(askedBy: OneOfOurs.other))
        for number in 0..<200 {
            member.client(.register(member.ours("i\(number)")))
            member.carry(member.originals.drained(quick, queuedBytes: 0, at: member.time))
        }
        #expect((member.sent[slow] ?? []).count <= 50_000)
        #expect(registers(try member.messages(on: quick).envelopes).count == 200)
        let notes = member.directives.filter { if case .note(.overflowed(OneOfOurs.peer)) = $0 { true } else { false } }
        #expect(notes.count == 1)
        member.client(.deregister(.text(Name("i199"))))
        for _ in 0..<100 { member.carry(member.originals.drained(slow, queuedBytes: 0, at: member.time)) }
        let envelopes = try member.messages(on: slow).envelopes
        #expect(Set(registers(envelopes)).isSuperset(of: (0..<199).map { "i\($0)" }))
        #expect(envelopes.contains { $0.message == .deregister(id: bytes("i199")) })
        member.client(.register(member.ours("after")))
        #expect(registers(try member.messages(on: slow).envelopes).last == "after")
    }

    @Test func `a reader that never drains is let go`() {
        let member = OneOfOurs { ($0.queueBytes, $0.copyBytesInFlight) = (1_000, 500) }
        let link = member.stream()
        for number in 0..<10 { member.client(.register(member.ours("i\(number)"))) }
        member.pass(60_200)
        #expect(member.directives.contains { if case .abort(link, .stalled) = $0 { true } else { false } })
        #expect(member.originals.status.members.isEmpty)
    }

    @Test func `whoever begins to read hears what began here before, and nothing that others told us`() throws {
        let member = OneOfOurs()
        member.client(.register(member.ours("ours")))
        member.client(.register(member.ours("gone")))
        member.client(.deregister(.text(Name("gone"))))
        member.receive(.register(member.instance("theirs")), on: member.openStream(from: OneOfOurs.other))
        let envelopes = try member.messages(on: member.stream()).envelopes
        #expect(registers(envelopes) == ["ours"] && envelopes.allSatisfy { $0.kind == .live })
        #expect(envelopes.count == 2 && envelopes.contains { $0.message == .deregister(id: bytes("gone")) })
    }

    @Test func `links are counted`() {
        let member = OneOfOurs { ($0.acceptedLinks, $0.linksPerMember) = (6, 4) }
        for _ in 0..<4 { _ = member.stream() }
        func isFull(_ link: LinkID) -> Bool {
            member.directives.contains { if case .abort(link, .full) = $0 { true } else { false } }
        }
        #expect(isFull(member.stream()))
        #expect(!isFull(member.stream(askedBy: OneOfOurs.other)) && !isFull(member.copy(askedBy: OneOfOurs.other)))
    }

    @Test func `a reader that talks is no original`() {
        let member = OneOfOurs()
        let link = member.stream()
        member.receive(bytes("GET /v1/sync HTTP/1.1\r\n"), on: link)
        #expect(member.directives.contains { if case .abort(link, .unexpectedBytes) = $0 { true } else { false } })
    }
}
