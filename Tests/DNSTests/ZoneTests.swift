// What names mean: read from the right, and where several readings are possible, by what there is.

import Catalog
import TestDNS
import TestRandom
import Testing
import Text

@testable import DNS

struct ZoneTests {
    private func place(_ name: String, in origin: String = "a8") throws -> ZonePlace {
        Zone(try #require(DomainName(origin.utf8))).place(of: DomainName(folded: wire(name)))
    }

    private func reading(_ service: Spelling, tag: Spelling? = nil, _ transport: Transport? = nil) -> ServiceReading {
        ServiceReading(service: service, tag: tag, transport: transport)
    }

    private func readings(_ name: String) throws -> [ServiceReading] {
        guard case .service(_, let readings, _) = try place(name) else { return [] }
        return readings
    }

    /// A name as the documentation says that it is written.
    static func labels(_ name: [UInt8]) -> String {
        let digits = Array("0123456789abcdefghijklmnopqrstuv")
        let bits = name.flatMap { byte in (0..<8).reversed().map { byte >> $0 & 1 } }
        var text = ""
        for start in stride(from: 0, to: bits.count, by: 5) {
            let five = (0..<5).map { start + $0 < bits.count ? bits[start + $0] : 0 }
            text.append(digits[five.reduce(0) { $0 * 2 + Int($1) }])
        }
        guard text.count > 60 else { return "x--" + text }
        return "x--" + text.prefix(60) + ".y--" + text.dropFirst(60)
    }

    @Test(arguments: [
        ("a8", ZonePlace.apex), ("ns1.a8", .nameServer), ("x.ns1.a8", .missing), ("addr.a8", .empty),
        ("ns.a8", .empty), ("foo.a8", .missing), ("example.com", .outside), ("xa8", .outside), ("", .outside),
        ("7f000001.addr.a8", .address(IPAddress(four: 0x7F00_0001))), ("7f00001.addr.a8", .missing),
        ("g f00001.addr.a8", .missing), ("x.7f000001.addr.a8", .missing),
        ("00000000000000000000000000000001.addr.a8", .address(IPAddress(six: 1))), ("foo.t.ns.a8", .missing),
    ])
    func `names of the zone that are no service's`(name: String, place: ZonePlace) throws {
        #expect(try self.place(name) == place)
    }

    @Test func `names above services exist`() throws {
        for name in ["service.a8", "_tcp.service.a8", "_udp.service.a8", "_v1.service.a8"] {
            #expect(try place(name) == .service(alias: Zone.ownAlias, [], labels: nil), "\(name)")
        }
        for name in ["t.ns.a8", "service.t.ns.a8", "_tcp.service.t.ns.a8"] {
            #expect(try place(name) == .service(alias: Array("t".utf8), [], labels: nil), "\(name)")
        }
        // The second label of a long name, with and without the first's underscore below it.
        for name in ["y--00.service.a8", "y--00._tcp.service.a8", "b._tcp.service.a8"] {
            #expect(try place(name) == .service(alias: Zone.ownAlias, [], labels: nil), "\(name)")
        }
    }

    @Test func `a zone may have several labels`() throws {
        #expect(try place("web.service.a8.example.com", in: "a8.example.com") != .outside)
        #expect(try place("web.service.example.com", in: "a8.example.com") == .outside)
        #expect(try place("example.com", in: "a8.example.com") == .outside)
    }

    @Test func `a whole name goes before a tag and a shorter one`() throws {
        #expect(try readings("web.service.a8") == [reading(.folded(Name("web")))])
        #expect(
            try readings("v1.web.service.a8") == [
                reading(.folded(Name("v1.web"))), reading(.folded(Name("web")), tag: .folded(Name("v1"))),
            ])
        #expect(
            try readings("a.b.c.service.a8") == [
                reading(.folded(Name("a.b.c"))), reading(.folded(Name("b.c")), tag: .folded(Name("a"))),
            ])
    }

    @Test func `underscored names are of a transport or a tag`() throws {
        #expect(try readings("_web._tcp.service.a8") == [reading(.folded(Name("web")), .tcp)])
        #expect(try readings("_web._udp.service.a8") == [reading(.folded(Name("web")), .udp)])
        #expect(try readings("_web._v1.service.a8") == [reading(.folded(Name("web")), tag: .folded(Name("v1")))])
        #expect(try readings("_a.b._tcp.service.a8") == [reading(.folded(Name("a.b")), .tcp)])
        #expect(try place("_web.service._tcp.service.a8") != .missing)
        #expect(try place("a b._tcp.service.a8") == .missing)
    }

    @Test func `any name of up to 64 bytes can be asked for and is read back`() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("names as labels: seed \(seed)")
        var random = SplitMix64(seed: seed)
        let alphabet = Array("abz019-_.ABZ @/é漢\u{0}\u{7f}")
        for _ in 0..<2_000 {
            var text = ""
            let length = Int.random(in: 1...64, using: &random)
            while text.utf8.count < length, let next = alphabet.randomElement(using: &random) { text.append(next) }
            while text.utf8.count > 64 { text.removeLast() }
            let labels = Self.labels(Array(text.utf8))
            #expect(labels.split(separator: ".").allSatisfy { $0.utf8.count <= 63 })
            #expect(
                try readings("\(labels).service.a8").first == reading(.exact(Name(text))), "seed \(seed): \(text)")
            #expect(
                try readings("_\(labels)._tcp.service.a8").first == reading(.exact(Name(text)), .tcp),
                "seed \(seed): \(text)")
        }
    }

    @Test func `digits that no bytes are written as are no name`() throws {
        for label in ["x--", "x--0", "x--01", "x--w0", "x--000", "x--00 0", "x--vv"] {
            #expect(try place("\(label).service.a8") == .missing, "\(label)")
        }
    }

    @Test func `names as labels, by example`() throws {
        #expect(Self.labels(Array("db x/y".utf8)) == "x--chh20u1ff4")
        #expect(try readings("x--chh20u1ff4.service.a8").first?.service == .exact(Name("db x/y")))
    }
}
