// Every raw request of the corpus, judged by the gate alone: whole, byte by byte, and in random pieces.

import HTTP
import TestRandom
import Testing

@Suite struct RequestParserCorpusTests {
    @Test func `every line of the corpus can be read, and its names are unique`() {
        #expect(RawRequest.all.count > 250)
        #expect(RawRequest.all.count == RawRequest.lineCount)
        #expect(Set(RawRequest.all.map(\.name)).count == RawRequest.all.count)
    }

    @Test(arguments: RawRequest.all)
    func `the parser's verdict is the corpus's`(_ request: RawRequest) {
        let verdict = ParserVerdict(request.bytes)
        #expect(verdict.passed.count == request.complete, "\(request.rule): \(verdict)")
        #expect(verdict.refusal?.status.rawValue == request.refusal, "\(request.rule): \(verdict)")
    }

    @Test(arguments: RawRequest.all)
    func `byte by byte the verdict is the same`(_ request: RawRequest) {
        let whole = ParserVerdict(request.bytes)
        let split = ParserVerdict(request.bytes.indices.lazy.map { request.bytes[$0...$0] })
        #expect(split == whole)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `however the bytes are split, the verdict is the same`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        for request in RawRequest.all {
            let whole = ParserVerdict(request.bytes)
            for _ in 0..<2 {
                // Small pieces find the seams between lines, large ones the seams between requests.
                let longest = [2, 7, 64, 1_024].randomElement(using: &generator) ?? 1
                let split = ParserVerdict(request.bytes.pieces(upTo: longest, using: &generator))
                if split != whole { Issue.record("seed \(seed): \(request.name): \(split), whole \(whole)") }
            }
        }
    }

    @Test func `splitting in two at any byte changes no verdict`() {
        for request in RawRequest.all where request.bytes.count < 200 {
            let whole = ParserVerdict(request.bytes)
            for cut in request.bytes.indices {
                let split = ParserVerdict([request.bytes[..<cut], request.bytes[cut...]])
                if split != whole { Issue.record("\(request.name), cut at \(cut): \(split), whole \(whole)") }
            }
        }
    }

    @Test func `a refusal's sentence can stand in JSON and in a log line as it is`() {
        for request in RawRequest.all {
            guard let sentence = ParserVerdict(request.bytes).refusal?.sentence else { continue }
            #expect(
                sentence.utf8.allSatisfy {
                    $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
                })
        }
    }
}

extension [UInt8] {
    /// These bytes in pieces of random lengths from 0 to `longest`.
    func pieces(upTo longest: Int, using generator: inout SplitMix64) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < count {
            let end = Swift.min(count, start + Int.random(in: 0...longest, using: &generator))
            pieces.append(self[start..<end])
            start = end
        }
        return pieces
    }
}
