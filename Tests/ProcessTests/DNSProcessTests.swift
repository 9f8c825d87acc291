// DNS as an operator has it: the port that the start line, the port file and the metrics page tell of, and what the running
// binary answers by it from its start to its end.

import Foundation
import TestDNS
import TestSupport
import Testing

@Suite struct DNSProcessTests {
    private static let (a, soa) = (UInt16(1), UInt16(6))
    private static let serverFailure = 2

    private func udp(_ client: SocketClient, _ name: String, _ type: UInt16 = DNSProcessTests.a) throws -> ReadAnswer {
        client.send(TestQuery(name, type).bytes)
        return try ReadAnswer(client.receive("the answer to \(name) by UDP"))
    }

    private func tcp(_ client: SocketClient, _ name: String) throws -> ReadAnswer {
        let query = TestQuery(name, Self.a).bytes
        client.send(number(query.count) + query)
        return try ReadAnswer(client.message("the answer to \(name) by TCP"))
    }

    @Test func `both transports have the port that the port file and the start line name, and are counted`() throws {
        let registry = try RunningRegistry(["--dns_port=0"])
        let port = try #require(registry.dnsPort)
        let start = try registry.log(whenALine: "of the start") { $0.contains("serving") }
        #expect(start.contains { $0.contains("serving") && $0.contains("dns_port=\(port)") }, "\(start)")
        let http = try registry.connect()
        #expect(try http.ask("POST", "/api/v1/instances", body: Sample.registration()).status == 201)
        let datagrams = try SocketClient(port: port, isStream: false)
        let stream = try SocketClient(port: port, isStream: true)
        for _ in 0..<3 { #expect(try udp(datagrams, "orders.service.a8").answers.map(\.data) == [[10, 0, 0, 1]]) }
        #expect(try tcp(stream, "orders.service.a8").answers.map(\.data) == [[10, 0, 0, 1]])
        #expect(try tcp(stream, "none.service.a8").code == 3)
        #expect(try udp(datagrams, "example.com").code == 5)
        datagrams.send([1, 2, 3])
        // Answered after what was not.
        _ = try udp(datagrams, "a8", Self.soa)
        let lines = Set(try http.ask("GET", "/metrics").text.split(separator: "\n").map(String.init))
        let expected = [
            #"a8registry_dns_queries_total{transport="udp",code="NOERROR"} 4"#,
            #"a8registry_dns_queries_total{transport="udp",code="REFUSED"} 1"#,
            #"a8registry_dns_queries_total{transport="tcp",code="NOERROR"} 1"#,
            #"a8registry_dns_queries_total{transport="tcp",code="NXDOMAIN"} 1"#,
            "a8registry_dns_truncated_total 0", "a8registry_dns_limited_total 0", "a8registry_dns_cut_total 0",
            "a8registry_dns_ignored_total 1", "a8registry_dns_connections 1",
        ]
        #expect(lines.isSuperset(of: expected), "missing: \(Set(expected).subtracting(lines))")
    }

    @Test func `without a port there is none, and no metrics of it`() throws {
        let registry = try RunningRegistry()
        #expect(registry.dnsPort == nil)
        #expect(try !registry.connect().ask("GET", "/metrics").text.contains("a8registry_dns"))
    }

    @Test func `a member that has no copy yet answers SERVFAIL by both transports, and so do the feeds over HTTP`()
        throws
    {
        // The other member of the two never answers, so this one does not know what there is.
        let registry = try RunningRegistry(
            [
                "--dns_port=0", "--dns_allow=any", "--replication=true", "--replication_port=0",
                "--cluster_peers=127.0.0.1:1", "--cluster_size=2", "--sync_timeout=1h",
            ])
        let port = try #require(registry.dnsPort)
        let datagrams = try SocketClient(port: port, isStream: false)
        let stream = try SocketClient(port: port, isStream: true)
        for name in ["orders.service.a8", "_orders._tcp.service.a8", "v1.orders.service.a8"] {
            for read in [try udp(datagrams, name), try tcp(stream, name)] {
                #expect(read.code == Self.serverFailure && read.authority.isEmpty, "\(name)")
            }
        }
        let http = try registry.connect()
        let wish = #"{"resource_names":["orders"]}"#
        for (method, path, body) in [
            ("POST", "/v3/discovery:endpoints", wish), ("GET", "/api/v1/targets", ""), ("GET", "/api/v1/watch", ""),
            ("GET", "/v1/health/service/orders", ""),
        ] {
            let answer = try http.ask(method, path, body: body)
            #expect(answer.status == 503 && answer.header("Retry-After") != nil, "\(path): \(answer.head)")
        }
    }

    @Test func `while the process finishes what was begun, queries by UDP are told to go elsewhere`() throws {
        // N123 From when the registry takes no connections any more (R614) until its port is closed, every query by UDP is
        // answered SERVFAIL.
        let registry = try RunningRegistry(["--dns_port=0"])
        let port = try #require(registry.dnsPort)
        let client = try SocketClient(port: port, isStream: false)
        let stream = try SocketClient(port: port, isStream: true)
        #expect(try registry.connect().ask("POST", "/api/v1/instances", body: Sample.registration()).status == 201)
        #expect(try udp(client, "orders.service.a8").answers.count == 1)
        #expect(try tcp(stream, "orders.service.a8").answers.count == 1)
        let unfinished = try registry.connect()
        try unfinished.send("GET /readyz HTTP/1.1\r\nHost: a")
        let idle = try registry.connectAfterEverythingSent()
        registry.send(SIGTERM)
        #expect(try idle.receiveEnd("the end of an idle connection") == "")
        #expect(try stream.receive("the end of a connection of DNS").isEmpty)
        for name in ["orders.service.a8", "none.service.a8"] {
            #expect(try udp(client, name).code == Self.serverFailure, "\(name)")
        }
        try unfinished.send("\r\n\r\n")
        #expect(try unfinished.receive("the answer to what was begun").status == 503)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        // The kernel says that nobody is there.
        client.send(TestQuery("orders.service.a8", Self.a).bytes)
        #expect(try client.receive("the word that the port is closed").isEmpty)
    }

    @Test func `those who send a length and nothing more keep nobody out, and beyond the limit are closed and counted`()
        throws
    {
        let registry = try RunningRegistry(["--dns_port=0", "--max_connections=60"])
        let port = try #require(registry.dnsPort)
        let http = try registry.connect()
        #expect(try http.ask("POST", "/api/v1/instances", body: Sample.registration()).status == 201)
        let first = try SocketClient(port: port, isStream: true)
        #expect(try tcp(first, "orders.service.a8").answers.count == 1)
        let clients = try (0..<100).map { _ in try SocketClient(port: port, isStream: true) }
        for client in clients { client.send([0xFF, 0xFF]) }
        let counter = #"a8registry_connections_refused_total{reason="connections"} 42"#
        try Patience.wait("the word of 42 refused connections") {
            try http.ask("GET", "/metrics").text.contains(counter)
        }
        try Patience.wait("the ends of 42 connections") { clients.count(where: \.hasNews) == 42 }
        #expect(try tcp(first, "orders.service.a8").answers.count == 1)
        #expect(try udp(try SocketClient(port: port, isStream: false), "orders.service.a8").answers.count == 1)
        _ = try registry.log(whenALine: "about refused connections") { $0.contains("connections refused") }
    }
}
