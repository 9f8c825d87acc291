// Answers as strict clients read them: sizes, order, and what is left out when there is no room.

import Catalog
import TestDNS
import Testing
import Text

@testable import DNS

struct ResponseTests {
    static func target(_ number: Int, port: UInt16 = 8_080) -> Target {
        Target(
            .address(IPAddress(four: 0x0A00_0000 + UInt32(number))), port: port, weight: 1,
            order: StableHash.mixed(UInt64(number)))
    }

    private let zone: Zone
    private let writer: ResponseWriter

    init() throws {
        zone = Zone(try #require(DomainName("a8".utf8)))
        writer = ResponseWriter(
            zone, ttl: 1, addresses: [IPAddress(four: 0x7F00_0001), try #require(IPAddress("fd00::1"))])
    }

    private func material(_ targets: [Target]) -> AnswerMaterial { AnswerMaterial(targets, ttl: 1, in: zone) }

    private func answer(
        _ test: TestQuery, _ answer: Answer, room: AnswerRoom? = nil
    ) throws -> (read: ReadAnswer, written: WrittenAnswer) {
        guard case .query(let query) = Query.read(test.bytes) else { throw Malformed("no query") }
        var output: [UInt8] = []
        let room = room ?? .datagram(query.edns, most: 8_192)
        let written = writer.write(answer, to: query, of: test.bytes.span, in: room, serial: 7, into: &output)
        #expect(output.count <= room.bytes)
        return (try ReadAnswer(output), written)
    }

    @Test func `the targets of a service come with their addresses`() throws {
        let material = material((0..<10).map { Self.target($0) })
        let read = try answer(
            TestQuery("_web._tcp.service.a8", RecordType.srv, size: 4_096), .records(material, rotation: 3)
        ).read
        #expect(read.code == 0 && read.isAuthoritative && !read.isTruncated)
        #expect(read.answers.count == 10 && read.additional.count == 10)
        #expect(read.answers.map(\.target) == read.additional.map(\.name))
        #expect(Set(read.additional.map(\.data)) == Set((0..<10).map { [10, 0, 0, UInt8($0)] }))
        #expect(read.answers.allSatisfy { $0.port == 8_080 && $0.weight == 256 && $0.ttl == 1 && $0.data[1] == 1 })
        #expect(read.answers.contains { $0.target == "0a000003.addr.a8." })
    }

    @Test(arguments: [
        (size: nil as Int?, srv: 13), (512, 12), (100, 12), (1_232, 32), (4_096, 112), (65_535, 226),
    ])
    func `as many targets as fit are answered, and the client is told of more`(size: Int?, srv: Int) throws {
        let material = material((0..<400).map { Self.target($0) })
        let query = TestQuery("_web._tcp.service.a8", RecordType.srv, size: size)
        let (read, written) = try answer(query, .records(material, rotation: 0))
        #expect(read.answers.count == srv)
        #expect(read.isTruncated && written.isTruncated && !written.isCut)
        #expect((read.edns != nil) == (size != nil))
    }

    @Test func `dropping addresses alone is no truncation`() throws {
        let material = material((0..<12).map { Self.target($0) })
        let (read, _) = try answer(
            TestQuery("_web._tcp.service.a8", RecordType.srv), .records(material, rotation: 0))
        #expect(read.answers.count == 12 && read.additional.count < 12 && !read.isTruncated)
    }

    @Test func `the records that fit are the same each time, and each comes first in its turn`() throws {
        let material = material((0..<100).map { Self.target($0) })
        var sets: Set<Set<ReadRecord>> = []
        var firsts: Set<ReadRecord> = []
        for rotation in 0..<200 {
            let read = try answer(
                TestQuery("_web._tcp.service.a8", RecordType.srv, size: 1_232), .records(material, rotation: rotation)
            ).read
            sets.insert(Set(read.answers))
            firsts.insert(try #require(read.answers.first))
        }
        #expect(sets.count == 1)
        #expect(firsts.count == 32)
    }

    @Test func `500 targets with their addresses by TCP are read back, beyond where pointers reach`() throws {
        let material = material((0..<500).map { Self.target($0) })
        for rotation in [0, 1, 250, 499] {
            let read = try answer(
                TestQuery("_web._tcp.service.a8", RecordType.srv), .records(material, rotation: rotation),
                room: .stream
            ).read
            #expect(read.bytes.count > 0x4000)
            #expect(read.answers.count == 500 && read.additional.count == 500)
            #expect(read.answers.map(\.target) == read.additional.map(\.name))
        }
    }

    @Test func `more than a message can hold is cut without a word of truncation`() throws {
        let material = material((0..<3_000).map { Self.target($0) })
        let (read, written) = try answer(
            TestQuery("_web._tcp.service.a8", RecordType.srv), .records(material, rotation: 5), room: .stream)
        #expect(!read.isTruncated && written.isCut && !written.isTruncated)
        #expect(read.answers.count > 1_800 && read.bytes.count <= 65_535)
    }

    @Test func `one host and port is answered once, and one address of several ports once`() throws {
        let targets = [Self.target(1), Self.target(1), Self.target(1, port: 8_081), Self.target(2)]
        let material = material(targets)
        let srv = try answer(
            TestQuery("web.service.a8", RecordType.srv, size: 4_096), .records(material, rotation: 1)
        ).read
        #expect(srv.answers.count == 3 && srv.additional.count == 2)
        let a = try answer(TestQuery("web.service.a8", RecordType.a), .records(material, rotation: 0)).read
        #expect(a.answers.count == 2)
    }

    @Test func `targets that are names have no addresses, and one name alone is an alias`() throws {
        let name = try #require(DomainName("DB-1.example.com".utf8))
        let one = material([
            Target(.name(name), port: 1, weight: 3, order: 1), Target(.name(name), port: 2, weight: 1, order: 2),
        ])
        let srv = try answer(TestQuery("db.service.a8", RecordType.srv, size: 512), .records(one, rotation: 0)).read
        #expect(srv.answers.map(\.target) == ["db-1.example.com.", "db-1.example.com."] && srv.additional.isEmpty)
        #expect(srv.answers.map(\.weight) == [768, 256])
        for type in [RecordType.a, RecordType.aaaa, RecordType.cname] {
            let read = try answer(TestQuery("db.service.a8", type), .records(one, rotation: 0)).read
            #expect(read.answers.map(\.type) == [5] && read.answers.first?.target == "db-1.example.com.")
        }
        let other = try #require(DomainName("db-2.example.com".utf8))
        let two = material([
            Target(.name(name), port: 1, weight: 1, order: 1), Target(.name(other), port: 1, weight: 1, order: 2),
        ])
        let a = try answer(TestQuery("db.service.a8", RecordType.a), .records(two, rotation: 0)).read
        #expect(a.code == 0 && a.answers.isEmpty && a.authority.map(\.type) == [6])
        let mixed = material([Target(.name(name), port: 1, weight: 1, order: 1), Self.target(9)])
        let addresses = try answer(TestQuery("db.service.a8", RecordType.a), .records(mixed, rotation: 0)).read
        #expect(addresses.answers.map(\.data) == [[10, 0, 0, 9]])
    }

    @Test func `nothing and no such name come with the start of the zone`() throws {
        for (answer, code) in [(Answer.nothing, 0), (.failure(.nameError), 3)] {
            let read = try self.answer(TestQuery("nO.Service.A8", RecordType.txt), answer).read
            #expect(read.code == code && read.isAuthoritative && read.answers.isEmpty)
            let start = try #require(read.authority.first)
            #expect(read.authority.count == 1 && start.type == 6 && start.name == "A8." && start.ttl == 1)
            #expect(start.target == "ns1.A8." && start.data.suffix(4) == [0, 0, 0, 1])
        }
    }

    @Test func `the question comes back as it was sent`() throws {
        let query = TestQuery("wEb.SERVICE.a8", RecordType.a)
        for answer in [Answer.records(material([Self.target(1)]), rotation: 0), .nothing, .failure(.refused)] {
            let read = try self.answer(query, answer).read
            #expect(read.question == Array(query.bytes[12...]))
        }
        let read = try answer(query, .records(material([Self.target(1)]), rotation: 0)).read
        #expect(read.answers.first?.name == "wEb.SERVICE.a8.")
    }

    @Test func `flags are copied, set or cleared`() throws {
        var query = TestQuery("web.service.a8", RecordType.a)
        query.flags = 0x0170  // RD, Z, AD and CD
        let answer = Answer.records(material([Self.target(1)]), rotation: 0)
        #expect(try self.answer(query, answer).read.flags == 0x8510)
        query.flags = 0
        #expect(try self.answer(query, answer).read.flags == 0x8400)
        #expect(try self.answer(query, .failure(.serverFailure)).read.flags == 0x8002)
        #expect(try self.answer(query, .onlyByStream).read.flags == 0x8600)
    }

    @Test func `the zone has a start and a server`() throws {
        let start = try answer(TestQuery("a8", RecordType.soa), .apex).read
        #expect(start.answers.map(\.type) == [6] && start.answers.first?.name == "a8.")
        let server = try answer(TestQuery("a8", RecordType.ns, size: 1_232), .apex).read
        #expect(server.answers.map(\.target) == ["ns1.a8."])
        #expect(server.additional.map(\.name) == ["ns1.a8.", "ns1.a8."])
        #expect(server.additional.map(\.type) == [1, 28])
        let address = try answer(TestQuery("ns1.a8", RecordType.a), writer.serverAnswer).read
        #expect(address.answers.map(\.data) == [[127, 0, 0, 1]])
    }

    @Test func `a question for anything gets one small record`() throws {
        let material = material((0..<400).map { Self.target($0) })
        for answer in [Answer.records(material, rotation: 0), .nothing, .apex] {
            let read = try self.answer(TestQuery("a8", RecordType.any), answer).read
            #expect(read.answers.map(\.type) == [13])
            #expect(read.answers.first?.data == [7] + Array("RFC8482".utf8) + [0])
        }
    }

    @Test func `EDNS is answered when it is spoken, in any answer`() throws {
        let material = material((0..<400).map { Self.target($0) })
        for answer in [Answer.records(material, rotation: 0), .nothing, .failure(.badVersion), .onlyByStream] {
            let read = try self.answer(TestQuery("a8", RecordType.srv, size: 1_232), answer).read
            let edns = try #require(read.edns)
            #expect(edns.size == 1_232 && edns.flags == 0x8000)
            #expect(try self.answer(TestQuery("a8", RecordType.srv), answer).read.edns == nil)
        }
        let read = try answer(TestQuery("a8", RecordType.srv, size: 1_232), .failure(.badVersion)).read
        #expect(read.code == 16)
    }
}

extension RecordType {
    fileprivate static let txt: UInt16 = 16
}
