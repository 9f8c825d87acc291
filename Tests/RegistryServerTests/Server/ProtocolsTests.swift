// What holds for the protocols together, whichever there are, and what one may choose for itself.

import HTTP
import TestSupport
import TestTime
import Testing
import Time

@testable import Amalgam8
@testable import Authorization
@testable import Configuration
@testable import Operations
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

struct ProtocolsTests {
    /// The answer of a registry that has these routes.
    private func answer(_ request: TestRequest, of routes: [Route]) throws -> Response {
        let table = RouteTable(routes)
        let context = ServerContext(settings: .defaults, loops: 1, monotonic: 0, routes: table)
        let responder = Responder(
            context, table, authorizer: try Authorizer(AuthorizationConfiguration(.defaults)),
            metrics: context.loopMetrics[0],
            accessLog: nil)
        var gate = RequestParser(limits: RequestLimits())
        gate.feed(request.bytes.span)
        let taken = gate.takeRequest()
        let head = try #require(taken)
        let arrived = Request(head: head, body: request.body, isSecure: false, clientAddress: nil)
        return responder.respond(to: arrived, at: TestClock().moment, finished: { 0 }).atOnce
    }

    @Test func `no two routes answer the same method and path, and no two operations have one name`() {
        let routes = Protocols.routes.routes
        #expect(Set(routes.map { "\($0.method) \($0.path)" }).count == routes.count)
        let names = Protocols.routes.operations.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test func `a protocol's form of an error is that of its own routes, and of no other`() throws {
        let plain = ErrorFormat(ContentType("text/plain")) { Array("no: \($0.sentence)".utf8) }
        let routes = [
            Route(.get, "/livez", .livez, errors: plain) { (_: borrowing Call) throws(Refused) -> Response in
                throw .noSuchService
            },
            Route(.get, "/readyz", .readyz) { (_: borrowing Call) throws(Refused) -> Response in throw .noSuchService },
        ]
        let own = try answer(.get("/livez"), of: routes)
        #expect(own.status == .notFound && own.contentType == ContentType("text/plain"))
        #expect(String(decoding: own.body.joined, as: UTF8.self).hasPrefix("no: there is no such service"))
        for path in ["/readyz", "/nowhere"] {
            let other = try answer(.get(path), of: routes)
            #expect(other.status == .notFound && other.contentType == .json)
            #expect(String(decoding: other.body.joined, as: UTF8.self).hasPrefix("{\"Error\":\""))
        }
    }

    @Test func `a path's parameters are where its route has them`() throws {
        let route = Route(.get, "/{a}/b/{c}", .livez) { (call: borrowing Call) throws(Refused) -> Response in
            Response(.ok, body: Array(call.parameter(1)) + Array(call.parameter(0)) + Array(call.parameter(2)))
        }
        #expect(try answer(.get("/one/b/t%77o"), of: [route]).body.joined == Array("twoone".utf8))
    }
}
