// Every frame comes back as it was sent, whatever pieces it comes in, and no bytes do anything but give a frame, ask
// for more or fail.

import Catalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

struct FrameCodecTests {
    static func hello(name: String = "one", versions: ClosedRange<UInt16> = FrameCodec.versions) -> Hello {
        Hello(
            versions: versions, member: MemberID(bits: 7), address: PeerAddress(host: "10.0.0.1", port: 6_100),
            name: name,
            nonce: (0..<32).map { UInt8($0) },
            beat: Beat(
                token: 5, wall: 1_790_000_000_000, isReady: true, isExtended: true,
                hears: [MemberID(bits: 1), MemberID(bits: 2)]))
    }

    static var drainedBeat: Beat {
        var beat = hello().beat
        beat.isDrained = true
        return beat
    }

    static let version = Version(time: HybridTime(bits: 117_309_441_330_184_192), origin: MemberID(bits: 9))
    static let heartbeat = Heartbeat(age: 1_234, wall: 1_790_000_000_000_000_000)
    static let instance = Instance(
        id: .text(Name("päivä")), serviceName: Name("reviews"), endpoint: Endpoint(kind: .https, value: "10.9.0.1:443"),
        status: .outOfService,
        ttl: 30_000, tags: ["", "v1"], metadata: Array("{\"a\":[1,null]}".utf8), extra: Array("{}".utf8),
        registered: 1_790_000_000_000_000_001)
    static let states = [
        Replicated(namespace: Namespace("tenant"), replica: .present(instance, version, heartbeat)),
        Replicated(namespace: Namespace(""), replica: .absent(.digest(0xFEED), version)),
        Replicated(namespace: Namespace("tenant"), replica: .renewed(.digest(1), version, heartbeat)),
    ]

    static let frames: [Frame] = [
        .hello(hello(), raw: []), .proof([]), .proof(Array(repeating: 7, count: 32)), .ping(hello().beat),
        .ping(drainedBeat),
        .pong(token: .max),
        .goodbye(.leaving), .goodbye(.refused(.secret)), .goodbye(.other), .subscribe, .acknowledge(changes: 300),
        .relay([MemberID(bits: 3)]), .askBuckets, .askKeys([0, 4_095]),
        .reaches([Reach(member: MemberID(bits: 8), hops: 2)]),
        .askStates([StateKey(namespace: Namespace("tenant"), id: .text(Name("x")))]), .copyStart(afterGap: true),
        .copyEnd(CopySummary(count: 3, hash: 4, isReady: false, isExtended: true)), .root(0xABCD),
        .buckets((0..<BucketDigest.bucketCount).map { UInt64($0 % 3) }),
        .keys(
            [
                KeyedVersion(namespace: Namespace("t"), id: .digest(5), version: version, isPresent: false),
                KeyedVersion(
                    namespace: Namespace("t"), id: .digest(6), version: .none, isPresent: true, override: version),
            ], isCut: true),
        .copy(States(states: states, count: 3, hash: 0)), .changes(States(states: states, count: 3, hash: 0)),
        .relayed(States(states: states, count: 3, hash: 0)), .states(States(states: states, count: 3, hash: 0)),
        .unknown(type: 200),
        .question(number: 3, StateKey(namespace: Namespace("tenant"), id: .text(Name("x")))),
        .answer(number: .max, States(states: states, count: 3, hash: 0)),
        .answer(number: 4, States(states: [], count: 0, hash: 0)),
        .notice(.leftOut), .notice(.waitedFor), .notice(.neverWaits),
    ]

    static func read(_ bytes: [UInt8], limit: Int = FrameCodec.longest, piece: Int = .max) throws(FrameError) -> [Frame]
    {
        var assembly = FrameAssembly(limit: limit)
        var frames: [Frame] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            assembly.append(Array(rest.prefix(piece)))
            rest = rest.dropFirst(piece)
            while let frame = try assembly.next() { frames.append(frame) }
        }
        return frames
    }

    @Test func `every frame comes back as it was sent`() throws {
        for frame in Self.frames {
            let bytes = FrameCodec.encode(frame)
            let back = try Self.read(bytes)
            #expect(back.count == 1)
            #expect(back.map(FrameCodec.encode) == [bytes], "\(frame)")
        }
    }

    @Test(arguments: [1, 2, 3, 7, 64])
    func `frames come whole out of pieces of any size`(piece: Int) throws {
        let bytes = Self.frames.flatMap(FrameCodec.encode)
        #expect(try Self.read(bytes, piece: piece).flatMap(FrameCodec.encode) == bytes)
    }

    @Test func `an instance travels with all it said of itself`() throws {
        let frames = FrameCodec.encode(Self.states, as: .changes)
        guard case .changes(let states) = try #require(try Self.read(frames.flatMap(\.frame)).first),
            case .present(let instance, let version, let heartbeat) = states.states[0].replica
        else {
            Issue.record("not the frame that was sent")
            return
        }
        let sent = Self.instance
        #expect(version == Self.version)
        #expect(heartbeat == Self.heartbeat)
        #expect(states.states[0].namespace == Namespace("tenant"))
        #expect(
            instance.id == sent.id && instance.serviceName == sent.serviceName && instance.endpoint == sent.endpoint)
        #expect(instance.status == sent.status && instance.ttl == sent.ttl && instance.tags == sent.tags)
        #expect(instance.metadata == sent.metadata && instance.registered == sent.registered)
        #expect(states.hash == frames[0].hash && states.count == frames[0].count)
    }

    @Test func `what a newer release says of an instance is kept, also with another status, and passed on`() throws {
        let further: [UInt8] = [7, 2, 0xAA, 0xBB, 9, 0]
        let instance = Instance(
            id: .digest(1), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up, ttl: 1_000,
            tags: ["a"],
            metadata: Array("{}".utf8), extra: [1, 2], further: further, registered: 5)
        var told = instance
        for status in [InstanceStatus.up, .outOfService, InstanceStatus("CUSTOM")] {
            let state = Replicated(
                namespace: Namespace("t"),
                replica: .present(told.with(status: status), Self.version, Heartbeat(age: 0, wall: 0)))
            let bytes = FrameCodec.encode([state], as: .changes)[0].frame
            guard case .changes(let states) = try #require(try Self.read(bytes).first),
                case .present(let heard, _, _) = states.states[0].replica
            else {
                Issue.record("not the frame that was sent")
                return
            }
            #expect(heard.further == further)
            #expect(heard == instance.with(status: status))
            #expect(heard.metadata == instance.metadata && heard.extra == instance.extra && heard.tags == instance.tags)
            told = heard
        }
    }

    @Test(arguments: [[7], [7, 200], [7, 2, 0]] as [[UInt8]])
    func `what a newer release says must be whole`(further: [UInt8]) {
        let instance = Instance(
            id: .digest(1), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up, ttl: 1_000,
            tags: [],
            metadata: nil, further: further, registered: 5)
        let state = Replicated(
            namespace: Namespace("t"), replica: .present(instance, Self.version, Heartbeat(age: 0, wall: 0)))
        let bytes = FrameCodec.encode([state], as: .changes)[0].frame
        #expect(throws: FrameError.self) { try Self.read(bytes) }
    }

    @Test func `a heartbeat from the future is one of now, so that it lengthens no lease`() throws {
        let bytes = FrameCodec.encode(
            [
                Replicated(
                    namespace: Namespace("t"),
                    replica: .renewed(.digest(1), Self.version, Heartbeat(age: -90_000, wall: 0)))
            ],
            as: .changes)
        guard case .changes(let states) = try #require(try Self.read(bytes.flatMap(\.frame)).first),
            case .renewed(_, _, let heartbeat) = states.states[0].replica
        else {
            Issue.record("not the frame that was sent")
            return
        }
        #expect(heartbeat.age == 0)
    }

    @Test func `a deregistration is as old as it is told to be, and new where that is not told`() throws {
        for (age, cut) in [(Int64(70_000), 0), (0, 8)] {
            let state = Replicated(namespace: Namespace("t"), replica: .absent(.digest(1), Self.version, age: 70_000))
            var bytes = FrameCodec.encode([state], as: .changes)[0].frame
            // A member that does not tell it ends the state after the id.
            bytes.removeLast(cut)
            bytes[0] -= UInt8(cut)
            bytes[FrameCodec.prefix + 2] -= UInt8(cut)
            guard case .changes(let states) = try #require(try Self.read(bytes).first),
                case .absent(.digest(1), Self.version, age, nil) = states.states[0].replica
            else {
                Issue.record("not the frame that was sent: \(age)")
                return
            }
        }
    }

    /// A state, and how long the text in it is.
    static let longStates: [(limit: Int, state: @Sendable (String) -> Replicated)] = [
        (StateLimits.id, { Replicated(namespace: Namespace("t"), replica: .absent(.text(Name($0)), version)) }),
        (
            StateLimits.id,
            { Replicated(namespace: Namespace("t"), replica: .renewed(.text(Name($0)), version, heartbeat)) }
        ),
        (StateLimits.namespace, { Replicated(namespace: Namespace($0), replica: .absent(.digest(1), version)) }),
        (StateLimits.serviceName, { present(service: $0) }), (StateLimits.endpoint, { present(endpoint: $0) }),
        (StateLimits.tags - 1, { present(tags: [$0]) }), (StateLimits.status, { present(status: $0) }),
        (StateLimits.metadata, { present(metadata: $0) }), (StateLimits.extra, { present(extra: $0) }),
    ]

    private static func present(
        service: String = "s", endpoint: String = "e", status: String = "UP", tags: [String] = [],
        metadata: String = "1",
        extra: String = "{}"
    ) -> Replicated {
        let instance = Instance(
            id: .digest(1), serviceName: Name(service), endpoint: Endpoint(kind: .tcp, value: endpoint),
            status: InstanceStatus(status),
            ttl: 1_000, tags: tags, metadata: Array(metadata.utf8), extra: Array(extra.utf8), registered: 0)
        return Replicated(namespace: Namespace("t"), replica: .present(instance, version, heartbeat))
    }

    @Test(arguments: longStates.indices)
    func `what is longer than any member takes from its clients is refused`(row: Int) {
        let (limit, state) = Self.longStates[row]
        let (longest, longer) = [0, 1].map { String(repeating: "x", count: limit + $0) }.map { text in
            FrameCodec.encode([state(text)], as: .changes).flatMap(\.frame)
        }.reduce(into: ([UInt8](), [UInt8]())) { pair, bytes in pair = (pair.1, bytes) }
        #expect(throws: Never.self) { _ = try Self.read(longest) }
        #expect(throws: FrameError.self) { _ = try Self.read(longer) }
    }

    @Test func `states of a kind that a newer version has are counted and passed over`() throws {
        var writer = ByteWriter()
        writer.word(UInt32(0))
        writer.byte(35)
        writer.count(2)
        writer.block([99, 1, 2, 3])
        let known = FrameCodec.encode([Self.states[1]], as: .changes)[0].frame
        writer.raw(known[(FrameCodec.prefix + 2)...])
        writer.patch(UInt32(writer.bytes.count - 4), at: 0)
        guard case .changes(let states) = try #require(try Self.read(writer.bytes).first) else {
            Issue.record("not the frame that was sent")
            return
        }
        #expect(states.count == 2)
        #expect(states.states.count == 1)
    }

    @Test func `what a newer version adds to a frame is passed over`() throws {
        var bytes = FrameCodec.encode(.pong(token: 9)) + [1, 2, 3]
        bytes[0] += 3
        guard case .pong(9) = try #require(try Self.read(bytes).first) else {
            Issue.record("not the frame that was sent")
            return
        }
    }

    static let broken: [(bytes: [UInt8], error: FrameError)] = [
        ([0xFF, 0xFF, 0xFF, 0xFF], .tooLong(4_294_967_295)),
        ([0, 0, 0, 0], .empty),
        ([1, 0, 0, 0, 4], .truncated),
        // 2³⁵ states in a frame of seven bytes.
        ([7, 0, 0, 0, 35, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], .value),
        ([6, 0, 0, 0, 35, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], .truncated),
        // A name that is not UTF-8.
        ([9, 0, 0, 0, 21, 1, 1, 0xC3, 0, 0, 0, 0, 0], .text),
        // A flag that is neither.
        ([2, 0, 0, 0, 32, 2], .value),
        // A bucket that no digest has.
        ([4, 0, 0, 0, 20, 1, 0xFF, 0xFF], .value),
    ]

    @Test(arguments: broken)
    func `broken bytes are refused with their reason`(bytes: [UInt8], error: FrameError) {
        #expect(throws: error) { try Self.read(bytes) }
    }

    @Test func `that a member is drained stands behind what older members read of its pings`() throws {
        let (plain, drained) = (
            FrameCodec.encode(.ping(Self.hello().beat)), FrameCodec.encode(.ping(Self.drainedBeat))
        )
        // The length of a frame comes first.
        #expect(drained.dropFirst(FrameCodec.prefix) == plain.dropFirst(FrameCodec.prefix) + [1])
    }

    @Test(arguments: [.min, -1, Beat.walls.upperBound + 1, .max] as [Int64])
    func `a clock that no machine can have is refused`(wall: Int64) {
        let beat = Beat(token: 1, wall: wall, isReady: true, hears: [])
        #expect(throws: FrameError.value) { try Self.read(FrameCodec.encode(.ping(beat))) }
        var hello = Self.hello()
        hello.beat = beat
        #expect(throws: FrameError.value) { try Self.read(FrameCodec.encode(.hello(hello, raw: []))) }
    }

    @Test(arguments: [.min, 0, .max / 1_000_000 + 1, .max] as [Int64])
    func `a TTL that no setting allows is refused, for it is added to and rounded up`(ttl: Int64) {
        let instance = Instance(
            id: .digest(1), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "1"), status: .up, ttl: ttl,
            tags: [],
            metadata: nil, registered: 0)
        let states = [Replicated(namespace: Namespace("t"), replica: .present(instance, Self.version, Self.heartbeat))]
        #expect(throws: FrameError.value) { try Self.read(FrameCodec.encode(states, as: .changes)[0].frame) }
    }

    @Test func `a stranger's frame may be a kilobyte long`() {
        let long = FrameCodec.encode(.relay(Array(repeating: MemberID(bits: 1), count: 200)))
        #expect(throws: FrameError.tooLong(long.count - 4)) { try Self.read(long, limit: FrameCodec.longestUnproven) }
        let hello = FrameCodec.encode(
            .hello(Self.hello(name: String(repeating: "n", count: Hello.nameLength)), raw: []))
        #expect(hello.count <= FrameCodec.longestUnproven)
    }

    @Test func `any bytes give a frame, ask for more or fail, and never more than they are`() {
        for seed in 0..<20_000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var bytes: [UInt8]
            if seed.isMultiple(of: 2), let frame = Self.frames.randomElement(using: &random) {
                // A real frame with a few bytes changed, its length mostly made right again.
                bytes = FrameCodec.encode(frame)
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                        in: .min ... .max, using: &random)
                }
                if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count - 4, using: &random)) }
                if Int.random(in: 0..<4, using: &random) > 0 {
                    for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: (bytes.count - 4) >> (8 * place)) }
                }
            } else {
                bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
                if bytes.count > 5 {
                    for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: (bytes.count - 4) >> (8 * place)) }
                    bytes[4] =
                        [1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21, 32, 33, 34, 35, 36, 37, 38, 39, 40].randomElement(
                            using: &random) ?? 1
                }
            }
            // What is read can be said again: it is whole.
            if let frames = try? Self.read(bytes) { for frame in frames { _ = FrameCodec.encode(frame) } }
        }
    }
}
