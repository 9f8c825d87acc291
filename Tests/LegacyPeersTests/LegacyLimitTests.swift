import Catalog
import TestRandom
import Testing

@testable import LegacyPeers
@testable import Replication

/// What is taken from an original has to fit into the frames in which members of ours tell it each other: one that does
/// not would break every link.
struct LegacyLimitTests {
    private static let characters: [Character] = ["a", "~", "\"", "\\", "\u{0}", "\u{7F}", "é", "€", "\u{FFFD}", "😀"]

    /// Text of at most so many bytes, often of nearly as many.
    private func text(_ limit: Int, _ random: inout SplitMix64) -> String {
        let size = Bool.random(using: &random) ? limit : Int.random(in: 1...limit, using: &random)
        let character = Self.characters.randomElement(using: &random) ?? "a"
        let count = max(1, size / character.utf8.count)
        return String(repeating: character, count: count)
    }

    private func number(_ random: inout SplitMix64) -> Int64 {
        let edges: [Int64] = [.min, -1, 0, 1, 999_999, 1_000_000, .max - 1, .max, OneOfOurs.start]
        return Bool.random(using: &random)
            ? edges.randomElement(using: &random) ?? 0 : Int64.random(in: .min ... .max, using: &random)
    }

    private func instance(_ random: inout SplitMix64) -> OriginalInstance {
        let kind = Endpoint.Kind.allCases.randomElement(using: &random) ?? .tcp
        let large = Int.random(in: 0..<8, using: &random) == 0
        let tags =
            large
            ? (0..<Int.random(in: 0...30_000, using: &random)).map { _ in "t" }
            : [text(100, &random), text(100, &random)]
        let metadata = Array("\"\(String(repeating: "m", count: large ? 40_000 : 4))\"".utf8)
        return OriginalInstance(
            id: Array(text(OriginalInstance.idLimit, &random).utf8),
            serviceName: text(OriginalInstance.nameLimit, &random),
            endpointType: kind.rawValue, endpointValue: text(OriginalInstance.endpointLimit, &random),
            status: text(OriginalInstance.statusLimit, &random), metadata: metadata, registered: number(&random),
            lastRenewal: number(&random), ttl: max(1, number(&random) & .max), tags: tags,
            extra: bytes(large ? #"{"eureka":"x"}"# : "{}"))
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `what can be taken from an original can be told to members of ours`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let member = OneOfOurs()
        let link = member.openStream()
        for _ in 0..<20 {
            let instance = instance(&random)
            let kind = [OriginalEnvelope.Kind.live, .copy, .repair].randomElement(using: &random) ?? .live
            member.receive(.register(instance), kind: kind, on: link)
            let status = text(OriginalInstance.statusLimit, &random)
            let next: OriginalMessage =
                [.renew(id: instance.id), .setStatus(id: instance.id, status: status), .deregister(id: instance.id)]
                .randomElement(using: &random) ?? .renew(id: instance.id)
            member.receive(next, on: link)
        }
        #expect(member.originals.status.counts.received > 0)
        var told = member.store.copy(from: .start, limit: 1_000, at: member.moment).items
        for case .merged(let states, _) in member.directives { told += states }
        for state in told {
            let frame = FrameCodec.encode([state], as: .copy)[0].frame
            var assembly = FrameAssembly(limit: FrameCodec.longest)
            assembly.append(frame)
            guard case .copy(let read)? = try assembly.next() else { Issue.record("no frame, seed \(seed)"); continue }
            #expect(read.states.map(\.replica.id) == [state.replica.id], "seed \(seed)")
        }
    }

    @Test(
        arguments: [
            (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2), (.max - 775_807, 9_223_372_036_854),
            (.max, 9_223_372_036_854),
        ] as [(Int64, Int64)])
    func `a lease is not shortened, but for the longest`(nanoseconds: Int64, milliseconds: Int64) throws {
        var instance = OneOfOurs().instance("i")
        instance.ttl = nanoseconds
        #expect(try instance.instance().ttl == milliseconds)
    }
}
