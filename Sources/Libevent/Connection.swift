// One client's connection: its request parser, and the way to end it when the parser refuses a request. A refusal takes
// the connection out of evhttp's hands as soon as evhttp has answered the good requests before it, so that evhttp never
// parses a byte of the bad one:
//
//   served by evhttp ──gate refuses, all good requests answered──► refusing ──answer written──► lingering ──► freed
//
// Lingering: the sending side is shut, and what the client still sends is read and thrown away for a moment. Closing at
// once would reset the connection under a client in mid-upload, and the answer would be lost with it (RFC 9112, section
// 9.6).

import CLibevent
import Glibc
import HTTP
import System
import TLS

/// One connection of an `HTTPServer`. Belongs to its loop's thread.
final class Connection {
    /// How long a client may go on sending after a refusal: seconds without a byte, and bytes in all. The sweep ends it
    /// in any case.
    private static let lingerSeconds = 2
    private static let lingerBytes = 1 << 20

    /// How many bytes may come in behind a complete request: requests wait as values that take more room than the
    /// shortest of their bytes.
    private static let pipelinedBytes = 16_384
    /// The largest plaintext of a TLS record (RFC 8446, section 5.1).
    static let recordBytes = 16_384

    /// Stands for the number of a request in a TLS handshake, which has as long as a head.
    private static let handshake = -1

    enum Phase { case served, refusing, lingering }

    /// Invariant: a live bufferevent until `detach()`; owned by evhttp.
    let bufferevent: OpaquePointer
    unowned let server: HTTPServer
    var parser: RequestParser
    private(set) var phase = Phase.served
    /// evhttp's connection, from adoption on.
    private(set) var identity: OpaquePointer?
    private var inputWatch: OpaquePointer?
    /// Whether the input is being changed by us: what comes in then has been seen by the request parser.
    var isExcising = false
    /// Requests that evhttp handed to the handler, whose answers are not yet written out.
    private(set) var answersPending = 0
    private(set) var answersWritten = 0
    /// Requests that went past evhttp, whose answers are not yet written out.
    private(set) var directAnswers = 0
    /// evhttp's callbacks, while ours stand in their place: libevent writes the rest of direct answers, or the handler
    /// keeps a reply.
    var evhttpCallbacks: EvhttpCallbacks?
    /// Whether libevent writes the rest of direct answers. Invariant: then `evhttpCallbacks` is not nil, and nothing is
    /// read.
    var isWritingRest = false
    /// evhttp's callbacks, while ours stand before them so that it learns of the client's end a turn later.
    var delayedCallbacks: EvhttpCallbacks?
    /// Whether the end of the client's sending has been read, which libevent reports once only.
    var hasClientEnded = false
    var awaitedReply = AwaitedReply.none
    /// Whether evhttp sees nothing of what comes until all direct answers have left.
    var isHeldBack = false
    /// Whether the newest answer of the fast path says that the connection ends with it.
    var hasAnnouncedEnd = false
    /// Whether the handler has a request of evhttp's that it has not answered yet.
    private(set) var isReplyHeld = false
    /// The answer that goes on, if there is one. Invariant: then a reply is awaited, and `evhttpCallbacks` is not nil
    /// from the end of its handler on.
    var stream: StreamedAnswer?
    /// How many there have been.
    var streamsSoFar = 0
    private var clock: ConnectionClock
    /// The limit for which this connection was refused; nil when the request parser refused it, or when it was not
    /// refused.
    private(set) var refusedFor: LimitEvent?
    /// Whether reading stops early, because a complete request waits.
    private var readsLess = false
    private var lingered = 0
    /// The client's numeric address, known from adoption on.
    private(set) var peer: String?
    /// Whether this connection is counted against the limits.
    var isAdmitted = false
    /// The client as which it was counted.
    var client: ClientKey?
    /// Invariant: valid as long as `bufferevent`, which owns it; nil on a plain port.
    let session: TLSSession?
    private var certificateWasRead = false
    private var readIdentity: ClientIdentity?

    init(_ bufferevent: OpaquePointer, session: OpaquePointer?, server: HTTPServer) {
        self.bufferevent = bufferevent
        self.session = session.map { TLSSession($0) }
        self.server = server
        parser = RequestParser(limits: server.limits, bodyRule: server.bodyRule)
        clock = ConnectionClock(now: server.patience.time(at: server.clock()))
        setReadWatermarks()
        inputWatch = evbuffer_add_cb(
            bufferevent_get_input(bufferevent),
            { _, info, context in
                guard let info, info.pointee.n_added > 0 else { return }
                Connection.from(context)?.bytesArrived(info.pointee.n_added)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Learns what evhttp has made of the bufferevent by now; nil when it gave up on it.
    func adopt() -> OpaquePointer? {
        // evhttp is the only one that sets the bufferevent's callbacks, and their argument is its connection.
        var argument: UnsafeMutableRawPointer?
        bufferevent_getcb(bufferevent, nil, nil, nil, &argument)
        guard let argument else { return nil }
        let identity = OpaquePointer(argument)
        self.identity = identity
        var address: UnsafeMutablePointer<CChar>?
        var port: UInt16 = 0
        evhttp_connection_get_peer(identity, &address, &port)
        if let address { peer = String(cString: address) }
        evhttp_connection_set_closecb(
            identity,
            { identity, context in
                guard let identity, let connection = Connection.from(context) else { return }
                connection.server.connectionClosed(identity, OnLoop())
            }, Unmanaged.passUnretained(self).toOpaque())
        return identity
    }

    /// Lets go of everything of libevent's that points here. Called once, before the bufferevent goes.
    func detach() {
        if let inputWatch { evbuffer_remove_cb_entry(bufferevent_get_input(bufferevent), inputWatch) }
        inputWatch = nil
        if let identity { evhttp_connection_set_closecb(identity, nil, nil) }
        identity = nil
    }

    /// Whether evhttp still has it.
    var isOpen: Bool { identity != nil }

    // MARK: - TLS

    /// The identity in the client certificate; nil when it sent none. Read once: a session keeps its certificate, and
    /// renegotiation is off.
    var clientIdentity: ClientIdentity? {
        guard let session else { return nil }
        if !certificateWasRead {
            certificateWasRead = true
            readIdentity = session.clientCertificate.map {
                ClientIdentity(uris: $0.uris, organizationalUnits: $0.organizationalUnits)
            }
        }
        return readIdentity
    }

    /// Whether requests can be read and answers written.
    var isEstablished: Bool { session?.isEstablished ?? true }

    // MARK: - Answers

    /// evhttp is about to be given an answer, with which it sets callbacks of its own.
    func replyComes() {
        isReplyHeld = false
        isWritingRest = false
        giveBack()
    }

    /// evhttp has put an answer into the output, and turned reading on to learn of the connection's end. But a client
    /// may end its sending and still wait for the answer, so nothing is read until that has left; one that has gone
    /// shows when it is written to. Over TLS makes one record of a small answer, or of the first of a large one:
    /// OpenSSL is handed each piece of the buffer by itself.
    func answerQueued() {
        bufferevent_disable(bufferevent, Int16(EV_READ))
        guard session != nil else { return }
        let output = bufferevent_get_output(bufferevent)
        evbuffer_pullup(output, min(evbuffer_get_length(output), Self.recordBytes))
    }

    // MARK: - How it stands

    /// Whether nothing would be lost by closing now.
    var isIdle: Bool {
        phase == .served && answersPending == 0 && directAnswers == 0 && parser.isIdle
            && evbuffer_get_length(bufferevent_get_output(bufferevent)) == 0
            && !hasUnreadBytes
    }

    /// Whether the kernel has bytes of the client that no turn of the loop has read yet. Closing over them would reset
    /// the connection.
    var hasUnreadBytes: Bool {
        var byte: UInt8 = 0
        return recv(bufferevent_getfd(bufferevent), &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    var isDraining: Bool { server.isDraining }

    /// The address and port that the client reached. A system call: asked for seldom.
    var localAddress: String? { SocketAddress.local(of: bufferevent_getfd(bufferevent))?.description }

    // MARK: - Requests

    /// The oldest request that came whole; its answer is awaited from now on.
    func takeRequest() -> RequestHead? {
        guard phase == .served, let head = parser.takeRequest() else { return nil }
        answersPending += 1
        isReplyHeld = true
        return head
    }

    /// The oldest request that came whole, if it can do without evhttp.
    func takeDirectRequest() -> RequestHead? {
        guard phase == .served, parser.isNextSelfContained, let head = parser.takeRequest() else { return nil }
        directAnswers += 1
        return head
    }

    /// All direct answers have been written out.
    func directAnswersWritten() {
        answersWritten += directAnswers
        directAnswers = 0
        refuseIfCaughtUp()
    }

    /// The client has taken all that waited for it of an answer that goes on.
    func noteProgress() { answersWritten += 1 }

    /// evhttp has written an answer out and is about to turn to the next request.
    func answerWritten() {
        answersPending -= 1
        answersWritten += 1
        directAnswersWritten()
        guard phase == .served else { return }
        if hasClientEnded { later { $0.clientEnded() } }
        if session == nil {
            if readsLess, parser.completeRequests == 0 { readLess(false) }
        } else if isFull {
            // evhttp will turn reading on for its next request, which has come already.
            later { $0.stopReading() }
        }
    }

    private func bytesArrived(_ count: Int) {
        guard !isExcising else { return }
        switch phase {
        case .served:
            let isEvhttpIdle = isEvhttpIdle(before: count)
            let limit = parser.bodyLimit
            feedParser(count)
            if parser.bodyLimit != limit { setReadWatermarks() }
            if parser.hasExcisions { excise() }
            if isEvhttpIdle { answerDirectly() }
            refuseIfCaughtUp()
            if session != nil {
                stopReading()
                if !parser.isIdle, parser.completeRequests == 0 { delayEnd() }
            } else if !readsLess, parser.completeRequests > 0, isFull {
                readLess(true)
            }
        case .refusing, .lingering:
            // At once: of a TLS record the rest may come in the very turn in which its beginning was refused, while
            // evhttp's callbacks are still set.
            evbuffer_drain(bufferevent_get_input(bufferevent), -1)
            let before = lingered
            lingered += count
            guard before <= Self.lingerBytes, lingered > Self.lingerBytes else { return }
            bufferevent_disable(bufferevent, Int16(EV_READ))
            later { $0.close() }
        }
    }

    /// Passes the newest `count` bytes of the input to the request parser, in place: most often in one piece.
    private func feedParser(_ count: Int) {
        let input = bufferevent_get_input(bufferevent)
        var position = evbuffer_ptr()
        evbuffer_ptr_set(input, &position, evbuffer_get_length(input) - count, EVBUFFER_PTR_SET)
        var remaining = count
        while remaining > 0 {
            var piece = iovec()
            guard evbuffer_peek(input, remaining, &position, &piece, 1) > 0 else { return }
            let length = min(piece.iov_len, remaining)
            parser.feed(
                UnsafeBufferPointer(start: piece.iov_base?.assumingMemoryBound(to: UInt8.self), count: length).span)
            remaining -= length
            if remaining > 0 { evbuffer_ptr_set(input, &position, length, EVBUFFER_PTR_ADD) }
        }
    }

    /// Whether enough was read: a complete request waits and a good deal behind it, or as much as may while a reply is
    /// awaited.
    private var isFull: Bool {
        let count = evbuffer_get_length(bufferevent_get_input(bufferevent))
        return parser.completeRequests > 0 && count >= Self.pipelinedBytes
            || isReplyAwaited && count >= server.rules.input
    }

    /// Of TLS: reads no more once enough was read, until evhttp wants its next request. What OpenSSL holds of a record
    /// is still read.
    private func stopReading() {
        if phase == .served, isFull { bufferevent_disable(bufferevent, Int16(EV_READ)) }
    }

    /// Reading may stop early as long as evhttp has a whole request to go on with: it never waits for bytes that are
    /// not read.
    private func readLess(_ isLess: Bool) {
        readsLess = isLess
        setReadWatermarks()
    }

    /// The number of bytes from which evhttp gets input, and the most that are buffered. The latter is not for TLS: a
    /// watermark that is reached in the middle of a record leaves the rest in OpenSSL, where no socket event reports
    /// it.
    func setReadWatermarks() {
        let low = isHeldBack ? Int.max : 1
        // evhttp takes a declared body as a whole.
        let input =
            parser.bodyLimit > server.limits.body
            ? max(server.rules.input, server.limits.head + parser.bodyLimit + HTTPServer.evhttpSlack)
            : server.rules.input
        let high = session != nil ? 0 : readsLess ? Self.pipelinedBytes : input
        bufferevent_setwatermark(bufferevent, Int16(EV_READ), low, high)
    }

    // MARK: - Deadlines

    /// Bytes of answers that wait for the client.
    var waitingBytes: Int { evbuffer_get_length(bufferevent_get_output(bufferevent)) }

    /// Whether an answer waits, of which the client took nothing between the last two sweeps.
    var isStuck: Bool { clock.isStuck }

    /// Looks at the clock; returns the deadline that has passed, if one has.
    func overdue(at now: Int64, _ deadlines: Deadlines) -> Overdue? { clock.observe(activity, at: now, deadlines) }

    private var activity: Activity {
        guard phase == .served else { return .leaving }
        guard isEstablished else { return .head(of: Self.handshake) }
        if answersPending > 0 || directAnswers > 0 { return .answer(after: answersWritten, waiting: waitingBytes) }
        // evhttp has yet to take a complete request. Should it never do so, that is no reason to wait for ever.
        if parser.completeRequests > 0 { return .answer(after: answersWritten, waiting: max(waitingBytes, 1)) }
        return parser.activity
    }

    // MARK: - Refusing

    /// Refuses the request that is arriving. Only while none is being answered.
    func refuse(_ status: HTTP.Status, _ sentence: String, for event: LimitEvent) {
        refusedFor = event
        parser.refuse(status, sentence)
        refuseIfCaughtUp()
    }

    /// Refuses the connection itself. Only in the turn of its adoption, before evhttp has seen a byte.
    func refuseAtOnce(_ refusal: Refusal, for event: LimitEvent) {
        refusedFor = event
        phase = .refusing
        sendRefusal(refusal)
    }

    private func refuseIfCaughtUp() {
        guard phase == .served, let refusal = parser.refusal, parser.completeRequests == 0, answersPending == 0 else {
            return
        }
        // Nothing of it is for evhttp, which looks at the input next.
        evbuffer_drain(bufferevent_get_input(bufferevent), -1)
        guard directAnswers == 0 else { return }
        phase = .refusing
        // Never from within evhttp's own code, which may set its callbacks again on the way out: from a turn of the
        // loop of its own.
        later { $0.sendRefusal(refusal) }
    }

    private func sendRefusal(_ refusal: Refusal) {
        guard identity != nil else { return }
        evbuffer_drain(bufferevent_get_input(bufferevent), -1)
        isHeldBack = false
        setReadWatermarks()
        bufferevent_setcb(
            bufferevent, nil,
            { _, context in Connection.from(context)?.lingerOn() },
            { _, events, context in
                // A connection that was refused on accept may only now have completed its handshake, and then gets its
                // answer.
                if events & Int16(BEV_EVENT_CONNECTED) == 0 { Connection.from(context)?.close() }
            },
            Unmanaged.passUnretained(self).toOpaque())
        var patience = timeval(tv_sec: Self.lingerSeconds, tv_usec: 0)
        bufferevent_set_timeouts(bufferevent, &patience, &patience)
        let cause = refusedFor == nil ? RefusalCause.unreadable(parser.refusedBytes) : .limit
        let answer = server.refusalAnswer(refusal, cause, to: peer, isHead: parser.refusesHead)
        bufferevent_write(bufferevent, answer, answer.count)
        bufferevent_enable(bufferevent, Int16(EV_READ | EV_WRITE))
    }

    private func lingerOn() {
        guard phase == .refusing else { return }
        phase = .lingering
        session?.sayGoodbye()
        shutdown(bufferevent_getfd(bufferevent), Int32(SHUT_WR))
    }

    // MARK: - Turns of the loop

    /// The way back from libevent's callbacks. Their argument is the connection, not retained: it lives as long as its
    /// bufferevent, and none comes later.
    static func from(_ context: UnsafeMutableRawPointer?) -> Connection? {
        context.map { Unmanaged<Connection>.fromOpaque($0).takeUnretainedValue() }
    }
}
