// One client's connection: its bufferevent, and the machine that decides (`HTTP/Connection/ConnectionMachine.swift`).
// Here libevent's callbacks become the machine's events, and its directives become calls of libevent. evhttp owns the
// bufferevent and frees it.
//
// How an answer leaves: `FastPath.swift` asks the handler, and writes at the end of the turn; `PendingReply.swift` is
// the handler's right to answer, on the fast path or by evhttp; `StreamedAnswer.swift` sends a body piece by piece.

import CLibevent
import Glibc
import HTTP
import System
import TLS

/// One connection of an `HTTPServer`. Belongs to its loop's thread.
@safe final class Connection {
    /// How long a client may be silent after a refusal, in seconds. The sweep ends it in any case.
    private static let lingerSeconds = 2
    /// The largest plaintext of a TLS record (RFC 8446, section 5.1).
    static let recordBytes = 16_384

    /// What the limits on connections say of this one.
    enum Standing {
        case undecided
        /// It is counted, as this client's where clients are counted.
        case admitted(ClientKey?)
        /// It was refused on accept, and is being told.
        case refused
    }

    /// Invariant: a live bufferevent until `detach()`; owned by evhttp.
    let bufferevent: OpaquePointer
    unowned let server: HTTPServer
    var machine: ConnectionMachine
    /// evhttp's connection, from adoption until `detach()`.
    private(set) var identity: OpaquePointer?
    private var inputWatch: OpaquePointer?
    /// evhttp's callbacks. Invariant: not nil while ours are set on the bufferevent.
    var evhttpCallbacks: EvhttpCallbacks?
    /// The streamed answer's sender. Invariant: not nil while the machine streams.
    var stream: StreamSender?
    /// Is called when the client of a kept reply ends its sending or goes, or the server stops.
    var replyEnded: ((AnswerEnd, borrowing OnLoop) -> Void)?
    /// The client's numeric address, known from adoption on.
    private(set) var peer: String?
    var standing = Standing.undecided
    /// Whether the sweep looks at it. Invariant: it does where a deadline may pass.
    var isSwept = false
    /// Invariant: valid as long as `bufferevent`, which owns it; nil on a plain port.
    let session: TLSSession?
    /// What was read of the client's certificate; nil before it was read.
    private var certificate: ClientIdentity??

    init(_ bufferevent: OpaquePointer, session: OpaquePointer?, server: HTTPServer) {
        unsafe self.bufferevent = unsafe bufferevent
        self.session = unsafe session.map { unsafe TLSSession($0) }
        self.server = server
        machine = unsafe ConnectionMachine(
            limits: server.limits, bodyRule: server.bodyRule, isSecure: session != nil, isDraining: server.isDraining,
            now: server.patience.time(at: server.clock()))
        boundInput()
        unsafe inputWatch = unsafe evbuffer_add_cb(
            input,
            { _, info, context in
                guard let info = unsafe info, unsafe info.pointee.n_added > 0 else { return }
                unsafe Connection.from(context)?.bytesArrived(info.pointee.n_added)
            }, unsafe Unmanaged.passUnretained(self).toOpaque())
    }

    /// Learns what evhttp has made of the bufferevent by now; nil when it gave up on it.
    func adopt() -> OpaquePointer? {
        // evhttp is the only one that sets the bufferevent's callbacks, and their argument is its connection.
        guard let context = unsafe installedCallbacks.context else { return nil }
        let identity = OpaquePointer(context)
        unsafe self.identity = unsafe identity
        var address: UnsafeMutablePointer<CChar>?
        var port: UInt16 = 0
        unsafe evhttp_connection_get_peer(identity, &address, &port)
        if let address = unsafe address { peer = unsafe String(cString: address) }
        unsafe evhttp_connection_set_closecb(
            identity,
            { identity, context in
                guard let identity = unsafe identity, let connection = unsafe Connection.from(context) else { return }
                unsafe connection.server.connectionClosed(identity, OnLoop())
            }, unsafe Unmanaged.passUnretained(self).toOpaque())
        return unsafe identity
    }

    /// Lets go of everything of libevent's that points here. Called once, before the bufferevent goes.
    func detach() {
        machine.closed()
        if let inputWatch = unsafe inputWatch { unsafe evbuffer_remove_cb_entry(input, inputWatch) }
        unsafe inputWatch = nil
        if let identity = unsafe identity { unsafe evhttp_connection_set_closecb(identity, nil, nil) }
        unsafe identity = nil
    }

    // MARK: - How it stands

    /// Whether evhttp still has it.
    var isOpen: Bool { unsafe identity != nil }

    var input: OpaquePointer? { unsafe bufferevent_get_input(bufferevent) }
    var output: OpaquePointer? { unsafe bufferevent_get_output(bufferevent) }

    /// Bytes of answers that wait for the client.
    var waitingBytes: Int { unsafe evbuffer_get_length(output) }

    /// Whether the kernel has bytes of the client that no turn of the loop has read yet. Closing over them would reset
    /// the connection.
    var hasUnreadBytes: Bool {
        var byte: UInt8 = 0
        return unsafe recv(bufferevent_getfd(bufferevent), &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// The address and port that the client reached. A system call: asked for seldom.
    var localAddress: String? { unsafe SocketAddress.local(of: bufferevent_getfd(bufferevent))?.description }

    /// Whether requests can be read and answers written.
    var isEstablished: Bool { session?.isEstablished ?? true }

    /// The identity in the client certificate; nil when it sent none. Read once: a session keeps its certificate, and
    /// renegotiation is off.
    var clientIdentity: ClientIdentity? {
        guard let session else { return nil }
        if let certificate { return certificate }
        let read = session.clientCertificate.map {
            ClientIdentity(uris: $0.uris, organizationalUnits: $0.organizationalUnits, names: $0.names)
        }
        certificate = .some(read)
        return read
    }

    /// Whether the client ended its sending while it waited for a reply, and has gone for good since. A system call for
    /// those alone.
    var hasGoneWhileWaiting: Bool {
        guard machine.hasClientEnded, machine.isReplyAwaited, isOpen else { return false }
        var descriptor = unsafe pollfd(fd: bufferevent_getfd(bufferevent), events: 0, revents: 0)
        return unsafe poll(&descriptor, 1, 0) > 0 && Int32(descriptor.revents) & (POLLERR | POLLHUP) != 0
    }

    /// Whether the sweep may pass it over until something happens, in which case `beSwept` is called.
    func isCalm(waiting: Int) -> Bool { waiting == 0 && machine.isCalm }

    /// Something happens to a connection that may have been calm.
    func beSwept() {
        guard !isSwept, isOpen else { return }
        isSwept = true
        server.sweepAgain(self)
    }

    /// Looks at the clock; returns the deadline that has passed, if one has.
    func overdue(at now: Int64, waiting: Int, _ deadlines: Deadlines) -> Overdue? {
        machine.overdue(at: now, deadlines, waiting: waiting, isEstablished: isEstablished)
    }

    // MARK: - Events

    private func bytesArrived(_ count: Int) {
        let input = unsafe input
        let buffered = unsafe evbuffer_get_length(input)
        let isPlain = session == nil
        let directives = unsafe machine.received(count, of: buffered) { [bufferevent, inputWatch] parser in
            let limit = parser.bodyLimit
            unsafe Self.feed(&parser, count, of: buffered, in: input)
            guard isPlain, count >= BodyRest.libeventRead, parser.remainingBody > 0 else { return }
            unsafe BodyRest.read(
                of: &parser, from: bufferevent, besides: inputWatch, isLimitNew: parser.bodyLimit != limit)
        }
        if directives == .answerFast { return answerFast() }
        if directives.has(.excise) { excise() }
        carryOut(directives)
        if directives.has(.answerFast) { answerFast() }
    }

    /// Passes the newest `count` bytes of the input to the parser, in place: most often in one piece.
    private static func feed(_ parser: inout RequestParser, _ count: Int, of buffered: Int, in input: OpaquePointer?) {
        var piece = unsafe iovec()
        if count == buffered, unsafe evbuffer_peek(input, count, nil, &piece, 1) == 1 {
            let bytes = unsafe UnsafeRawBufferPointer(start: piece.iov_base, count: count)
            return unsafe parser.feed(bytes.assumingMemoryBound(to: UInt8.self).span)
        }
        var position = unsafe evbuffer_ptr()
        unsafe evbuffer_ptr_set(input, &position, buffered - count, EVBUFFER_PTR_SET)
        var remaining = count
        while remaining > 0 {
            guard unsafe evbuffer_peek(input, remaining, &position, &piece, 1) > 0 else { return }
            let length = unsafe min(piece.iov_len, remaining)
            unsafe parser.feed(
                UnsafeBufferPointer(start: piece.iov_base?.assumingMemoryBound(to: UInt8.self), count: length).span)
            remaining -= length
            if remaining > 0 { unsafe evbuffer_ptr_set(input, &position, length, EVBUFFER_PTR_ADD) }
        }
    }

    /// libevent has written to the connection's own callback.
    func bytesWritten() { carryOut(machine.written(waiting: waitingBytes)) }

    /// Something happened to the bufferevent while its callbacks were the connection's own.
    func happened(_ events: Int16) {
        switch events {
        case Int16(BEV_EVENT_READING | BEV_EVENT_EOF) where isEstablished:
            beSwept()
            carryOut(machine.clientEnded())
            replyEnds(.clientGone)
        // A connection that was refused on accept may only now have completed its handshake, and then gets its answer.
        case _ where events & Int16(BEV_EVENT_CONNECTED) != 0: break
        default: carryOut(machine.lost())
        }
    }

    /// Why there is no use in keeping a reply of this connection.
    var replyEnd: AnswerEnd? {
        if !isOpen || machine.hasClientEnded { return .clientGone }
        return machine.isDraining ? .draining : nil
    }

    /// Notifies whoever keeps the reply.
    func replyEnds(_ end: AnswerEnd) { replyEnded.take()?(end, OnLoop()) }

    /// The turn has come that the machine asked for by `later`.
    func performOwed() {
        var owed = machine.takeOwed()
        while let work = owed.takeNext(), isOpen {
            unsafe carryOut(
                machine.perform(
                    work, input: evbuffer_get_length(input), waiting: waitingBytes, bound: server.rules.input))
        }
    }

    /// Whether what comes into the input is to be reported.
    func watchInput(_ isOn: Bool) {
        let enabled = UInt32(EVBUFFER_CB_ENABLED)
        if isOn {
            unsafe evbuffer_cb_set_flags(input, inputWatch, enabled)
        } else {
            unsafe evbuffer_cb_clear_flags(input, inputWatch, enabled)
        }
    }

    // MARK: - Directives

    /// Does what the machine says, in the order of `ConnectionDirectives`.
    func carryOut(_ directives: ConnectionDirectives) {
        guard directives.isSome, isOpen else { return }
        if directives == .writeAtEndOfTurn { return server.writeAtEndOfTurn(self) }
        if directives.has(.discardInput) { unsafe evbuffer_drain(input, -1) }
        if directives.has(.boundInput) { boundInput() }
        if directives.has(.takeCallbacks) { takeCallbacks() }
        if directives.has(.returnCallbacks) { returnCallbacks() }
        if directives.has(.delayEnd) { delayEnd() }
        if directives.has(.stopReading) { unsafe bufferevent_disable(bufferevent, Int16(EV_READ)) }
        if directives.has(.stopWriting) { unsafe bufferevent_disable(bufferevent, Int16(EV_WRITE)) }
        if directives.has(.startReading) { unsafe bufferevent_enable(bufferevent, Int16(EV_READ)) }
        if directives.has(.startWriting) { unsafe bufferevent_enable(bufferevent, Int16(EV_WRITE)) }
        if directives.has(.writeAtEndOfTurn) { server.writeAtEndOfTurn(self) }
        if directives.has(.lookAgain) { unsafe bufferevent_trigger(bufferevent, Int16(EV_READ), 0) }
        if directives.has(.tellRefusal) { tellRefusal() }
        if directives.has(.endSending) { endSending() }
        if directives.has(.drainReply) { replyEnds(.draining) }
        if directives.has(.drainStream) { drainStream() }
        if directives.has(.later) { server.performLater(self) }
        if directives.has(.closeIfIdle), waitingBytes == 0, !hasUnreadBytes { close() }
        if directives.has(.close) { return close() }
        if directives.has(.settle) {
            unsafe carryOut(machine.settle(input: evbuffer_get_length(input), bound: server.rules.input))
        }
    }

    /// The number of bytes from which evhttp gets input, and the most that are buffered.
    func boundInput() {
        unsafe bufferevent_setwatermark(
            bufferevent, Int16(EV_READ), 1,
            machine.mostInput(bound: server.rules.input, slack: HTTPServer.evhttpSlack))
    }

    private func tellRefusal() {
        guard let refusal = machine.parser.refusal else { return }
        unsafe evbuffer_drain(input, -1)
        boundInput()
        takeCallbacks()
        var patience = timeval(tv_sec: Self.lingerSeconds, tv_usec: 0)
        unsafe bufferevent_set_timeouts(bufferevent, &patience, &patience)
        let cause = machine.isRefusedForLimit ? RefusalCause.limit : .unreadable(machine.parser.refusedBytes)
        let answer = server.refusalAnswer(refusal, cause, to: peer, isHead: machine.parser.refusesHead)
        unsafe bufferevent_write(bufferevent, answer, answer.count)
        unsafe bufferevent_enable(bufferevent, Int16(EV_READ | EV_WRITE))
    }

    private func endSending() {
        session?.sayGoodbye()
        unsafe shutdown(bufferevent_getfd(bufferevent), Int32(SHUT_WR))
    }

    /// The way back from libevent's callbacks. Their argument is the connection, not retained: it lives as long as its
    /// bufferevent, and none comes later.
    static func from(_ context: UnsafeMutableRawPointer?) -> Connection? {
        unsafe context.map { unsafe Unmanaged<Connection>.fromOpaque($0).takeUnretainedValue() }
    }
}
