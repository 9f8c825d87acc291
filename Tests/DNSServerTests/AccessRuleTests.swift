// The rules of docs/dns.md about who may ask for what.

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

struct AccessRuleTests {
    @Test func `without credentials one namespace is shown, and else what the operator lists`() throws {
        // N130 With AUTH_MODE none names mean the namespace default. Otherwise nothing is shown but what DNS_NAMESPACES
        // lists; the alias default is what names without .ALIAS.ns mean.
        let open = try DNSWorld()
        open.register("web", "10.0.0.1:80")
        #expect(try open.addresses("web.service.a8") == ["10.0.0.1"])
        #expect(try open.addresses("web.service.default.ns.a8") == ["10.0.0.1"])
        let closed = try DNSWorld { $0.authMode = [.trusted] }
        closed.register("web", "10.0.0.1:80")
        #expect(try closed.ask("web.service.a8").code == 3)
        #expect(try closed.ask("service.a8").code == 0)
        let listed = try DNSWorld {
            $0.authMode = [.trusted]
            $0.dnsNamespaces = DNSNamespaces("default=tenant-a,b=tenant-b")
        }
        listed.register("web", "10.0.0.1:80", in: Namespace("tenant-a"))
        listed.register("web", "10.0.0.2:80", in: Namespace("tenant-b"))
        #expect(try listed.addresses("web.service.a8") == ["10.0.0.1"])
        #expect(try listed.addresses("web.service.b.ns.a8") == ["10.0.0.2"])
    }

    @Test func `a namespace is shown under its alias, and to whom it is listed for`() throws {
        // N131 A namespace that is not listed, or is listed for another address range, is NXDOMAIN. Its name is never a
        // part of a domain name.
        let world = try DNSWorld {
            $0.authMode = [.trusted]
            $0.dnsNamespaces = DNSNamespaces("ops=team@10.1.0.0/16")
        }
        world.register("web", "10.0.0.1:80", in: Namespace("team"))
        // Whoever may see it asks first, and what is kept is not shown to others.
        #expect(try world.addresses("web.service.ops.ns.a8", from: "10.1.2.3") == ["10.0.0.1"])
        for name in ["web.service.ops.ns.a8", "ops.ns.a8", "service.ops.ns.a8"] {
            #expect(try world.ask(name, from: "10.2.0.1").code == 3, "\(name)")
            #expect(try world.ask(name, from: "10.1.2.3").code == 0, "\(name)")
        }
        #expect(try world.ask("web.service.team.ns.a8", from: "10.1.2.3").code == 3)
    }

    @Test func `long answers by UDP are counted by network`() throws {
        // N132 Of answers over 512 bytes by UDP, the clients of one network (a /24, or a /56 of IPv6) get DNS_RATE_LIMIT
        // a second; beyond it the answer is empty and marked as truncated, so that whoever really asks comes by TCP.
        // Loopback has no limit.
        let world = try DNSWorld { $0.dnsRateLimit = 10 }
        for number in 1...40 { world.register("web", "10.0.0.\(number):80") }
        func long(_ client: String) throws -> ReadAnswer {
            try world.ask("web.service.a8", RecordType.srv, size: 4_096, from: client)
        }
        for number in 1...10 { #expect(try long("10.5.5.\(number)").answers.count == 40) }
        let over = try long("10.5.5.99")
        #expect(over.answers.isEmpty && over.isTruncated && over.code == 0 && over.bytes.count < 512)
        #expect(world.counts.figures.limited == 1)
        #expect(try long("10.5.6.1").answers.count == 40)
        #expect(try world.ask("web.service.a8", RecordType.srv, from: "10.5.5.1").answers.count > 0)
        #expect(
            try world.ask("web.service.a8", RecordType.srv, size: 4_096, by: .tcp, from: "10.5.5.1").answers.count == 40
        )
        for _ in 0..<100 { #expect(try long("127.0.0.1").answers.count == 40) }
        world.advance(.seconds(1))
        #expect(try long("10.5.5.99").answers.count == 40)
    }

    @Test func `queries are counted by transport and code`() throws {
        let world = try DNSWorld()
        world.register("web", "10.0.0.1:80")
        for _ in 0..<3 { _ = try world.ask("web.service.a8") }
        _ = try world.ask("no.service.a8", by: .tcp)
        let queries = (world.counts.figures + DNSFigures()).queries.map { "\($0.transport) \($0.code) \($0.count)" }
        #expect(Set(queries) == ["udp NOERROR 3", "tcp NXDOMAIN 1"])
    }
}
