// A member of ours and the originals that it deals with, over connections that are arrays of bytes: what tests of
// `Originals` need.

import Catalog
import Gzip
import Replication
import TestCatalog
import TestTime
import Testing
import Time

@testable import LegacyPeers

/// One member of ours, driven by hand.
final class OneOfOurs {
    static let namespace = Namespace("tenant")
    static let peer = PeerAddress(host: "10.0.0.1", port: 6100)
    static let other = PeerAddress(host: "10.0.0.2", port: 6100)
    static let me = MemberID(bits: 7)

    let store: Store
    let originals: Originals
    /// Since the start, of all clocks alike.
    private(set) var now: MonotonicTime = 0
    /// What lease time has lost to pauses.
    private var lost: Duration = 0
    /// What was sent on each link, its head included.
    var sent: [LinkID: [UInt8]] = [:]
    /// Directives other than sends.
    var directives: [OriginalDirective] = []
    private var links: UInt64 = 0

    init(_ change: (inout OriginalsConfiguration) -> Void = { _ in }) {
        store = Store(namespaceCapacity: nil, replicating: Self.me)
        var configuration = OriginalsConfiguration(member: Self.me)
        change(&configuration)
        originals = Originals(configuration, store: store, makeUnpacker: { Inflater() }, makePacker: { Deflater() })
    }

    static let start: Int64 = 1_795_392_343_000_000_000

    var wall: Int64 { Self.start + now.nanoseconds }
    var moment: Moment {
        Moment(
            monotonic: now, lease: LeaseTime(milliseconds: (now - lost).milliseconds), wall: wall,
            lost: lost.wholeMilliseconds)
    }
    var time: NodeTime { NodeTime(moment: moment, wall: wall) }

    func newLink() -> LinkID {
        links += 1
        return LinkID(number: links)
    }

    /// Carries out what can be, and keeps the rest.
    func carry(_ new: [OriginalDirective]) {
        for directive in new {
            if case .send(let link, let bytes) = directive {
                sent[link, default: []] += bytes
            } else {
                directives.append(directive)
            }
        }
        #if DEBUG
            for broken in originals.checkInvariants() { Issue.record("at \(now): \(broken)") }
        #endif
    }

    /// Lets time pass as the shell does.
    func pass(_ interval: Duration) {
        let end = now + interval
        while now < end {
            now = min(end, now + 100)
            carry(originals.tick(at: time))
        }
    }

    /// Lets time pass without anybody noticing.
    func sleep(_ interval: Duration) { now += interval }

    /// Is paused: as `sleep`, and lease time stands still.
    func freeze(_ interval: Duration) {
        now += interval
        lost += interval
    }

    // MARK: - Reading

    func openStream(from peer: PeerAddress = peer, answer: LegacyAnswer? = nil) -> LinkID {
        let link = newLink()
        carry(originals.streamOpened(link, from: peer, answer: answer ?? self.answer, at: time))
        return link
    }

    func openCopy(from peer: PeerAddress = peer, answer: LegacyAnswer? = nil) -> LinkID {
        let link = newLink()
        carry(originals.copyOpened(link, from: peer, answer: answer ?? self.answer, at: time))
        return link
    }

    /// Chunked, and with our own time.
    var answer: LegacyAnswer {
        LegacyAnswer(isChunked: true, isPacked: false, date: wall / 1_000_000_000 * 1_000_000_000)
    }

    func receive(_ bytes: [UInt8], on link: LinkID) { carry(originals.received(bytes, on: link, at: time)) }

    func receive(_ messages: OriginalMessage..., kind: OriginalEnvelope.Kind = .live, on link: LinkID) {
        var events: [UInt8] = []
        for message in messages {
            events.append(OriginalEnvelope(kind: kind, namespace: "tenant", message: message), number: 1)
        }
        receive(ChunkedEncoding.chunk(events), on: link)
    }

    // MARK: - Writing

    func stream(askedBy peer: PeerAddress = peer, acceptsGzip: Bool = false) -> LinkID {
        let link = newLink()
        carry(originals.streamAsked(link, by: peer, acceptsGzip: acceptsGzip, at: time))
        return link
    }

    func copy(askedBy peer: PeerAddress = peer, acceptsGzip: Bool = false) -> LinkID {
        let link = newLink()
        carry(originals.copyAsked(link, by: peer, acceptsGzip: acceptsGzip, at: time))
        return link
    }

    /// What a client does here, and the offer that comes of it.
    func client(_ command: Command) {
        _ = store.apply(command, in: Self.namespace, at: moment)
        offer()
    }

    /// A client's heartbeat here, and the offer that comes of it.
    func renew(_ id: String) {
        _ = store.renew(.text(Name(id)), in: Self.namespace, at: moment)
        offer()
    }

    func offer() {
        carry(originals.offer(store.drain(includeRenewals: true, budget: 10_000, at: moment).changes, at: time))
    }

    /// The messages that were sent on a link since its head, and whether the answer has ended rightly.
    func messages(on link: LinkID) throws -> (envelopes: [OriginalEnvelope], isWhole: Bool) {
        let bytes = sent[link] ?? []
        let end = try #require(bytes.indices.dropLast(3).first { bytes[$0..<$0 + 4].elementsEqual("\r\n\r\n".utf8) })
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Type: text/event-stream\r\n"))
        let answer = LegacyAnswer(isChunked: true, isPacked: head.contains("\r\nContent-Encoding: gzip\r\n"), date: nil)
        var body = try OriginalBody(answer, makeUnpacker: { Inflater() })
        var events: [ServerSentEvent] = []
        try body.read(Array(bytes[(end + 4)...]), into: &events)
        return (try events.map { try OriginalEnvelope($0) }, body.isWhole)
    }

    // MARK: - What is held

    func held(_ id: String) -> Replica? {
        InstanceID(bytes(id)[...]).flatMap { store.state(of: $0, in: Self.namespace, at: moment)?.replica }
    }

    func isPresent(_ id: String) -> Bool { if case .present = held(id) { true } else { false } }

    func status(_ id: String) -> String? {
        if case .present(let instance, _, _) = held(id) { instance.status.token } else { nil }
    }

    /// An instance as an original tells of it, renewed and registered so many milliseconds ago.
    func instance(_ id: String, registered: Int64 = 0, renewed: Int64? = nil, status: String = "UP", ttl: Int64 = 30)
        -> OriginalInstance
    {
        OriginalInstance(
            id: bytes(id), serviceName: "s", endpointType: "tcp", endpointValue: id, status: status, metadata: nil,
            registered: wall - registered * 1_000_000, lastRenewal: wall - (renewed ?? registered) * 1_000_000,
            ttl: ttl * 1_000_000_000,
            tags: [],
            extra: nil)
    }

    /// An instance as a client registers it here.
    func ours(_ id: String, status: InstanceStatus = .up, registered: Int64? = nil) -> Instance {
        Instance(
            id: .text(Name(id)), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: id), status: status,
            ttl: 30_000, tags: [],
            metadata: nil, registered: registered ?? wall)
    }
}
