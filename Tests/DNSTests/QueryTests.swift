// Whatever a message says, it is read to its end and once: as a query, as an error, or not at all.

import TestDNS
import TestRandom
import Testing

@testable import DNS

struct QueryTests {
    private func query(_ bytes: [UInt8]) throws -> Query {
        guard case .query(let query) = Query.read(bytes) else { throw Malformed("no query") }
        return query
    }

    private func code(_ bytes: [UInt8]) -> ResponseCode? {
        if case .wrong(_, _, let code) = Query.read(bytes) { code } else { nil }
    }

    @Test func `a query is known by its question and what the client says of itself`() throws {
        let test = TestQuery("wEb.Service.a8", RecordType.srv, size: 4_096)
        let query = try query(test.bytes)
        #expect(query.id == 0x1234 && query.flags == 0x0100)
        #expect(query.type == RecordType.srv && query.recordClass == 1)
        #expect(query.edns == ClientEDNS(size: 4_096, version: 0, wantsSecurity: true))
        #expect(query.foldedName(in: test.bytes.span) == wire("web.service.a8"))
    }

    @Test func `less than a header and the answers of others are not answered`() {
        let bytes = TestQuery("web.service.a8", 1).bytes
        for count in 0..<12 { #expect(Query.read(Array(bytes[..<count])) == .silence) }
        var answer = TestQuery("web.service.a8", 1)
        answer.flags = 0x8100
        #expect(Query.read(answer.bytes) == .silence)
    }

    @Test func `another opcode is not implemented`() {
        for opcode in 1..<16 {
            var query = TestQuery("web.service.a8", 1)
            query.flags = opcode << 11
            #expect(code(query.bytes) == .notImplemented)
        }
    }

    @Test func `no question and two are format errors`() {
        for count in [0, 2, 0xFFFF] {
            var bytes = TestQuery("web.service.a8", 1).bytes
            bytes.replaceSubrange(4..<6, with: number(count))
            #expect(code(bytes) == .formatError)
        }
    }

    @Test func `a pointer in the question is a format error, wherever it leads`() {
        for target in [0, 11, 12, 13, 0x3FFF] {
            var query = TestQuery("", 1)
            query.name = [0xC0 | UInt8(target >> 8), UInt8(target & 0xFF)]
            #expect(code(query.bytes) == .formatError)
            query.name = wire("web").dropLast() + query.name
            #expect(code(query.bytes) == .formatError)
        }
    }

    @Test func `a name has 255 bytes at most, and a label 63`() throws {
        let label = String(repeating: "a", count: 63)
        // 3 × 64 + 62 + 1 bytes.
        let longest = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(wire(longest).count == 255)
        #expect(try query(TestQuery(longest, 1).bytes).nameEnd == 12 + 255)
        #expect(code(TestQuery(longest + "b", 1).bytes) == .formatError)
        for length in [64, 0x7F, 0x80, 0xBF] as [UInt8] {
            var query = TestQuery("", 1)
            query.name = [length] + [UInt8](repeating: 0x61, count: Int(length)) + [0]
            #expect(code(query.bytes) == .formatError)
        }
    }

    @Test func `what stands before or behind the records is a format error`() {
        let bytes = TestQuery("web.service.a8", 1, size: 1_232).bytes
        #expect(code(bytes + [0]) == .formatError)
        for count in 12..<bytes.count { #expect(code(Array(bytes[..<count])) == .formatError) }
        for section in [6, 8] {
            var other = bytes
            other[section + 1] = 1
            #expect(code(other) == .formatError)
        }
    }

    @Test func `options are skipped if each is as long as it says`() throws {
        // A cookie, and one without data.
        let cookie = number(10) + number(8) + [1, 2, 3, 4, 5, 6, 7, 8] + number(3) + number(0)
        let edns = try query(TestQuery("web.service.a8", 1, size: 512, options: cookie).bytes).edns
        #expect(edns == ClientEDNS(size: 512, version: 0, wantsSecurity: true))
        for count in 1..<cookie.count where count != 12 {
            let query = TestQuery("web.service.a8", 1, size: 512, options: Array(cookie[..<count]))
            #expect(code(query.bytes) == .formatError, "\(count) bytes")
        }
    }

    @Test func `EDNS twice, or of a name, is a format error`() {
        var query = TestQuery("web.service.a8", 1, size: 1_232)
        query.additional += query.additional
        query.records = 2
        #expect(code(query.bytes) == .formatError)
        query = TestQuery("web.service.a8", 1, size: 1_232)
        query.additional = wire("a") + query.additional.dropFirst()
        #expect(code(query.bytes) == .formatError)
    }

    @Test func `records that mean nothing here are passed over`() throws {
        var query = TestQuery("web.service.a8", 1, size: 1_232)
        // TSIG, with a pointer for its name.
        let other = [0xC0, 12] + number(250) + number(255) + [0, 0, 0, 0] + number(2) + [1, 2]
        query.additional = other + query.additional + other
        query.records = 3
        #expect(try self.query(query.bytes).edns?.size == 1_232)
    }

    @Test func `every mutation of a message is read without harm, and what is answered can be read`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("mutations of queries: seed \(seed)")
        var random = SplitMix64(seed: seed)
        let origin = try #require(DomainName("a8".utf8))
        let writer = ResponseWriter(Zone(origin), ttl: 1, addresses: [])
        let material = AnswerMaterial(
            (0..<40).map { ResponseTests.target($0) }, ttl: 1, in: Zone(origin))
        let originals = [
            TestQuery("_web._tcp.service.a8", RecordType.srv, size: 1_232).bytes,
            TestQuery("web.service.a8", RecordType.a, size: 4_096, options: number(10) + number(2) + [1, 2]).bytes,
            TestQuery("a8", RecordType.soa).bytes,
        ]
        var output: [UInt8] = []
        for _ in 0..<20_000 {
            guard var bytes = originals.randomElement(using: &random) else { continue }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0 where !bytes.isEmpty: bytes[place] = .random(in: 0...255, using: &random)
                case 1 where !bytes.isEmpty: bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.removeLast(min(bytes.count, .random(in: 0..<8, using: &random)))
                default: bytes.insert(.random(in: 0...255, using: &random), at: min(place, bytes.count))
                }
            }
            switch Query.read(bytes) {
            case .silence: continue
            case .wrong(let id, let flags, let code): writer.write(code, id: id, flags: flags, into: &output)
            case .query(let query):
                let zone = writer.zone
                let isOurs = zone.place(of: DomainName(folded: query.foldedName(in: bytes.span))) != .outside
                let answer: Answer =
                    isOurs
                    ? [.records(material, rotation: 7), .nothing, .apex, .failure(.nameError)].randomElement(
                        using: &random) ?? .nothing : .failure(.refused)
                _ = writer.write(
                    answer, to: query, of: bytes.span, in: .datagram(query.edns, most: 8_192), serial: 1, into: &output)
                #expect(try ReadAnswer(output).question == Array(bytes[12..<query.end]), "seed \(seed)")
            }
            #expect(throws: Never.self, "seed \(seed), \(bytes)") { try ReadAnswer(output) }
            #expect(output[0] == bytes[0] && output[1] == bytes[1])
        }
    }
}

extension Query {
    static func read(_ bytes: [UInt8]) -> Reading { read(bytes.span) }
}
