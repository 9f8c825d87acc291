// The rules of docs/dns.md about answers, over a registry.

import Catalog
import DNS
import TestDNS
import TestTime
import Testing
import Text
import Time

@testable import Configuration
@testable import DNSServer
@testable import RegistryCore

struct AnswerRuleTests {
    @Test func `targets have weights, a host and a port each, once`() throws {
        // N110 SRV has the priority 1, the weight of A104 times 256, since haproxy divides it by 256, and as its target
        // HEX.addr.ZONE, or the name where the instance has one. One host and port is answered once.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80", metadata: #"{"weight":3}"#)
        world.register("web", "10.0.0.1:80", kind: .tcp)
        world.register("web", "DB.example.com:81", metadata: #"{"weight":"255"}"#)
        world.register("web", "db.example.com:81", kind: .tcp)
        let read = try world.ask("web.service.a8", RecordType.srv, size: 8_192)
        #expect(read.answers.allSatisfy { $0.data.prefix(2) == [0, 1] })
        #expect(Set(read.answers.map { "\($0.target):\($0.port)" }) == ["0a000001.addr.a8.:80", "db.example.com.:81"])
        #expect(read.answers.count == 2 && read.answers.allSatisfy { $0.weight % 256 == 0 && $0.weight > 0 })
    }

    @Test func `addresses of targets come besides while there is room`() throws {
        // N111 Answers of SRV have the addresses of their targets besides, while there is room. Leaving those out is no
        // truncation.
        let world = try DNSWorld()
        for number in 1...12 { world.register("web", "10.0.0.\(number):80") }
        let short = try world.ask("web.service.a8", RecordType.srv)
        #expect(short.answers.count == 12 && short.additional.count < 12 && !short.isTruncated)
        let long = try world.ask("web.service.a8", RecordType.srv, size: 4_096)
        #expect(Set(long.additional.map(\.name)) == Set(long.answers.map(\.target)) && long.additional.count == 12)
    }

    @Test func `one name of a host is an alias, and several are nothing`() throws {
        // N112 A and AAAA are the different addresses of a service. Where there are none but names of hosts: one is a
        // CNAME, several are no data.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        world.register("web", "10.0.0.1:81")
        world.register("db", "db1.example.com:80")
        #expect(try world.addresses("web.service.a8") == ["10.0.0.1"])
        for type in [RecordType.a, RecordType.aaaa] {
            #expect(try world.ask("db.service.a8", type).answers.map(\.target) == ["db1.example.com."])
        }
        world.register("db", "db2.example.com:80")
        let read = try world.ask("db.service.a8")
        #expect(read.code == 0 && read.answers.isEmpty && read.authority.map(\.type) == [6])
    }

    @Test func `no such name and no data are told apart`() throws {
        // N113 NXDOMAIN says that there is no such name, nor any name below it. No data says that there is one without
        // anything to show, or of another type, or that other names stand below: service.ZONE, _tcp.service.ZONE,
        // addr.ZONE, ns.ZONE. Both have the zone's SOA, by which they may be remembered for 1 s.
        let world = try DNSWorld { $0.dnsNamespaces = DNSNamespaces("t=tenant") }
        world.register("web", "10.0.0.1:80")
        world.register("late", "10.0.0.2:80", status: .starting)
        world.register("api.shop", "10.0.0.3:80")
        let empty = [
            "service.a8", "_tcp.service.a8", "_udp.service.a8", "addr.a8", "ns.a8", "t.ns.a8", "service.t.ns.a8",
            "late.service.a8", "v1.web.service.a8", "_web._udp.service.a8", "shop.service.a8", "a8",
        ]
        let missing = [
            "no.service.a8", "a.b.c.service.a8", "_no._tcp.service.a8", "foo.a8", "u.ns.a8", "foo.t.ns.a8",
            "web.service.t.ns.a8", "a b.service.a8", "zz.addr.a8",
        ]
        for (names, code) in [(empty, 0), (missing, 3)] {
            for name in names {
                let read = try world.ask(name)
                #expect(read.code == code, "\(name)")
                #expect(read.answers.isEmpty && read.isAuthoritative, "\(name)")
                #expect(read.authority.map(\.type) == [6] && read.authority.map(\.name) == ["a8."], "\(name)")
                #expect(read.authority.first?.data.suffix(4) == [0, 0, 0, 1] && read.authority.first?.ttl == 1)
            }
        }
        #expect(try world.ask("web.service.a8", RecordType.aaaa).code == 0)
        #expect(try world.ask("_web._tcp.service.a8").answers.count == 1)
    }

    @Test func `the order turns, and what is left out is always the same`() throws {
        // N114 The order turns by one with each answer, by UDP and TCP. What does not fit is always the same, by a hash
        // of the instances' ids, so that clients that compare answers see no change where there is none.
        let world = try DNSWorld()
        for number in 1...100 { world.register("web", "10.0.0.\(number):80") }
        for transport in [DNSTransport.udp, .tcp] {
            let answers = try (0..<101).map { _ in
                try world.ask("web.service.a8", RecordType.srv, size: 1_232, by: transport).answers
            }
            #expect(Set(answers.map { Set($0) }).count == 1)
            #expect(Set(answers.map(\.first)).count == answers[0].count)
            #expect(answers[1] == Array(answers[0].dropFirst() + answers[0].prefix(1)))
        }
        // Another registry with the same instances leaves out the same.
        let other = try DNSWorld()
        for number in (1...100).reversed() { other.register("web", "10.0.0.\(number):80") }
        #expect(
            Set(try other.ask("web.service.a8", RecordType.srv, size: 1_232).answers)
                == Set(try world.ask("web.service.a8", RecordType.srv, size: 1_232).answers))
    }

    @Test func `a datagram is as long as the client takes, and not longer than we send`() throws {
        // N115 By UDP an answer has 512 bytes at most, or what the client takes by EDNS, at most DNS_UDP_MAX. Where not
        // all records fit, those that do are answered and the answer is marked as truncated.
        let world = try DNSWorld { $0.dnsUDPMax = 2_000 }
        for number in 1...200 { world.register("web", "10.0.0.\(number):80") }
        for (size, most) in [(nil, 512), (0, 512), (512, 512), (1_232, 1_232), (65_535, 2_000)] as [(Int?, Int)] {
            let read = try world.ask("web.service.a8", RecordType.srv, size: size)
            #expect(read.bytes.count <= most && read.bytes.count > most - 47, "\(String(describing: size))")
            #expect(read.isTruncated && !read.answers.isEmpty)
        }
        let a = try world.ask("web.service.a8", RecordType.a)
        #expect(a.isTruncated && a.answers.count == 30)
    }

    @Test func `by TCP all is answered that a message holds`() throws {
        // N116 By TCP, on the same port, a connection may send one query after the other, or many at once, and is
        // answered in that order. What does not fit into 65,535 bytes is left out without a mark, and counted in
        // a8registry_dns_cut_total.
        let world = try DNSWorld()
        for number in 0..<500 { world.register("web", "10.0.\(number / 250).\(number % 250):80") }
        let read = try world.ask("web.service.a8", RecordType.srv, by: .tcp)
        #expect(read.answers.count == 500 && read.additional.count == 500 && !read.isTruncated)
        #expect(world.counts.figures.cut == 0)
        for number in 500..<2_500 { world.register("web", "10.1.\(number / 250).\(number % 250):80") }
        world.advance(.milliseconds(100))
        let cut = try world.ask("web.service.a8", RecordType.srv, by: .tcp)
        #expect(cut.answers.count > 1_800 && cut.answers.count < 2_500 && !cut.isTruncated)
        #expect(world.counts.figures.cut == 1)
    }

    @Test func `the question comes back as it came`() throws {
        // N117 The question comes back byte for byte, and names in the answer have its letters.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        let query = TestQuery("wEB.sErvice.A8", RecordType.a)
        let read = try world.ask(query)
        #expect(read.question == Array(query.bytes[12...]))
        #expect(read.answers.map(\.name) == ["wEB.sErvice.A8."])
    }

    @Test func `what has gone is out of the next answer`() throws {
        // N118 Records may be kept for DNS_TTL. Here, an instance that is removed, expires or is not UP any more is out
        // of the next answer; of a service of more than 1,024 instances within 100 ms. A service of more than 16,384
        // instances is answered SERVFAIL.
        let world = try DNSWorld { $0.dnsTTL = .seconds(5) }
        for number in 1...3 { world.register("web", "10.0.0.\(number):80") }
        #expect(try world.addresses("web.service.a8").count == 3)
        #expect(try world.ask("web.service.a8").answers.allSatisfy { $0.ttl == 5 })
        world.deregister("web", "10.0.0.1:80")
        #expect(try world.addresses("web.service.a8") == ["10.0.0.2", "10.0.0.3"])
        world.register("web", "10.0.0.2:80", status: .outOfService)
        #expect(try world.addresses("web.service.a8") == ["10.0.0.3"])
        world.advance(.seconds(29))
        #expect(try world.addresses("web.service.a8") == ["10.0.0.3"])
        world.renew("web", "10.0.0.3:80")
        world.advance(.seconds(29))
        #expect(try world.addresses("web.service.a8") == ["10.0.0.3"])
        world.advance(.seconds(2))
        #expect(try world.addresses("web.service.a8") == [])
        for number in 0..<1_025 { world.register("big", "10.1.\(number / 250).\(number % 250):80") }
        #expect(try world.ask("big.service.a8", RecordType.a, by: .tcp).answers.count == 1_025)
        world.deregister("big", "10.1.0.0:80")
        world.advance(.milliseconds(100))
        #expect(try world.ask("big.service.a8", RecordType.a, by: .tcp).answers.count == 1_024)
        for number in 1_025..<16_386 { world.register("big", "10.1.\(number / 250).\(number % 250):80") }
        world.advance(.milliseconds(100))
        #expect(try world.ask("big.service.a8").code == 2)
    }

    @Test func `a member that cannot know says so`() throws {
        // N119 A member that cannot know, because it has no copy yet (R620), is leaving (R626) or is behind (R273),
        // answers SERVFAIL rather than that there is nothing: empty means gone to nearly all clients, SERVFAIL means
        // keep what you have.
        let newcomer = try DNSWorld(hasCopy: false)
        for name in ["web.service.a8", "_web._tcp.service.a8", "v1.web.service.a8"] {
            #expect(try newcomer.ask(name).code == 2, "\(name)")
        }
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        #expect(try world.ask("web.service.a8").code == 0)
        world.registry.lifecycle.advance(to: .leaving)
        #expect(try world.ask("web.service.a8").code == 2)
        #expect(try world.ask("no.service.a8").code == 2)
        // One that is behind knows what it has, and not that there is nothing.
        let behind = try DNSWorld(isBehind: true)
        behind.register("web", "10.0.0.1:80", tags: ["v1"])
        behind.register("late", "10.0.0.2:80", status: .starting)
        for name in ["web.service.a8", "v1.web.service.a8", "_web._tcp.service.a8"] {
            #expect(try behind.ask(name).code == 0, "\(name)")
        }
        for name in ["no.service.a8", "v2.web.service.a8", "_web._udp.service.a8", "late.service.a8"] {
            // Asked for again it may be answered from what is kept.
            for _ in 0..<2 { #expect(try behind.ask(name).code == 2, "\(name)") }
        }
    }

    @Test func `a server that stops tells all who may ask to ask elsewhere`() throws {
        // N123 From when the registry takes no connections any more (R614) until its port is closed, every query by UDP is
        // answered SERVFAIL.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        #expect(try world.ask("web.service.a8").code == 0)
        world.stop()
        for name in ["web.service.a8", "no.service.a8", "a8", "0a000001.addr.a8"] {
            let read = try world.ask(name)
            #expect(read.code == 2 && read.answers.isEmpty && read.authority.isEmpty, "\(name)")
        }
        #expect(try world.ask("web.service.a8", from: "192.0.2.1").code == 5)
    }

    @Test func `the zone has another serial after each change, and a later one`() throws {
        // N124 The serial of the SOA grows with each change in what is shown, in the order of RFC 1982: it counts steps of
        // 16 ms, and is that of the last change, so members that have the same differ by little.
        let world = try DNSWorld { $0.dnsNamespaces = DNSNamespaces("t=tenant") }
        func serial(_ name: String = "a8") throws -> UInt32 {
            let read = try world.ask(name, RecordType.soa)
            let record = try #require((read.answers + read.authority).first)
            return record.data.suffix(20).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        }
        var last = try serial()
        #expect(last == 1)
        world.advance(.seconds(1_600))
        let changes: [() -> Void] = [
            { world.register("web", "10.0.0.1:80") }, { world.register("web", "10.0.0.2:80") },
            { world.register("web", "10.0.0.1:80", in: Namespace("tenant")) },
            { world.deregister("web", "10.0.0.2:80") },
            { world.deregister("web", "10.0.0.1:80") },
        ]
        for (number, change) in changes.enumerated() {
            change()
            let next = try serial()
            #expect(Int32(bitPattern: next &- last) > 0, "change \(number): \(last), \(next)")
            // 1,600 s are 100,000 steps of 16 ms, or a little less.
            #expect((97_000..<98_000).contains(next))
            last = next
            #expect(try serial("no.service.a8") == last && serial("late.service.a8") == last)
        }
        // What is not shown moves nothing, nor does a heartbeat.
        world.register("web", "10.0.0.1:80", in: Namespace("other"))
        world.register("web", "10.0.0.3:80")
        last = try serial()
        world.advance(.seconds(1))
        world.renew("web", "10.0.0.3:80")
        #expect(try serial() == last)
    }

    @Test func `what is not answered has a code that says why`() throws {
        // N120 REFUSED: names outside of the zone, classes other than IN, AXFR and IXFR, clients outside of DNS_ALLOW or
        // over RATE_LIMIT_CLIENT or RATE_LIMIT_NAMESPACE. NOTIMP: operations other than a query. FORMERR: what is not
        // exactly one query. Nothing: less than a header, and answers.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        #expect(try world.ask("example.com").code == 5)
        #expect(try world.ask("a8", RecordType.axfr, by: .tcp).code == 5)
        #expect(try world.ask("a8", RecordType.ixfr).code == 5)
        var query = TestQuery("web.service.a8", RecordType.a)
        for recordClass in [3, 255] {
            query.recordClass = recordClass
            #expect(try world.ask(query).code == 5)
        }
        for client in ["192.0.2.1", "2001:db8::1", "11.0.0.1", "172.32.0.1", "100.128.0.1"] {
            #expect(try world.ask("web.service.a8", from: client).code == 5, "\(client)")
        }
        for client in [
            "127.9.9.9", "::1", "10.0.0.9", "172.31.0.1", "192.168.1.1", "100.127.0.1", "fd00::9", "fe80::9",
        ] {
            #expect(try world.ask("web.service.a8", from: client).code == 0, "\(client)")
        }
        query = TestQuery("web.service.a8", RecordType.a)
        query.flags = 2 << 11
        #expect(try world.ask(query).code == 4)
        #expect(try ReadAnswer(try world.bytes(TestQuery("web.service.a8", 1).bytes + [0])).code == 1)
        #expect(try world.bytes([1, 2, 3]).isEmpty)
        query.flags = 0x8000
        #expect(try world.bytes(query.bytes).isEmpty)
        #expect(world.counts.figures.ignored == 2)
        let limited = try DNSWorld {
            $0.rateLimitClient = 1
        }
        #expect(try limited.ask("a8", RecordType.soa).code == 0)
        #expect(try (0..<40).map { _ in try limited.ask("a8", RecordType.soa).code }.contains(5))
        let tenants = try DNSWorld { $0.rateLimitNamespace = 1 }
        tenants.register("web", "10.0.0.1:80")
        #expect(try (0..<40).map { _ in try tenants.ask("web.service.a8").code }.contains(5))
    }

    @Test func `flags, and questions for anything`() throws {
        // N121 An answer is authoritative where it is of the zone; recursion is not available; RD and CD are copied, AD
        // is not set. A question of the type ANY gets one HINFO record (RFC 8482).
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        var query = TestQuery("web.service.a8", RecordType.a)
        query.flags = 0x0130
        #expect(try world.ask(query).flags == 0x8510)
        query.flags = 0
        #expect(try world.ask(query).flags == 0x8400)
        #expect(try world.ask("example.com").flags == 0x8105)
        for name in ["web.service.a8", "a8", "service.a8", "0a000001.addr.a8", "ns1.a8"] {
            #expect(try world.ask(name, RecordType.any).answers.map(\.type) == [13], "\(name)")
        }
        #expect(try world.ask("no.service.a8", RecordType.any).code == 3)
    }

    @Test func `EDNS is answered when it is spoken`() throws {
        // N122 EDNS is answered when it is spoken: version 0, a size of 1,232 bytes, the DO bit as it came, no options;
        // another version is BADVERS.
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        let cookie = number(10) + number(8) + [UInt8](repeating: 7, count: 8)
        let read = try world.ask(TestQuery("web.service.a8", RecordType.a, size: 4_096, options: cookie))
        #expect(read.edns?.size == 1_232 && read.edns?.flags == 0x8000 && read.answers.count == 1)
        #expect(read.bytes.suffix(2) == [0, 0])
        #expect(try world.ask("web.service.a8").edns == nil)
        let other = try world.ask(TestQuery("web.service.a8", RecordType.a, size: 4_096, version: 1))
        #expect(other.code == 16 && other.answers.isEmpty)
    }
}
