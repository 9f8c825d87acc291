// What a client of Eureka says at one member, and what another member answers it (docs/eureka.md, E202, E302, E303, E501).
// Real processes: what is compared, `lastDirtyTimestamp`, has to have come with the registration.

import Foundation
import Testing

struct EurekaClusterTests {
    private static func registration(dirty: Int, port: Int, status: String = "UP") -> String {
        """
        {"instance":{"instanceId":"i","hostName":"10.0.0.1","app":"WEB","ipAddr":"10.0.0.1","status":"\(status)",\
        "port":{"$":\(port),"@enabled":"true"},"lastDirtyTimestamp":"\(dirty)",\
        "dataCenterInfo":{"@class":"x","name":"MyOwn"}}}
        """
    }

    private static let path = "/eureka/v2/apps/WEB/i"
    private static let json = ["Accept: application/json"]

    private static func register(_ client: Client, dirty: Int, port: Int, status: String = "UP") throws {
        let answer = try client.ask(
            "POST", "/eureka/v2/apps/WEB", body: registration(dirty: dirty, port: port, status: status))
        #expect(answer.status == 204 && answer.body.isEmpty)
    }

    /// The instance as a member shows it.
    private static func shown(_ client: Client) throws -> [String: Any] {
        let answer = try client.ask("GET", path, headers: json)
        #expect(answer.status == 200)
        return try #require(try answer.object()["instance"] as? [String: Any])
    }

    private static func field(_ client: Client, _ name: String) throws -> String? { try shown(client)[name] as? String }

    private static func port(_ client: Client) throws -> Int? {
        (try shown(client)["port"] as? [String: Any])?["$"] as? Int
    }

    private static func renewed(_ client: Client) throws -> Int {
        try #require((try shown(client)["leaseInfo"] as? [String: Any])?["lastRenewalTimestamp"] as? Int)
    }

    @Test func `lastDirtyTimestamp is judged at a member that did not take the registration`() throws {
        let cluster = try TestCluster(size: 2, ["--acknowledge_timeout=5s"])
        try cluster.waitUntilJoined()
        let (one, other) = (try cluster.member(1).connect(), try cluster.member(2).connect())
        try Self.register(one, dirty: 2_000, port: 1)
        try cluster.waitUntilAlike()
        #expect(try Self.field(other, "lastDirtyTimestamp") == "2000")

        // E302 With a newer one it renews the lease and is answered 404, so that the client registers what it has become.
        let before = try Self.renewed(other)
        #expect(try other.ask("PUT", Self.path + "?lastDirtyTimestamp=2001").status == 404)
        #expect(try Self.renewed(other) >= before)
        // E303 An older one is answered 200, but to a Netflix server 409 with the instance that is registered here.
        #expect(try other.ask("PUT", Self.path + "?lastDirtyTimestamp=1999").status == 200)
        let conflict = try other.ask(
            "PUT", Self.path + "?lastDirtyTimestamp=1999",
            headers: Self.json + ["x-netflix-discovery-replication: true"])
        #expect(conflict.status == 409)
        let held = try #require(try conflict.object()["instance"] as? [String: Any])
        #expect(held["lastDirtyTimestamp"] as? String == "2000")

        // E202 An older registration keeps what is there, a newer one replaces it, on all members.
        try Self.register(other, dirty: 1_999, port: 2)
        try cluster.waitUntilAlike()
        for client in [one, other] { #expect(try Self.port(client) == 1) }
        try Self.register(other, dirty: 2_001, port: 3)
        try cluster.waitUntilAlike()
        for client in [one, other] { #expect(try Self.port(client) == 3) }
        #expect(try one.ask("PUT", Self.path + "?lastDirtyTimestamp=2001").status == 200)
        #expect(try one.ask("PUT", Self.path + "?lastDirtyTimestamp=2000").status == 200)
        #expect(try one.ask("DELETE", Self.path).status == 200)
        try cluster.waitUntilAlike()
        #expect(try other.ask("PUT", Self.path + "?lastDirtyTimestamp=2001").status == 404)
    }

    @Test func `an override of either API counts at every member in both, and outlives registrations`() throws {
        // E501–E503, R290–R294
        let cluster = try TestCluster(size: 2, ["--acknowledge_timeout=5s"])
        try cluster.waitUntilJoined()
        let (one, other) = (try cluster.member(1).connect(), try cluster.member(2).connect())
        try Self.register(one, dirty: 1, port: 1)
        try cluster.waitUntilAlike()
        let rest = "/api/v1/instances/WEB:i"
        func check(_ status: String, registered: String?) throws {
            try cluster.waitUntilAlike()
            for client in [one, other] {
                #expect(try Self.field(client, "status") == status)
                #expect(try Self.field(client, "overriddenStatus") == (registered == nil ? "UNKNOWN" : status))
                let found = try client.ask("GET", rest).object()
                #expect(found["status"] as? String == status)
                #expect(found["registered_status"] as? String == registered)
            }
        }
        #expect(try other.ask("PUT", Self.path + "/status?value=OUT_OF_SERVICE").status == 200)
        try check("OUT_OF_SERVICE", registered: "UP")
        try Self.register(other, dirty: 2, port: 2)
        try check("OUT_OF_SERVICE", registered: "UP")
        #expect(try one.ask("PUT", rest + "/status?value=DOWN").status == 200)
        try check("DOWN", registered: "UP")
        #expect(try other.ask("DELETE", Self.path + "/status").status == 200)
        try check("UP", registered: nil)
        #expect(try one.ask("PUT", rest + "/status?value=DOWN").status == 200)
        #expect(try one.ask("DELETE", Self.path).status == 200)
        try cluster.waitUntilAlike()
        try Self.register(other, dirty: 3, port: 3)
        try check("DOWN", registered: "UP")
        #expect(try other.ask("DELETE", rest + "/status").status == 200)
        try check("UP", registered: nil)
    }
}
