// The middle of every request, in one place and in the order in which it happens: routing, the client's allowance, HTTPS, authorization, the
// namespace's allowance, the handler, the request's identity, compression, and at last the metrics and the access line. A responder belongs to
// one loop, so it keeps what only that loop uses.

import Authorization
import Catalog
import HTTP
import Telemetry

/// Answers requests on one loop. Not Sendable: it caches verified credentials and formats log lines in buffers of its own.
package final class Responder {
    /// How long clients are told to stay with HTTPS, in seconds: two years (R616).
    package static let transportSecurity = 63_072_000

    private let context: ServerContext
    private let routes: RouteTable
    /// Another one takes its place when secrets change, and remembers no token that the old ones let in.
    package var authorizer: Authorizer
    private let metrics: LoopMetrics
    private let accessLog: AccessLog?
    private let answers: RenderedAnswers
    private var requestIDs = RequestIDs()
    /// Whose connection the last request came by, and whether that is a proxy's: most come by the same few.
    private var lastPeer: (address: String?, isProxy: Bool) = (nil, false)

    package init(_ context: ServerContext, _ routes: RouteTable, authorizer: Authorizer, metrics: LoopMetrics, accessLog: AccessLog?) {
        self.context = context
        self.routes = routes
        self.authorizer = authorizer
        self.metrics = metrics
        self.accessLog = accessLog
        answers = RenderedAnswers(
            context.store, capacity: context.settings.renderedCache / (context.loopMetrics.count + 1), counts: metrics.rendered)
    }

    /// Answers one request that arrived at `instant`, or has it wait; `finished` reads the monotonic clock once the answer is there.
    package func respond(to request: consuming Request, at instant: Instant, finished: () -> Int64) -> CallProgress {
        var call = Call(request, at: instant, context, answers)
        if context.forwarding.namesProxies { lookBehindProxy(&call) }
        switch outcome(of: &call) {
        case .now(var response):
            complete(&response, for: call, finished)
            return .answered(response)
        case .later(let waiting): return .waits(KeptCall(call, waiting))
        }
    }

    /// Goes on with a call that has waited. Its answer gets what one that was given at once would have got.
    func resume(_ kept: KeptCall, _ wake: Wake, at instant: Instant, finished: () -> Int64) -> CallProgress {
        kept.call.goOn(at: instant)
        let resume = kept.waiting.resume
        switch outcome(of: kept.call, resume, wake) {
        case .now(var response):
            complete(&response, for: kept.call, finished)
            return .answered(response)
        case .later(let waiting):
            kept.waiting = waiting
            return .waits(kept)
        }
    }

    /// Learns from a trusted proxy who its client is.
    private func lookBehindProxy(_ call: inout Call) {
        if lastPeer.address != call.request.clientAddress {
            lastPeer = (call.request.clientAddress, context.forwarding.isProxy(call.request.clientAddress))
        }
        call.isFromProxy = lastPeer.isProxy
        call.client = context.forwarding.client(of: call.request, isFromProxy: call.isFromProxy)
    }

    /// What every answer gets, whatever its handler and however long it has waited; it is counted and logged.
    private func complete(_ response: inout Response, for call: borrowing Call, _ finished: () -> Int64) {
        if call.namespace != nil, !context.border.hasRoom(for: response.body) { response = Refused.noRoom.response }
        response.requestID = call.request.head[.requestID].flatMap { RequestID($0) } ?? requestIDs.next()
        if context.settings.requireHTTPS, call.request.isSecure { response.transportSecurity = Self.transportSecurity }
        if call.operation.isLookUp { response.staleness = context.staleness(at: call.monotonic) }
        context.crossOrigin?.mark(&response, for: call.request.head)
        Compression.compress(&response, for: call.request.head)
        let microseconds = Int((finished() - call.arrived) / 1_000)
        metrics.record(call.operation, response.status, microseconds: microseconds)
        accessLog?.append(call, response, microseconds: microseconds)
    }

    /// Counts and logs a request that was refused before it could be read (R810); returns the identity it is answered with.
    package func record(_ refusal: Refusal, _ received: [UInt8], from client: String?, at wall: Int64) -> RequestID {
        let id = requestIDs.next()
        metrics.record(.unmatched, refusal.status, microseconds: 0)
        accessLog?.append(refusal, received, id, from: client, at: wall)
        return id
    }

    private func outcome(of call: inout Call) -> Reply {
        do throws(Refused) {
            return try answer(&call)
        } catch {
            return .now(response(to: error, of: call))
        }
    }

    private func outcome(of call: borrowing Call, _ resume: Waiting.Resumption, _ wake: Wake) -> Reply {
        do throws(Refused) {
            return try resume(call, wake)
        } catch {
            return .now(response(to: error, of: call))
        }
    }

    /// Nobody is told that something does not exist that this member may only not have heard of (R273). Changes and heartbeats ask the others.
    private func response(to refused: Refused, of call: borrowing Call) -> Response {
        switch refused {
        case .noSuchInstance, .noSuchService: context.isBehind(at: call.monotonic) ? Refused.notSure.response : refused.response
        default: refused.response
        }
    }

    /// The first refusal is the answer, in the order of R119.
    private func answer(_ call: inout Call) throws(Refused) -> Reply {
        if call.request.head.targetsHTTPS, !call.isHTTPS { throw .misdirected }
        if call.request.head.method == .options { return .now(try answerOptions(&call)) }
        call.path = try segments(of: call.request)
        let route = routes.route(call.request.head.method, call.path)
        let isHeartbeat = route?.operation.isHeartbeat ?? false
        if route?.openness != .probe {
            try context.rateLimits.charge(client: call.client, isHeartbeat: isHeartbeat, at: call.monotonic)
        }
        if context.settings.requireHTTPS, route?.openness != .probe { try requireHTTPS(call) }
        guard let route else {
            guard let allow = routes.allowedMethods(call.path) else { throw .noSuchResource }
            throw .methodNotAllowed(allow: allow)
        }
        call.operation = route.operation
        if route.openness == .tenant {
            let namespace = try namespace(of: call.request, call.moment)
            call.namespace = namespace
            try context.rateLimits.charge(namespace: namespace, isHeartbeat: isHeartbeat, at: call.monotonic)
            if context.lifecycle.isLeaving { throw .leaving }
        }
        if route.operation.isLookUp, !context.cluster.hasCopy { throw .noCopyYet }
        try checkConditions(call)
        switch route.handler {
        case .atOnce(let handler): return .now(try handler(call))
        case .patient(let handler): return try handler(call)
        }
    }

    /// Whoever asks for what has not changed must not have it done where that cannot be told (RFC 9110, sections 13.1.1 and 13.1.2). The conditions of
    /// reading are the lists' own (R320).
    private func checkConditions(_ call: borrowing Call) throws(Refused) {
        let method = call.request.head.method
        if let tags = call.request.head[.ifMatch], !tags.equals("*") { throw .conditionFailed }
        guard method != .get, method != .head, let tags = call.request.head[.ifNoneMatch], tags.equals("*") else { return }
        // What cannot be read is not there, as far as this condition goes.
        if routes.route(.get, call.path) != nil { throw .conditionFailed }
    }

    /// What a path may be asked, or the registry as a whole: `OPTIONS *` (R121). No credential is needed; a browser sends none when it asks whether
    /// it may.
    private func answerOptions(_ call: inout Call) throws(Refused) -> Response {
        let isForServer = call.request.head.isForServer
        if !isForServer { call.path = try segments(of: call.request) }
        let isProbe = !isForServer && routes.isProbe(call.path)
        if !isProbe {
            try context.rateLimits.charge(client: call.client, isHeartbeat: false, at: call.monotonic)
            if context.settings.requireHTTPS, !isForServer { try requireHTTPS(call) }
        }
        guard let allow = isForServer ? routes.allMethods() : routes.allowedMethods(call.path) else {
            throw .noSuchResource
        }
        call.operation = .options
        var response = Response(.noContent)
        response.allow = allow
        return response
    }

    private func segments(of request: Request) throws(Refused) -> PathSegments {
        do throws(Refusal) {
            return try PathSegments(request.head)
        } catch {
            throw .malformed(error)
        }
    }

    private func requireHTTPS(_ call: borrowing Call) throws(Refused) {
        guard !call.isHTTPS else { return }
        let request = call.request
        // A proxy that names the host has TLS, if anybody has: the port of our own is not the one that its clients reach.
        let forwarded = context.forwarding.host(of: request, isFromProxy: call.isFromProxy)
        let url = try SecureURL.url(
            request.head, host: forwarded ?? request.authority, port: forwarded == nil ? context.httpsPort : nil,
            prefix: context.forwarding.prefix(of: request, isFromProxy: call.isFromProxy))
        throw .plain(secureURL: url, isReading: request.head.method == .get || request.head.method == .head)
    }

    private func namespace(of request: Request, _ moment: Moment) throws(Refused) -> Namespace {
        let decision = authorizer.authorize(
            credential: request.head[.authorization], identity: request.clientIdentity, now: moment.wall / 1_000_000_000)
        switch decision {
        case .namespace(let namespace): return namespace
        case .refused(let refusal): throw .unauthorized(refusal.sentence)
        }
    }
}
