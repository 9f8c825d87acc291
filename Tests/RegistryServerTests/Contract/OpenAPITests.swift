// The description for machines says what the registry does, in both directions (docs/rest-api.md, R608).

import Foundation
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryServer
@testable import Serving

struct OpenAPITests {
    private static let file = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "swagger/registry.json")

    private static let methods: Set<String> = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

    /// `GET /uptime` to its operation, by the description.
    private static func described() throws -> [String: [String: Any]] {
        let document = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        var operations: [String: [String: Any]] = [:]
        for (path, item) in paths {
            for (method, operation) in item where methods.contains(method) {
                operations["\(method.uppercased()) \(path)"] = try #require(operation as? [String: Any])
            }
        }
        return operations
    }

    /// `GET /uptime` to its route.
    private static func routes() -> [String: Route] {
        var settings = Settings.defaults
        settings.operatorToken = Secret(bytes: Array(OperatorTests.token.utf8))
        let routes = Protocols.routes(settings).routes.filter { !$0.style.isAlias }
        return Dictionary(uniqueKeysWithValues: routes.map { ("\($0.method.name) \($0.path)", $0) })
    }

    @Test(arguments: Transport.allCases)
    func `the page is the file`(_ transport: Transport) throws {
        // R608 GET /swagger.json answers the OpenAPI 3.0 description of this API.
        let answer = try Registry(transport).send(.get("/swagger.json"))
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer.body == Array(try Data(contentsOf: Self.file)))
        #expect((try answer.object()["openapi"] as? String)?.hasPrefix("3.0.") == true)
    }

    @Test func `every route is described by its operation, and nothing else is`() throws {
        // swagger/registry.json (served as /swagger.json) says the same to machines.
        let described = try Self.described()
        let routes = Self.routes()
        #expect(Set(described.keys) == Set(routes.keys))
        for (name, route) in routes {
            #expect(described[name]?["operationId"] as? String == route.operation.name, "\(name)")
        }
        // Metrics and the access log know them by their names.
        #expect(Set(routes.values.map(\.operation.name)).count == routes.count)
    }

    @Test func `exactly the pages without a credential are described as such`() throws {
        // R504 /, /uptime, /livez, /readyz, /metrics, /swagger.json, /api/v1/cluster and /api/v1/store
        // need no credential and ignore one.
        for (name, operation) in try Self.described() {
            let route = try #require(Self.routes()[name])
            #expect(
                ((operation["security"] as? [Any])?.isEmpty == true) == !route.operation.purpose.isOfTenant, "\(name)")
        }
    }

    @Test func `every answer that the contract names is described`() throws {
        // R101 Every path under /api/v1/ but /api/v1/cluster and /api/v1/store can also answer 401. And the table of "Service shape":
        // success and refusals of its own.
        let table = [
            "POST /api/v1/instances": [201, 400, 401, 403, 413, 415], "GET /api/v1/instances": [200, 304, 400, 401],
            "GET /api/v1/instances/{id}": [200, 401, 404], "DELETE /api/v1/instances/{id}": [200, 401, 410],
            "PUT /api/v1/instances/{id}/heartbeat": [200, 401, 410],
            "PUT /api/v1/instances/{id}/status": [200, 400, 401, 403, 410, 415],
            "DELETE /api/v1/instances/{id}/status": [200, 401, 410],
            "PUT /api/v1/instances/{id}/drain": [200, 400, 401, 403, 410],
            "DELETE /api/v1/instances/{id}/drain": [200, 401, 410],
            "GET /eureka/{version}/apps": [200, 304, 401], "GET /eureka/{version}/apps/delta": [200, 304, 401],
            "GET /eureka/{version}/apps/{app}": [200, 304, 401, 404],
            "POST /eureka/{version}/apps/{app}": [204, 400, 401, 403, 415],
            "GET /eureka/{version}/apps/{app}/{id}": [200, 401, 404],
            "PUT /eureka/{version}/apps/{app}/{id}": [200, 401, 404, 409],
            "DELETE /eureka/{version}/apps/{app}/{id}": [200, 401, 404],
            "PUT /eureka/{version}/apps/{app}/{id}/status": [200, 400, 401, 403, 404],
            "DELETE /eureka/{version}/apps/{app}/{id}/status": [200, 401, 404],
            "PUT /eureka/{version}/apps/{app}/{id}/metadata": [200, 400, 401, 404],
            "GET /eureka/{version}/instances/{id}": [200, 401, 404],
            "GET /eureka/{version}/vips/{vip}": [200, 304, 401], "GET /eureka/{version}/svips/{vip}": [200, 304, 401],
            "POST /eureka/{version}/peerreplication/batch": [200, 400, 401, 413, 415],
            "PUT /api/v1/heartbeats": [200, 400, 401, 413, 415],
            "GET /api/v1/services": [200, 304, 401], "GET /api/v1/services/{name}": [200, 304, 401, 404],
            "GET /api/v1/services/{name}/status": [200, 401, 404],
            "PUT /api/v1/services/{name}/status": [200, 400, 401, 403, 404, 415],
            "DELETE /api/v1/services/{name}/status": [200, 401, 404],
            "PUT /api/v1/services/{name}/drain": [200, 400, 401, 403, 404],
            "DELETE /api/v1/services/{name}/drain": [200, 401, 404],
            "GET /api/v1/snapshot": [200, 401, 403, 404],
            "GET /api/v1/store": [200, 401, 403, 404],
            "POST /api/v1/store/reseed": [200, 401, 403, 404, 409],
            "POST /api/v1/store/accept-empty": [200, 401, 403, 404, 409],
            "PUT /api/v1/store/states": [200, 400, 401, 403, 404, 413, 415, 503],
            "POST /v3/discovery:endpoints": [200, 304, 400, 401, 413, 415, 503],
            "GET /api/v1/watch": [200, 400, 401, 503],
            "GET /api/v1/targets": [200, 304, 400, 401, 503], "GET /api/v1/events": [200, 400, 401],
            "GET /api/v1/refusals": [200, 400, 401],
            "GET /v1/catalog/services": [200, 400, 401, 500], "GET /v1/catalog/service/{name}": [200, 400, 401, 500],
            "GET /v1/health/service/{name}": [200, 400, 401, 500],
            "GET /v1/health/checks/{name}": [200, 400, 401, 500],
            "GET /v1/health/state/{state}": [200, 400, 401, 404, 500], "GET /v1/agent/self": [200, 400, 500],
            "GET /v1/status/leader": [200, 400, 500], "GET /v1/status/peers": [200, 400, 500],
            "GET /v1/catalog/datacenters": [200, 400, 500],
            "GET /": [200, 303], "GET /ui": [200, 303, 304], "GET /ui/{file}": [200, 304, 404],
            "GET /uptime": [200, 503], "GET /livez": [200],
            "GET /readyz": [200, 503], "GET /metrics": [200, 401, 403], "GET /swagger.json": [200, 401, 403],
            "GET /api/v1/cluster": [200, 401, 403], "GET /api/v1/catalogs": [200, 401, 403],
            "GET /api/v1/namespaces": [200, 400, 401, 403],
            "PUT /api/v1/cluster/drain": [200, 400, 401, 403, 404, 409],
            "DELETE /api/v1/cluster/drain": [200, 400, 401, 403, 404, 409],
        ]
        let described = try Self.described()
        #expect(Set(table.keys) == Set(described.keys))
        for (name, statuses) in table {
            let responses = try #require(described[name]?["responses"] as? [String: Any])
            for status in statuses { #expect(responses["\(status)"] != nil, "\(name) \(status)") }
        }
    }

    /// The names that an object of this schema may have.
    private static func properties(of schema: String) throws -> Set<String> {
        let document = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let components = try #require(document["components"] as? [String: [String: Any]])
        let described = try #require(components["schemas"]?[schema] as? [String: Any])
        #expect(described["additionalProperties"] as? Bool == false)
        return Set(try #require(described["properties"] as? [String: Any]).keys)
    }

    @Test func `what an operator has said of an instance is described wherever it is shown`() throws {
        // R290, R298, R299 … and R608: the status of an instance comes with what it stands for.
        let registry = try Registry(.router)
        let id = try registry.register(Body("web", "10.0.0.1:80", ["ttl": "600"]))
        #expect(try registry.send(TestRequest("PUT", "/api/v1/services/web/drain?for=1m")).status == 200)
        let ofStatus: Set = ["status", "registered_status", "drain_until", "service_override"]
        let (ofOne, ofListed) = try (Self.properties(of: "Instance"), Self.properties(of: "SelectedInstance"))
        let alone = Set(try registry.send(.instance(id)).object().keys)
        #expect(alone.isSuperset(of: ofStatus) && alone.isSubset(of: ofOne))
        for query in ["status=ALL", "status=ALL&fields=status"] {
            let listed = try registry.send(.list(query)).object()["instances"] as? [[String: Any]]
            let names = Set(try #require(listed?.first).keys)
            #expect(names.isSuperset(of: ofStatus), "\(query)")
            #expect(names.isSubset(of: ofListed), "\(query)")
        }
    }

    @Test func `every operation can be refused for the reasons under Limits`() throws {
        // R101 … every request can be refused for the reasons under Limits. R819 Expect with anything but 100-continue
        // is answered 417.
        let limits = [400, 408, 412, 413, 414, 417, 421, 431, 500, 501, 503, 505]
        for (name, operation) in try Self.described() {
            let responses = try #require(operation["responses"] as? [String: Any])
            for status in limits { #expect(responses["\(status)"] != nil, "\(name) \(status)") }
            // R825 … /, /uptime, /livez, /readyz and /metrics need none.
            let isProbe = try #require(Self.routes()[name]).operation.purpose == .probe
            #expect((responses["429"] == nil) == isProbe, "\(name) 429")
        }
    }
}
