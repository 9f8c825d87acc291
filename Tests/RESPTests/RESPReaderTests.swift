// Replies as a healthy, a broken and a hostile server may send them.

import RESP
import TestRandom
import Testing

struct RESPReaderTests {
    static let samples: [RESPValue] = [
        .status("OK"), .error(RESPFault("ERR unknown command 'X'")), .integer(-42), .bytes(Array("a\r\nb".utf8)),
        .bytes([]), .nothing, .array([]),
        .array([.array([.bytes(Array("a8:e".utf8)), .array([.array([.bytes(Array("1-0".utf8)), .nothing])])])]),
    ]

    @Test func `replies are read wherever their bytes are cut`() throws {
        let bytes = Self.samples.flatMap(Encoder.encode)
        for cut in 0...bytes.count {
            #expect(try read([Array(bytes[..<cut]), Array(bytes[cut...])]) == Self.samples, "cut at \(cut)")
        }
        #expect(try read(bytes.map { [$0] }) == Self.samples, "byte by byte")
    }

    @Test(arguments: [UInt64](1...30))
    func `what a naive encoder writes is read back, in pieces of any size`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let values = (0..<20).map { _ in Encoder.random(depth: 7, using: &random) }
        var rest = values.flatMap(Encoder.encode)[...]
        var pieces: [[UInt8]] = []
        let longest = [1, 7, 300, 20_000, 200_000].randomElement(using: &random) ?? 1
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...longest, using: &random))
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        #expect(try read(pieces) == values, "seed \(seed)")
    }

    @Test(arguments: [UInt64](1...100))
    func `damaged bytes are an error or other replies, and never a crash`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var bytes = (0..<6).flatMap { _ in Encoder.encode(Encoder.random(depth: 3, using: &random)) }
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            guard let index = bytes.indices.randomElement(using: &random) else { continue }
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            default: bytes.insert(Array("\r\n$*9-".utf8).randomElement(using: &random) ?? 0, at: index)
            }
        }
        let whole = Result { () throws(RESPError) in try read([bytes]) }
        let single = Result { () throws(RESPError) in try read(bytes.map { [$0] }) }
        switch (whole, single) {
        case (.success(let one), .success(let other)): #expect(one == other, "seed \(seed)")
        case (.failure, .failure): break
        default: Issue.record("seed \(seed): the pieces decide whether these bytes are an error")
        }
    }

    @Test func `two gigabytes are refused when they are announced, and nothing is set aside for them`() throws {
        let reader = try RESPReader()
        reader.feed(Array("$21474".utf8))
        #expect(try reader.next() == nil)
        reader.feed(Array("83648\r\n".utf8))
        #expect(throws: RESPError.bulkTooLong) { try reader.next() }
        reader.feed(Array("+OK\r\n".utf8))
        #expect(throws: RESPError.bulkTooLong) { try reader.next() }
    }

    @Test(arguments: ["*2147483647\r\n", "*1048577\r\n", "*2\r\n*1048575\r\n"])
    func `an array of more elements than are read is refused when it is announced`(head: String) {
        #expect(throws: RESPError.tooManyElements) { try read([Array(head.utf8)]) }
    }

    @Test func `arrays within one another are read to the depth that is allowed, and no further`() throws {
        func nested(_ depth: Int) -> [UInt8] { Array((String(repeating: "*1\r\n", count: depth) + ":1\r\n").utf8) }
        #expect(try read([nested(7)]).count == 1)
        for depth in [8, 9, 100, 100_000] {
            #expect(throws: RESPError.tooDeep) { try read([nested(depth)]) }
            #expect(throws: RESPError.tooDeep) { try read(nested(min(depth, 100)).map { [$0] }) }
        }
    }

    @Test func `bounds of a string, a line and a whole reply are held exactly`() throws {
        var limits = RESPLimits()
        limits.bulk = 10
        limits.line = 12
        limits.bytes = 15
        func bulk(_ count: Int) -> [UInt8] { Encoder.encode(.bytes([UInt8](repeating: 1, count: count))) }
        for pieces in [{ (bytes: [UInt8]) in [bytes] }, { (bytes: [UInt8]) in bytes.map { [$0] } }] {
            #expect(try read(pieces(bulk(10)), limits: limits).count == 1)
            #expect(throws: RESPError.bulkTooLong) { try read(pieces(bulk(11)), limits: limits) }
            #expect(try read(pieces(Array("+12345678901\r\n".utf8)), limits: limits).count == 1)
            #expect(throws: RESPError.lineTooLong) {
                try read(pieces(Array("+1234567890123\r\n".utf8)), limits: limits)
            }
            let two = Array("*2\r\n".utf8) + bulk(8)
            #expect(try read(pieces(two + bulk(7) + two + bulk(7)), limits: limits).count == 2)
            #expect(throws: RESPError.tooLong) { try read(pieces(two + bulk(8)), limits: limits) }
        }
    }

    @Test func `a line that never ends is refused`() {
        for start in ["+", "-", ":", "*"] {
            let bytes = Array(start.utf8) + [UInt8](repeating: 0x31, count: 40_000)
            #expect(throws: RESPError.lineTooLong) { try read([bytes]) }
        }
        #expect(throws: RESPError.self) { try read([Array(("$" + String(repeating: "0", count: 100)).utf8)]) }
    }

    @Test(arguments: [
        "x\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", ":\r\n", ":1x\r\n", "$1\r\nab\r\n", "HTTP/1.1 400\r\n\r\n",
    ])
    func `what is no reply is an error with a reason`(text: String) {
        #expect(throws: RESPError.self) { try read([Array(text.utf8)]) }
    }

    @Test func `what came whole before an error is given before it`() throws {
        let reader = try RESPReader()
        reader.feed(Array("+OK\r\n:1\r\nnonsense\r\n".utf8))
        #expect(try reader.next() == .status("OK"))
        #expect(try reader.next() == .integer(1))
        #expect(throws: RESPError.self) { try reader.next() }
        #expect(throws: RESPError.self) { try reader.next() }
    }

    @Test func `a flood of replies in one piece is read whole`() throws {
        let count = 300_000
        let values = try read([[UInt8]](repeating: Array(":1\r\n".utf8), count: count).flatMap { $0 }.chunked(1 << 20))
        #expect(values.count == count && values.allSatisfy { $0 == .integer(1) })
    }
}

extension [UInt8] {
    /// In pieces of that many bytes.
    func chunked(_ size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min(count, $0 + size)]) }
    }
}
