// Operators see and act in every namespace, tenants in their own alone (docs/rest-api.md, R520–R526).

import Foundation
import Replication
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryServer

struct OperatorTests {
    static let token = "an-operators-token-of-thirty-two-bytes-or-more"

    private static func registry(_ transport: Transport, _ modes: [Settings.AuthScheme] = [.trusted]) throws -> Registry
    {
        try Registry(transport) {
            $0.authMode = modes
            $0.jwtSecret = Secret(bytes: Array(Forge.secret.utf8))
            $0.operatorToken = Secret(bytes: Array(token.utf8))
        }
    }

    /// Every route of a tenant, asked with a query or none, in an order in which each is answered well.
    private static func routes(_ id: String, _ query: String) -> [(TestRequest, status: Int)] {
        func path(_ path: String, _ more: String = "") -> String {
            let whole = [more, query].filter { !$0.isEmpty }.joined(separator: "&")
            return "/api/v1/\(path)" + (whole.isEmpty ? "" : "?\(whole)")
        }
        let json = [("Content-Type", "application/json")]
        let query = query.isEmpty ? "" : "?\(query)"
        return [
            (TestRequest("POST", path("instances"), json, body: Array(Body().text.utf8)), 201),
            (.get(path("instances")), 200), (.get(path("instances", "status=ALL&fields=id")), 200),
            (.get(path("instances/\(id)")), 200), (TestRequest("PUT", path("instances/\(id)/heartbeat")), 200),
            (TestRequest("PUT", path("instances/\(id)/status", "value=OUT_OF_SERVICE&for=1m")), 200),
            (TestRequest("DELETE", path("instances/\(id)/status")), 200),
            (TestRequest("PUT", path("heartbeats"), json, body: Array(#"{"ids":["\#(id)"]}"#.utf8)), 200),
            (.get(path("services")), 200), (.get(path("services/web")), 200), (.get(path("targets")), 200),
            (.get(path("events", "limit=5")), 200), (.get("/eureka/v2/apps\(query)"), 200),
            (.get("/eureka/apps/WEB\(query)"), 200), (.get("/v1/catalog/services\(query)"), 200),
            (.get("/v1/health/service/web\(query)"), 200),
            (
                TestRequest(
                    "POST", "/v3/discovery:endpoints\(query)", json, body: Array(#"{"resource_names":["web"]}"#.utf8)),
                200
            ),
            (TestRequest("DELETE", path("instances/\(id)")), 200),
        ]
    }

    @Test(arguments: Transport.allCases, [[], [.trusted], [.jwt], [.jwt, .trusted]] as [[Settings.AuthScheme]])
    func `without a namespace an operator acts in default, whatever the mode`(
        _ transport: Transport, _ modes: [Settings.AuthScheme]
    ) throws {
        // R520 An operator's credential is judged before AUTH_MODE and whatever it says. R522 … without it an operator
        // acts in default, never in all.
        let registry = try Self.registry(transport, modes)
        let id = instanceID("web", "http", "10.0.0.1:80")
        if modes.contains(.trusted) { try registry.register(Body("other"), token: "shop") }
        for (request, status) in Self.routes(id, "") {
            let answer = try registry.send(request.bearing(Self.token))
            #expect(answer.status == status, "\(request): \(answer)")
            #expect(!answer.text.contains("other"), "\(request): \(answer.text)")
        }
        #expect(try registry.context.registry.store.counts.namespaces == (modes.contains(.trusted) ? 1 : 0))
    }

    @Test(arguments: Transport.allCases)
    func `an operator acts in the namespace that it names, on every route, and a tenant in no other`(
        _ transport: Transport
    ) throws {
        // R522 namespace=NAME in the query of a request that needs a credential is the namespace in which an operator
        // acts. … A tenant may name its own; with another it is answered 403, and nothing is done.
        let registry = try Self.registry(transport)
        let id = instanceID("web", "http", "10.0.0.1:80")
        for spelling in ["namespace=shop%20one", "namespace=shop+one", "%6eamespace=shop%20on%65"] {
            for (request, status) in Self.routes(id, spelling) {
                #expect(try registry.send(request.bearing(Self.token)).status == status, "\(request)")
            }
            for (request, status) in Self.routes(id, spelling) {
                #expect(try registry.send(request.bearing("shop one")).status == status, "\(request)")
            }
            let tenantsOwn = try registry.register(Body(), token: "tenant")
            let before = try registry.everything(token: "tenant")
            for (request, _) in Self.routes(id, spelling) {
                #expect(try registry.send(request.bearing("tenant")).status == 403, "\(request)")
                #expect(try registry.send(request).status == 401, "\(request)")
                #expect(try registry.send(request.bearing("shop")).status == 403, "\(request)")
            }
            #expect(try registry.everything(token: "tenant") == before)
            #expect(try registry.everything(token: "shop one") == #"{"instances":[]}"#)
            #expect(try registry.send(.remove(tenantsOwn).bearing("tenant")).status == 200)
        }
        // A name that only contains it is no namespace.
        let answer = try registry.send(
            .get("/api/v1/services?xnamespace=shop&namespaces=shop&name=x").bearing("tenant"))
        #expect(answer.status == 200)
    }

    @Test(
        arguments: [
            "namespace=", "namespace", "namespace=a&namespace=a", "namespace=%20", "namespace=%FF", "namespace=a%0A",
            "namespace=%", "namespace=\(String(repeating: "n", count: 257))", "namespace=a&%6Eamespace=b",
        ])
    func `what is no namespace is answered 400, after the credential`(_ query: String) throws {
        // R523 A namespace that is no namespace, or is given twice, is answered 400, and without AUTH_MODE so is any but
        // default.
        let registry = try Self.registry(.router)
        let open = try Self.registry(.router, [])
        for path in ["/api/v1/instances", "/api/v1/services", "/v1/catalog/services"] {
            #expect(try registry.send(.get("\(path)?\(query)").bearing(Self.token)).status == 400, "\(query)")
            #expect(try registry.send(.get("\(path)?\(query)").bearing("a")).status == 400, "\(query)")
            #expect(try registry.send(.get("\(path)?\(query)")).status == 401, "\(query)")
            for token in [Self.token, nil] {
                let request = TestRequest.get("\(path)?namespace=shop")
                #expect(try open.send(token.map { request.bearing($0) } ?? request).status == 400)
                let own = TestRequest.get("\(path)?namespace=default")
                #expect(try open.send(token.map { own.bearing($0) } ?? own).status == 200)
            }
        }
    }

    @Test func `an operator's token may stand wherever a token may`() throws {
        // R520 … a token that is among those of OPERATOR_TOKEN, wherever a token may stand.
        let registry = try Self.registry(.router)
        try registry.register(Body(), token: "shop")
        let query = "?namespace=shop"
        let basic = Data("user:\(Self.token)".utf8).base64EncodedString()
        for request in [
            TestRequest.get("/api/v1/services\(query)").bearing(Self.token),
            .get("/v1/catalog/services\(query)").with("X-Consul-Token", Self.token),
            .get("/eureka/v2/apps\(query)").with("Authorization", "Basic \(basic)"),
            .get("/api/eureka/\(Self.token)/v2/apps\(query)"),
        ] {
            let answer = try registry.send(request)
            #expect(answer.status == 200 && answer.text.lowercased().contains("web"), "\(request): \(answer)")
            #expect(!answer.text.contains(Self.token))
        }
    }

    @Test func `members' addresses and errors are shown to operators only, once there are any`() throws {
        // R526 Where an operator is configured, /api/v1/cluster shows addresses of members, conflicts and last_error to
        // operators only.
        let report = ClusterTests.troubledReport
        func page(_ token: String?, _ configure: (inout Settings) -> Void) throws -> String {
            let registry = try Registry(.router, cluster: ReportingCluster(report: report), configure)
            let request = TestRequest.get("/api/v1/cluster")
            let answer = try registry.send(token.map { request.bearing($0) } ?? request)
            #expect(answer.status == 200)
            return answer.text
        }
        let open = try page(nil) { _ in }
        let withOperators = { (settings: inout Settings) in
            settings.authMode = [.trusted]
            settings.operatorToken = Secret(bytes: Array(Self.token.utf8))
        }
        #expect(open.contains("10.0.0.3") && open.contains("last_error") && open.contains("conflicts"))
        #expect(try page(Self.token, withOperators) == open)
        for token in ["tenant", nil, Self.token + "x"] {
            let text = try page(token, withOperators)
            #expect(!text.contains("10.0.0.") && !text.contains("last_error") && !text.contains("conflicts"), "\(text)")
            #expect(text.contains("registry-1") && text.contains("streaming"), "\(text)")
        }
    }

    // MARK: - Pages of operators

    @Test(arguments: Transport.allCases)
    func `namespaces are listed by name, a page at a time, to operators only`(_ transport: Transport) throws {
        // R630 GET /api/v1/namespaces, for operators, answers … each namespace that has an instance, in the order of UTF-8
        // bytes, with how many services and instances it has.
        let registry = try Self.registry(transport)
        var expected: [String] = []
        for number in 0..<40 {
            let name = ["ns", "Ns", "é", "z"][number % 4] + "-\(number)"
            expected.append(name)
            for instance in 0...(number % 3) {
                try registry.register(Body("s\(instance % 2)", "\(instance)"), token: name)
            }
        }
        expected.sort { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        func page(_ query: String) throws -> (names: [String], next: String?, sizes: [[Int]]) {
            let page = try registry.send(.get("/api/v1/namespaces\(query)").bearing(Self.token)).object()
            let found = try #require(page["namespaces"] as? [[String: Any]])
            return (
                found.compactMap { $0["namespace"] as? String }, page["next"] as? String,
                found.map { [$0["services"] as? Int ?? -1, $0["instances"] as? Int ?? -1] }
            )
        }
        // R631 … next is the last name where there are more, to ask with as after; else it is left out.
        let all = try page("")
        #expect(all.names == expected && all.next == nil)
        for (name, size) in zip(all.names, all.sizes) {
            let number = try #require(Int(name.split(separator: "-")[1]))
            #expect(size == [min(number % 3 + 1, 2), number % 3 + 1], "\(name)")
        }
        for limit in [1, 7, 39, 40] {
            var (names, next): ([String], String?) = ([], nil)
            repeat {
                let after = next.map {
                    "&after=" + ($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
                }
                let part = try page("?limit=\(limit)\(after ?? "")")
                #expect(part.names.count <= limit)
                (names, next) = (names + part.names, part.next)
            } while next != nil
            #expect(names == expected, "\(limit)")
        }
        for query in ["limit=0", "limit=1001", "limit=x", "limit=+5", "x=y", "after=a&after=b"] {
            let answer = try registry.send(.get("/api/v1/namespaces?\(query)").bearing(Self.token))
            #expect(answer.status == 400, "\(query)")
        }
        // R522 It is no filter and may stand beside any other parameter.
        #expect(try page("?namespace=ns-0").names == expected)
        // R524 The pages of operators answer 401 without a credential, and 403 to one that is not an operator's.
        #expect(try registry.send(.get("/api/v1/namespaces")).status == 401)
        #expect(try registry.send(.get("/api/v1/namespaces").bearing("ns-0")).status == 403)
    }

    @Test func `namespaces are listed with what they ask a second`() throws {
        // R630 … and how many requests and heartbeats a second this member has let in of its clients in the last minute, in
        // whole windows of ten seconds.
        let registry = try Self.registry(.router)
        let id = try registry.register(Body(), token: "shop")
        try registry.register(Body(), token: "idle")
        func rates(_ name: String) throws -> [Double?] {
            let page = try registry.send(.get("/api/v1/namespaces").bearing(Self.token)).object()
            let found = (page["namespaces"] as? [[String: Any]])?.first { $0["namespace"] as? String == name }
            return [found?["requests_per_s"] as? Double, found?["heartbeats_per_s"] as? Double]
        }
        #expect(try rates("shop") == [0, 0])
        registry.clock.advance(milliseconds: 10_000)
        for _ in 0..<25 { _ = try registry.send(.get("/api/v1/services").bearing("shop")) }
        for _ in 0..<7 { _ = try registry.send(.renew(id).bearing("shop")) }
        let batch = TestRequest(
            "PUT", "/api/v1/heartbeats", [("Content-Type", "application/json")],
            body: Array(#"{"ids":["\#(id)","\#(id)","\#(id)"]}"#.utf8))
        _ = try registry.send(batch.bearing("shop"))
        // An operator's are no tenant's, and what was refused was not let in.
        for _ in 0..<9 { _ = try registry.send(.get("/api/v1/services?namespace=shop").bearing(Self.token)) }
        _ = try registry.send(.get("/api/v1/services?namespace=shop").bearing("idle"))
        registry.clock.advance(milliseconds: 10_000)
        _ = try registry.send(.renew(id).bearing("shop"))
        // Of twenty seconds, with the registrations.
        #expect(try rates("shop") == [1.3, 0.5] && rates("idle") == [0.05, 0])
        registry.clock.advance(milliseconds: 10_000)
        #expect(try rates("shop") == [0.87, 0.37])
        registry.clock.advance(milliseconds: 30_000)
        #expect(try rates("shop") == [0.43, 0.18])
        registry.clock.advance(milliseconds: 10_000)
        #expect(try rates("shop") == [0.42, 0.18] && rates("idle") == [0, 0])
        registry.clock.advance(milliseconds: 10_000)
        #expect(try rates("shop") == [0, 0.02])
        registry.clock.advance(milliseconds: 10_000)
        #expect(try rates("shop") == [0, 0])
    }

    @Test func `where no operator is configured, their pages do not exist`() throws {
        // R524 … Where no operator is configured they do not exist: 404.
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            let request = TestRequest(method, "/api/v1/namespaces")
            for request in [request, request.bearing("tenant"), request.bearing(Self.token)] {
                #expect(try registry.send(request).status == 404, "\(method)")
            }
        }
        let open = try Self.registry(.router, [])
        #expect(try open.send(.get("/api/v1/namespaces")).status == 401)
        #expect(try open.send(.get("/api/v1/namespaces").bearing(Self.token)).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `an operator is shown the newest events of all namespaces`(_ transport: Transport) throws {
        // R655 GET /api/v1/events?all=true, for operators (403 to others), answers with the newest events of all
        // namespaces, each with its namespace, the oldest first.
        let registry = try Self.registry(transport)
        var expected: [(String, String)] = []
        for number in 0..<60 {
            let name = "ns-\(number * 7 % 13)"
            let id = try registry.register(Body("web", "\(number)"), token: name)
            expected.append((name, id))
            registry.clock.advance(milliseconds: 1)
        }
        func page(_ query: String) throws -> (events: [(String, String)], next: Int, isMissing: Bool, indexes: [Int]) {
            let page = try registry.send(.get("/api/v1/events?all=true\(query)").bearing(Self.token)).object()
            let events = try #require(page["events"] as? [[String: Any]])
            return (
                events.map { ($0["namespace"] as? String ?? "", $0["id"] as? String ?? "") },
                try #require(page["next"] as? Int), page["missed"] as? Bool ?? true,
                events.compactMap { $0["index"] as? Int }
            )
        }
        let all = try page("")
        #expect(all.events.elementsEqual(expected, by: ==) && !all.isMissing)
        for limit in [1, 5, 59] {
            let newest = try page("&limit=\(limit)")
            #expect(newest.events.elementsEqual(expected.suffix(limit), by: ==), "\(limit)")
            #expect(newest.next == all.next)
        }
        let later = try page("&since=\(all.indexes[39])")
        #expect(later.events.elementsEqual(expected.suffix(20), by: ==) && !later.isMissing)
        #expect(try page("&since=\(all.indexes[39])&limit=19").isMissing)
        let none = try page("&since=\(all.next)")
        #expect(none.events.isEmpty && none.next == all.next && !none.isMissing)
        #expect(try registry.send(.get("/api/v1/events?all=true").bearing("ns-0")).status == 403)
        #expect(try registry.send(.get("/api/v1/events?all=true")).status == 401)
        #expect(try registry.send(.get("/api/v1/events?all=false").bearing(Self.token)).status == 400)
        // A tenant's own have no namespace.
        #expect(try !registry.send(.get("/api/v1/events").bearing("ns-0")).text.contains("namespace"))
    }

    @Test(arguments: [[], [.trusted]] as [[Settings.AuthScheme]])
    func `the pages of operations can be put behind the operator's credential, and probes cannot`(
        _ modes: [Settings.AuthScheme]
    ) throws {
        // R528 With OPERATIONS_AUTH operator, /metrics, /swagger.json and /api/v1/cluster are pages of operators. … /,
        // /uptime, /livez and /readyz stay open to everybody.
        let registry = try Registry(.router) {
            $0.authMode = modes
            $0.operatorToken = Secret(bytes: Array(Self.token.utf8))
            $0.operationsAuth = .operator
            $0.rateLimitClient = 1_000
        }
        registry.context.registry.lifecycle.advance(to: .ready)
        for path in ["/metrics", "/swagger.json", "/api/v1/cluster"] {
            #expect(try registry.send(.get(path)).status == 401, "\(path)")
            #expect(try registry.send(.get(path).bearing("default")).status == (modes.isEmpty ? 401 : 403), "\(path)")
            #expect(try registry.send(.get(path).bearing(Self.token)).status == 200, "\(path)")
            #expect(try registry.send(TestRequest("HEAD", path)).status == 401, "\(path)")
        }
        for path in ["/", "/uptime", "/livez", "/readyz"] {
            for request in [TestRequest.get(path), .get(path).bearing("nonsense"), .get(path).bearing(Self.token)] {
                #expect(try registry.send(request).status == 200, "\(path)")
            }
        }
        let secure = try Registry(.router) {
            $0.operatorToken = Secret(bytes: Array(Self.token.utf8))
            $0.operationsAuth = .operator
            $0.requireHTTPS = true
        }
        #expect(try secure.send(.get("/metrics").bearing(Self.token)).status == 301)
    }
}
