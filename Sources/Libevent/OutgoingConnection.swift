// One connection to another server of HTTP, over evhttp's client. evhttp's callbacks come from wherever it is at that
// moment, also from within the call that sends a request, and free what they were about afterwards. So nothing is decided
// in them: they note what has come, and an event of our own passes it on in the same turn of the loop, when no code of
// evhttp is under way. There the owner may do what it likes, close the connection included.
//
//   connecting ──► sent ──► head ──► body ──► whole ──► sent again, while it is kept
//        └──────────┴────────┴────────┴─► failed, or closed by its owner
//
// What evhttp does not bound is bounded here: the input buffer while a chunk is gathered, and what waits to be passed on.
// Its own timeouts are put off for ever: they start anew with each byte, and deadlines are the owner's.

import CLibevent
import Glibc
package import HTTP
package import TLS
import Text

/// A connection on which requests are made one after the other. Belongs to its loop's thread.
@safe package final class OutgoingConnection {
    package typealias Handler = (OutgoingEvent, borrowing OnLoop) -> Void

    /// Bytes that are passed on in one turn of the loop.
    package static let pieceBytes = 256 << 10
    /// What may be in the input buffer besides a head or a chunk: the chunk's line, and what is read with it.
    private static let slack = 64 << 10
    /// Never, in seconds.
    private static let never = 100 * 365 * 86_400

    /// A request that is under way.
    private final class Exchange {
        let limits: OutgoingLimits
        let isHead: Bool
        /// The connection's `receivedBytes` at the beginning.
        let receivedBefore: UInt64
        let handler: Handler
        /// The head that has come and was not passed on yet.
        var head: ReceivedHead?
        var hasHead = false
        /// What evhttp's error callback has said, which comes before the completion.
        var error: OutgoingFailure?
        /// Set once; then only what has been received before is still passed on.
        var end: End?

        enum End {
            case whole(mayBeKept: Bool)
            case failed(OutgoingFailure)
        }

        init(_ limits: OutgoingLimits, isHead: Bool, receivedBefore: UInt64, _ handler: @escaping Handler) {
            self.limits = limits
            self.isHead = isHead
            self.receivedBefore = receivedBefore
            self.handler = handler
        }
    }

    private let address: String
    private let port: UInt16
    /// Invariant: live until `close()`; owns the bufferevent.
    private var connection: OpaquePointer?
    /// Invariant: valid as long as `connection`, whose it is.
    private let bufferevent: OpaquePointer
    /// Invariant: valid as long as `bufferevent`, which owns it; nil without TLS.
    private let session: TLSSession?
    /// What was received and is to be passed on. Owned by this object.
    private let received: OpaquePointer
    private var exchange: Exchange?
    private var deliver: LoopEvent?
    private var isPaused = false
    /// Whether the server takes another request on this connection.
    private var isKept = true
    /// Whether it is connected, and over TLS has done its handshake.
    package private(set) var isConnected = false
    /// Whether evhttp may call back from within `send`.
    private var isSending = false
    /// evhttp's own callbacks, while ours stand before them.
    private var connecting: (read: bufferevent_data_cb?, write: bufferevent_data_cb?, event: bufferevent_event_cb?)?
    private var connectingContext: UnsafeMutableRawPointer?
    /// Why the connection was refused, as far as it was seen.
    private var refusal: OutgoingFailure?
    /// Bytes that have come in, of whatever kind: what tells silence from slowness.
    package private(set) var receivedBytes: UInt64 = 0

    /// Connects to a numeric address with the first request; with `security` over TLS, where the server must prove to be
    /// that host.
    package init(
        to address: String, port: UInt16, security: (context: TLSContext, host: String)?, on loop: EventLoop
    ) throws(LibeventError) {
        let session = unsafe security.flatMap {
            unsafe $0.context.makeSession(to: $0.host, isAddress: IPAddress($0.host) != nil)
        }
        guard unsafe security == nil || session != nil else { throw .outOfMemory }
        // Made here, so that the bytes are seen before evhttp sees them.
        let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
        let made =
            unsafe session.map {
                unsafe bufferevent_openssl_socket_new(loop.base, -1, $0, BUFFEREVENT_SSL_CONNECTING, options)
            }
            ?? bufferevent_socket_new(loop.base, -1, options)
        guard let made = unsafe made else { throw .outOfMemory }
        guard let received = unsafe evbuffer_new() else {
            unsafe bufferevent_free(made)
            throw .outOfMemory
        }
        // Without a resolver evhttp would ask the system's, which blocks; of a numeric address it asks none.
        guard let connection = unsafe evhttp_connection_base_bufferevent_new(loop.base, nil, made, address, port) else {
            unsafe bufferevent_free(made)
            unsafe evbuffer_free(received)
            throw .outOfMemory
        }
        self.address = address
        self.port = port
        unsafe self.connection = unsafe connection
        unsafe bufferevent = unsafe made
        unsafe self.received = unsafe received
        self.session = unsafe session.map { unsafe TLSSession($0) }
        var never = timeval(tv_sec: Self.never, tv_usec: 0)
        unsafe evhttp_connection_set_timeout_tv(connection, &never)
        unsafe bufferevent_set_max_single_read(made, Self.pieceBytes)
        deliver = try LoopEvent.timer(on: loop) { [unowned self] onLoop in passOn(onLoop) }
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe evbuffer_add_cb(
            bufferevent_get_input(made),
            { _, info, context in
                guard let info = unsafe info, unsafe info.pointee.n_added > 0 else { return }
                unsafe OutgoingConnection.from(context)?.cameIn(info.pointee.n_added)
            }, unsafe context)
        unsafe evbuffer_add_cb(
            bufferevent_get_output(made),
            { _, info, context in
                // evhttp writes its first byte once it is connected.
                guard let info = unsafe info, unsafe info.pointee.n_added > 0 else { return }
                unsafe OutgoingConnection.from(context)?.connected()
            }, unsafe context)
    }

    deinit {
        close()
        unsafe evbuffer_free(received)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> OutgoingConnection? {
        unsafe context.map { unsafe Unmanaged<OutgoingConnection>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: - What its owner does

    /// Whether another request may be sent on it: the last answer came whole, and the server has neither closed nor
    /// sent anything since.
    package var isUsable: Bool {
        unsafe connection != nil && exchange == nil && isKept && bufferevent_getfd(bufferevent) >= 0
            && evbuffer_get_length(bufferevent_get_input(bufferevent)) == 0
    }

    /// Sends a request. The fields go out as they are, `Host` and `Content-Length` among them; none of their values has
    /// a line end, nor has the target. Everything that follows comes as events, in later turns of the loop.
    ///
    /// To be called on a new connection, or one that `isUsable`.
    package func send(
        _ method: HTTP.Method, _ target: String, fields: [ReceivedHead.Field], body: [UInt8]?, limits: OutgoingLimits,
        _: borrowing OnLoop, handler: @escaping Handler
    ) {
        precondition(exchange == nil, "a request is under way already")
        let exchange = Exchange(limits, isHead: method == .head, receivedBefore: receivedBytes, handler)
        self.exchange = exchange
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        guard let connection = unsafe connection, let type = method.evhttpType,
            let request = unsafe evhttp_request_new(
                { request, context in unsafe OutgoingConnection.from(context)?.completed(request) }, unsafe context)
        else { return end(.failed(.outOfMemory)) }
        unsafe evhttp_connection_set_max_headers_size(connection, limits.head)
        unsafe evhttp_request_set_header_cb(request) { request, context in
            guard let request = unsafe request, let connection = unsafe OutgoingConnection.from(context) else {
                return -1
            }
            return unsafe connection.headed(request) ? 0 : -1
        }
        unsafe evhttp_request_set_chunked_cb(request) { request, context in
            guard let request = unsafe request else { return }
            unsafe OutgoingConnection.from(context)?.gained(evhttp_request_get_input_buffer(request))
        }
        unsafe evhttp_request_set_error_cb(request) { error, context in
            unsafe OutgoingConnection.from(context)?.erred(error)
        }
        let headers = unsafe evhttp_request_get_output_headers(request)
        for field in fields {
            guard unsafe evhttp_add_header(headers, field.name, field.value) == 0 else {
                unsafe evhttp_request_free(request)
                return end(.failed(.malformed("the field \(field.name) cannot be sent")))
            }
        }
        if let body { unsafe evbuffer_add(evhttp_request_get_output_buffer(request), body, body.count) }
        // All is in place: out of descriptors, evhttp calls back from within this call.
        isSending = true
        if unsafe evhttp_make_request(connection, request, type, target) != 0 { end(.failed(.outOfMemory)) }
        isSending = false
        if exchange.end == nil, !isConnected { unsafe listenForRefusal(context) }
    }

    /// Ends the connection and what is under way on it; no event comes any more.
    package func close() {
        exchange = nil
        deliver = nil
        guard let connection = unsafe connection else { return }
        unsafe self.connection = nil
        if isConnected { session?.sayGoodbye() }
        // Frees the request, the bufferevent and its socket too, and calls nobody.
        unsafe evhttp_connection_free(connection)
    }

    // MARK: - What evhttp tells

    private func cameIn(_ count: Int) {
        receivedBytes &+= UInt64(count)
        guard let exchange, exchange.end == nil else { return }
        let limit = exchange.hasHead ? exchange.limits.chunk : exchange.limits.head
        guard unsafe evbuffer_get_length(bufferevent_get_input(bufferevent)) > limit + Self.slack else { return }
        end(.failed(exchange.hasHead ? .chunkTooLong(limit: limit) : .headTooLong(limit: limit)))
    }

    private func connected() {
        guard !isConnected else { return }
        isConnected = true
        // Programs that we start do not get it, and a server that is gone is noticed though nothing is sent.
        unsafe evutil_make_socket_closeonexec(bufferevent_getfd(bufferevent))
        let tcp = Int32(IPPROTO_TCP)
        for (level, option, value) in [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (tcp, TCP_KEEPIDLE, 15), (tcp, TCP_KEEPINTVL, 5), (tcp, TCP_KEEPCNT, 3),
            (tcp, TCP_NODELAY, 1),
        ] {
            var value = Int32(value)
            unsafe setsockopt(
                bufferevent_getfd(bufferevent), level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// Whether evhttp may read on.
    private func headed(_ request: UnsafeMutablePointer<evhttp_request>) -> Bool {
        guard let exchange, exchange.end == nil, let fields = unsafe evhttp_request_get_input_headers(request) else {
            return false
        }
        let status = unsafe Int(evhttp_request_get_response_code(request))
        if status == 100 {
            // evhttp reads on, and would count these among those of the answer.
            unsafe evhttp_clear_headers(fields)
            return true
        }
        guard status >= 200 else {
            end(.failed(.interim(status: status)))
            return false
        }
        let head = unsafe ReceivedHead(status: status, fields: Self.fields(of: fields))
        if let fault = head.framingFault {
            end(.failed(.malformed(fault)))
            return false
        }
        // evhttp gives up on an answer without a length that says keep-alive, and warns on the standard error; it ends
        // with the connection (RFC 9112, section 6.3).
        if !head.isChunked, head.contentLength == nil { unsafe evhttp_remove_header(fields, "Connection") }
        // HTTP/1.0 keeps a connection only if both say so, and we do not.
        isKept =
            unsafe !head.asksToClose && request.pointee.minor >= 1
            && (head.isChunked || head.contentLength != nil || exchange.isHead || status == 204 || status == 304)
        exchange.hasHead = true
        exchange.head = head
        deliver?.activate()
        return true
    }

    private func gained(_ bytes: OpaquePointer?) {
        guard let exchange, exchange.end == nil, let bytes = unsafe bytes else { return }
        unsafe evbuffer_add_buffer(received, bytes)
        // Not more than the owner has taken.
        if !isPaused, unsafe evbuffer_get_length(received) > Self.pieceBytes {
            isPaused = true
            unsafe bufferevent_disable(bufferevent, Int16(EV_READ))
        }
        deliver?.activate()
    }

    private func erred(_ error: evhttp_request_error) {
        guard let exchange, exchange.error == nil else { return }
        exchange.error =
            switch error {
            // evhttp says the one of a head that is too long, and the other of a chunk's length that is none or has
            // extensions.
            case EVREQ_HTTP_INVALID_HEADER, EVREQ_HTTP_DATA_TOO_LONG:
                if exchange.hasHead {
                    .malformed("the answer's chunks are malformed")
                } else if receivedBytes - exchange.receivedBefore > exchange.limits.head {
                    .headTooLong(limit: exchange.limits.head)
                } else {
                    .malformed("the answer's head is not that of HTTP/1.1")
                }
            default: .cut
            }
    }

    /// A failure has several shapes: a request with the status 0 (refused), and none at all, after the error callback has
    /// said why (broken, or a handshake that failed); each may come from within `send`.
    private func completed(_ request: UnsafeMutablePointer<evhttp_request>?) {
        guard let exchange, exchange.end == nil else { return }
        guard let request = unsafe request, unsafe evhttp_request_get_response_code(request) != 0 else {
            let failure = isConnected ? exchange.error : refusal ?? (isSending ? refusalAtOnce : nil)
            return end(.failed(failure ?? .cut))
        }
        unsafe gained(evhttp_request_get_input_buffer(request))
        end(.whole(mayBeKept: isKept))
    }

    /// evhttp closes the socket before it says that there is no connection, and the reason is lost by then. So while it
    /// connects, its event callback is called by ours.
    private func listenForRefusal(_ context: UnsafeMutableRawPointer) {
        var (read, write): (bufferevent_data_cb?, bufferevent_data_cb?)
        var event: bufferevent_event_cb?
        unsafe bufferevent_getcb(bufferevent, &read, &write, &event, &connectingContext)
        unsafe connecting = unsafe (read, write, event)
        unsafe bufferevent_setcb(
            bufferevent, nil, nil, { _, events, context in unsafe OutgoingConnection.from(context)?.happened(events) },
            unsafe context
        )
    }

    private func happened(_ events: Int16) {
        if Int32(events) & (BEV_EVENT_ERROR | BEV_EVENT_EOF) != 0 { refusal = whyRefused(errno) }
        guard let connecting = unsafe connecting else { return }
        let context = unsafe connectingContext
        unsafe self.connecting = nil
        unsafe bufferevent_setcb(bufferevent, connecting.read, connecting.write, connecting.event, context)
        unsafe connecting.event?(bufferevent, events, context)
    }

    private func whyRefused(_ code: Int32) -> OutgoingFailure {
        if let session, !session.isEstablished {
            if let distrust = session.distrust { return .distrusted(distrust) }
            let reason = unsafe bufferevent_get_openssl_error(bufferevent)
            if TLSSession.isDistrust(reason) { return .distrusted(TLSSession.reason(reason)) }
            if reason != 0 { return .handshake(TLSSession.reason(reason)) }
            if code == 0 { return .handshake("the server closed the connection") }
        }
        return unsafe .refused(code == 0 ? "the server closed the connection" : String(cString: strerror(code)))
    }

    /// Within `send` nothing was seen of the reason, so the same is tried once more.
    private var refusalAtOnce: OutgoingFailure {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        guard let address = SocketAddress(numeric: address, port: port) else {
            return .refused("\(address) is not a numeric address")
        }
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { return unsafe .refused(String(cString: strerror(errno))) }
        let code = address.connect(descriptor) == 0 ? 0 : errno
        Glibc.close(descriptor)
        return unsafe .refused(String(cString: strerror(code == 0 || code == EINPROGRESS ? ECONNABORTED : code)))
    }

    private func end(_ end: Exchange.End) {
        guard let exchange, exchange.end == nil else { return }
        exchange.end = end
        if case .failed = end {
            isKept = false
            unsafe bufferevent_disable(bufferevent, Int16(EV_READ))
        }
        deliver?.activate()
    }

    private static func fields(of headers: UnsafeMutablePointer<evkeyvalq>) -> [ReceivedHead.Field] {
        var fields: [ReceivedHead.Field] = []
        var next = unsafe headers.pointee.tqh_first
        while let entry = unsafe next {
            unsafe fields.append((String(cString: entry.pointee.key), String(cString: entry.pointee.value)))
            unsafe next = unsafe entry.pointee.next.tqe_next
        }
        return fields
    }

    // MARK: - What is passed on

    /// One piece, so that the other connections of the loop have their turns.
    private func passOn(_ onLoop: borrowing OnLoop) {
        // The owner may let go of this object from within.
        let kept = self
        defer { withExtendedLifetime(kept) {} }
        guard let exchange else { return }
        if let head = exchange.head {
            exchange.head = nil
            exchange.handler(.head(head), onLoop)
            guard self.exchange === exchange else { return }
        }
        let count = unsafe min(evbuffer_get_length(received), Self.pieceBytes)
        if count > 0 {
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                initialized = unsafe max(0, Int(evbuffer_remove(received, buffer.baseAddress, count)))
            }
            exchange.handler(.body(bytes), onLoop)
            guard self.exchange === exchange else { return }
        }
        guard unsafe evbuffer_get_length(received) == 0 else { deliver?.activate(); return }
        switch exchange.end {
        case nil:
            if isPaused { unsafe bufferevent_enable(bufferevent, Int16(EV_READ)) }
            isPaused = false
        case .whole(let mayBeKept):
            isKept = mayBeKept
            isPaused = false
            self.exchange = nil
            exchange.handler(.ended, onLoop)
        case .failed(let failure):
            self.exchange = nil
            exchange.handler(.failed(failure), onLoop)
        }
    }
}

extension HTTP.Method {
    /// Nil for those that a client of ours never uses.
    fileprivate var evhttpType: evhttp_cmd_type? {
        switch self {
        case .get: EVHTTP_REQ_GET
        case .head: EVHTTP_REQ_HEAD
        case .post: EVHTTP_REQ_POST
        case .put: EVHTTP_REQ_PUT
        case .delete: EVHTTP_REQ_DELETE
        case .options: EVHTTP_REQ_OPTIONS
        case .patch: EVHTTP_REQ_PATCH
        case .trace, .connect, .other: nil
        }
    }
}
