// One node, spoken to frame by frame, and the other ends of its links. What members make of one another is the
// simulation's.

import Catalog
import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

/// A node under test and the other ends of its links, which say what the test wants.
final class NodeBench {
    var now: MonotonicTime = 1_000
    let store: Store
    private(set) var node: Node
    private(set) var directives: [Directive] = []
    private var handshakes: [LinkID: (handshake: Handshake, assembly: FrameAssembly)] = [:]
    private var lastLink: UInt64 = 0
    /// The last ping of each link that was answered.
    private var answered: [LinkID: UInt64] = [:]

    init(
        limits: NodeLimits = .withoutLinking, authenticator: Authenticator? = nil,
        configure: (inout NodeConfiguration) -> Void = { _ in }
    ) {
        store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 100))
        var configuration = NodeConfiguration(
            member: MemberID(bits: 100), name: "under-test", address: PeerAddress(host: "10.0.0.100", port: 6_100))
        configuration.limits = limits
        configure(&configuration)
        node = Node(
            configuration, store: store, random: SplitMix64(seed: 1), authenticator: authenticator, at: Self.time(1_000)
        )
    }

    static func time(_ now: MonotonicTime) -> NodeTime {
        let wall = (1_790_000_000_000 + now.milliseconds) * 1_000_000
        return NodeTime(
            moment: Moment(
                monotonic: now, lease: LeaseTime(milliseconds: now.milliseconds), wall: wall), wall: wall)
    }

    var time: NodeTime { Self.time(now) }

    @discardableResult
    func tell(_ call: (Node) -> [Directive]) -> [Directive] {
        #if DEBUG
            let before = node.startup
            defer { for broken in node.checkInvariants(since: before) { Issue.record("at \(now): \(broken)") } }
        #endif
        let new = call(node)
        directives += new
        return new
    }

    func pass(_ interval: Duration) {
        let end = now + interval
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
    func accept(
        member: UInt64, secret: String? = nil, boundTo: Set<String>? = nil,
        versions: ClosedRange<UInt16> = FrameCodec.versions
    ) throws -> LinkID {
        let link = newLink()
        try greet(
            link, member: member, as: .dialed, secret: secret, versions: versions,
            opened: tell { $0.linkOpened(link, role: .accepted, address: address(member), boundTo: boundTo, at: time) })
        return link
    }

    /// A member is dialed, and proves itself.
    func dial(
        member: UInt64, at address: PeerAddress, secret: String? = nil,
        versions: ClosedRange<UInt16> = FrameCodec.versions
    ) throws -> LinkID {
        let link = newLink()
        try greet(
            link, member: member, as: .accepted, secret: secret, versions: versions,
            opened: tell { $0.linkOpened(link, role: .dialed, address: address, boundTo: nil, at: time) })
        return link
    }

    func address(_ member: UInt64) -> PeerAddress { PeerAddress(host: "10.0.0.\(member)", port: 6_100) }

    private func greet(
        _ link: LinkID, member: UInt64, as role: LinkRole, secret: String?, versions: ClosedRange<UInt16>,
        opened: [Directive]
    ) throws {
        var opening: [UInt8] = []
        var other = Handshake(
            role: role, hello: HandshakeTests.hello(member, versions: versions), boundTo: nil, opening: &opening)
        var heard = opened
        heard += say(opening, on: link)
        for frame in try frames(on: link, in: heard) {
            guard other.proven == nil else { break }
            if case .send(let bytes) = try other.received(frame, authenticator: secret.map { .test($0) }) {
                say(bytes, on: link)
            }
        }
    }

    /// Pings as a member that is ready, and answers what it was pinged.
    func ready(_ link: LinkID) throws {
        say(
            .ping(Beat(token: UInt64(now.milliseconds), wall: time.wall / 1_000_000, isReady: true, hears: [])),
            on: link)
        try pong(link)
    }

    /// Answers the last ping, unless that was answered already.
    func pong(_ link: LinkID) throws {
        let last = try frames(on: link).compactMap { if case .ping(let beat) = $0 { beat.token } else { nil } }.last
        guard let last, last != answered[link] else { return }
        answered[link] = last
        say(.pong(token: last), on: link)
    }

    /// A member reads from this one, and is waited for.
    func acceptPrompt(member: UInt64) throws -> LinkID {
        let link = try accept(member: member)
        say(.subscribe, on: link)
        try ready(link)
        return link
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
            id: .digest(UInt64(number)), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"),
            status: .up, ttl: 30_000,
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

extension NodeLimits {
    /// Clients are answered with a copy alone: for tests of what comes after.
    static var withoutLinking: NodeLimits {
        var limits = NodeLimits()
        limits.linkingTime = 0
        return limits
    }
}
