import TestRandom
import Testing

@testable import LegacyPeers

struct ChunkedBodyTests {
    private func decode(_ pieces: [[UInt8]]) throws -> (content: [UInt8], isComplete: Bool) {
        var decoder = ChunkedDecoder()
        var content: [UInt8] = []
        for piece in pieces { try decoder.decode(piece, into: &content) }
        return (content, decoder.isComplete)
    }

    @Test(arguments: [
        ("5\r\nhello\r\n0\r\n\r\n", "hello", true),
        ("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", true),
        ("A\r\n0123456789\r\n000\r\n\r\n", "0123456789", true),
        ("5;name=value; x\r\nhello\r\n0\r\n\r\n", "hello", true),
        ("3 \r\nabc\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "abc", true),
        ("0\r\n\r\n", "", true),
        ("5\r\nhello\r\n", "hello", false),
        ("5\r\nhel", "hel", false),
        ("5\r\nhello\r\n0\r\n", "hello", false),
        ("ffffffffff\r\nabc", "abc", false),
    ])
    func `chunks are undone, and only the last one ends the body`(text: String, content: String, isComplete: Bool)
        throws
    {
        let whole = try decode([bytes(text)])
        #expect(String(decoding: whole.content, as: UTF8.self) == content)
        #expect(whole.isComplete == isComplete)
        let byByte = try decode(text.utf8.map { [$0] })
        #expect(byByte.content == whole.content && byByte.isComplete == isComplete, "byte by byte")
    }

    @Test(arguments: [
        ("\r\n", ChunkError.length), ("g\r\n", .length), ("-1\r\n", .length), (" 5\r\n", .length), ("0x5\r\n", .length),
        ("1234567890abc\r\n", .length), ("5\nhello", .length), ("5\rhello", .lineEnd), ("5;a\nhello", .lineEnd),
        ("5\r\nhelloo", .lineEnd), ("5\r\nhello\rx", .lineEnd), ("0\r\n\rx", .lineEnd), ("0\r\nTrailer: x\n", .lineEnd),
        ("0\r\n\r\nx", .afterEnd),
    ])
    func `what is no chunk is refused`(text: String, error: ChunkError) {
        #expect(throws: error) { try decode([bytes(text)]) }
        #expect(throws: error) { try decode(text.utf8.map { [$0] }) }
    }

    @Test func `extensions and trailers are bounded`() {
        #expect(throws: ChunkError.tooLong) { try decode([bytes("5;" + String(repeating: "x", count: 5_000))]) }
        #expect(throws: ChunkError.tooLong) {
            try decode([bytes("0\r\n" + String(repeating: "a: b\r\n", count: 1_000))])
        }
    }

    @Test func `what is written is read back, however it is cut`() throws {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let content = (0..<Int.random(in: 0...3_000, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let written = pieces(content, using: &generator).flatMap { ChunkedEncoding.chunk($0) } + ChunkedEncoding.end
            let read = try decode(pieces(written, using: &generator))
            #expect(read.content == content && read.isComplete, "seed \(seed)")
        }
    }
}
