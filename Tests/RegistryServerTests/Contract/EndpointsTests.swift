// What Envoy is told of endpoints (docs/envoy.md).

import Catalog
import Foundation
import HTTP
import TestSupport
import TestTime
import Testing
import Time

@testable import Authorization
@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer
@testable import Replication
@testable import Serving

/// A cluster whose other members left this one out.
private struct BehindCluster: Cluster {
    let hasCopy = true
    let isLargeEnough = true
    let clockCorrection: Int64 = 0
    let components: [ComponentHealth] = []
    let report: ClusterReport? = nil
    let standing = PublishedStanding()

    init() { standing.publish(ClusterStanding(waits: false, mayBeUnderWay: true, behindSince: .zero)) }
}

struct EndpointsTests {
    private static let type = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

    private static func ask(_ names: [String], version: String? = nil, extra: String = "") -> TestRequest {
        let quoted = names.map(Body.quoted).joined(separator: ",")
        let version = version.map { #""version_info":"\#($0)","# } ?? ""
        return post(#"{\#(version)\#(extra)"resource_names":[\#(quoted)],"type_url":"\#(type)"}"#)
    }

    private static func post(_ json: String) -> TestRequest {
        TestRequest("POST", "/v3/discovery:endpoints", [("Content-Type", "application/json")], body: Array(json.utf8))
    }

    /// As Envoy takes it: what is not here costs the whole answer.
    private struct Discovered: Decodable {
        struct Cluster: Decodable {
            struct Group: Decodable { var lb_endpoints: [Endpoint] }
            var cluster_name: String
            var endpoints: [Group]
        }
        struct Endpoint: Decodable {
            struct Outer: Decodable { var address: Middle }
            struct Middle: Decodable { var socket_address: Socket }
            struct Socket: Decodable {
                var `protocol`: String?
                var address: String
                var port_value: UInt16
            }
            var endpoint: Outer
            var health_status: String
            var load_balancing_weight: UInt32
        }
        var version_info: String
        var nonce: String
        var type_url: String
        var resources: [Cluster]
    }

    private static func discovered(_ answer: Answer) throws -> Discovered {
        #expect(answer.status == 200, "\(answer)")
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer["ETag"] == nil)
        let found = try JSONDecoder().decode(Discovered.self, from: Data(answer.body))
        #expect(found.type_url == type && found.nonce == found.version_info && !found.nonce.isEmpty)
        let resources = try #require(try answer.object()["resources"] as? [[String: Any]])
        for resource in resources {
            #expect(Set(resource.keys) == ["@type", "cluster_name", "endpoints"])
            #expect(resource["@type"] as? String == type)
        }
        return found
    }

    /// `name address:port*weight,…` for each cluster.
    static func clusters(_ registry: Registry, _ names: [String]) throws -> [String] {
        try discovered(registry.send(ask(names))).resources.map { cluster in
            #expect(cluster.endpoints.count <= 1)
            let endpoints = cluster.endpoints.flatMap(\.lb_endpoints).map { endpoint in
                #expect(endpoint.health_status == "HEALTHY")
                let socket = endpoint.endpoint.address.socket_address
                return
                    "\(socket.protocol ?? "")\(socket.address):\(socket.port_value)*\(endpoint.load_balancing_weight)"
            }
            return "\(cluster.cluster_name) \(endpoints.sorted().joined(separator: ","))"
        }
    }

    @Test(arguments: Transport.allCases)
    func `each name has its cluster, in the order asked`(_ transport: Transport) throws {
        // V303 resources has one ClusterLoadAssignment for each name, in the order asked … its endpoints is [].
        let registry = try Registry(transport)
        try registry.register(Body("web", "10.0.0.1:80"))
        try registry.register(Body("db", "10.0.0.2:5432"))
        try registry.register(Body("a?b%", "10.0.0.3:1"))
        #expect(
            try Self.clusters(registry, ["web", "none", "db", "web", "a%3Fb%25", "\"\\ é\n"]) == [
                "web 10.0.0.1:80*1", "none ", "db 10.0.0.2:5432*1", "a%3Fb%25 10.0.0.3:1*1", "\"\\ é\n ",
            ])
        let answer = try registry.send(Self.ask(["none"]))
        #expect(answer.text.contains(#""cluster_name":"none","endpoints":[]}"#))
    }

    @Test(arguments: Transport.allCases)
    func `endpoints are those that Envoy takes`(_ transport: Transport) throws {
        // V304 The endpoints are the instances whose status is UP and whose address (A101) is numeric. V305
        // load_balancing_weight is the weight of A104.
        let registry = try Registry(transport)
        for (type, value, rest) in [
            ("tcp", "10.0.0.1:80", [("metadata", #"{"weight":7}"#)]),
            ("tcp", "10.0.0.2:80", [("metadata", #"{"weight":0}"#)]),
            ("tcp", "10.0.0.3:80", [("metadata", #"{"weight":4294967296}"#)]),
            ("tcp", "10.0.0.4:80", [("status", #""STARTING""#)]),
            ("tcp", "10.0.0.5:80", [("status", #""OUT_OF_SERVICE""#)]),
            ("tcp", "host:80", []), ("user", "10.0.0.7:80", []), ("tcp", "10.0.0.8", []), ("tcp", "10.0.0.9:0", []),
            ("tcp", "[fd00::1]:80", []), ("udp", "10.0.0.1:80", []), ("http", "http://10.0.0.1/x", []),
            ("https", "10.0.0.1", []), ("tcp", "0.0.0.0:80", []), ("tcp", "[::ffff:10.0.0.2]:80", []),
        ] as [(String, String, [(String, String)])] {
            var body = Body("web", value)
            body.type = Body.quoted(type)
            body.rest = rest.map { (key: $0.0, json: $0.1) }
            try registry.register(body)
        }
        let found = try #require(try Self.clusters(registry, ["web"]).first)
        let endpoints = Set(found.dropFirst("web ".count).split(separator: ",").map { $0.prefix { $0 != "*" } })
        // Whatever is reached by the same address, port and protocol is there once.
        #expect(
            endpoints == [
                "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "fd00::1:80", "UDP10.0.0.1:80", "10.0.0.1:443",
            ])
        #expect(found.components(separatedBy: ",").count == endpoints.count)
        #expect(found.contains("10.0.0.3:80*1") && found.contains("UDP10.0.0.1:80*1"))
    }

    @Test func `tags select`() throws {
        // V205 … SERVICE?tags=a,b, which has those of its instances that have all of these tags.
        let registry = try Registry(.router)
        try registry.register(Body("web", "10.0.0.1:80", ["tags": #"["a","b"]"#]))
        try registry.register(Body("web", "10.0.0.2:80", ["tags": #"["b","c d"]"#]))
        #expect(
            try Self.clusters(registry, ["web?tags=b", "web?tags=b,a", "web?tags=c%20d", "web?tags=x", "web?tags="])
                == [
                    "web?tags=b 10.0.0.1:80*1,10.0.0.2:80*1", "web?tags=b,a 10.0.0.1:80*1",
                    "web?tags=c%20d 10.0.0.2:80*1", "web?tags=x ", "web?tags= ",
                ])
    }

    @Test(arguments: Transport.allCases)
    func `a version that is current is answered 304`(_ transport: Transport) throws {
        // V301 V changes when an instance of a service that is asked for comes, goes or changes, and with nothing else.
        // V302 When the version_info of the request is V, the answer is 304 without a body. A109 A heartbeat changes no
        // answer.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "10.0.0.1:80"))
        func poll(_ version: String?, _ names: [String] = ["web"]) throws -> Answer {
            try registry.send(Self.ask(names, version: version))
        }
        let first = try Self.discovered(poll(nil)).version_info
        #expect(try poll(nil).status == 200, "without a version it is always answered")
        let unchanged = try poll(first)
        #expect(unchanged.status == 304 && unchanged.body.isEmpty)
        registry.clock.advance(milliseconds: 10_000)
        #expect(try registry.send(.renew(id)).status == 200)
        try registry.register(Body("other", "10.0.0.9:80"))
        #expect(try poll(first).status == 304)
        #expect(try poll(first, ["web?tags=a"]).status == 200)
        #expect(try poll(first, ["web", "other"]).status == 200)
        #expect(try poll(first + "0").status == 200)
        try registry.register(Body("web", "10.0.0.2:80"))
        let second = try Self.discovered(poll(first)).version_info
        #expect(second != first)
        #expect(try poll(second).status == 304)
        // A lease that runs out is a change, before the instance is swept too.
        registry.clock.advance(milliseconds: 25_000)
        #expect(try registry.send(.renew(id)).status == 200)
        registry.clock.advance(milliseconds: 10_000)
        let third = try Self.discovered(poll(nil))
        #expect(third.resources[0].endpoints[0].lb_endpoints.count == 1)
        #expect(third.version_info != second)
        let unknown = try Self.discovered(poll(nil, ["none"])).version_info
        #expect(try poll(unknown, ["none"]).status == 304)
    }

    @Test func `another namespace has other versions`() throws {
        // A107 What is shown is the credential's namespace.
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        try registry.register(Body("web", "10.0.0.1:80"), token: "one")
        let one = try Self.discovered(registry.send(Self.ask(["web"]).bearing("one")))
        #expect(one.resources[0].endpoints.count == 1)
        let two = try Self.discovered(registry.send(Self.ask(["web"], version: one.version_info).bearing("two")))
        #expect(two.resources[0].endpoints.isEmpty)
        let refused = try registry.send(Self.ask(["web"]))
        #expect(refused.status == 401)
        #expect(refused["Content-Type"] == "text/plain; charset=utf-8")
    }

    @Test(arguments: Transport.allCases)
    func `the request that Envoy sends is read, large as it is`(_ transport: Transport) throws {
        // V201 All else must be JSON, and is passed over. V206 A body may have XDS_BODY_LIMIT bytes. R801 is for others.
        let registry = try Registry(transport)
        try registry.register(Body("web", "10.0.0.1:80"))
        let list = (0..<900).map {
            #"{"name":"envoy.filters.http.\#($0)","category":"envoy.filters","type_urls":["envoy.C\#($0)"]}"#
        }.joined(separator: ",")
        let node = #""node":{"id":"n","user_agent_name":"envoy","extensions":[\#(list)]},"#
        var request = Self.ask(["web"], extra: node)
        request.host = "reg"
        let first = try registry.send(request)
        let version = try Self.discovered(first).version_info
        for _ in 0..<3 {
            #expect(try registry.send(Self.ask(["web"], version: version, extra: node)).status == 304)
        }
        #expect(try registry.send(Self.ask(["web"], version: "1", extra: node)).body == first.body)
    }

    @Test func `bodies of a mebibyte are read to their end`() throws {
        // V206 A body may have XDS_BODY_LIMIT bytes. V204 What is no such request is answered 400.
        let registry = try Registry(.live)
        let most = #"{"resource_names":["web"]}"#
        let padded = most + String(repeating: " ", count: (1 << 20) - most.utf8.count)
        #expect(try registry.send(Self.post(padded)).status == 200)
        let without = #"{"resource_names":["web"],"node":{"extensions":["# + String(repeating: "[", count: 1_000_000)
        #expect(try registry.send(Self.post(without)).status == 400)
        let endless = #"{"resource_names":["web"],"node":{"id":""# + String(repeating: "x", count: 1_000_000)
        #expect(try registry.send(Self.post(endless)).status == 400)
    }

    @Test(arguments: Transport.allCases)
    func `a body beyond the limit is not read`(_ transport: Transport) throws {
        // V206 … and is answered 413 beyond.
        let registry = try Registry(transport)
        let answer = try registry.send(Self.post(String(repeating: " ", count: (1 << 20) + 1)))
        #expect(answer.status == 413)
    }

    @Test(arguments: Transport.allCases)
    func `what cannot be answered is refused in plain words`(_ transport: Transport) throws {
        // V202, V203, V204, V205 and V207 Refusals are a sentence as text/plain.
        let registry = try Registry(transport)
        let many = (0...100).map { "s\($0)" }
        var requests = [
            Self.post(""), Self.post("{}"), Self.post("[]"), Self.post(#"{"resource_names":[]}"#), Self.ask(many),
            Self.post(#"{"resource_names":["a"],"type_url":"type.googleapis.com/envoy.config.cluster.v3.Cluster"}"#),
            Self.ask(["a?x=1"]), Self.ask(["100%"]), Self.ask(["a", String(repeating: "b", count: 4_097)]),
        ]
        #expect(try registry.send(Self.ask(many.dropLast())).status == 200)
        for request in requests {
            let answer = try registry.send(request)
            #expect(answer.status == 400, "\(answer)")
            #expect(answer["Content-Type"] == "text/plain; charset=utf-8")
            #expect(answer.text.hasSuffix("\n") && !answer.text.hasPrefix("{"))
        }
        requests = [
            TestRequest("POST", "/v3/discovery:endpoints", [("Content-Type", "text/plain")], body: Array("{}".utf8)),
            Self.ask(["a"]).with("Content-Encoding", "gzip"),
        ]
        for request in requests { #expect(try registry.send(request).status == 415) }
        let other = try registry.send(.get("/v3/discovery:endpoints"))
        #expect(other.status == 405 && other["Allow"] == "OPTIONS, POST")
    }

    @Test func `a member that cannot know says so`() throws {
        // V306 A member that has no copy yet, or is leaving, answers 503 (A106).
        let copying = try Registry(.router, cluster: ReportingCluster(hasCopy: false))
        let answer = try copying.send(Self.ask(["web"]))
        #expect(answer.status == 503 && answer["Retry-After"] != nil)
        let leaving = try Registry(.router)
        leaving.context.registry.lifecycle.advance(to: .leaving)
        #expect(try leaving.send(Self.ask(["web"])).status == 503)
        // … and so does one that may have missed that a service is there.
        let behind = try Registry(.router, cluster: BehindCluster())
        try behind.register(Body("web", "10.0.0.1:80"))
        #expect(try behind.send(Self.ask(["web"])).status == 200)
        #expect(try behind.send(Self.ask(["web", "none"])).status == 503)
    }

    @Test func `it can be turned off, and has its own limit`() throws {
        // V308 With ENVOY_XDS=false the path is answered 404.
        var settings = Settings.defaults
        #expect(Protocols.routes(settings).routes.contains { $0.path == "/v3/discovery:endpoints" })
        settings.xdsBodyLimit = 70_000
        let route = Protocols.routes(settings).routes.first { $0.path == "/v3/discovery:endpoints" }
        #expect(route?.style.bodyLimit == 70_000)
        settings.envoyXDS = false
        #expect(!Protocols.routes(settings).routes.contains { $0.path.hasPrefix("/v3") })
    }

    @Test func `a poll is answered at once`() throws {
        // V307 A poll is answered at once, and never held: the answer of a thousand instances, too.
        let registry = try Registry(.router)
        for number in 0..<1_000 { try registry.register(Body("web", "10.0.\(number / 250).\(number % 250 + 1):80")) }
        let found = try Self.discovered(registry.send(Self.ask(["web"])))
        #expect(found.resources[0].endpoints[0].lb_endpoints.count == 1_000)
        #expect(try registry.send(Self.ask(["web"], version: found.version_info)).status == 304)
    }
}
