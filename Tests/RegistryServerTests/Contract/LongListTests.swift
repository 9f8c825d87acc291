// Lists that are too long for a loop are made beside it. Nobody can tell but by the loop's other clients, who are
// served meanwhile.

import Catalog
import Foundation
import HTTP
import Libevent
import Synchronization
import System
import TestCatalog
import TestSupport
import Testing

@testable import Amalgam8
@testable import Authorization
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

struct LongListTests {
    /// More than a loop looks at, in 60 services.
    private static let services = 60
    private static let perService = 70

    private static func fill(_ registry: Registry) throws {
        for service in 0..<services {
            for number in 0..<perService {
                let status = number.isMultiple(of: 7) ? "STARTING" : "UP"
                try registry.register(
                    Body(
                        "s\(service)", "\(number)",
                        ["status": Body.quoted(status), "tags": #"["t\#(number % 3)"]"#, "ttl": "600"]))
            }
        }
    }

    private static func bytes(_ answer: Answer) throws -> [UInt8] {
        answer["Content-Encoding"] == "gzip" ? try #require(gunzip(answer.body)) : answer.body
    }

    @Test(arguments: Transport.allCases)
    func `a long list is what its services are, compressed or not, with a tag`(_ transport: Transport) throws {
        // R340 A list of more than 4,096 instances or 1 MiB, and one of more than 256 KiB that is to be compressed, is
        // rendered on a thread of its own. Requests for the same list meanwhile, when nothing has changed, get the
        // same.
        #expect(
            RenderBudget.loopInstances == 4_096 && RenderBudget.loopBytes == 1 << 20
                && RenderBudget.loopGzip == 256 << 10)
        let registry = try Registry(transport) { $0.maxTTL = .seconds(600) }
        try Self.fill(registry)
        let services = (0..<Self.services).map { "s\($0)" }.sorted()
        let instances = try services.map { service -> String in
            let text = try registry.send(.get("/api/v1/services/\(service)")).text
            return String(text.dropFirst(#"{"service_name":"\#(service)","instances":["#.count).dropLast(2))
        }
        let expected = #"{"instances":["# + instances.joined(separator: ",") + "]}"
        for request in [TestRequest.list(), .list().with("Accept-Encoding", "gzip"), .list()] {
            let answer = try registry.send(request)
            #expect(answer.status == 200)
            #expect(try Self.bytes(answer) == Array(expected.utf8))
            let tag = try #require(answer["ETag"])
            #expect(try registry.send(.list().with("If-None-Match", tag)).status == 304)
        }
        let made = registry.context.renderThreads.madeCount
        #expect(made == 2, "one list and its compression")
        // Chosen by status, by tags, by fields, with links.
        let count = Self.services * Self.perService
        let starting = Self.services * Self.perService / 7
        #expect(try registry.ids("").count == count - starting)
        #expect(try registry.ids("status=STARTING").count == starting)
        let tagged = try registry.ids("tags=t1")
        #expect(tagged.count == Self.services * (Self.perService / 3))
        let links = try registry.send(.list("status=ALL&fields=links").with("Accept-Encoding", "gzip"))
        #expect(links["ETag"] == nil && links["Content-Encoding"] == "gzip")
        let linked = try JSONSerialization.jsonObject(with: Data(Self.bytes(links))) as? [String: [[String: Any]]]
        #expect(linked?["instances"]?.count == count)
        #expect(linked?["instances"]?.first?["links"] != nil)
        #expect(registry.context.renderThreads.madeCount > made)
        #expect(registry.context.renderThreads.account.total == 0)
    }

    @Test(arguments: Transport.allCases)
    func `what was changed is in the long list that is asked for next`(_ transport: Transport) throws {
        let registry = try Registry(transport) { $0.maxTTL = .seconds(600) }
        try Self.fill(registry)
        for number in 0..<5 {
            let id = try registry.register(Body("s1", "new\(number)", ["ttl": "600"]))
            #expect(try registry.ids("status=ALL").contains(id))
            #expect(try registry.send(.remove(id)).status == 200)
            #expect(try !registry.ids("status=ALL").contains(id))
        }
    }

    @Test(arguments: Transport.allCases)
    func `names beyond what a loop looks at are listed in their order`(_ transport: Transport) throws {
        let registry = try Registry(transport) { $0.maxTTL = .seconds(600) }
        let names = (0..<4_200).map { "name-\($0)" }
        for name in names { try registry.register(Body(name, "a", ["ttl": "600"])) }
        let answer = try registry.send(.get("/api/v1/services"))
        #expect(try answer.object()["services"] as? [String] == names.sorted())
        #expect(registry.context.renderThreads.madeCount == 1)
    }

    @Test(arguments: Transport.allCases)
    func `lists under way take so much memory and no more`(_ transport: Transport) throws {
        // R842 While lists are being made beside the loops (R340), what they have come to counts; a list that would
        // exceed RENDER_BYTES_NAMESPACE with those of its namespace, or RENDER_BYTES with all, is answered 503 with
        // Retry-After, and one that would in gzip is sent without.
        let registry = try Registry(transport) {
            $0.maxTTL = .seconds(600)
            $0.renderBytesNamespace = 3 << 20
            $0.renderBytes = 4 << 20
        }
        // 1.8 MB, which is more than a loop makes.
        let tags =
            "[" + (0..<50).map { #""\#(String(repeating: "t", count: 115))\#($0)""# }.joined(separator: ",") + "]"
        for number in 0..<300 {
            try registry.register(Body("s\(number % 3)", "\(number)", ["tags": tags, "ttl": "600"]))
        }
        #expect(try registry.send(.list()).status == 200)
        let compressed = try registry.send(.list("fields=tags,id&status=ALL").with("Accept-Encoding", "gzip"))
        #expect(compressed.status == 200 && compressed["Content-Encoding"] == "gzip")
        for number in 300..<560 {
            try registry.register(Body("s\(number % 3)", "\(number)", ["tags": tags, "ttl": "600"]))
        }
        let refused = try registry.send(.list())
        #expect(refused.status == 503)
        #expect(refused["Retry-After"] == "1")
        #expect(refused.text.contains("too much memory"))
        // Each of its services can still be had.
        for service in ["s0", "s1", "s2"] {
            #expect(try registry.send(.get("/api/v1/services/\(service)")).status == 200)
        }
        #expect(registry.context.renderThreads.account.total == 0)
        #expect(registry.context.renderThreads.refusedCount == 1)
    }

    // MARK: - While others are served

    /// A server whose loop keeps replies.
    private func server(_ context: ServerContext) throws -> LiveServer {
        try LiveServer { _ in
            let responder = Responder(
                context, Protocols.routes, authorizer: try Authorizer(AuthorizationConfiguration(context.settings)),
                metrics: context.loopMetrics[0],
                accessLog: nil)
            var handler = LoopHandler(
                respond: { _ in Response(.internalServerError) },
                refused: { refusal, cause, client in
                    responder.respond(to: refusal, cause, from: client, isSecure: false, at: 0)
                })
            handler.makeAnswering = { loop in
                let kept = try KeptReplies(on: loop, index: 0, responder, context, context.loopMetrics[0])
                return { request, reply in
                    let now = MonotonicClock.now()
                    let moment = context.registry.moment(monotonic: now, wall: WallClock.nanoseconds())
                    switch responder.respond(to: request, at: moment, finished: MonotonicClock.now) {
                    case .answered(let response): reply.send(response)
                    case .waits(let call): kept.keep(call, reply)
                    }
                }
            }
            return handler
        }
    }

    @Test
    func `many who ask for one long list get it, others are served meanwhile, and who has gone is not waited for`()
        throws
    {
        let context = ServerContext(settings: .defaults, loops: 1, monotonic: MonotonicClock.now())
        let moment = context.registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
        for number in 0..<5_000 {
            let registration = try Registration(json: Array(Body("s\(number % 9)", "\(number)").text.utf8))
            let instance = registration.instance(policy: context.registry.leasePolicy, at: moment)
            #expect(context.registry.register(instance, in: Namespace("default"), at: moment, by: nil))
        }
        let server = try server(context)
        let clients = try (0..<8).map { _ in try ClientConnection(port: server.port) }
        for client in clients { try client.send(TestRequest.list().with("Accept-Encoding", "gzip").bytes) }
        clients[0].reset()
        let other = try ClientConnection(port: server.port)
        for number in 0..<20 {
            try other.send(TestRequest.get("/api/v1/services/none").bytes)
            #expect(try other.answer(to: "request \(number)").status == 404)
        }
        var bodies = Set<[UInt8]>()
        for client in clients.dropFirst() {
            let answer = try client.answer(to: "a long list")
            #expect(answer.status == 200 && answer["Content-Encoding"] == "gzip")
            bodies.insert(try #require(gunzip(answer.body)))
        }
        let first = try #require(bodies.first)
        let listed = try JSONSerialization.jsonObject(with: Data(first)) as? [String: [Any]]
        #expect(listed?["instances"]?.count == 5_000)
        #expect(context.renderThreads.madeCount < 8)
        let deadline = Deadline()
        while context.loopMetrics[0].waitingReplies > 0 {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: "nobody to wait") }
        }
        #expect(context.loopMetrics[0].requestCounts.count(.listInstances, .ok) >= 7)
    }
}
