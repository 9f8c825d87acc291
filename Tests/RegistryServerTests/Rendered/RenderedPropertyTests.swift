// What is kept against what is rendered for the occasion, over random lives of two namespaces.

import Catalog
import Foundation
import HTTP
import TestRandom
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

struct RenderedPropertyTests {
    private static let lists = [
        "/api/v1/instances", "/api/v1/instances?status=ALL", "/api/v1/instances?status=starting",
        "/api/v1/instances?service_name=web",
        "/api/v1/instances?service_name=web&status=UP", "/api/v1/instances?status=OUT_OF_SERVICE&service_name=db",
        "/api/v1/instances?tags=a", "/api/v1/instances?fields=id,status",
        "/api/v1/instances?fields=last_heartbeat&status=ALL",
        "/api/v1/instances?fields=links", "/api/v1/services", "/api/v1/services/web", "/api/v1/services/db",
        "/api/v1/services/large",
    ]

    /// A registry whose requests are answered by one responder that keeps what it rendered.
    private final class World {
        let clock = TestClock()
        let context: ServerContext
        private let keeping: Responder

        init(capacity: Int) throws {
            var settings = Settings.defaults
            settings.renderedCache = capacity
            settings.authMode = [.trusted]
            context = ServerContext(settings: settings, loops: 1, monotonic: 0)
            keeping = try Self.responder(context, context.loopMetrics[0])
        }

        /// Whether all whose leases have run out are gone from the catalog.
        var isSwept: Bool {
            let living = ["a", "b"].reduce(0) {
                $0 + context.registry.store.instances(in: Namespace($1), at: clock.moment.lease).count
            }
            return context.registry.store.counts.instances == living
        }

        private static func responder(_ context: ServerContext, _ metrics: LoopMetrics) throws -> Responder {
            Responder(
                context, Protocols.routes, authorizer: try Authorizer(AuthorizationConfiguration(context.settings)),
                metrics: metrics,
                accessLog: nil)
        }

        func send(_ request: TestRequest) throws -> Response { try answer(request, by: keeping) }

        /// The answer of a responder that has never rendered anything.
        func fresh(_ request: TestRequest) throws -> Response {
            let context = ServerContext(
                settings: context.settings, store: context.registry.store, loops: 1, monotonic: 0)
            return try answer(request, by: try Self.responder(context, LoopMetrics(Protocols.routes.operations)))
        }

        private func answer(_ request: TestRequest, by responder: Responder) throws -> Response {
            var gate = RequestParser(limits: RequestLimits())
            gate.feed(request.bytes.span)
            guard let head = gate.takeRequest() else { throw WaitedInVain(for: "\(request)") }
            let moment = clock.moment
            return responder.respond(
                to: Request(head: head, body: request.body, isSecure: false, clientAddress: nil), at: moment,
                finished: { moment.monotonic }
            ).settled(by: responder, at: moment)
        }
    }

    /// A list without its heartbeats, and these: nanoseconds of the day.
    private struct Listed: Equatable {
        private(set) var text = Data()
        private(set) var heartbeats: [Int] = []

        init(_ response: Response) throws {
            var rest = Data(
                response.fields[.contentEncoding] != nil
                    ? try #require(gunzip(response.body.joined)) : response.body.joined)
            let field = Data(#""last_heartbeat":"2026-01-01T"#.utf8)
            while let found = rest.range(of: field) {
                text += rest[..<found.lowerBound]
                let digits = rest[found.upperBound...].prefix(18).filter { (0x30...0x39).contains($0) }.map {
                    Int($0) - 0x30
                }
                func number(_ range: Range<Int>) -> Int { digits[range].reduce(0) { $0 * 10 + $1 } }
                heartbeats.append(
                    ((number(0..<2) * 60 + number(2..<4)) * 60 + number(4..<6)) * 1_000_000_000 + number(6..<15))
                rest = rest[(found.upperBound + 18)...]
            }
            text += rest
        }
    }

    @Test(arguments: [0, 9_000, 60_000, 1 << 27], 1...2 as ClosedRange<UInt64>)
    func `what is kept is what would be rendered, but for heartbeats of the last second`(
        _ capacity: Int, _ seed: UInt64
    ) throws {
        // R318 A list shows each last_heartbeat as it was at most one second ago; everything else in it is as it is
        // when asked for.
        let world = try World(capacity: capacity)
        var generator = SplitMix64(seed: seed)
        var ids: [String: [String]] = ["a": [], "b": []]
        var tags: [String: (tag: String, text: Data)] = [:]
        for step in 0..<300 {
            let circumstances: Comment = "capacity \(capacity), seed \(seed), step \(step)"
            let tenant = Bool.random(using: &generator) ? "a" : "b"
            switch Int.random(in: 0..<12, using: &generator) {
            case 0...1:
                let service = ["web", "db", "large", "large", "large"].randomElement(using: &generator) ?? ""
                let status = ["UP", "UP", "STARTING", "OUT_OF_SERVICE"].randomElement(using: &generator) ?? ""
                let body = Body(
                    service, "\(Int.random(in: 0..<60, using: &generator))",
                    [
                        "status": Body.quoted(status), "tags": Bool.random(using: &generator) ? #"["a"]"# : "[]",
                        "ttl": "\(Int.random(in: 10...14, using: &generator))",
                        "metadata": Body.quoted(String(repeating: "m", count: 500)),
                    ])
                let response = try world.send(.register(body).bearing(tenant))
                let object = try JSONSerialization.jsonObject(with: Data(response.body.joined)) as? [String: Any]
                ids[tenant, default: []].append(try #require(object?["id"] as? String))
            case 2:
                if let id = ids[tenant]?.randomElement(using: &generator) {
                    _ = try world.send(.renew(id).bearing(tenant))
                }
            case 3:
                if Bool.random(using: &generator), let id = ids[tenant]?.randomElement(using: &generator) {
                    _ = try world.send(.remove(id).bearing(tenant))
                }
            case 4:
                let steps = [1, 10, 300, 300, 700, 999, 1_000, 5_000] as [Int64]
                world.clock.advance(milliseconds: steps.randomElement(using: &generator) ?? 0)
            case 5: _ = world.context.registry.store.expire(at: world.clock.moment, budget: 1_000)
            default:
                let list = Self.lists.randomElement(using: &generator) ?? ""
                var request = TestRequest.get(list).bearing(tenant)
                if Bool.random(using: &generator) { request = request.with("Accept-Encoding", "gzip") }
                let kept = try world.send(request)
                let fresh = try world.fresh(request)
                try #require(kept.status == fresh.status, circumstances)
                #expect(
                    kept.fields[.entityTag] == fresh.fields[.entityTag] && kept.contentType == fresh.contentType,
                    circumstances)
                let (shown, wanted) = (try Listed(kept), try Listed(fresh))
                try #require(shown.text == wanted.text, circumstances)
                // A heartbeat that is not shown yet came within the last second.
                let now = 123_456_789 + Int(world.clock.milliseconds) * 1_000_000
                for (old, new) in zip(shown.heartbeats, wanted.heartbeats) {
                    #expect(old == new || old < new && now - new < 1_000_000_000, circumstances)
                }
                // Who shows the tag of an earlier answer gets 304 when that answer still says who is there. Those whose
                // leases ran out in the wheel's last tick have not changed the revision yet.
                let place = "\(tenant) \(list)"
                _ = world.context.registry.store.expire(at: world.clock.moment, budget: 1_000)
                if let known = tags[place] {
                    let answer = try world.send(TestRequest.get(list).bearing(tenant).with("If-None-Match", known.tag))
                    if answer.status == .notModified, world.isSwept {
                        let now = try world.fresh(TestRequest.get(list).bearing(tenant))
                        #expect(try Listed(now).text == known.text, circumstances)
                    }
                }
                if case .text(let tag)? = kept.fields[.entityTag] { tags[place] = (tag, shown.text) }
            }
            #expect(world.context.loopMetrics[0].rendered.heldBytes <= capacity, circumstances)
        }
        let rendered = world.context.loopMetrics[0].rendered
        #expect(
            rendered.missCount > 0 && (rendered.hitCount > 0) == (capacity > 0), "capacity \(capacity), seed \(seed)")
    }
}
