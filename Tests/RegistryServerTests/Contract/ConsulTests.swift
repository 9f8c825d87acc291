// The read half of Consul's API as its clients use it (docs/consul.md).

import Foundation
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryServer
@testable import Serving

extension Answer {
    /// A JSON array of objects.
    func objects() throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [[String: Any]], "\(text)")
    }

    /// `X-Consul-Index`.
    var consulIndex: UInt64? { self["X-Consul-Index"].flatMap { UInt64($0) } }
}

extension Registry {
    /// The answer to a look-up below `/v1/`, which must be 200.
    func consul(_ path: String, token: String? = nil) throws -> Answer {
        let request = TestRequest.get("/v1" + path)
        let answer = try send(token.map { request.with("X-Consul-Token", $0) } ?? request)
        try #require(answer.status == 200, "\(answer.text) to \(path)")
        return answer
    }
}

struct ConsulTests {
    /// Paths of lists, each of which a credential is needed for.
    private static let lists = [
        "/catalog/services", "/catalog/service/web", "/health/service/web", "/health/checks/web", "/health/state/any",
        "/health/state/passing", "/health/state/warning", "/health/state/critical",
    ]
    private static let open = ["/agent/self", "/status/leader", "/status/peers", "/catalog/datacenters"]

    @Test(arguments: Transport.allCases)
    func `an instance has every key that clients read`(_ transport: Transport) throws {
        // C201 Node, Address and the service's address are the host. C205 Every key of Consul's answers that clients
        // read is there, of Consul's type.
        let registry = try Registry(transport)
        let id = try registry.register(
            Body("web", "10.0.0.1:80", ["tags": #"["v1","a"]"#, "metadata": #"{"zone":"eu","weight":7}"#]))
        let catalog = try #require(try registry.consul("/catalog/service/web").objects().first)
        let since = try #require(catalog["CreateIndex"] as? UInt64)
        #expect(
            catalog as NSDictionary == [
                "ID": "", "Node": "10.0.0.1", "Address": "10.0.0.1", "Datacenter": "dc1", "TaggedAddresses": NSNull(),
                "NodeMeta": [:], "ServiceID": id, "ServiceName": "web", "ServiceTags": ["v1", "a"],
                "ServiceAddress": "10.0.0.1", "ServicePort": 80,
                "ServiceMeta": ["zone": "eu", "weight": "7", "a8_type": "http", "a8_status": "UP"],
                "ServiceWeights": ["Passing": 7, "Warning": 7], "ServiceEnableTagOverride": false,
                "CreateIndex": since, "ModifyIndex": since,
            ])
        let check: [String: Any] = [
            "Node": "10.0.0.1", "CheckID": "service:\(id)", "Name": "lease", "Status": "passing", "Notes": "",
            "Output": "10.0.0.1:80", "ServiceID": id, "ServiceName": "web", "ServiceTags": ["v1", "a"], "Type": "ttl",
            "Definition": [:], "CreateIndex": since, "ModifyIndex": since,
        ]
        let health = try #require(try registry.consul("/health/service/web").objects().first)
        #expect(
            health as NSDictionary == [
                "Node": [
                    "ID": "", "Node": "10.0.0.1", "Address": "10.0.0.1", "Datacenter": "dc1",
                    "TaggedAddresses": NSNull(), "Meta": [:], "CreateIndex": since, "ModifyIndex": since,
                ] as [String: Any],
                "Service": [
                    "ID": id, "Service": "web", "Tags": ["v1", "a"], "Address": "10.0.0.1", "Port": 80,
                    "Meta": ["zone": "eu", "weight": "7", "a8_type": "http", "a8_status": "UP"],
                    "Weights": ["Passing": 7, "Warning": 7], "EnableTagOverride": false, "CreateIndex": since,
                    "ModifyIndex": since,
                ] as [String: Any],
                "Checks": [check],
            ])
        // C204 Each instance has one check, whose Output is HOST:PORT.
        for path in ["/health/checks/web", "/health/state/any", "/health/state/passing"] {
            #expect(try registry.consul(path).objects() as NSArray == [check], "\(path)")
        }
        for path in ["/health/state/critical", "/health/state/warning", "/health/service/none"] {
            #expect(try registry.consul(path).text == "[]", "\(path)")
        }
        #expect(try registry.consul("/catalog/services").text == #"{"web":["a","v1"]}"#)
    }

    @Test(arguments: Transport.allCases)
    func `every answer has an index, also of what there is not`(_ transport: Transport) throws {
        // C401 Every answer 200 has X-Consul-Index, at least 1, X-Consul-KnownLeader: true and X-Consul-LastContact: 0.
        let registry = try Registry(transport)
        for path in Self.lists + Self.open {
            let answer = try registry.consul(path)
            #expect(answer["X-Consul-Index"] == "1", "\(path)")
            #expect(answer["X-Consul-KnownLeader"] == "true" && answer["X-Consul-LastContact"] == "0", "\(path)")
            #expect(answer["ETag"] == nil && answer["Content-Type"] == "application/json")
        }
        #expect(try registry.consul("/catalog/services").text == "{}")
        #expect(try registry.consul("/catalog/service/web").text == "[]")
        try registry.register(Body())
        for path in Self.lists {
            // C404 An index is the microseconds since 1970 of the change, below 2^53.
            #expect(
                try registry.consul(path).consulIndex == UInt64(TestClock.start / 1_000), "\(path)")
        }
        let head = try registry.send(TestRequest("HEAD", "/v1/health/service/web"))
        #expect(head.status == 200 && head.body.isEmpty && head.consulIndex == UInt64(TestClock.start / 1_000))
        // A list is what it was, whatever a client says of a tag.
        #expect(
            try registry.send(.get("/v1/health/service/web").with("If-None-Match", "*")).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `only reading is served`(_ transport: Transport) throws {
        // C101 GET and HEAD are answered, another method 405 with Allow. Any other path below /v1/ is answered 404 with
        // X-Consul-Index: 1. C103 What is refused has the sentence as text/plain.
        let registry = try Registry(transport)
        for path in ["/v1/health/service/web", "/v1/agent/self", "/v1/agent/service/register", "/v1/kv/a/b"] {
            let answer = try registry.send(TestRequest("PUT", path))
            #expect(answer.status == 405 && answer["Allow"] == "GET, HEAD, OPTIONS", "\(path)")
            #expect(
                answer["Content-Type"] == "text/plain; charset=utf-8"
                    && answer.text == "this path supports GET, HEAD, OPTIONS only")
        }
        for path in [
            "/v1/kv/a", "/v1/catalog/nodes", "/v1/catalog/node/10.0.0.1", "/v1/health/node/10.0.0.1",
            "/v1/health/state/sound", "/v1/health/service/", "/v1/a/b/c/d/e/f/g/h/i/j/k/l/m",
        ] {
            let answer = try registry.send(.get(path))
            #expect(answer.status == 404 && answer["X-Consul-Index"] == "1", "\(path)")
            #expect(
                answer["Content-Type"] == "text/plain; charset=utf-8"
                    && answer.text == "this registry does not answer this path", "\(path)")
        }
        // Others are not concerned.
        #expect(try registry.send(.get("/v2/catalog/services"))["Content-Type"] == "application/json")
        #expect(try registry.send(TestRequest("PUT", "/api/v1/services"))["Content-Type"] == "application/json")
    }

    @Test func `the API can be turned off, and its datacenter named`() throws {
        // C104 With CONSUL_API=false the paths are answered 404.
        var settings = Settings.defaults
        settings.consulAPI = false
        #expect(!Protocols.routes(settings).routes.contains { $0.path.hasPrefix("/v1") })
        settings.consulAPI = true
        settings.consulDatacenter = "eu"
        let table = Protocols.routes(settings)
        #expect(table.routes.count == Protocols.routes.routes.count)
        // Formats of one process are told apart by their numbers.
        let lists = ConsulNumbers.all
        #expect(Set(lists).count == lists.count)
    }

    @Test(arguments: Transport.allCases)
    func `a name may have slashes`(_ transport: Transport) throws {
        // C102 NAME is all that follows in the path, percent-decoded, slashes included.
        let registry = try Registry(transport)
        let deep = (1...12).map(String.init).joined(separator: "/")
        for name in ["db x/y", "a/", deep, "a//b", "ü"] { try registry.register(Body(name)) }
        for (path, name) in [
            ("db%20x/y", "db x/y"), ("db%20x%2Fy", "db x/y"), ("a/", "a/"), (deep, deep), ("a%2F%2Fb", "a//b"),
            ("a%2F/%2Fb", nil), ("%C3%BC", "ü"),
        ] {
            for list in ["catalog/service", "health/service", "health/checks"] {
                let text = try registry.consul("/\(list)/\(path)").text
                if let name {
                    #expect(text.contains(Body.quoted(name)), "\(path)")
                } else {
                    #expect(text == "[]")
                }
            }
        }
        #expect(try registry.send(.get("/v1/health/service/a//b")).status == 400)
        #expect(try registry.send(.get("/v1/health/service/a/../b")).status == 400)
    }

    @Test(arguments: Transport.allCases)
    func `a token is the credential, and there are not two`(_ transport: Transport) throws {
        // C110 X-Consul-Token: TOKEN counts as Authorization: Bearer TOKEN, on these paths and no others.
        let registry = try Registry(transport) { $0.authMode = [.trusted] }
        try registry.register(Body("mine"), token: "a")
        for list in Self.lists {
            #expect(try registry.send(.get("/v1" + list)).status == 401, "\(list)")
            #expect(try registry.send(.get("/v1" + list + "?token=a")).status == 401, "\(list)")
        }
        let path = "/v1/catalog/services"
        #expect(try registry.consul("/catalog/services", token: "a").text == #"{"mine":[]}"#)
        #expect(try registry.consul("/catalog/services", token: "b").text == "{}")
        #expect(try registry.send(.get(path).bearing("a")).text == #"{"mine":[]}"#)
        let both = TestRequest.get(path).with("X-Consul-Token", "a")
        #expect(try registry.send(both.bearing("a")).text == #"{"mine":[]}"#)
        for other in ["Bearer b", "Basic YTph", "Bearer"] {
            #expect(try registry.send(both.with("Authorization", other)).status == 400, "\(other)")
        }
        #expect(
            try registry.send(.get("/api/v1/services").with("X-Consul-Token", "a")).status == 401)
        // C111 agent/self, status/leader, status/peers and catalog/datacenters need no credential.
        for page in Self.open { _ = try registry.consul(page) }
    }

    @Test(arguments: Transport.allCases)
    func `the open pages tell what the client knows already`(_ transport: Transport) throws {
        // C111 They tell the datacenter, the release, MEMBER_NAME, and as the address the Host that the client has sent.
        let registry = try Registry(transport)
        func ask(_ path: String) throws -> Answer {
            var request = TestRequest.get("/v1" + path)
            request.host = "registry.example:8500"
            return try registry.send(request)
        }
        let itself = try ask("/agent/self").object()
        #expect(
            itself as NSDictionary == [
                "Config": [
                    "Datacenter": "dc1", "NodeName": "registry", "NodeID": "", "Revision": "", "Server": true,
                    "Version": Release.current,
                ] as [String: Any],
                "Member": ["Name": "registry", "Addr": "registry.example"],
            ])
        #expect(try ask("/status/leader").text == #""registry.example:8500""#)
        #expect(try ask("/status/peers").text == #"["registry.example:8500"]"#)
        #expect(try ask("/catalog/datacenters").text == #"["dc1"]"#)
        var plain = TestRequest.get("/v1/status/leader")
        plain.host = "[::1]"
        #expect(try registry.send(plain).text == #""[::1]:80""#)
    }

    @Test func `only what is up is passing, and nothing is warning`() throws {
        // C202 Status is passing for UP and critical for any other, an operator's override included.
        let registry = try Registry(.router)
        let up = try registry.register(Body("web", "10.0.0.1:1"))
        for (number, status) in ["STARTING", "OUT_OF_SERVICE"].enumerated() {
            try registry.register(Body("web", "10.0.0.2:\(number + 1)", ["status": "\"\(status)\""]))
        }
        for status in ["DOWN", "UNKNOWN"] {
            #expect(try registry.status(.eureka(register: "web", status, status: status)) == 204)
        }
        func statuses(_ path: String) throws -> [String] {
            try registry.consul(path).objects().compactMap { $0["Status"] as? String }.sorted()
        }
        let critical = [String](repeating: "critical", count: 4)
        #expect(try statuses("/health/checks/web") == critical + ["passing"])
        #expect(try statuses("/health/state/any") == critical + ["passing"])
        #expect(try statuses("/health/state/critical") == critical)
        #expect(try statuses("/health/state/passing") == ["passing"])
        #expect(try statuses("/health/state/warning") == [])
        let passing = try registry.consul("/health/service/web?passing").objects()
        #expect(passing.count == 1 && (passing[0]["Service"] as? [String: Any])?["ID"] as? String == up)
        let before = try registry.consul("/health/service/web")
        registry.clock.advance(milliseconds: 1)
        let path = "/api/v1/instances/\(up)/status?value=DRAINING"
        try #require(try registry.send(TestRequest("PUT", path)).status == 200)
        #expect(try statuses("/health/checks/web") == critical + ["critical"])
        let after = try registry.consul("/health/service/web")
        #expect(after.text.contains(#""a8_status":"DRAINING""#) && after.consulIndex != before.consulIndex)
        #expect(try registry.consul("/health/service/web?passing=true").text == "[]")
        // C206 ModifyIndex is when that or its override was changed.
        let check = try registry.consul("/health/state/any").objects().first { $0["ServiceID"] as? String == up }
        let (made, changed) = (check?["CreateIndex"] as? Int, check?["ModifyIndex"] as? Int)
        #expect(try #require(changed) - #require(made) == 1_000)
    }

    @Test func `metadata is text, and what has no address is left out`() throws {
        // C203 The metadata is text by text: numbers and booleans as their JSON; and a8_type and a8_status.
        let registry = try Registry(.router)
        try registry.register(
            Body(
                "web", "10.0.0.1:1",
                ["metadata": #"{"n":1.50,"t":true,"s":"x\"y","o":{"a":1},"l":[1],"z":null,"a8_status":"mine"}"#]))
        let meta = try registry.consul("/catalog/service/web").objects().first?["ServiceMeta"] as? [String: String]
        #expect(meta == ["n": "1.50", "t": "true", "s": "x\"y", "a8_type": "http", "a8_status": "UP"])
        let weights = try registry.consul("/catalog/service/web").objects().first?["ServiceWeights"]
        #expect(weights as? [String: Int] == ["Passing": 1, "Warning": 1])
        for (number, value) in ["not an address", "10.0.0.1:99999", "[fd00::1]:8080", "Host.Example:9"].enumerated() {
            try registry.register(Body("web", value, ["tags": #"["t\#(number)"]"#]))
        }
        try registry.register(Body("lost", "nowhere at all"))
        let nodes = try registry.consul("/catalog/service/web").objects().compactMap { $0["Node"] as? String }
        #expect(nodes.sorted() == ["10.0.0.1", "fd00::1", "host.example"])
        let outputs = try registry.consul("/health/state/any").objects().compactMap { $0["Output"] as? String }
        #expect(outputs.sorted() == ["10.0.0.1:1", "[fd00::1]:8080", "host.example:9"])
        for query in ["", "?tag=t0", "?tag=t2", "?passing"] {
            #expect(throws: Never.self) { try registry.consul("/health/service/web\(query)").objects() }
        }
        #expect(try registry.consul("/health/service/web?tag=t0").text == "[]")
        #expect(try registry.consul("/health/service/lost").text == "[]")
        // C207 catalog/services has each tag once, in the order of bytes.
        try registry.register(Body("web", "10.0.0.9:1", ["tags": #"["t3","b","a,b"]"#]))
        #expect(try registry.consul("/catalog/services").text == #"{"web":["a,b","b","t2","t3"]}"#)
    }

    @Test func `parameters narrow, are refused, or change nothing`() throws {
        let registry = try Registry(.router)
        try registry.register(Body("web", "10.0.0.1:1", ["tags": #"["v1","eu"]"#]))
        try registry.register(Body("web", "10.0.0.2:1", ["tags": #"["v2","eu"]"#, "status": #""STARTING""#]))
        func count(_ query: String, _ path: String = "/health/service/web") throws -> Int {
            try registry.consul("\(path)?\(query)").objects().count
        }
        func status(_ query: String, _ path: String = "/health/service/web") throws -> Int {
            try registry.send(.get("/v1\(path)?\(query)")).status
        }
        // C301 passing
        for value in ["passing", "passing=", "passing=1", "passing=t", "passing=true"] {
            #expect(try count(value) == 1, "\(value)")
        }
        for value in ["passing=0", "passing=f", "passing=false", ""] { #expect(try count(value) == 2, "\(value)") }
        #expect(try status("passing=yes") == 400)
        // C302 tag, which may come several times
        for path in ["/health/service/web", "/catalog/service/web"] {
            #expect(try count("tag=eu", path) == 2 && count("tag=v1", path) == 1)
            #expect(try count("tag=eu&tag=v1", path) == 1 && count("tag=v1&tag=v2", path) == 0)
            #expect(try count("tag=V1", path) == 0 && count("tag=", path) == 0)
        }
        #expect(try count("passing&tag=eu") == 1 && count("passing&tag=v2") == 0)
        // C303 Hints change nothing.
        #expect(
            try count("stale&consistent&cached&near=_agent&ns=x&partition=y&pretty&merge-central-config&what=ever")
                == 2)
        #expect(try status("near=a&near=b") == 400 && status("near=%zz") == 400)
        // C304 dc
        for path in ["/health/service/web", "/catalog/services", "/agent/self", "/status/leader"] {
            #expect(try status("dc=dc1", path) == 200 && status("dc=", path) == 200)
            let other = try registry.send(.get("/v1\(path)?dc=dc2"))
            #expect(other.status == 500 && other.text == "No path to datacenter", "\(path)")
        }
        // C305 filter is answered 400. With node-meta nothing matches.
        #expect(try status("filter=Service.Port%20%3D%3D%201") == 400)
        #expect(try count("node-meta=a:b") == 0 && count("node-meta=a:b", "/health/state/any") == 0)
        #expect(try registry.consul("/catalog/services?node-meta=a:b").text == "{}")
        for index in ["x", "-1", "1.5", "99999999999999999999"] { #expect(try status("index=\(index)") == 400) }
    }

    @Test(arguments: Transport.allCases)
    func `a long list is compressed for who takes gzip`(_ transport: Transport) throws {
        // C401 gzip is as R117 has it.
        let registry = try Registry(transport)
        for port in 1...40 { try registry.register(Body("web", "10.0.0.1:\(port)")) }
        let answer = try registry.send(.get("/v1/health/service/web").with("Accept-Encoding", "gzip"))
        #expect(answer["Content-Encoding"] == "gzip" && answer.consulIndex ?? 0 > 1)
        let plain = try registry.consul("/health/service/web")
        #expect(try plain.objects().count == 40 && plain.body.count > 4 * answer.body.count)
        let ids = try plain.objects().compactMap { ($0["Service"] as? [String: Any])?["ID"] as? String }
        #expect(ids == ids.sorted())
    }
}
