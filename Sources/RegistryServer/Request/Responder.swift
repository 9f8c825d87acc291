// The middle of every request, in one place and in the order in which it happens: identity, routing, HTTPS, authorization, the handler,
// compression, and at last the metrics and the access line. A responder belongs to one loop, so it keeps what only that loop uses.

import Catalog
import Gzip
import HTTP
import Telemetry

/// The clocks as read once, when a request arrived.
public struct Instant: Sendable {
    public let moment: Moment
    /// Nanoseconds of the monotonic clock, for latencies.
    public let monotonic: Int64

    public init(moment: Moment, monotonic: Int64) {
        self.moment = moment
        self.monotonic = monotonic
    }
}

/// Answers requests on one loop. Not Sendable: it caches verified credentials and formats log lines in buffers of its own.
public final class Responder {
    /// Bodies shorter than this gain nothing from gzip, in bytes (R117).
    static let compressionThreshold = 1_024
    /// How long clients are told to stay with HTTPS, in seconds: two years (R616).
    static let transportSecurity = 63_072_000

    private let context: ServerContext
    private let authorizer: Authorizer
    private let metrics: LoopMetrics
    private let accessLog: AccessLog?
    private var requestIDs = RequestIDs()

    public init(_ context: ServerContext, authorizer: Authorizer, metrics: LoopMetrics, accessLog: AccessLog?) {
        self.context = context
        self.authorizer = authorizer
        self.metrics = metrics
        self.accessLog = accessLog
    }

    /// What is learnt of a request on its way, for the log and the metrics.
    private struct Trace {
        var operation = Operation.unmatched
        var namespace: Namespace?
    }

    /// Answers one request that arrived at `instant`; `finished` reads the monotonic clock once the answer is there.
    public func respond(to request: Request, at instant: Instant, finished: () -> Int64) -> Response {
        var trace = Trace()
        var response: Response
        do throws(Refused) {
            response = try answer(request, instant, &trace)
        } catch {
            response = error.response
        }
        response.requestID = request.head[.requestID].flatMap { RequestID($0) } ?? requestIDs.next()
        if context.settings.requireHTTPS, request.isSecure { response.transportSecurity = Self.transportSecurity }
        compress(&response, for: request)
        let microseconds = Int((finished() - instant.monotonic) / 1_000)
        metrics.record(trace.operation, response.status, microseconds: microseconds)
        accessLog?.append(
            request, response, trace.operation, trace.namespace, at: instant.moment.wall, microseconds: microseconds)
        return response
    }

    /// Counts and logs a request that was refused before it could be read (R810); returns the identity it is answered with.
    public func record(_ refusal: Refusal, from client: String?, at wall: Int64) -> RequestID {
        let id = requestIDs.next()
        metrics.record(.unmatched, refusal.status, microseconds: 0)
        accessLog?.append(refusal, id, from: client, at: wall)
        return id
    }

    /// The first refusal is the answer, in the order of R119.
    private func answer(_ request: Request, _ instant: Instant, _ trace: inout Trace) throws(Refused) -> Response {
        let path = try segments(of: request)
        let route = context.routes.route(request.head.method, path)
        let isHeartbeat = route?.operation == .renewInstance
        if route?.openness != .probe {
            try context.rateLimits.charge(client: request.clientAddress, isHeartbeat: isHeartbeat, at: instant.monotonic)
        }
        if context.settings.requireHTTPS, route?.openness != .probe { try requireHTTPS(request) }
        guard let route else {
            guard let allow = context.routes.allowedMethods(path) else { throw .noSuchResource }
            throw .methodNotAllowed(allow: allow)
        }
        trace.operation = route.operation
        if route.openness == .tenant {
            let namespace = try namespace(of: request, instant.moment)
            trace.namespace = namespace
            try context.rateLimits.charge(namespace: namespace, isHeartbeat: isHeartbeat, at: instant.monotonic)
        }
        if route.operation.isLookUp, !context.cluster.hasCopy { throw .noCopyYet }
        return try route.handler(
            Call(
                request: request, path: path, namespace: trace.namespace, moment: instant.moment, monotonic: instant.monotonic,
                context: context))
    }

    private func segments(of request: Request) throws(Refused) -> PathSegments {
        do throws(Refusal) {
            return try PathSegments(request.head)
        } catch {
            throw .malformed(error)
        }
    }

    private func requireHTTPS(_ request: Request) throws(Refused) {
        guard !context.isHTTPS(request) else { return }
        throw .plain(secureURL: try SecureURL.url(request.head, host: context.host(of: request), port: context.httpsPort))
    }

    private func namespace(of request: Request, _ moment: Moment) throws(Refused) -> Namespace {
        let decision = authorizer.authorize(
            credential: request.head[.authorization], identity: request.clientIdentity, now: moment.wall / 1_000_000_000)
        switch decision {
        case .namespace(let namespace): return namespace
        case .refused(let refusal): throw .unauthorized(refusal.sentence)
        }
    }

    private func compress(_ response: inout Response, for request: Request) {
        guard response.body.count >= Self.compressionThreshold, AcceptEncoding.offersGzip(request.head[.acceptEncoding]),
            let compressed = Gzip.compress(response.body)
        else { return }
        response.body = compressed
        response.isGzipped = true
    }
}

extension Request {
    /// Whether a proxy says that its client used https (R611).
    var isForwardedHTTPS: Bool {
        head[.forwardedProto]?.equalsIgnoringCase("https") ?? false || head[.wssc]?.equalsIgnoringCase("https") ?? false
    }

    /// `Host` as it was sent.
    var host: String? { head[.host].map { String(decoding: $0, as: UTF8.self) } }
}
