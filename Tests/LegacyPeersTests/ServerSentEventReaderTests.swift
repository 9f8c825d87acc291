import TestRandom
import Testing

@testable import LegacyPeers

struct ServerSentEventReaderTests {
    @Test(arguments: Sample.allCases)
    func `events come out the same however the bytes come in`(sample: Sample) throws {
        let body = try sample.body
        let whole = try events(body)
        for seed in 0..<200 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            var reader = ServerSentEventReader()
            var read: [ServerSentEvent] = []
            for piece in pieces(body, using: &generator) { try reader.read(piece, into: &read) }
            #expect(read == whole, "seed \(seed)")
            #expect(reader.isBetweenEvents)
        }
    }

    @Test(arguments: [
        ("id: 1\nevent: REP\ndata: x\n\n", [ServerSentEvent(id: bytes("1"), name: bytes("REP"), data: bytes("x"))]),
        ("data:x\r\n\r\n", [ServerSentEvent(data: bytes("x"))]),
        ("data: x\r\rdata: y\r\r", [ServerSentEvent(data: bytes("x")), ServerSentEvent(data: bytes("y"))]),
        ("data: a\ndata: b\n\n", [ServerSentEvent(data: bytes("a\nb"))]),
        ("data:  a\n\n", [ServerSentEvent(data: bytes(" a"))]),
        (": a comment\n\n:\n\n", []),
        ("event: REP\n\n", []),
        ("retry: 3000\ndata\n\n", [ServerSentEvent()]),
        ("data: unfinished\n", []),
        ("\n\n\n", []),
    ])
    func `fields are read as the standard has it`(text: String, expected: [ServerSentEvent]) throws {
        #expect(try events(bytes(text)) == expected)
        var reader = ServerSentEventReader()
        var read: [ServerSentEvent] = []
        for byte in text.utf8 { try reader.read([byte], into: &read) }
        #expect(read == expected, "byte by byte")
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\n", "{}\n", "\u{0}\u{1}\n", "datum: x\n", "DATA: x\n"])
    func `what is no field is refused, since it is no original's stream`(text: String) {
        #expect(throws: ServerSentEventError.notAField) { try events(bytes(text)) }
    }

    @Test func `the events before the fault are not lost`() throws {
        var reader = ServerSentEventReader()
        var read: [ServerSentEvent] = []
        #expect(throws: ServerSentEventError.notAField) { try reader.read(bytes("data: x\n\ngarbage\n"), into: &read) }
        #expect(read == [ServerSentEvent(data: bytes("x"))])
    }

    @Test func `an event of the greatest length is read, and one byte more is refused`() throws {
        let limit = 100
        func event(_ length: Int) -> [UInt8] {
            bytes("data: ") + [UInt8](repeating: 0x78, count: length - 8) + bytes("\n\n")
        }
        var read: [ServerSentEvent] = []
        var reader = ServerSentEventReader(limit: limit)
        try reader.read(event(limit), into: &read)
        try reader.read(event(limit), into: &read)
        #expect(read.count == 2)
        #expect(throws: ServerSentEventError.tooLong) { try reader.read(event(limit + 2), into: &read) }
    }

    @Test func `a line without an end and lines without an end of their event are bounded`() {
        for endless in ["x", "data: y\n", ": z\n"] {
            var reader = ServerSentEventReader(limit: 1_000)
            var read: [ServerSentEvent] = []
            #expect(throws: ServerSentEventError.tooLong) {
                for _ in 0..<1_001 { try reader.read(bytes(endless), into: &read) }
            }
        }
    }
}
