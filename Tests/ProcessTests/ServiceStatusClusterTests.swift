// An operator's word on a whole service in a cluster of real members (docs/rest-api.md, R297–R299, R880).

import Foundation
import TestSupport
import Testing

struct ServiceStatusClusterTests {
    private static let path = "/api/v1/services/web"

    private static func register(_ client: Client, _ number: Int) throws {
        let body = Sample.registration("web", endpoint: "10.0.0.\(number):80")
        #expect(try client.ask("POST", "/api/v1/instances", body: body).status == 201)
    }

    private static func statuses(_ client: Client) throws -> [String] {
        let instances = try client.ask("GET", path).object()["instances"] as? [[String: Any]] ?? []
        return instances.compactMap { $0["status"] as? String }
    }

    @Test func `what is said at one member holds at all, for instances that register at any`() throws {
        // R297, R298, R880
        let cluster = try TestCluster(size: 3, ["--acknowledge_timeout=5s"])
        try cluster.waitUntilJoined()
        let clients = try (1...3).map { try cluster.member($0).connect() }
        for number in 1...3 { try Self.register(clients[number - 1], number) }
        try cluster.waitUntilAlike()
        #expect(try clients[1].ask("PUT", Self.path + "/status?value=OUT_OF_SERVICE").status == 200)
        try Self.register(clients[2], 4)
        try cluster.waitUntilAlike()
        for client in clients {
            #expect(try Self.statuses(client) == Array(repeating: "OUT_OF_SERVICE", count: 4))
            #expect(try client.ask("GET", Self.path + "/status").object()["instances"] as? Int == 4)
        }
        #expect(try clients[0].ask("DELETE", Self.path + "/status").status == 200)
        try cluster.waitUntilAlike()
        for client in clients {
            #expect(try Self.statuses(client) == Array(repeating: "UP", count: 4))
            #expect(try client.ask("GET", Self.path + "/status").object()["status"] == nil)
        }
        for client in clients { #expect(try client.ask("GET", "/api/v1/services/api/status").status == 404) }
    }

    @Test func `a drain ends though the member that took it is gone, and one that comes back learns of it`() throws {
        // R299
        let cluster = try TestCluster(size: 3, ["--acknowledge_timeout=5s"])
        try cluster.waitUntilJoined()
        let clients = try (1...3).map { try cluster.member($0).connect() }
        for number in 1...3 { try Self.register(clients[number - 1], number) }
        try cluster.waitUntilAlike()
        #expect(try clients[0].ask("PUT", Self.path + "/drain?for=2s").status == 200)
        try cluster.kill(1)
        for client in clients[1...] {
            try Patience.wait("all instances of the service to leave") {
                try client.ask("GET", Self.path).status == 404
            }
        }
        try cluster.start(1)
        try cluster.waitUntilJoined()
        let again = try cluster.member(1).connect()
        try Patience.wait("the new member to answer") {
            try again.ask("GET", Self.path + "/status").object()["status"] as? String == "OUT_OF_SERVICE"
        }
        try Self.register(again, 1)
        for client in [clients[1], clients[2], again] {
            try Patience.wait("the instance that is back to be out of service") {
                try Self.statuses(client) == ["OUT_OF_SERVICE"]
            }
        }
    }
}
