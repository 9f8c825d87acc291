// With a secret, what is said behind a proof is believed of nobody but who has made it.

import Catalog
import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

struct FrameSealTests {
    private static let transcript: [UInt8] = [1, 2, 3]
    private static let frames: [Frame] = [.subscribe, .acknowledge(changes: 7), .askBuckets]

    private static func seal(secret: String = "secret", transcript: [UInt8] = transcript) throws -> FrameSeal {
        try #require(FrameSeal(.test(secret), transcript: transcript))
    }

    /// What comes of these bytes behind the proof of who has sealed them.
    private static func read(_ bytes: [UInt8], _ seal: FrameSeal) throws(FrameError) -> [String] {
        var assembly = FrameAssembly(limit: FrameCodec.longest)
        assembly.seal = seal
        assembly.append(bytes)
        var names: [String] = []
        while let frame = try assembly.next() { names.append(frame.name) }
        return names
    }

    private static func sealed(_ seal: FrameSeal) -> [[UInt8]] {
        var seal = seal
        return frames.map { seal.seal(FrameCodec.encode($0)) }
    }

    @Test func `what is sealed is read by who has the key`() throws {
        let bytes = Self.sealed(try Self.seal()).flatMap(\.self)
        #expect(try Self.read(bytes, try Self.seal()) == ["subscribe", "acknowledge", "askBuckets"])
    }

    @Test func `no byte of a sealed frame can be changed`() throws {
        let bytes = try #require(Self.sealed(try Self.seal()).first)
        for index in FrameCodec.prefix..<bytes.count {
            var forged = bytes
            forged[index] ^= 1
            #expect(throws: FrameError.seal) { try Self.read(forged, try Self.seal()) }
        }
    }

    @Test func `frames cannot be left out, said again, or said in another order`() throws {
        let sealed = Self.sealed(try Self.seal())
        for order in [[1], [0, 0], [0, 2], [1, 0], [0, 1, 1]] {
            #expect(throws: FrameError.seal) { try Self.read(order.flatMap { sealed[$0] }, try Self.seal()) }
        }
    }

    @Test func `a key is that of one secret and of one proof`() throws {
        let bytes = Self.sealed(try Self.seal()).flatMap(\.self)
        #expect(throws: FrameError.seal) { try Self.read(bytes, try Self.seal(secret: "another")) }
        #expect(throws: FrameError.seal) { try Self.read(bytes, try Self.seal(transcript: [1, 2])) }
    }

    @Test func `a frame without a code is none`() throws {
        for frame in Self.frames + [.unknown(type: 200)] {
            #expect(throws: FrameError.seal) { try Self.read(FrameCodec.encode(frame), try Self.seal()) }
        }
    }
}

/// Strangers between members: they know no secret, and hand on what those who do say to one another.
struct RelayedProofTests {
    private static let stranger = PeerAddress(host: "10.0.0.66", port: 6_100)
    private static let dialed = LinkID(number: 1), accepted = LinkID(number: 2)

    /// A member with an instance, and the links that a stranger has to it.
    private final class Victim {
        let node: Node
        let store: Store
        private(set) var directives: [Directive] = []

        init(_ number: UInt64) {
            store = Store(namespaceCapacity: nil, replicating: MemberID(bits: number))
            node = Node(
                NodeConfiguration(
                    member: MemberID(bits: number), name: "m",
                    address: PeerAddress(host: "10.0.0.\(number)", port: 6_100)),
                store: store, random: SplitMix64(seed: number), authenticator: .test("secret"),
                at: NodeBench.time(1_000))
        }

        /// What it sends on a link for that.
        func tell(on link: LinkID, _ call: (Node) -> [Directive]) -> [UInt8] {
            let new = call(node)
            directives += new
            return new.flatMap { directive -> [UInt8] in
                if case .send(link, let bytes) = directive { bytes } else { [] }
            }
        }

        func open(_ link: LinkID, _ role: LinkRole) -> [UInt8] {
            tell(on: link) {
                $0.linkOpened(
                    link, role: role, address: RelayedProofTests.stranger, boundTo: nil, at: NodeBench.time(1_000))
            }
        }

        func hear(_ bytes: [UInt8], on link: LinkID) -> [UInt8] {
            tell(on: link) { $0.received(bytes, on: link, at: NodeBench.time(1_000)) }
        }

        /// Why the link was closed.
        func closed(_ link: LinkID) -> CloseReason? {
            directives.lazy.compactMap { if case .close(link, let reason) = $0 { reason } else { nil } }.first
        }
    }

    @Test func `a member that is led back to itself tells nothing`() {
        let victim = Victim(1)
        _ = victim.tell(on: Self.dialed) { $0.members([Self.stranger], isComplete: true, at: NodeBench.time(1_000)) }
        var (toAccepted, toDialed) = (victim.open(Self.dialed, .dialed), victim.open(Self.accepted, .accepted))
        for _ in 0..<2 {
            (toDialed, toAccepted) = (
                victim.hear(toAccepted, on: Self.accepted), victim.hear(toDialed, on: Self.dialed)
            )
        }
        #expect(victim.closed(Self.accepted) == .ourself)
        #expect(victim.hear(FrameCodec.encode(.subscribe), on: Self.accepted).isEmpty)
    }

    @Test func `who hands on the proofs of two members can speak for neither`() throws {
        let (one, two) = (Victim(1), Victim(2))
        let instance = Instance(
            id: .digest(1), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up,
            ttl: 30_000, tags: [],
            metadata: nil,
            registered: 0)
        let moment = NodeBench.time(1_000).moment
        _ = one.store.apply(.register(instance), in: Namespace("t"), at: moment)
        _ = one.tell(on: Self.dialed) { $0.members([Self.stranger], isComplete: true, at: NodeBench.time(1_000)) }
        var (toTwo, toOne) = (one.open(Self.dialed, .dialed), two.open(Self.accepted, .accepted))
        for _ in 0..<2 { (toOne, toTwo) = (two.hear(toTwo, on: Self.accepted), one.hear(toOne, on: Self.dialed)) }
        #expect(one.closed(Self.dialed) == nil && two.closed(Self.accepted) == nil, "their own words must get through")

        let later = Version(time: HybridTime(bits: UInt64(1_790_000_100_000) << 16), origin: MemberID(bits: 2))
        let forged = FrameCodec.encode(
            [Replicated(namespace: Namespace("t"), replica: .absent(.digest(1), later))], as: .changes)[0].frame
        _ = one.hear(forged, on: Self.dialed)
        #expect(one.closed(Self.dialed) == .malformed(.seal))
        #expect(one.store.instance(.digest(1), in: Namespace("t"), at: moment.lease) != nil)
        #expect(two.hear(FrameCodec.encode(.subscribe), on: Self.accepted).isEmpty)
        #expect(two.closed(Self.accepted) == .malformed(.seal))
    }
}
