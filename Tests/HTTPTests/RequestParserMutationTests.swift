// Random damage done to the corpus: whatever comes, the gate neither crashes nor passes what its limits forbid, and
// splits change nothing.

import HTTP
import TestRandom
import Testing

@Suite struct RequestParserMutationTests {
    private static let limits: RequestLimits = {
        var limits = RequestLimits()
        limits.target = 60
        limits.head = 300
        limits.headerLines = 6
        limits.body = 40
        return limits
    }()

    /// Bytes that mean something to the framing.
    private static let sharp: [UInt8] = [
        0x00, 0x09, 0x0A, 0x0D, 0x20, 0x2F, 0x30, 0x31, 0x3A, 0x3B, 0x66, 0x7F, 0x80, 0xFF,
    ]
    private static let tokens = [
        "\r\n", "\r\n\r\n", "\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "0\r\n\r\n",
        "5\r\nhello\r\n",
        "GET / HTTP/1.1\r\n",
        "Expect: 100-continue\r\n", " ", ": ", "ffffffff\r\n",
    ].map { Array($0.utf8) }

    private func mutate(_ bytes: inout [UInt8], using generator: inout SplitMix64) {
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let index = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0 where index < bytes.count: bytes[index] = .random(in: .min ... .max, using: &generator)
            case 1 where index < bytes.count: bytes[index] = Self.sharp.randomElement(using: &generator) ?? 0
            case 2 where index < bytes.count: bytes.remove(at: index)
            case 3: bytes.insert(contentsOf: Self.tokens.randomElement(using: &generator) ?? [], at: index)
            case 4: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 0...8, using: &generator)))
            default:
                // Lines and chunks come twice.
                let end = min(bytes.count, index + Int.random(in: 0...40, using: &generator))
                bytes.insert(contentsOf: Array(bytes[index..<end]), at: index)
            }
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `damaged requests crash nothing, pass no limit, and are judged alike in any pieces`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let small = RawRequest.all.filter { $0.bytes.count < 300 }
        let good = small.filter { $0.refusal == nil }
        var passed = 0
        for round in 0..<1_000 {
            guard var bytes = (round % 2 == 0 ? small : good).randomElement(using: &generator)?.bytes else { return }
            mutate(&bytes, using: &generator)
            let verdict = ParserVerdict(bytes, limits: Self.limits)
            let split = ParserVerdict(bytes.pieces(upTo: 9, using: &generator), limits: Self.limits)
            passed += verdict.passed.count
            if split != verdict || !verdict.passed.allSatisfy(isWithinLimits) {
                Issue.record(
                    "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self).debugDescription): \(verdict), split \(split)"
                )
            }
        }
        #expect(passed > 100, "seed \(seed): the damage is so great that nothing is tested")
    }

    private func isWithinLimits(_ head: ParserVerdict.Passed) -> Bool {
        let limits = Self.limits
        return head.target.count <= limits.target
            && (head.target.first == UInt8(ascii: "/") || head.method == .options && head.target == [UInt8(ascii: "*")])
            && head.bytes.count <= limits.head
            && (head.declaredLength ?? 0) <= limits.body && !head.bytes.contains(0) && !head.target.contains(0x20)
            // The request line and the empty line are no header lines.
            && head.bytes.count { $0 == 0x0A } <= limits.headerLines + 2
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `bytes at random crash nothing`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<1_000 {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? UInt8.random(in: .min ... .max, using: &generator)
                    : Self.sharp.randomElement(using: &generator) ?? 0
            }
            let head = Array("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            for start in [[], head] {
                let split = ParserVerdict((start + bytes).pieces(upTo: 50, using: &generator))
                if split != ParserVerdict(start + bytes) { Issue.record("seed \(seed): \(start + bytes)") }
            }
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `good requests in any order, split anywhere, all pass with what they carry`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        for round in 0..<200 {
            var bytes: [UInt8] = []
            var expected: [Int?] = []
            for index in 0..<Int.random(in: 1...12, using: &generator) {
                // A body of anything at all: framing must not look inside.
                let body = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                    Self.sharp.randomElement(using: &generator) ?? 0
                }
                bytes += Array("PUT /\(index) HTTP/1.1\r\nHost: a\r\n".utf8)
                if Bool.random(using: &generator) {
                    bytes += Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body
                    expected.append(body.count)
                } else {
                    bytes += Array("Transfer-Encoding: chunked\r\n\r\n".utf8)
                    for chunk in body.pieces(upTo: 60, using: &generator) where !chunk.isEmpty {
                        bytes += Array("\(String(chunk.count, radix: 16))\r\n".utf8) + chunk + [0x0D, 0x0A]
                    }
                    bytes += Array("0\r\n\r\n".utf8)
                    expected.append(nil)
                }
            }
            let verdict = ParserVerdict(bytes.pieces(upTo: 100, using: &generator))
            #expect(verdict.passed.map(\.declaredLength) == expected, "seed \(seed), round \(round)")
            #expect(
                verdict.passed.indices.allSatisfy { verdict.passed[$0].target == Array("/\($0)".utf8) },
                "seed \(seed), round \(round)")
            #expect(verdict.isIdle, "seed \(seed), round \(round)")
        }
    }
}
