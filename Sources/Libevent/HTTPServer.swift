// An evhttp on one loop and one listening socket. evhttp keeps the connections, and answers what does not arrive whole;
// the request parser of each connection keeps from it what it would let through unchecked or unbounded. Nothing above
// this file knows evhttp.

import CLibevent
package import HTTP
import System
package import TLS

/// Answers the requests that arrive on one listening socket. Belongs to its loop's thread.
@safe package final class HTTPServer: LoopService {
    /// Answers a request by `reply.send`, now or later, on the loop's thread.
    package typealias Handler = (
        _ request: consuming Request, _ reply: consuming PendingReply, _ onLoop: borrowing OnLoop
    ) -> Void

    /// Words what the server refuses without a request: a whole answer, but for what the transport adds.
    package typealias RefusalHandler = (_ refusal: Refusal, _ cause: RefusalCause, _ clientAddress: String?) -> Response

    /// Learns why a client's TLS handshake came to nothing; the connection is being closed.
    package typealias HandshakeFailureHandler = (_ reason: String, _ clientAddress: String?) -> Void

    /// What makes a port a TLS port.
    package struct Security {
        let contexts: TLSContextBox
        let handshakeFailed: HandshakeFailureHandler

        /// New connections use the context that `contexts` holds when they come.
        package init(contexts: TLSContextBox, handshakeFailed: @escaping HandshakeFailureHandler) {
            self.contexts = contexts
            self.handshakeFailed = handshakeFailed
        }
    }

    /// Bytes written at a time: a large answer leaves in one call instead of in 16 KB pieces.
    private static let maximumSingleWrite = 1 << 20
    /// Bytes read at a time: so few that the requests pipelined in one read stay few.
    private static let maximumSingleRead = 16_384
    /// Seconds without any progress after which evhttp closes a connection: longer than any of our own deadlines, which
    /// are the ones that count.
    private static let inactivityTimeout: Int32 = 86_400
    /// What evhttp may buffer beyond the request parser's limits: the request parser refuses, and evhttp is only a
    /// safety net.
    static let evhttpSlack = 4_096
    /// How often deadlines are looked at, and a paused listener tries again, in milliseconds.
    static let housekeepingPeriod = 250

    /// With this a bufferevent owns its descriptor, and its TLS session.
    private static let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)

    let limits: RequestLimits
    let bodyRule: BodyRule?
    let connectionLimits: ConnectionLimits
    /// As of the last sweep of the shared limits.
    private(set) var rules: LimitRules
    private let loop: EventLoop
    private let gauge: ConnectionGauge
    private let handler: Handler
    private let refusalHandler: RefusalHandler
    /// Nil on a plain port.
    private let security: Security?
    private let http: OpaquePointer
    private var listener: OpaquePointer?
    private var bound: OpaquePointer?
    /// Every connection that evhttp has, but for the newborn ones, under its evhttp_connection.
    private(set) var connections: [OpaquePointer: Connection] = unsafe [:]
    /// Those that the sweep looks at. One that has ended is let go of by the next.
    var swept: [Connection] = []
    /// Connections made in this turn of the loop, whose descriptor evhttp has not set yet.
    private var newborn: [Connection] = []
    /// Milliseconds of a monotonic clock, read on the loop's thread: the system's, or one that a test moves.
    let clock: () -> Int64
    /// The time that deadlines are measured in.
    var patience: PatientClock
    /// Those of the newborn that have no TLS session on a TLS port: to be closed before a byte of theirs is read.
    private var unsecured: [Connection] = []
    private var adoption: LoopEvent?
    private var housekeeping: LoopEvent?
    private var reserve = ReservedDescriptor()
    /// Bytes that waited for clients at the last sweep, as reported to the shared limits.
    var waitingBytes = 0
    /// Connections that were refused on accept and whose answer is still being sent.
    var refusedAtTheDoor = 0
    private var whenDrained: ((borrowing OnLoop) -> Void)?
    private var answerHead: AnswerHead
    /// Connections with direct answers of this turn, which are written at its end.
    private var answered: [Connection] = []
    private var endOfTurn: LoopEvent?
    /// Connections that owe themselves something which may not be done from within libevent's own code.
    private var owing: [Connection] = []
    private var turn: LoopEvent?

    /// Starts to accept connections on `descriptor`, a listening socket, which it owns from now on. With `security` it
    /// speaks TLS, and nothing else. `clock` gives the milliseconds that deadlines are measured in, and never goes
    /// back. `bodyRule` says of which requests the body may be longer than `limits` have it. Every answer has the
    /// fields of `standing`; `refused` words what is refused before there is a request.
    package init(
        on loop: EventLoop, listening descriptor: Int32, limits: RequestLimits, gauge: ConnectionGauge,
        connectionLimits: ConnectionLimits = ConnectionLimits(),
        security: Security? = nil, clock: @escaping () -> Int64 = MonotonicClock.milliseconds,
        bodyRule: BodyRule? = nil,
        standing: ResponseFields = ResponseFields(), refused: @escaping RefusalHandler, handler: @escaping Handler
    ) throws(LibeventError) {
        guard let http = unsafe evhttp_new(loop.base) else { throw .outOfMemory }
        self.loop = loop
        self.limits = limits
        self.bodyRule = bodyRule
        self.connectionLimits = connectionLimits
        rules = connectionLimits.rules
        self.gauge = gauge
        self.handler = handler
        self.security = security
        self.clock = clock
        patience = PatientClock(now: clock(), longestStep: Int64(2 * Self.housekeepingPeriod))
        refusalHandler = refused
        answerHead = AnswerHead(standing: standing)
        unsafe self.http = unsafe http
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        // Every method reaches the handler, which knows what to say of those it does not serve.
        unsafe evhttp_set_allowed_methods(http, UInt16.max)
        unsafe evhttp_set_default_content_type(http, nil)
        unsafe evhttp_set_max_headers_size(http, limits.head + Self.evhttpSlack)
        unsafe evhttp_set_max_body_size(http, max(limits.body, bodyRule?.largest ?? 0) + Self.evhttpSlack)
        unsafe evhttp_set_timeout(http, Self.inactivityTimeout)
        unsafe evhttp_set_bevcb(
            http,
            { _, context in
                guard let context = unsafe context else { return nil }
                return unsafe Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue().makeConnection()
            }, unsafe context)
        unsafe evhttp_set_gencb(
            http,
            { request, context in
                guard let context = unsafe context, let request = unsafe request else { return }
                unsafe Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue().serve(request, OnLoop())
            }, unsafe context)
        adoption = try LoopEvent.urgent(on: loop) { [unowned self] onLoop in adoptNewborn(onLoop) }
        endOfTurn = try LoopEvent.timer(on: loop) { [unowned self] _ in writeAnswers() }
        turn = try LoopEvent.timer(on: loop) { [unowned self] _ in performOwed() }
        try listen(descriptor)
        // Urgent, because however many connections are ready, deadlines are kept between two of them.
        housekeeping = try LoopEvent.every(milliseconds: Self.housekeepingPeriod, on: loop, isUrgent: true) {
            [unowned self] _ in
            rules = self.connectionLimits.rules
            sweep(at: self.clock())
            acceptAgain()
        }
    }

    deinit {
        unsafe connections.values.forEach { $0.abandon() }
        for connection in newborn { connection.detach() }
        unsafe evhttp_free(http)
    }

    private func listen(_ descriptor: Int32) throws(LibeventError) {
        let flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC
        guard let listener = unsafe evconnlistener_new(loop.base, nil, nil, flags, 0, descriptor) else {
            throw .eventRefused
        }
        guard let bound = unsafe evhttp_bind_listener(http, listener) else {
            unsafe evconnlistener_free(listener)
            throw .eventRefused
        }
        // Out of descriptors, most likely. Accepting again at once would spin until one is free; housekeeping tries
        // again.
        unsafe evconnlistener_set_error_cb(listener) { listener, _ in unsafe PausedListeners.pause(listener) }
        unsafe self.listener = unsafe listener
        unsafe self.bound = unsafe bound
    }

    /// Answers connections that a paused listener could not accept, then resumes it.
    private func acceptAgain() {
        guard let listener = unsafe listener, unsafe PausedListeners.resume(listener) else { return }
        // To a client that waits for a TLS handshake nothing can be said.
        let answer =
            security == nil ? LimitEvent.descriptors.refusal.map { refusalAnswer($0, .limit, to: nil) } ?? [] : []
        let refused = unsafe reserve.refuse(from: evconnlistener_get_fd(listener), with: answer)
        for _ in 0..<refused { connectionLimits.note(.descriptors, nil) }
        unsafe evconnlistener_enable(listener)
    }

    // MARK: - Connections

    /// Called by evhttp for each accepted connection, before it has its descriptor.
    private func makeConnection() -> OpaquePointer? {
        let session = unsafe security.flatMap { unsafe $0.contexts.current.makeSession() }
        let secured = unsafe session.flatMap {
            unsafe bufferevent_openssl_socket_new(loop.base, -1, $0, BUFFEREVENT_SSL_ACCEPTING, Self.options)
        }
        guard let bufferevent = unsafe secured ?? bufferevent_socket_new(loop.base, -1, Self.options) else {
            return nil
        }
        unsafe bufferevent_set_max_single_read(bufferevent, Self.maximumSingleRead)
        unsafe bufferevent_set_max_single_write(bufferevent, Self.maximumSingleWrite)
        let connection = unsafe Connection(bufferevent, session: secured == nil ? nil : session, server: self)
        newborn.append(connection)
        // Without a bufferevent of ours evhttp would make a plain one and serve the TLS port in the clear; so it gets
        // one, for one turn.
        if security != nil, unsafe secured == nil { unsecured.append(connection) }
        adoption?.activate()
        return unsafe bufferevent
    }

    /// One urgent turn later evhttp has made its connection, and no byte nor end of it has been handled yet.
    private func adoptNewborn(_: borrowing OnLoop) {
        for connection in newborn {
            guard let identity = unsafe connection.adopt() else { continue }
            unsafe connections[identity] = connection
            connection.beSwept()
            gauge.opened()
            receive(connection)
        }
        newborn.removeAll(keepingCapacity: true)
        for connection in unsecured { connection.close() }
        unsecured.removeAll()
    }

    /// evhttp is about to free this connection.
    func connectionClosed(_ identity: OpaquePointer, _ onLoop: borrowing OnLoop) {
        guard let connection = unsafe connections.removeValue(forKey: identity) else { return }
        connection.end()
        connection.detach()
        connection.replyEnds(.clientGone)
        connection.streamEnds()
        gauge.closed()
        dismiss(connection)
        if unsafe connections.isEmpty, let whenDrained {
            self.whenDrained = nil
            whenDrained(onLoop)
        }
    }

    /// The whole answer to what is refused without a request.
    func refusalAnswer(_ refusal: Refusal, _ cause: RefusalCause, to peer: String?, isHead: Bool = false) -> [UInt8] {
        RefusalAnswer.bytes(refusalHandler(refusal, cause, peer), isHead: isHead, &answerHead)
    }

    /// The answer to a client whose reply the handler lost.
    func lostAnswer(to peer: String?) -> Response {
        refusalHandler(
            Refusal(.internalServerError, "the request was not answered because of a fault in the registry"), .lost,
            peer)
    }

    /// Has a connection's direct answers written when the requests that came in the same turn have been answered too:
    /// their clients are then woken together instead of each by itself, while there is still work to do here.
    func writeAtEndOfTurn(_ connection: Connection) {
        if answered.isEmpty { endOfTurn?.activate() }
        answered.append(connection)
    }

    private func writeAnswers() {
        var index = 0
        while index < answered.count {
            answered[index].writeAnswers()
            index += 1
        }
        answered.removeAll(keepingCapacity: true)
    }

    /// Has a connection do what it owes in a turn of its own, before anything more is read.
    func performLater(_ connection: Connection) {
        if owing.isEmpty { turn?.activate() }
        owing.append(connection)
    }

    private func performOwed() {
        let connections = owing
        owing.removeAll()
        for connection in connections { connection.performOwed() }
    }

    /// Calls `body` with the headers of an answer that evhttp sends now.
    func withHeaders(of response: borrowing Response, _ body: (UnsafePointer<CChar>?) -> Void) {
        unsafe answerHead.withHeaders(of: response, on: loop, body)
    }

    /// Calls `body` with the whole head of an answer that goes past evhttp now.
    func withHead(of response: borrowing Response, _ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe withHead(of: response, AnswerHead.Form(closes: isDraining), body)
    }

    /// Calls `body` with a whole answer that goes past evhttp now. Copies its body, which is a small one.
    func withSmallAnswer<Result>(
        _ response: borrowing Response, isHead: Bool, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        unsafe answerHead.withAnswer(response, isHead: isHead, AnswerHead.Form(closes: isDraining), on: loop, body)
    }

    func withHead(of response: borrowing Response, _ form: AnswerHead.Form, _ body: (UnsafeRawBufferPointer) -> Void) {
        unsafe answerHead.withHead(of: response, form, on: loop, body)
    }

    /// A client's handshake came to nothing.
    func handshakeFailed(_ reason: String, from peer: String?) { security?.handshakeFailed(reason, peer) }

    // MARK: - Requests

    private func serve(_ request: UnsafeMutablePointer<evhttp_request>, _ onLoop: borrowing OnLoop) {
        guard let identity = unsafe evhttp_request_get_connection(request),
            let connection = unsafe connections[identity]
        else {
            return unsafe refuse(request, .internalServerError)
        }
        guard let head = connection.machine.takeForEvhttp() else {
            // The request parser and evhttp disagree on where a request ends. Nothing good is behind that.
            return unsafe refuse(request, .badRequest)
        }
        unsafe handle(
            head, take(Int.max, from: evhttp_request_get_input_buffer(request)), of: connection,
            PendingReply(request, connection, head))
        connection.carryOut(connection.machine.returned { true })
    }

    /// Answers what evhttp has read and cannot be served.
    private func refuse(_ request: UnsafeMutablePointer<evhttp_request>, _ status: HTTP.Status) {
        unsafe EvhttpErrorPage.send(request, refusalHandler(EvhttpErrorPage.refusal(status), .lost, nil), &answerHead)
    }

    /// Hands a request to the handler. Called from libevent's callbacks only.
    func handle(
        _ head: consuming RequestHead, _ body: consuming [UInt8], of connection: Connection,
        _ reply: consuming PendingReply
    ) {
        let localAddress = head[.host] == nil ? connection.localAddress : nil
        handler(
            Request(
                head: head, body: body, isSecure: security != nil, clientAddress: connection.peer,
                clientIdentity: connection.clientIdentity, localAddress: localAddress), reply, OnLoop())
    }

    /// Takes up to `count` bytes from the front of a buffer.
    func take(_ count: Int, from buffer: OpaquePointer?) -> [UInt8] {
        let count = unsafe min(count, evbuffer_get_length(buffer))
        guard count > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
            initialized = unsafe max(0, Int(evbuffer_remove(buffer, bytes.baseAddress, count)))
        }
    }

    // MARK: - Stopping

    /// Whether connections are being ended: every answer from now on closes its connection.
    package private(set) var isDraining = false

    /// Whether a drain has ended: no connection is left, and none will come.
    package var isDrained: Bool { unsafe isDraining && connections.isEmpty }

    /// Stops accepting, ends idle connections at once, the others with their next answer, and streamed answers when
    /// their senders have been notified; then calls `whenDrained`.
    package func drain(_ onLoop: borrowing OnLoop, whenDrained: @escaping (borrowing OnLoop) -> Void) {
        guard !isDraining else { return }
        isDraining = true
        if let bound = unsafe bound { unsafe evhttp_del_accept_socket(http, bound) }
        unsafe listener = nil
        unsafe bound = nil
        self.whenDrained = whenDrained
        for connection in unsafe newborn + connections.values { connection.carryOut(connection.machine.drain()) }
        if unsafe connections.isEmpty, let whenDrained = self.whenDrained {
            self.whenDrained = nil
            whenDrained(onLoop)
        }
    }
}
