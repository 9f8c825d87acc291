// How an operator takes a member out of traffic and back (docs/rest-api.md, R676–R678).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer

struct MemberDrainTests {
    private static let drain = TestRequest("PUT", "/api/v1/cluster/drain").bearing(OperatorTests.token)
    private static let end = TestRequest("DELETE", "/api/v1/cluster/drain").bearing(OperatorTests.token)

    private static func registry(_ transport: Transport) throws -> Registry {
        let registry = try Registry(transport) {
            $0.authMode = [.trusted]
            $0.operatorToken = Secret(bytes: Array(OperatorTests.token.utf8))
        }
        registry.context.registry.lifecycle.advance(to: .ready)
        return registry
    }

    @Test(arguments: Transport.allCases)
    func `a drained member is not ready and answers as before, until that is ended`(_ transport: Transport) throws {
        // R676 PUT /api/v1/cluster/drain … has /readyz answer 503 draining … until DELETE of the same path. R677 …
        let registry = try Self.registry(transport)
        let id = try registry.register(Body(), token: "tenant")
        #expect(try registry.send(.get("/readyz")).status == 200)
        let answer = try registry.send(Self.drain)
        #expect(try answer.status == 200 && answer.object()["draining"] as? Bool == true)
        let since = try answer.object()["since"] as? String
        #expect(since == "2026-01-01T00:00:00.123Z")
        registry.clock.advance(milliseconds: 12_000)
        let readiness = try registry.send(.get("/readyz"))
        #expect(readiness.status == 503)
        #expect(try readiness.object()["status"] as? String == "draining")
        #expect(try readiness.object()["reason"] as? String == "operator")
        #expect(try readiness.object()["since"] as? String == since)
        #expect(try registry.send(Self.drain).object()["since"] as? String == since)
        // Everything else is as before.
        #expect(try registry.send(TestRequest.renew(id).bearing("tenant")).status == 200)
        #expect(try registry.send(TestRequest.list().bearing("tenant")).instances().count == 1)
        #expect(try registry.send(.get("/livez")).status == 200)
        let uptime = try registry.send(.get("/uptime"))
        #expect(uptime.status == 200)
        #expect(uptime.text.contains("\"DRAIN\":{\"healthy\":true,\"properties\":{\"seconds\":12}}"), "\(uptime.text)")
        let cluster = try registry.send(.get("/api/v1/cluster")).object()
        #expect(cluster["ready"] as? Bool == false && cluster["not_ready_because"] as? String == "operator")
        #expect(try registry.send(.get("/metrics")).text.contains("\na8registry_drained 1\n"))
        let ended = try registry.send(Self.end)
        #expect(try ended.status == 200 && ended.object()["draining"] as? Bool == false)
        #expect(try ended.object()["since"] == nil)
        #expect(try registry.send(Self.end).status == 200)
        #expect(try registry.send(.get("/readyz")).status == 200)
        #expect(try registry.send(.get("/metrics")).text.contains("\na8registry_drained 0\n"))
        #expect(try !registry.send(.get("/uptime")).text.contains("DRAIN"))
        let acts = registry.context.registry.acts.take()
        #expect(acts.acts.map(\.what) == ["member drained", "member drain ended"] && acts.dropped == 0)
        #expect(acts.acts.map(\.actor.isOperator) == [true, true])
    }

    @Test(arguments: Transport.allCases)
    func `another member than meant does nothing`(_ transport: Transport) throws {
        // R679 With member=ID in the query … a member that is another one answers 409 and does nothing … Another
        // parameter, but namespace, is answered 400.
        let cluster = ReportingCluster(report: ClusterTests.report)
        let registry = try Registry(transport, cluster: cluster) {
            $0.authMode = [.trusted]
            $0.operatorToken = Secret(bytes: Array(OperatorTests.token.utf8))
        }
        func send(_ method: String, _ query: String) throws -> Answer {
            try registry.send(
                TestRequest(method, "/api/v1/cluster/drain?\(query)").bearing(OperatorTests.token))
        }
        let lifecycle = registry.context.registry.lifecycle
        #expect(try send("PUT", "member=000000000000000b").status == 409)
        #expect(try send("PUT", "for=1m").status == 400)
        #expect(lifecycle.drainedSince == nil)
        #expect(try send("PUT", "member=000000000000000a").status == 200)
        #expect(try send("DELETE", "member=000000000000000b").status == 409)
        #expect(lifecycle.drainedSince != nil)
        #expect(try send("DELETE", "namespace=x&member=000000000000000a").status == 200)
        #expect(lifecycle.drainedSince == nil)
    }

    @Test(arguments: Transport.allCases)
    func `it is an operator's alone`(_ transport: Transport) throws {
        // R676 … for operators (R524).
        let registry = try Self.registry(transport)
        for method in ["PUT", "DELETE"] {
            let request = TestRequest(method, "/api/v1/cluster/drain")
            #expect(try registry.send(request).status == 401)
            #expect(try registry.send(request.bearing("tenant")).status == 403)
        }
        let without = try Registry(transport) { $0.authMode = [.trusted] }
        #expect(try without.send(Self.drain).status == 404)
        #expect(try registry.send(.get("/readyz")).status == 200)
        #expect(try registry.send(.get("/api/v1/cluster/drain")).status == 405)
    }
}
