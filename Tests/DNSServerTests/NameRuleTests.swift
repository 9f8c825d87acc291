// The rules of docs/dns.md about names, over a registry.

import Catalog
import DNS
import TestDNS
import TestTime
import Testing
import Text

@testable import Configuration
@testable import DNSServer
@testable import RegistryCore

struct NameRuleTests {
    private func code(_ world: DNSWorld, _ name: String, _ type: UInt16 = RecordType.a) throws -> Int {
        try world.ask(name, type).code
    }

    @Test func `instances that are up and have an address are answered`() throws {
        // N101 Instances are answered whose status is UP and that have an address.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        world.register("web", "10.0.0.2:80", status: .starting)
        world.register("web", "10.0.0.3:80", status: .outOfService)
        world.register("web", "somewhere", kind: .user)
        #expect(try world.addresses("web.service.a8") == ["10.0.0.1"])
        #expect(try world.targets("web.service.a8") == ["0a000001.addr.a8.:80 256"])
    }

    @Test func `an operator's word on a whole service counts`() throws {
        // N101 and R297
        let world = try DNSWorld()
        for host in 1...3 { world.register("web", "10.0.0.\(host):80") }
        world.override(service: "web", .set(.outOfService, until: nil))
        #expect(try world.addresses("web.service.a8").isEmpty)
        world.override(service: "web", .remove)
        #expect(try world.addresses("web.service.a8").count == 3)
    }

    @Test func `names stand for services, tags, transports, namespaces and addresses`() throws {
        // N102 Names stand for what the table says. HEX.addr.ZONE is computed, and may be kept for an hour.
        let world = try DNSWorld { $0.dnsNamespaces = DNSNamespaces("t=tenant") }
        world.register("web", "10.0.0.1:80", tags: ["v1"])
        world.register("web", "10.0.0.2:53", kind: .udp)
        world.register("web", "[fd00::1]:80", kind: .tcp, tags: ["v2"])
        world.register("web", "10.9.9.9:80", in: Namespace("tenant"))
        #expect(try world.addresses("web.service.a8") == ["10.0.0.1", "10.0.0.2"])
        #expect(try world.addresses("web.service.a8", RecordType.aaaa) == ["fd00::1"])
        #expect(try world.addresses("v1.web.service.a8") == ["10.0.0.1"])
        #expect(try world.addresses("_web._tcp.service.a8") == ["10.0.0.1"])
        #expect(try world.addresses("_web._udp.service.a8") == ["10.0.0.2"])
        #expect(try world.targets("_web._udp.service.a8") == ["0a000002.addr.a8.:53 256"])
        #expect(try world.targets("_web._v1.service.a8") == ["0a000001.addr.a8.:80 256"])
        #expect(try world.targets("_web._tcp.service.a8").count == 2)
        #expect(try world.addresses("web.service.t.ns.a8") == ["10.9.9.9"])
        #expect(try world.addresses("_web._tcp.service.t.ns.a8") == ["10.9.9.9"])
        #expect(try world.addresses("0a000001.addr.a8") == ["10.0.0.1"])
        #expect(
            try world.addresses("fd000000000000000000000000000001.addr.a8", RecordType.aaaa) == ["fd00::1"])
        #expect(try world.ask("0a000001.addr.a8").answers.first?.ttl == 3_600)
        #expect(try world.addresses("ns1.a8") == ["127.0.0.1"])
        #expect(try world.ask("a8", RecordType.soa).answers.map(\.type) == [6])
        #expect(try world.ask("a8", RecordType.ns).answers.map(\.target) == ["ns1.a8."])
    }

    @Test func `names with dots are asked for as they are, and win over tags`() throws {
        // N103 A name of letters, digits, hyphens and underscores, 1 to 63 of them, that does not begin with _, x-- or
        // y-- is a label as it is. Dots in a name of a service separate such labels. Of a name of several labels, the
        // whole as a service goes before a tag and a shorter service.
        let world = try DNSWorld()
        world.register("my_web-1", "10.0.0.1:80")
        world.register("web", "10.0.0.2:80", tags: ["v1"])
        world.register("_hidden", "10.0.0.4:80")
        #expect(try world.addresses("my_web-1.service.a8") == ["10.0.0.1"])
        #expect(try world.addresses("v1.web.service.a8") == ["10.0.0.2"])
        // What is kept is forgotten when the whole name comes to be a service.
        world.register("v1.web", "10.0.0.3:80")
        #expect(try world.addresses("v1.web.service.a8") == ["10.0.0.3"])
        #expect(try world.targets("_v1.web._tcp.service.a8") == ["0a000003.addr.a8.:80 256"])
        world.deregister("v1.web", "10.0.0.3:80")
        #expect(try world.addresses("v1.web.service.a8") == ["10.0.0.2"])
        #expect(try world.addresses("_hidden.service.a8") == [])
    }

    @Test func `any name can be asked for by its bytes`() throws {
        // N104 Any name, of a service or a tag, can be asked for by its bytes: x-- and their base32hex digits (RFC 4648)
        // without padding, x--chh20u1ff4 for "db x/y". After 60 digits the rest follow in a second label, y--…, to the
        // right. A tag has one label.
        let world = try DNSWorld()
        world.register("db x/y", "10.0.0.1:80", tags: ["db x/y"])
        world.register("_hidden", "10.0.0.4:80")
        let long = String(repeating: "é", count: 32)
        world.register(long, "10.0.0.2:80")
        #expect(try world.addresses("x--chh20u1ff4.service.a8") == ["10.0.0.1"])
        #expect(try world.addresses("x--chh20u1ff4.x--chh20u1ff4.service.a8") == ["10.0.0.1"])
        #expect(try world.targets("_x--chh20u1ff4._tcp.service.a8").count == 1)
        let digits = Self.base32(Array(long.utf8))
        #expect(
            try world.addresses("x--\(digits.prefix(60)).y--\(digits.dropFirst(60)).service.a8") == ["10.0.0.2"])
        #expect(try world.addresses("x--\(Self.base32(Array("_hidden".utf8))).service.a8") == ["10.0.0.4"])
    }

    /// RFC 4648, section 7.
    private static func base32(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdefghijklmnopqrstuv")
        let bits = bytes.flatMap { byte in (0..<8).reversed().map { Int(byte >> $0 & 1) } }
        return String(
            stride(from: 0, to: bits.count, by: 5).map { start in
                digits[(0..<5).reduce(0) { $0 * 2 + (start + $1 < bits.count ? bits[start + $1] : 0) }]
            })
    }

    @Test func `case is ignored, and two services are never mixed`() throws {
        // N105 Case is ignored in questions. A service whose name is in lower case wins; else the only one that differs
        // by case alone; where there are two, each is asked for by N104. So it is with tags.
        let world = try DNSWorld()
        world.register("WEB", "10.0.0.1:80", tags: ["V1", "blue"])
        #expect(try world.addresses("wEb.SERVICE.a8") == ["10.0.0.1"])
        #expect(try world.addresses("v1.web.service.a8") == ["10.0.0.1"])
        world.register("Web", "10.0.0.2:80", tags: ["v1"])
        #expect(try code(world, "web.service.a8") == 3)
        #expect(try world.addresses("x--\(Self.base32(Array("Web".utf8))).service.a8") == ["10.0.0.2"])
        world.register("web", "10.0.0.3:80", tags: ["V1"])
        world.register("web", "10.0.0.4:80", tags: ["v1"])
        #expect(try world.addresses("web.service.a8") == ["10.0.0.3", "10.0.0.4"])
        #expect(try world.addresses("v1.WEB.service.a8") == ["10.0.0.4"])
        world.deregister("web", "10.0.0.3:80")
        world.deregister("web", "10.0.0.4:80")
        world.deregister("WEB", "10.0.0.1:80")
        #expect(try world.addresses("web.service.a8") == ["10.0.0.2"])
    }

    @Test func `names of mixed case are known where there are not too many services`() throws {
        // N106 In a namespace of more than 16,384 services, those with capital and small letters in their names are
        // found by N104 alone, and parts of names with dots are NXDOMAIN. When services come and go all the time, a new
        // name of mixed case may be found late: by fifty times as long as it takes to list all names.
        let world = try DNSWorld()
        world.register("Mixed", "10.0.0.1:80")
        world.register("UPPER", "10.0.0.2:80")
        world.register("a.b", "10.0.0.3:80")
        #expect(try world.addresses("mixed.service.a8") == ["10.0.0.1"])
        #expect(try code(world, "b.service.a8") == 0)
        for number in 0..<KeptNames.most { world.register("s\(number)", "10.1.0.1:80") }
        #expect(try code(world, "mixed.service.a8") == 3)
        #expect(try code(world, "b.service.a8") == 3)
        #expect(try world.addresses("upper.service.a8") == ["10.0.0.2"])
        #expect(try world.addresses("x--\(Self.base32(Array("Mixed".utf8))).service.a8") == ["10.0.0.1"])
    }
}
