// The middle of every request, in one place and in the order in which it happens: routing, the client's allowance,
// HTTPS, authorization, the namespace's allowance, the handler, the request's identity, compression, and at last the
// metrics and the access line. A responder belongs to one loop, so it keeps what only that loop uses.

package import Authorization
package import Catalog
import Configuration
package import HTTP
import Libevent
import RegistryCore
import System
import Telemetry
package import Time

/// Answers requests on one loop. Not Sendable: it caches verified credentials and formats log lines in buffers of its
/// own.
package final class Responder {
    /// When a client that was one too many may try again, in seconds.
    private static let connectionTime = 5
    /// When to send a body again that was not read because there was no room, in seconds: a body is on its way for less.
    private static let bodyTime = 1

    let context: ServerContext
    private let routes: RouteTable
    let admission: Admission
    private let metrics: LoopMetrics
    private let accessLog: AccessLog?
    private let answers: RenderedAnswers
    private var requestIDs = RequestIDs()
    /// Whose connection the last request came by, and whether that is a proxy's: most come by the same few.
    private var lastPeer: (address: String?, isProxy: Bool) = (nil, false)

    package init(
        _ context: ServerContext, _ routes: RouteTable, authorizer: Authorizer, metrics: LoopMetrics,
        accessLog: AccessLog?
    ) {
        self.context = context
        self.routes = routes
        admission = Admission(to: context.registry, authorizer)
        self.metrics = metrics
        self.accessLog = accessLog
        answers = RenderedAnswers(
            context.registry.lookup, capacity: context.settings.renderedCache / (context.loopMetrics.count + 1),
            counts: metrics.rendered)
    }

    /// Judges credentials by another authorizer from now on: secrets have changed.
    package func change(_ authorizer: Authorizer) { admission.authorizer = authorizer }

    /// Answers one request that arrived at `instant`, or has it wait; `finished` reads the monotonic clock once the
    /// answer is there.
    package func respond(to request: consuming Request, at instant: Moment, finished: () -> MonotonicTime)
        -> CallProgress
    {
        var call = Call(request, at: instant, context, answers, number: routes.numberOfUnmatched)
        if context.forwarding.namesProxies { lookBehindProxy(&call) }
        switch outcome(of: &call) {
        case .admission(let cause): return .waits(KeptCall(call, .admission(cause)))
        case .reply(.now(var response)):
            complete(&response, for: call, finished)
            return .answered(response)
        case .reply(.later(let waiting)): return .waits(KeptCall(call, .reply(waiting)))
        case .reply(.stream(let head, let first)):
            let kept = KeptCall(call, .stream(first))
            begin(head, of: kept)
            return .waits(kept)
        }
    }

    /// What becomes of a call.
    private enum Outcome {
        /// What is waited for before it is known who asks.
        case admission(WaitCause)
        case reply(Reply)
    }

    /// Goes on with a call that has waited. Its answer gets what one that was given at once would have got.
    func resume(_ kept: KeptCall, _ wake: Wake, at instant: Moment, finished: () -> MonotonicTime) -> CallProgress {
        let outcome: Outcome
        switch kept.next {
        case .admission(let cause):
            kept.call.goOn(at: instant)
            outcome = self.outcome(of: &kept.call, after: cause, wake)
        case .reply(let waiting):
            kept.call.goOn(at: instant)
            outcome = .reply(self.outcome(of: kept.call, waiting.resume, wake))
        case .stream, .piece, .over: return .waits(kept)
        }
        switch outcome {
        case .admission(let cause): kept.next = .admission(cause)
        case .reply(.now(var response)):
            complete(&response, for: kept.call, finished)
            return .answered(response)
        case .reply(.later(let waiting)): kept.next = .reply(waiting)
        case .reply(.stream(let head, let first)):
            kept.next = .stream(first)
            begin(head, of: kept)
        }
        return .waits(kept)
    }

    // MARK: - Streams

    /// The head of a streamed answer gets what every answer gets. It is never compressed: pieces would wait for each
    /// other.
    private func begin(_ head: Response, of kept: KeptCall) {
        var head = head
        let id = mark(&head, for: kept.call)
        head.fields.append(.proxyBuffering, "no")
        kept.head = (head, id)
    }

    /// Refuses a call whose streamed answer would be one too many; what it is told.
    func refuseStream(_ kept: KeptCall, finished: () -> MonotonicTime) -> Response {
        var response = Refused.noRoom.response(in: kept.call.errors)
        complete(&response, for: kept.call, finished)
        return response
    }

    /// Counts and logs a streamed answer that has ended.
    func streamEnded(_ kept: KeptCall, finished: () -> MonotonicTime) {
        guard let head = kept.head else { return }
        record(head.response, head.id, for: kept.call, bytes: kept.sent, finished)
    }

    // MARK: - Large bodies

    /// How long bodies may be, by their routes. Whether a client may send one that is longer than most is judged at the
    /// end of its head, before anything of the body is read.
    package var bodyRule: BodyRule {
        BodyRule(
            largest: routes.routes.map(\.style.bodyLimit).max() ?? RequestLimits().body, total: context.largeBodies
        ) {
            [self] head throws(Refusal) -> Int in try bodyLimit(of: head)
        }
    }

    private func bodyLimit(of head: RequestHead) throws(Refusal) -> Int {
        guard let path = try? PathSegments(head), let row = routes.row(head.method, path),
            row.route.style.bodyLimit > RequestLimits().body
        else { return RequestLimits().body }
        // A certificate is known only with the request; who has none cannot have come so far.
        guard !context.settings.authMode.contains(.mtls) else { return row.route.style.bodyLimit }
        let now = context.registry.moment(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
        var call = Call(
            Request(head: head, body: [], isSecure: false, clientAddress: nil), at: now, context, answers,
            number: row.number)
        call.path = path
        call.take(row)
        do throws(Refused) {
            _ = try admit(&call, for: .page, .any, .mayNot)
        } catch {
            let response = error.response(in: .json)
            throw Refusal(response.status, response.refusal ?? "a credential is required")
        }
        return row.route.style.bodyLimit
    }

    /// Takes the client from a trusted proxy.
    private func lookBehindProxy(_ call: inout Call) {
        if lastPeer.address != call.request.clientAddress {
            lastPeer = (call.request.clientAddress, context.forwarding.isProxy(call.request.clientAddress))
        }
        call.isFromProxy = lastPeer.isProxy
        call.name(client: context.forwarding.client(of: call.request, isFromProxy: call.isFromProxy))
    }

    /// What every answer gets, whatever its handler and however long it has waited; it is counted and logged.
    private func complete(_ response: inout Response, for call: borrowing Call, _ finished: () -> MonotonicTime) {
        if !context.connectionLimits.hasRoom(for: response.body), call.principal != nil {
            response = Refused.noRoom.response(in: call.errors)
        }
        let id = mark(&response, for: call)
        Compression.compress(&response, for: call.request.head)
        record(response, id, for: call, bytes: response.body.count, finished)
    }

    /// Adds the fields of every answer; returns the request's identity.
    private func mark(_ response: inout Response, for call: borrowing Call) -> RequestID {
        let id = call.request.head[.requestID].flatMap { RequestID($0) } ?? requestIDs.next()
        response.identify(id)
        if context.settings.requireHTTPS, call.request.isSecure { response.secureTransport() }
        if call.operation.purpose == .lookUp,
            let seconds = call.registry.staleness(of: call.namespace, at: call.monotonic)
        {
            response.fields.append(.staleness, seconds)
        }
        context.crossOrigin?.mark(&response, for: call.request.head)
        return id
    }

    private func record(
        _ response: borrowing Response, _ id: RequestID, for call: borrowing Call, bytes: Int,
        _ finished: () -> MonotonicTime
    ) {
        let microseconds = Int(finished().nanoseconds(since: call.arrived) / 1_000)
        metrics.record(call.number, response.status, microseconds: microseconds)
        accessLog?.append(call, response, id, bytes: bytes, microseconds: microseconds)
        if response.isRefusal, let sentence = response.refusal { note(sentence, response.status, id, call) }
    }

    private func note(_ sentence: String, _ status: Status, _ id: RequestID, _ call: borrowing Call) {
        context.refusals.note(at: call.moment.wall) {
            RefusalEntry(
                at: call.moment.wall, requestID: id.value, client: call.client, namespace: call.namespace,
                operation: call.operation.name, status: status, sentence: sentence,
                method: "\(call.request.head.method.name)", path: Array(LoggedTarget.path(call.request.head.path)))
        }
    }

    /// Answers what the transport refuses before there is a request. One that could not be read is counted and logged
    /// (R810); limits on connections may be met by the thousand, and have counters of their own.
    package func respond(
        to refusal: Refusal, _ cause: RefusalCause, from client: String?, isSecure: Bool, at wall: Int64
    ) -> Response {
        var response = ErrorFormat.json.response(to: refusal)
        let id = requestIDs.next()
        response.identify(id)
        if context.settings.requireHTTPS, isSecure { response.secureTransport() }
        switch cause {
        case .unreadable(let received):
            metrics.record(routes.numberOfUnmatched, refusal.status, microseconds: 0)
            accessLog?.append(refusal, received, id, bytes: response.body.count, from: client, at: wall)
            context.refusals.note(at: wall) {
                RefusalEntry(
                    at: wall, requestID: id.value, client: client, namespace: nil, operation: Operation.unmatched.name,
                    status: refusal.status, sentence: refusal.sentence, method: "", path: [])
            }
            if refusal.status == .serviceUnavailable { response.fields.append(.retryAfter, Self.bodyTime) }
        case .limit:
            if refusal.status == .serviceUnavailable { response.fields.append(.retryAfter, Self.connectionTime) }
        case .lost: break
        }
        return response
    }

    private func outcome(of call: inout Call) -> Outcome {
        do throws(Refused) {
            return try answer(&call)
        } catch {
            return .reply(.now(response(to: error, of: call)))
        }
    }

    private func outcome(of call: inout Call, after cause: WaitCause, _ wake: Wake) -> Outcome {
        do throws(Refused) {
            return try answer(&call, after: cause, wake)
        } catch {
            return .reply(.now(response(to: error, of: call)))
        }
    }

    private func outcome(of call: borrowing Call, _ resume: Waiting.Resumption, _ wake: Wake) -> Reply {
        do throws(Refused) {
            return try resume(call, wake)
        } catch {
            return .now(response(to: error, of: call))
        }
    }

    /// No client is told that something does not exist which this member may only not have received (R273). Changes and
    /// heartbeats ask the others.
    private func response(to refused: Refused, of call: borrowing Call) -> Response {
        switch refused {
        case .noSuchInstance, .noSuchService, .noServiceYet:
            (call.registry.isBehind(in: call.namespace, at: call.monotonic) ? Refused.notSure : refused)
                .response(in: call.errors)
        default: refused.response(in: call.errors)
        }
    }

    /// The first refusal is the answer, in the order of R119.
    private func answer(_ call: inout Call) throws(Refused) -> Outcome {
        if call.request.head.targetsHTTPS, !call.isHTTPS { throw .misdirected }
        if call.request.head.method == .options { return .reply(.now(try answerOptions(&call))) }
        call.path = try segments(of: call.request)
        let row = routes.row(call.request.head.method, call.path)
        let purpose = row?.route.operation.purpose ?? Operation.unmatched.purpose
        if let row { call.find(row) } else { call.find(routes.errors(call.path)) }
        try enter(call, for: purpose, row?.route)
        guard let row else {
            guard let allow = routes.allowedMethods(call.path) else { throw .noSuchResource }
            throw .methodNotAllowed(allow: allow)
        }
        call.take(row)
        if purpose.isOfTenant {
            if let cause = try admit(&call, for: purpose, .little, .may) { return .admission(cause) }
        } else if let cause = learnOperator(&call, .little, .may) {
            return .admission(cause)
        }
        return .reply(try carryOut(call, row.route))
    }

    /// Goes on with a call whose credential took longer than most. To turn away one whose client has gone would be no
    /// cheaper, and its client may not want to know.
    private func answer(_ call: inout Call, after cause: WaitCause, _ wake: Wake) throws(Refused) -> Outcome {
        guard let route = call.route else { throw .noSuchResource }
        guard route.operation.purpose.isOfTenant else {
            if let next = learnOperator(&call, after: cause, wake) { return .admission(next) }
            return .reply(try carryOut(call, route))
        }
        switch (cause, wake) {
        case (.issuer, .timeUp), (.issuer, .tooMany): throw .unauthorized(AuthorizationRefusal.unknownKey.sentence)
        case (_, .tooMany): throw .unverified(AuthorizationRefusal.unverified.sentence)
        default: break
        }
        if let cause = try admit(&call, for: route.operation.purpose, .any, cause == .turn ? .may : .isOver) {
            return .admission(cause)
        }
        return .reply(try carryOut(call, route))
    }

    private func carryOut(_ call: borrowing Call, _ route: Route) throws(Refused) -> Reply {
        try checkConditions(call)
        switch route.handler {
        case .atOnce(let handler): return .now(try handler(call))
        case .patient(let handler): return try handler(call)
        }
    }

    /// - Parameter isForServer: whether the registry as a whole is asked, which may come plain.
    private func enter(
        _ call: borrowing Call, for purpose: Purpose, _ route: Route? = nil, isForServer: Bool = false
    ) throws(Refused) {
        let isSecure = isForServer || !admission.needsTLS(for: purpose) || call.isHTTPS
        do throws(AdmissionRefusal) {
            try admission.enter(call.client, for: purpose, isSecure: isSecure, at: call.monotonic)
        } catch {
            throw try refused(error, call, route)
        }
    }

    /// Learns who asks. Returns what has to be waited for before that can be known, if the call may wait.
    private func admit(
        _ call: inout Call, for purpose: Purpose, _ effort: TokenEffort, _ wait: AdmissionWait
    ) throws(Refused) -> WaitCause? {
        let credential: ArraySlice<UInt8>?
        if let find = call.route?.style.credential {
            credential = try find(call)?[...]
        } else {
            credential = call.request.head[.authorization]
        }
        do throws(AdmissionRefusal) {
            call.principal = try admission.admit(
                credential, call.request.clientIdentity, in: NamespaceParameter.read(call.request.head),
                for: purpose, effort: effort, at: call.moment)
            return nil
        } catch {
            switch error {
            case .unauthorized(.unverified) where wait == .may: return .turn
            case .unauthorized(.unknownKey) where wait != .isOver:
                guard let end = call.registry.issuerKeys?.wait(at: call.monotonic) else { break }
                guard wait == .may else { throw .unverified(AuthorizationRefusal.noKeysYet.sentence) }
                return .issuer(until: end)
            default: break
            }
            throw try refused(error, call, nil)
        }
    }

    /// A conditional request must not be carried out where its condition cannot be checked (RFC 9110, sections 13.1.1
    /// and 13.1.2). The conditions of reading are the lists' own (R320).
    private func checkConditions(_ call: borrowing Call) throws(Refused) {
        let method = call.request.head.method
        if let tags = call.request.head[.ifMatch], !tags.equals("*") { throw .conditionFailed }
        guard method != .get, method != .head, let tags = call.request.head[.ifNoneMatch], tags.equals("*") else {
            return
        }
        // What cannot be read is not there, as far as this condition goes.
        if routes.row(.get, call.path) != nil { throw .conditionFailed }
    }

    /// What a path may be asked, or the registry as a whole: `OPTIONS *` (R121). No credential is needed; a browser
    /// sends none when it asks whether it may.
    private func answerOptions(_ call: inout Call) throws(Refused) -> Response {
        let isForServer = call.request.head.isForServer
        if !isForServer { call.path = try segments(of: call.request) }
        // The registry as a whole has no URL that a client could be sent to.
        let isProbe = !isForServer && routes.isProbe(call.path)
        try enter(call, for: isProbe ? .probe : Operation.options.purpose, isForServer: isForServer)
        guard let allow = isForServer ? routes.allMethods() : routes.allowedMethods(call.path) else {
            throw .noSuchResource
        }
        call.takeOptions(number: routes.numberOfOptions)
        var response = Response(.noContent)
        response.fields.append(.allow, allow)
        return response
    }

    private func segments(of request: Request) throws(Refused) -> PathSegments {
        do throws(Refusal) {
            return try PathSegments(request.head)
        } catch {
            throw .malformed(error)
        }
    }
}
