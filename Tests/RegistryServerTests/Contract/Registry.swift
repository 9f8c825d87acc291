// The registry as its contract sees it: requests in, answers out. The same test runs against the request path alone
// (gate, responder, catalog; no socket) and against a server on a loopback port. Time is the test's own in both, so
// leases run out without a wait.

import Catalog
import Foundation
import HTTP
import Replication
import Synchronization
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Authorization
@testable import Configuration
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

/// How requests reach the registry.
enum Transport: String, CaseIterable, CustomTestStringConvertible {
    /// Through the gate and the responder, as values.
    case router
    /// Through a socket and evhttp.
    case live
    /// As the first, by a member whose store is Redis (`StoredMember`).
    case stored

    var testDescription: String { rawValue }
}

/// The clocks of one registry. Stands still but for `advance`.
final class TestClock: Sendable {
    /// 2026-01-01T00:00:00.123456789Z.
    static let start: Int64 = 1_767_225_600_123_456_789

    /// In nanoseconds.
    private let elapsed = Mutex<Int64>(0)

    func advance(milliseconds: Int64) { advance(microseconds: milliseconds * 1_000) }

    func advance(microseconds: Int64) { elapsed.withLock { $0 += microseconds * 1_000 } }

    /// Milliseconds since the registry started.
    var milliseconds: Int64 { elapsed.withLock { $0 } / 1_000_000 }

    var moment: Moment {
        let elapsed = self.elapsed.withLock { $0 }
        return Moment(
            monotonic: MonotonicTime(nanoseconds: elapsed), lease: LeaseTime(milliseconds: elapsed / 1_000_000),
            wall: Self.start + elapsed)
    }
}

extension ServerContext {
    convenience init(
        settings: Settings, cluster: any Cluster = StandaloneCluster(), store: Store? = nil, loops: Int,
        monotonic: MonotonicTime,
        routes: RouteTable = Protocols.routes
    ) {
        self.init(
            RegistryState(settings: settings, cluster: cluster, store: store, loops: loops, monotonic: monotonic),
            operations: routes.operations, loops: loops)
    }
}

/// A registry under test.
final class Registry {
    let clock = TestClock()
    let context: ServerContext
    /// What a request without `Host` has reached.
    let address: String
    private let path: any RequestPath
    /// The store of a registry that has one.
    private let stored: StoredMember?

    init(
        _ transport: Transport, cluster: any Cluster = StandaloneCluster(), store: Store? = nil,
        _ configure: (inout Settings) -> Void = { _ in }
    ) throws {
        var settings = Settings.defaults
        configure(&settings)
        let authorization = AuthorizationConfiguration(settings)
        let clock = clock
        // A test that brings a cluster or a catalog of its own means those.
        let isOwn = transport == .stored && cluster is StandaloneCluster && store == nil && !StoredTests.isExcepted
        let stored =
            isOwn
            ? StoredMember(
                namespaceCapacity: settings.namespaceCapacity, changes: settings.changeLogLimits(), at: clock.moment)
            : nil
        self.stored = stored
        let context = ServerContext(
            settings: settings, cluster: stored ?? cluster, store: stored?.catalog ?? store, loops: 1, monotonic: 0,
            routes: Protocols.routes(settings))
        self.context = context
        stored?.belongs(to: context.registry)
        switch transport {
        case .router, .stored:
            address = "127.0.0.1:8080"
            path = try RouterPath(Self.handler(context, authorization, clock, stored))
        case .live:
            let server = try LiveServer { _ in try Self.handler(context, authorization, clock) }
            address = "127.0.0.1:\(server.port)"
            path = LivePath(server)
        }
    }

    private static func handler(
        _ context: ServerContext, _ authorization: AuthorizationConfiguration, _ clock: TestClock,
        _ stored: StoredMember? = nil
    ) throws -> LoopHandler {
        let responder = Responder(
            context, Protocols.routes(context.settings), authorizer: try Authorizer(authorization),
            metrics: context.loopMetrics[0],
            accessLog: nil)
        var handler = LoopHandler(
            respond: { request in
                let moment = clock.moment
                if let stored { context.registry.changes.countExpirations(stored.pass(to: moment)) }
                defer { stored?.flush(at: moment) }
                return responder.respond(to: request, at: moment, finished: { moment.monotonic }).settled(
                    by: responder, at: moment, stored)
            },
            refused: { refusal, cause, client in
                responder.respond(to: refusal, cause, from: client, isSecure: false, at: clock.moment.wall)
            })
        handler.standing = Response.standing
        handler.bodyRule = responder.bodyRule
        return handler
    }

    /// Sends a request and waits for its answer.
    func send(_ request: TestRequest) throws -> Answer {
        try send(raw: request.bytes, isHead: request.method == "HEAD", "\(request)")
    }

    /// Sends bytes as they are and waits for the answer to the first request in them.
    func send(raw bytes: [UInt8], isHead: Bool = false, _ what: String = "raw bytes") throws -> Answer {
        try path.send(bytes, isHead: isHead, what)
    }

    /// Sends bytes as they are on a connection of their own and reads everything until the registry closes it.
    func exchange(raw bytes: [UInt8], _ what: String) throws -> [Answer] { try path.exchange(bytes, what) }

    /// What the control loop does every few milliseconds: lets leases run out.
    func sweep() {
        if let stored {
            context.registry.changes.countExpirations(stored.pass(to: clock.moment))
            return
        }
        context.registry.changes.countExpirations(
            context.registry.store.expire(at: clock.moment, budget: 100_000).expired)
    }
}

extension CallProgress {
    /// The answer of a registry that has nothing to wait for.
    var atOnce: Response {
        switch self {
        case .answered(let response): response
        case .waits: ErrorFormat.json.response(to: Refusal(.internalServerError, "there is nothing to wait for here"))
        }
    }

    /// The answer, once a list that it waits for has been made, and a store that it waits for has answered.
    func settled(by responder: Responder, at moment: Moment, _ stored: StoredMember? = nil) -> Response {
        if case .waits(let kept) = self, let stored {
            let hasCome: Bool? =
                switch kept.cause {
                case .acknowledgments: stored.awaitAcknowledgment(at: moment) == .stored
                case .questions(let keys): stored.ask(keys, at: moment)
                default: nil
                }
            if let hasCome {
                return responder.resume(
                    kept, hasCome ? .come : .timeUp, at: moment, finished: { moment.monotonic }
                ).settled(by: responder, at: moment, stored)
            }
        }
        if case .waits(let kept) = self, case .turn = kept.cause {
            return responder.resume(kept, .come, at: moment, finished: { moment.monotonic }).settled(
                by: responder, at: moment, stored)
        }
        guard case .waits(let kept) = self, case .rendering(let job) = kept.cause, let done = try? WakeSignal()
        else {
            return atOnce
        }
        _ = job.whenDone { done.raise() }
        let isDone = done.wait(until: MonotonicClock.now() + .seconds(30))
        return responder.resume(kept, isDone ? .come : .timeUp, at: moment, finished: { moment.monotonic }).settled(
            by: responder, at: moment, stored)
    }
}

/// The way that bytes take.
protocol RequestPath {
    func send(_ bytes: [UInt8], isHead: Bool, _ what: String) throws -> Answer
    func exchange(_ bytes: [UInt8], _ what: String) throws -> [Answer]
}
