// A state goes through its bytes and comes back as it was, and no bytes do anything but give a state or fail.

import TestRandom
import Testing

@testable import Catalog

struct StateCodecTests {
    private static let texts = [
        "", "a", "reviews", String(repeating: "n", count: 127), composed, decomposed, "日本", "😀",
    ]

    private static func instance(_ random: inout SplitMix64) -> Instance {
        func text() -> String { texts.randomElement(using: &random) ?? "" }
        func block() -> [UInt8]? {
            Bool.random(using: &random)
                ? nil : (0..<Int.random(in: 0...200, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
        }
        let further: [UInt8]? = Bool.random(using: &random) ? nil : [9, 2, 0xAA, 0xBB, 7, 0]
        return Instance(
            id: id(&random), serviceName: Name(text()),
            endpoint: Endpoint(kind: Endpoint.Kind.allCases.randomElement(using: &random) ?? .tcp, value: text()),
            status: [.up, .starting, .outOfService, InstanceStatus("DOWN"), InstanceStatus("")].randomElement(
                using: &random) ?? .up,
            ttl: [1, 127, 30_000, StateLimits.ttls.upperBound].randomElement(using: &random) ?? 1,
            tags: (0..<Int.random(in: 0...4, using: &random)).map { _ in text() }, metadata: block(), extra: block(),
            further: further,
            registered: .random(in: .min ... .max, using: &random))
    }

    private static func id(_ random: inout SplitMix64) -> InstanceID {
        Bool.random(using: &random)
            ? .digest(.random(in: 0 ... .max, using: &random))
            : .text(Name("web/\(texts.randomElement(using: &random) ?? "")"))
    }

    private static func state(_ random: inout SplitMix64) -> Replicated {
        let version = Version(
            time: HybridTime(bits: UInt64.random(in: 0..<UInt64.max << 32, using: &random)),
            origin: MemberID(bits: .random(in: 0 ... .max, using: &random)))
        let heartbeat = Heartbeat(
            age: .random(in: 0...1_000_000, using: &random), wall: .random(in: .min ... .max, using: &random))
        let replica: Replica =
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                .absent(
                    id(&random), version, age: .random(in: 0...1_000, using: &random),
                    override: Bool.random(using: &random)
                        ? StatusOverride(.drain(for: 5_000_000), version, at: 7, who: "me") : nil)
            case 1: .renewed(id(&random), version, heartbeat)
            case 2: .service(Name(texts.randomElement(using: &random) ?? ""), override(version, &random))
            default: .present(instance(&random), version, heartbeat)
            }
        return Replicated(namespace: Namespace(texts.randomElement(using: &random) ?? ""), replica: replica)
    }

    private static func override(_ version: Version, _ random: inout SplitMix64) -> StatusOverride {
        let orders = [OverrideOrder.drain(for: 5_000_000), .set(.starting, until: 9), .set(.up, until: nil), .remove]
        return StatusOverride(orders.randomElement(using: &random) ?? .remove, version, at: 7, who: "me")
    }

    /// The states that these bytes hold, one after the other, each after its count.
    private static func read(_ bytes: [UInt8]) throws(StateError) -> [Replicated?] {
        var cursor = ByteCursor(0..<bytes.count)
        var (states, last) = ([Replicated?](), Namespace?.none)
        while cursor.remaining > 0 {
            let field = try cursor.block(bytes.span, atMost: .max)
            states.append(try StateCodec.decode(bytes.span, in: field.content, last: &last))
        }
        return states
    }

    private static func bytes(_ states: [Replicated]) -> [UInt8] {
        states.reduce(into: []) { StateCodec.append($1, to: &$0) }
    }

    @Test(arguments: 0..<50)
    func `states come back as they were`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let states = (0..<40).map { _ in Self.state(&random) }
        let back = try Self.read(Self.bytes(states))
        try #require(back.count == states.count, "seed \(seed)")
        for (sent, came) in zip(states, back) {
            let came = try #require(came, "seed \(seed)")
            #expect(came.namespace == sent.namespace, "seed \(seed)")
            switch (sent.replica, came.replica) {
            case (
                .present(let sent, let version, let heartbeat), .present(let came, let otherVersion, let otherHeartbeat)
            ):
                #expect(sent == came && version == otherVersion && heartbeat == otherHeartbeat, "seed \(seed)")
                #expect(sent.id == came.id, "seed \(seed)")
                let (tags, others): ([[UInt8]], [[UInt8]]) = (
                    sent.tags.map { Array($0.utf8) }, came.tags.map { Array($0.utf8) }
                )
                #expect(tags == others, "seed \(seed)")
                #expect(
                    sent.metadata == came.metadata && sent.extra == came.extra && sent.further == came.further,
                    "seed \(seed)")
            case (
                .absent(let sent, let version, let age, let override),
                .absent(let came, let otherVersion, let otherAge, let otherOverride)
            ):
                #expect(
                    sent == came && version == otherVersion && age == otherAge && override == otherOverride,
                    "seed \(seed)")
            case (
                .renewed(let sent, let version, let heartbeat), .renewed(let came, let otherVersion, let otherHeartbeat)
            ):
                #expect(sent == came && version == otherVersion && heartbeat == otherHeartbeat, "seed \(seed)")
            case (.service(let sent, let override), .service(let came, let otherOverride)):
                #expect(sent == came && override == otherOverride, "seed \(seed)")
            default: Issue.record("another kind came back: seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<50)
    func `bytes that were changed or cut give a state or fail`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var bytes = Self.bytes([Self.state(&random)])
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: .min ... .max, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            // What is read can be written and read again.
            guard let states = try? Self.read(bytes) else { continue }
            let again = try? Self.read(Self.bytes(states.compactMap { $0 }))
            #expect(again?.count == states.count { $0 != nil }, "seed \(seed)")
        }
    }

    @Test func `a known status is the same however it is spelt`() throws {
        let instance = Instance(
            id: .digest(1), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "v"),
            status: InstanceStatus("starting"), ttl: 1,
            tags: [], metadata: nil, registered: 0)
        var bytes = Self.bytes([
            Replicated(namespace: Namespace("t"), replica: .present(instance, .none, Heartbeat(age: 0, wall: 0)))
        ])
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "STARTING".utf8) })
        for (index, letter) in "Starting".utf8.enumerated() { bytes[place + index] = letter }
        guard case .present(let came, _, _) = try #require(try Self.read(bytes).first ?? nil).replica else {
            Issue.record("not the state that was sent")
            return
        }
        #expect(came == instance && came.status == .starting)
    }

    @Test func `a kind of a newer release is passed over, and what it adds to a state too`() throws {
        let known = Replicated(namespace: Namespace("t"), replica: .absent(.digest(1), .none, age: 5))
        var longer = Self.bytes([known])
        longer[0] += 2
        longer += [1, 2]
        let states = try Self.read([4, 99, 1, 2, 3] + longer)
        #expect(states.count == 2 && states[0] == nil)
        guard case .absent(.digest(1), .none, 5, nil) = try #require(states[1]).replica else {
            Issue.record("not the state that was sent")
            return
        }
    }
}
