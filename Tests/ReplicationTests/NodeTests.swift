// One node, spoken to frame by frame: what it does with strangers, slow readers and silence. What members make of one another is the
// simulation's.

import Catalog
import Testing

@testable import Replication

/// A node under test and the other ends of its links, which say what the test wants.
final class NodeBench {
    var now: Int64 = 1_000
    let store: Store
    private(set) var node: Node
    private(set) var directives: [Directive] = []
    private var handshakes: [LinkID: (handshake: Handshake, assembly: FrameAssembly)] = [:]
    private var lastLink: UInt64 = 0

    init(limits: NodeLimits = NodeLimits(), authenticator: Authenticator? = nil) {
        store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 100))
        var configuration = NodeConfiguration(
            member: MemberID(bits: 100), name: "under-test", address: PeerAddress(host: "10.0.0.100", port: 6_100))
        configuration.limits = limits
        node = Node(configuration, store: store, random: SeededGenerator(seed: 1), authenticator: authenticator, at: Self.time(1_000))
    }

    static func time(_ now: Int64) -> NodeTime {
        let wall = (1_790_000_000_000 + now) * 1_000_000
        return NodeTime(moment: Moment(lease: LeaseTime(milliseconds: now), wall: wall), monotonic: now, wall: wall)
    }

    var time: NodeTime { Self.time(now) }

    @discardableResult
    func tell(_ call: (Node) -> [Directive]) -> [Directive] {
        let new = call(node)
        directives += new
        return new
    }

    func pass(_ milliseconds: Int64) {
        let end = now + milliseconds
        while now < end {
            now += 100
            tell { $0.tick(at: time) }
        }
    }

    func newLink() -> LinkID {
        lastLink += 1
        return LinkID(number: lastLink)
    }

    /// A member connects and proves itself.
    func accept(member: UInt64, secret: String? = nil, boundTo: Set<String>? = nil) throws -> LinkID {
        let link = newLink()
        try greet(
            link, member: member, as: .dialed, secret: secret,
            opened: tell { $0.linkOpened(link, role: .accepted, address: address(member), boundTo: boundTo, at: time) })
        return link
    }

    /// A member is dialed, and proves itself.
    func dial(member: UInt64, at address: PeerAddress) throws -> LinkID {
        let link = newLink()
        try greet(
            link, member: member, as: .accepted, secret: nil,
            opened: tell { $0.linkOpened(link, role: .dialed, address: address, boundTo: nil, at: time) })
        return link
    }

    func address(_ member: UInt64) -> PeerAddress { PeerAddress(host: "10.0.0.\(member)", port: 6_100) }

    private func greet(_ link: LinkID, member: UInt64, as role: LinkRole, secret: String?, opened: [Directive]) throws {
        var opening: [UInt8] = []
        var other = Handshake(role: role, hello: HandshakeTests.hello(member), boundTo: nil, opening: &opening)
        var heard = opened
        heard += say(opening, on: link)
        for frame in try frames(on: link, in: heard) {
            guard other.proven == nil else { break }
            if case .send(let bytes) = try other.received(frame, authenticator: secret.map { .test($0) }) { say(bytes, on: link) }
        }
    }

    @discardableResult
    func say(_ bytes: [UInt8], on link: LinkID) -> [Directive] { tell { $0.received(bytes, on: link, at: time) } }

    @discardableResult
    func say(_ frame: Frame, on link: LinkID) -> [Directive] { say(FrameCodec.encode(frame), on: link) }

    /// What was sent on a link.
    func frames(on link: LinkID, in directives: [Directive]? = nil) throws -> [Frame] {
        try FrameCodecTests.read(bytes(on: link, in: directives))
    }

    func bytes(on link: LinkID, in directives: [Directive]? = nil) -> [UInt8] {
        (directives ?? self.directives).flatMap { directive -> [UInt8] in
            if case .send(link, let bytes) = directive { bytes } else { [] }
        }
    }

    func closed(_ link: LinkID) -> CloseReason? {
        directives.lazy.compactMap { directive -> CloseReason? in
            if case .close(link, let reason) = directive { reason } else { nil }
        }.first
    }

    func register(_ number: Int, metadata: Int = 0) {
        let instance = Instance(
            id: .digest(UInt64(number)), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up, ttl: 30_000,
            tags: [],
            metadata: Array(repeating: 0x31, count: metadata), registered: 0)
        _ = store.apply(.register(instance), in: Namespace("t"), at: time.moment)
    }
}

extension Frame {
    /// Its name, for lists of what was said.
    var name: String { "\(self)".prefix { $0 != "(" }.description }

    var states: States? {
        switch self {
        case .changes(let states), .copy(let states), .states(let states), .relayed(let states): states
        default: nil
        }
    }
}

struct NodeTests {
    @Test func `a subscriber gets a copy, its end, and then what changes`() throws {
        let bench = NodeBench()
        bench.register(1)
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.register(2)
        bench.tell { $0.localChanges(at: bench.time) }
        let names = try bench.frames(on: link).map(\.name)
        #expect(
            names == ["hello", "proof", "copyStart", "copy", "copyEnd", "changes"]
                || names == ["hello", "proof", "copyStart", "copy", "copyEnd", "changes", "changes"])
    }

    @Test func `what changes is encoded once, and all subscribers are sent the same bytes`() throws {
        let bench = NodeBench()
        let links = try (1...3).map { try bench.accept(member: $0) }
        for link in links { bench.say(.subscribe, on: link) }
        bench.register(1)
        let told = bench.tell { $0.localChanges(at: bench.time) }
        let bytes = links.map { bench.bytes(on: $0, in: told) }
        #expect(bytes[0].count > 0)
        #expect(Set(bytes).count == 1)
    }

    @Test func `renewals are told in batches, and once however many there were`() throws {
        let bench = NodeBench()
        bench.register(1)
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.pass(300)
        let before = try bench.frames(on: link).count { $0.name == "changes" }
        for _ in 0..<50 { _ = bench.store.renew(.digest(1), in: Namespace("t"), at: bench.time.moment) }
        bench.tell { $0.localChanges(at: bench.time) }
        #expect(try bench.frames(on: link).count { $0.name == "changes" } == before)
        bench.pass(200)
        let changes = try bench.frames(on: link).compactMap { frame in if case .changes(let states) = frame { states } else { nil } }
        #expect(changes.count == before + 1)
        #expect(changes.last?.count == 1)
    }

    @Test func `a slow subscriber keeps no more waiting than its bound, and gets a copy when it has drained`() throws {
        var limits = NodeLimits()
        limits.queueBytes = 100_000
        let bench = NodeBench(limits: limits)
        let (slow, quick) = (try bench.accept(member: 1), try bench.accept(member: 2))
        for link in [slow, quick] { bench.say(.subscribe, on: link) }
        let start = bench.bytes(on: slow).count
        for number in 0..<1_000 {
            bench.register(number, metadata: 1_000)
            bench.tell { $0.localChanges(at: bench.time) }
            bench.tell { $0.drained(quick, queuedBytes: 0, at: bench.time) }
        }
        #expect(bench.bytes(on: slow).count - start <= limits.queueBytes)
        #expect(try bench.frames(on: quick).count { $0.name == "changes" } == 1_000)
        #expect(bench.directives.contains { if case .note(.overflowed) = $0 { true } else { false } })
        let before = bench.directives.count
        for _ in 0..<1_000 { bench.tell { $0.drained(slow, queuedBytes: 0, at: bench.time) } }
        let after = try bench.frames(on: slow, in: Array(bench.directives[before...]))
        #expect(after.first?.name == "copyStart")
        #expect(after.reduce(0) { if case .copy(let states) = $1 { $0 + states.count } else { $0 } } == 1_000)
        #expect(after.contains { $0.name == "copyEnd" })
        #expect(bench.closed(slow) == nil)
    }

    static let talk: [(String, Frame)] = [
        ("pings", .ping(Beat(token: 1, wall: 1_790_000_000_000, isReady: true, hears: []))), ("asks for a copy", .subscribe),
        ("asks for buckets", .askBuckets),
    ]

    @Test(arguments: talk)
    func `who talks and does not read is let go, before its answers fill the memory`(what: String, frame: Frame) throws {
        var limits = NodeLimits()
        (limits.queueBytes, limits.queueSlackBytes) = (2_000, 1_000)
        let bench = NodeBench(limits: limits)
        for number in 0..<10 { bench.register(number) }
        let (deaf, honest) = (try bench.accept(member: 1), try bench.accept(member: 2))
        var said = 0
        while bench.closed(deaf) == nil, said < 500 {
            bench.say(frame, on: honest)
            bench.tell { $0.drained(honest, queuedBytes: 0, at: bench.time) }
            bench.say(frame, on: deaf)
            if said.isMultiple(of: 50) { bench.pass(100) }
            said += 1
        }
        let waiting = bench.bytes(on: deaf).count
        // What is only answered while little waits is bounded without that.
        #expect(bench.closed(deaf) == .deaf || waiting < limits.queueBytes, "\(what), \(said) times: \(waiting) bytes")
        #expect(waiting < limits.queueBytes + limits.queueSlackBytes + 2_000)
        #expect(bench.closed(honest) == nil)
    }

    @Test func `a member that tells and does not read its acknowledgments is let go`() throws {
        var limits = NodeLimits()
        (limits.queueBytes, limits.queueSlackBytes) = (1_000, 1_000)
        let bench = NodeBench(limits: limits)
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        let changes = FrameCodec.encode([FrameCodecTests.states[1]], as: .changes)[0].frame
        for _ in 0..<1_000 where bench.closed(link) == nil { bench.say(changes, on: link) }
        #expect(bench.closed(link) == .deaf)
        #expect(bench.bytes(on: link).count < 3_000)
        #expect(bench.directives.contains { if case .note(.lost(_, _, .deaf)) = $0 { true } else { false } })
    }

    @Test func `a copy waits while much is queued`() throws {
        let bench = NodeBench()
        for number in 0..<4_000 { bench.register(number, metadata: 1_000) }
        bench.pass(1_000)
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.pass(500)
        let queued = bench.bytes(on: link).count
        #expect(queued < NodeLimits().copyBytesInFlight + 1_000_000)
        #expect(try !bench.frames(on: link).contains { $0.name == "copyEnd" })
        // Live changes do not wait.
        bench.register(9_999)
        let told = bench.tell { $0.localChanges(at: bench.time) }
        #expect(try bench.frames(on: link, in: told).map(\.name).contains("changes"))
    }

    static let garbage: [(String, [UInt8])] = [
        ("a length of four gigabytes", [0xFF, 0xFF, 0xFF, 0xFF]), ("an HTTP request", Array("GET / HTTP/1.1\r\n\r\n".utf8)),
        ("zeros", [0, 0, 0, 0, 0]), ("a frame that belongs behind the proof", FrameCodec.encode(.subscribe)),
    ]

    @Test(arguments: garbage)
    func `a stranger is dropped, and the members stay`(what: String, bytes: [UInt8]) throws {
        let bench = NodeBench()
        let real = try bench.accept(member: 1)
        let link = bench.newLink()
        bench.tell { $0.linkOpened(link, role: .accepted, address: bench.address(1), boundTo: nil, at: bench.time) }
        bench.say(bytes, on: link)
        guard case .malformed = bench.closed(link) else {
            Issue.record("\(what): \(String(describing: bench.closed(link)))")
            return
        }
        #expect(bench.closed(real) == nil)
        #expect(bench.directives.contains { if case .note(.refused) = $0 { true } else { false } })
    }

    @Test func `an impostor with another's member id and no secret evicts nobody`() throws {
        let bench = NodeBench()
        let real = try bench.accept(member: 1)
        bench.say(.subscribe, on: real)
        let impostor = try bench.accept(member: 1, secret: "guess")
        #expect(bench.closed(impostor) == .refused(.secret))
        bench.say(.ping(Beat(token: 1, wall: 0, isReady: true, hears: [])), on: real)
        #expect(bench.closed(real) == nil)
    }

    @Test(arguments: [Beat.walls.lowerBound, Beat.walls.upperBound])
    func `two who lie about the time lead nobody further than a clock can be wrong`(wall: Int64) throws {
        let bench = NodeBench()
        for member in 1...2 as ClosedRange<UInt64> {
            let link = try bench.accept(member: member)
            let beat = Beat(token: 1, wall: wall, isReady: true, hears: [])
            for _ in 0..<5 { bench.say(.ping(beat), on: link) }
        }
        bench.pass(2_000)
        let corrections = bench.directives.compactMap { if case .correctClock(let milliseconds) = $0 { milliseconds } else { nil } }
        #expect(corrections.count == 1)
        #expect(corrections.allSatisfy { $0.magnitude <= UInt64(ClockAlarm.farthest) })
        #expect(bench.node.status(at: bench.time).clockOffset.magnitude > UInt64(NodeLimits().clockTolerance))
    }

    @Test func `a member of one certificate is not let in again under another`() throws {
        let bench = NodeBench()
        let real = try bench.accept(member: 1, boundTo: ["member-1"])
        let other = try bench.accept(member: 1, boundTo: ["member-1", "member-2"])
        #expect(bench.closed(other) == .refused(.certificate))
        #expect(bench.closed(real) == nil)
    }

    @Test func `a link on which nothing is heard for three pings is closed`() throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.pass(2_900)
        #expect(bench.closed(link) == nil)
        #expect(try bench.frames(on: link).count { $0.name == "ping" } == 3)
        bench.pass(200)
        #expect(bench.closed(link) == .silent)
    }

    /// Lets time pass on a link whose other end answers each ping after so long; as long as it lasts.
    private func answer(_ link: LinkID, on bench: NodeBench, after delay: Int64, for milliseconds: Int64) throws {
        let end = bench.now + milliseconds
        while bench.now < end, bench.closed(link) == nil {
            bench.pass(100)
            let token = max(0, bench.now - delay)
            bench.say(.pong(token: UInt64(token)), on: link)
        }
    }

    @Test func `a link on which answers come too late is closed and dialed again, but not for a long copy`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        // It hears nobody whom we would have to ask it for.
        bench.say(.ping(Beat(token: 1, wall: bench.time.wall / 1_000_000, isReady: false, isExtended: false, hears: [])), on: link)
        bench.say(.copyStart(afterGap: false), on: link)
        try answer(link, on: bench, after: 40_000, for: 40_000)
        #expect(bench.closed(link) == nil, "pings wait behind a copy")
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        try answer(link, on: bench, after: 3_000, for: 30_000)
        #expect(bench.closed(link) == nil, "slow, and alive")
        try answer(link, on: bench, after: NodeLimits().lateness + NodeLimits().pingPeriod, for: 10_000)
        #expect(bench.closed(link) == .late)
        bench.pass(NodeLimits().dialCap)
        #expect(bench.directives.contains { if case .dial(address) = $0 { true } else { false } })
    }

    @Test func `answers to what was never asked make no link seem quick`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.say(.copyStart(afterGap: false), on: link)
        bench.say(.copyEnd(CopySummary(count: 0, hash: 0, isReady: true)), on: link)
        bench.say(.pong(token: .max), on: link)
        for _ in 0..<10 {
            bench.pass(1_000)
            bench.say(.root(0), on: link)
        }
        #expect(bench.closed(link) == .late)
    }

    @Test func `a stranger that says nothing is dropped`() {
        let bench = NodeBench()
        let link = bench.newLink()
        bench.tell { $0.linkOpened(link, role: .accepted, address: bench.address(1), boundTo: nil, at: bench.time) }
        bench.pass(NodeLimits().handshakeDeadline)
        #expect(bench.closed(link) == .silent)
    }

    @Test func `more links than there may be are refused`() throws {
        var limits = NodeLimits()
        limits.acceptedLinks = 3
        let bench = NodeBench(limits: limits)
        for member in 1...3 as ClosedRange<UInt64> { _ = try bench.accept(member: member) }
        let link = bench.newLink()
        bench.tell { $0.linkOpened(link, role: .accepted, address: bench.address(4), boundTo: nil, at: bench.time) }
        #expect(bench.closed(link) == .refused(.full))
    }

    @Test func `an address that leads to this member itself is left alone for a while, and may then lead to another`() throws {
        let bench = NodeBench()
        let address = PeerAddress(host: "192.168.0.1", port: 1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 100, at: address)
        #expect(bench.closed(link) == .ourself)
        let state = { bench.node.status(at: bench.time).peers.map(\.state) }
        for _ in 0..<3 {
            let before = bench.directives.count
            bench.pass(DialTable.ourselfWait / 2 - 200)
            #expect(!bench.directives[before...].contains { if case .dial = $0 { true } else { false } })
            bench.pass(DialTable.ourselfWait / 2 + 200)
            #expect(bench.directives[before...].contains { if case .dial(address) = $0 { true } else { false } })
            #expect(state() == [.ourself])
            _ = try bench.dial(member: 100, at: address)
        }
        #expect(bench.directives.count { if case .note(.ourself) = $0 { true } else { false } } == 1, "it is said once")
        bench.pass(DialTable.ourselfWait)
        let link2 = try bench.dial(member: 1, at: address)
        #expect(bench.closed(link2) == nil)
        #expect(state() == [.copying])
    }

    @Test func `two addresses of one member are one link`() throws {
        let bench = NodeBench()
        let (one, two) = (PeerAddress(host: "10.1.0.1", port: 1), PeerAddress(host: "10.1.0.2", port: 1))
        bench.tell { $0.members([one, two], isComplete: true, at: bench.time) }
        let (first, second) = (try bench.dial(member: 1, at: one), try bench.dial(member: 1, at: two))
        #expect(bench.closed(first) == nil)
        #expect(bench.closed(second) == .duplicate)
        // The first one having ended, the other address is tried.
        let told = bench.tell { $0.linkClosed(first, at: bench.time) } + bench.tell { $0.tick(at: bench.time) }
        #expect(told.contains { if case .dial(two) = $0 { true } else { false } })
    }

    @Test func `a refusal after the proof is told as one, and not as a leaving`() throws {
        let bench = NodeBench()
        bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: bench.address(1))
        bench.say(.goodbye(.refused(.full)), on: link)
        #expect(bench.closed(link) == .refusedBy(.full))
        #expect(bench.directives.contains { if case .note(.lost(_, _, .refusedBy(.full))) = $0 { true } else { false } })
    }

    @Test func `a member that nobody names any more stays one while it lives, and is dialed for a while once it is silent`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        for _ in 0..<200 {
            bench.say(.pong(token: .max), on: link)
            bench.pass(1_000)
        }
        #expect(bench.closed(link) == nil)
        bench.pass(2_000)
        #expect(bench.closed(link) == .silent)
        let again = try bench.dial(member: 1, at: address)
        #expect(bench.closed(again) == nil, "it was cut off for a moment")
        bench.pass(3_000)
        #expect(bench.closed(again) == .silent)
        bench.pass(DialTable.patience)
        let forgotten = bench.directives.count
        bench.pass(60_000)
        #expect(!bench.directives[forgotten...].contains { if case .dial = $0 { true } else { false } })
        #expect(bench.node.status(at: bench.time).peers.isEmpty)
    }

    @Test func `a member that nobody names is forgotten with its goodbye`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        bench.say(.goodbye(.leaving), on: link)
        #expect(bench.closed(link) == .leaving)
        #expect(bench.node.status(at: bench.time).peers.isEmpty)
        // In the usual order: it leaves, and then nobody names it.
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        bench.say(.goodbye(.leaving), on: try bench.dial(member: 1, at: address))
        #expect(bench.node.status(at: bench.time).peers.count == 1)
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        #expect(bench.node.status(at: bench.time).peers.isEmpty)
    }

    @Test func `a member that only reads from us is dialed for as long as it reads, whether or not anybody names it`() throws {
        let bench = NodeBench()
        let address = HandshakeTests.hello(1).address
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.tell { $0.dialFailed(address, at: bench.time) }
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        let before = bench.directives.count
        bench.pass(1_000)
        #expect(bench.directives[before...].contains { if case .dial(address) = $0 { true } else { false } })
        bench.tell { $0.linkClosed(link, at: bench.time) }
        #expect(bench.node.status(at: bench.time).peers.isEmpty, "it never answered there")
    }

    @Test func `of members that nobody names there are as many as may read from us`() throws {
        var limits = NodeLimits()
        limits.acceptedLinks = 2
        let bench = NodeBench(limits: limits)
        let addresses = (1...3).map { bench.address($0) }
        bench.tell { $0.members(Set(addresses), isComplete: true, at: bench.time) }
        let links = try (1...3).map { try bench.dial(member: $0, at: addresses[Int($0) - 1]) }
        bench.tell { $0.members([], isComplete: true, at: bench.time) }
        #expect(links.map(bench.closed) == [nil, nil, .notMember])
    }

    @Test func `a copy that is cut short makes nobody ready`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        let copy = FrameCodec.encode(FrameCodecTests.states, as: .copy)
        for _ in 0..<2 {
            bench.say(.copyStart(afterGap: false), on: link)
            for part in copy { bench.say(part.frame, on: link) }
            bench.say(.copyEnd(CopySummary(count: 4, hash: copy[0].hash, isReady: true)), on: link)
        }
        #expect(!bench.directives.contains { if case .becameReady = $0 { true } else { false } })
        #expect(bench.closed(link) == .malformed(.value), "a second copy in a row that is not whole")
    }

    @Test func `who leaves tells everything before it says goodbye, however much there is`() throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        let count = 2 * Node.drainBudget * Node.drainsPerCall + 1
        for number in 0..<count { bench.register(number) }
        bench.tell { $0.leave(at: bench.time) }
        #expect(!bench.node.isFlushed)
        // As after a storm: news comes in between.
        bench.tell { $0.localChanges(at: bench.time) }
        bench.pass(300)
        var said = try bench.frames(on: link).drop { $0.name != "copyEnd" }.dropFirst()
        guard case .goodbye(.leaving)? = said.popLast() else {
            Issue.record("the goodbye is not the last word")
            return
        }
        let told = said.reduce(0) { if case .changes(let states) = $1 { $0 + states.count } else { $0 } }
        #expect(told == count)
        #expect(!bench.node.isFlushed, "nothing is acknowledged yet")
        bench.say(.acknowledge(changes: UInt64(count)), on: link)
        #expect(bench.node.isFlushed)
    }

    @Test func `who leaves with nobody there has left when the rest is let go`() {
        let bench = NodeBench()
        for number in 0...Node.drainBudget * Node.drainsPerCall { bench.register(number) }
        bench.tell { $0.leave(at: bench.time) }
        #expect(!bench.node.isFlushed)
        bench.pass(100)
        #expect(bench.node.isFlushed)
    }

    /// What tells a member of a change with this version, in each way that there is.
    static func tales(_ version: Version) -> [[UInt8]] {
        let states = [
            Replicated(namespace: Namespace("t"), replica: .present(FrameCodecTests.instance, version, Heartbeat(age: 0, wall: 0))),
            Replicated(namespace: Namespace("t"), replica: .absent(.digest(1), version)),
            Replicated(namespace: Namespace("t"), replica: .renewed(.digest(2), version, Heartbeat(age: 0, wall: 0))),
        ]
        let key = KeyedVersion(namespace: Namespace("t"), id: .digest(1), version: version, isPresent: false)
        let lists: [FrameCodec.StateList] = [.copy, .changes, .relayed, .states]
        return lists.flatMap { list in states.map { FrameCodec.encode([$0], as: list)[0].frame } } + [
            FrameCodec.encode(.keys([key], isCut: false))
        ]
    }

    /// The link that tells all of it, and the time of what is registered here afterwards less the wall clock's.
    private static func hear(stampedAhead milliseconds: Int64) throws -> [(end: CloseReason?, lead: Int64)] {
        let wall = NodeBench.time(1_000).wall / 1_000_000
        let version = Version(time: HybridTime(bits: UInt64(wall + milliseconds) << 16), origin: MemberID(bits: 1))
        return try tales(version).map { tale in
            let bench = NodeBench()
            bench.tell { $0.members([bench.address(1)], isComplete: true, at: bench.time) }
            let link = try bench.dial(member: 1, at: bench.address(1))
            bench.say(tale, on: link)
            bench.register(7)
            let own = try #require(bench.store.record(.digest(7), in: Namespace("t"), at: bench.time.moment)?.replica.version)
            return (bench.closed(link), own.time.milliseconds - wall)
        }
    }

    @Test func `a change from further ahead than a clock can be wrong ends the link and moves no clock`() throws {
        let ahead = SubscriberSession.farthestAhead + 1
        for (end, lead) in try Self.hear(stampedAhead: ahead) {
            #expect(end == .malformed(.future(milliseconds: ahead)))
            #expect(lead == 0)
        }
    }

    /// A change that was accepted stands, whatever clock it was accepted by.
    @Test(arguments: [0, 315_360_000_000, SubscriberSession.farthestAhead])
    func `a change of a clock that is wrong stands, and what is changed knowing of it is later`(ahead: Int64) throws {
        let heard = try Self.hear(stampedAhead: ahead)
        #expect(heard.allSatisfy { $0.end == nil })
        #expect(heard.contains { $0.lead == ahead })
    }

    @Test func `a member whose peer hangs up in the middle of its copy, again and again, is not ready before the peer is silent`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        func isReady() -> ReadinessGround? {
            bench.directives.lazy.compactMap { if case .becameReady(let ground) = $0 { ground } else { nil } }.first
        }
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let timeout = bench.node.configuration.syncTimeout
        while bench.now < 4 * timeout {
            bench.pass(6_000)
            let link = try bench.dial(member: 1, at: address)
            bench.say(.copyStart(afterGap: false), on: link)
            bench.pass(1_000)
            bench.tell { $0.linkClosed(link, at: bench.time) }
            #expect(isReady() == nil, "at \(bench.now)")
        }
        #expect(bench.directives.count { if case .note(.copyOverdue) = $0 { true } else { false } } == 1)
        // It was last heard a second ago, when it began.
        bench.pass(timeout - 1_200)
        #expect(isReady() == nil)
        bench.pass(400)
        #expect(isReady() == .timeout(peersAnswered: true))
    }

    @Test func `a renewal of something unknown brings the whole`() throws {
        let bench = NodeBench()
        let address = bench.address(1)
        bench.tell { $0.members([address], isComplete: true, at: bench.time) }
        let link = try bench.dial(member: 1, at: address)
        bench.say(FrameCodec.encode([FrameCodecTests.states[2]], as: .changes)[0].frame, on: link)
        bench.pass(100)
        let asked = try bench.frames(on: link).compactMap { if case .askStates(let keys) = $0 { keys } else { nil } }
        #expect(asked == [[StateKey(namespace: Namespace("tenant"), id: .digest(1))]])
        #expect(try bench.frames(on: link).contains { if case .acknowledge(1) = $0 { true } else { false } })
    }

    @Test func `who leaves has said everything first`() throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.register(1)
        let told = bench.tell { $0.leave(at: bench.time) }
        #expect(try bench.frames(on: link, in: told).map(\.name) == ["changes", "goodbye"])
        #expect(!bench.node.isFlushed)
        bench.say(.acknowledge(changes: 1), on: link)
        #expect(bench.node.isFlushed)
    }
}
