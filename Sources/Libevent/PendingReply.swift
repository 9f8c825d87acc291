// The right to answer one request, once. Answering twice does not compile, and a handler that loses the reply has
// answered 500: a client is never left waiting for a mistake of ours.

import CLibevent
package import HTTP

/// The answer that a request waits for. May be kept and sent in a later turn, on the loop's thread only.
@safe package struct PendingReply: ~Copyable {
    /// evhttp's request; nil for one that went past evhttp.
    private let request: UnsafeMutablePointer<evhttp_request>?
    /// Retained by hand, because a discarded value must be a plain value. A connection may end while its reply is kept;
    /// the object lives on, and knows. Invariant: released by `answer`, which is called once.
    private let connection: Unmanaged<Connection>
    private let isHead: Bool
    private let closes: Bool
    private let isOld: Bool

    init(_ request: UnsafeMutablePointer<evhttp_request>?, _ connection: Connection, _ head: RequestHead) {
        unsafe self.request = unsafe request
        unsafe self.connection = unsafe .passRetained(connection)
        isHead = head.method == .head
        closes = head.closes
        isOld = head.minorVersion == 0
    }

    /// Whether the connection is still there, as far as is known. A client that goes while its reply is kept shows
    /// within a fraction of a second, unless it has only ended its sending, which is no end.
    package var hasClient: Bool { unsafe connection._withUnsafeGuaranteedRef { $0.isOpen } }

    /// Why there is no use in keeping the reply: its client has ended its sending or has gone, or the server stops.
    package var end: AnswerEnd? { unsafe connection._withUnsafeGuaranteedRef { $0.replyEnd } }

    /// Has `ended` called when the reply's client ends its sending or goes, or the server stops: once at most, and not
    /// after the answer. A client that has only ended its sending still gets an answer.
    package borrowing func whenEnding(_ ended: @escaping (AnswerEnd, borrowing OnLoop) -> Void) {
        unsafe connection._withUnsafeGuaranteedRef { $0.replyEnded = ended }
    }

    /// Writes the response. For HEAD its body is left out and its length is sent. Does nothing when the client has gone
    /// meanwhile.
    package consuming func send(_ response: borrowing Response) {
        answer(response)
        discard self
    }

    /// Writes the head of the response, whose body is then sent piece by piece. `ended` is called at most once, when
    /// the answer ends that its sender has not ended; the reply is to be let go of then. A stop of the server calls it
    /// as well: what is sent from within it still arrives.
    ///
    /// The body of `response` is not sent, and nothing says its length: HTTP/1.1 has it in chunks, and HTTP/1.0 until
    /// the connection ends.
    package consuming func stream(
        _ response: borrowing Response, ended: @escaping (AnswerEnd, borrowing OnLoop) -> Void
    ) -> StreamReply {
        let connection = unsafe self.connection.takeRetainedValue()
        connection.replyEnded = nil
        let number = unsafe connection.beginStream(response, to: request, isHead: isHead, isOld: isOld, ended: ended)
        discard self
        return StreamReply(connection, number: number)
    }

    deinit {
        // Without a connection no client gets it.
        unsafe answer(
            connection._withUnsafeGuaranteedRef {
                $0.isOpen ? $0.server.lostAnswer(to: $0.peer) : Response(.internalServerError)
            })
    }

    private borrowing func answer(_ response: borrowing Response) {
        let connection = unsafe self.connection.takeRetainedValue()
        connection.replyEnded = nil
        connection.beSwept()
        guard let request = unsafe request else { return connection.sendFast(response, isHead: isHead) }
        // evhttp has freed the connection, and left the request to us.
        guard let directives = connection.machine.answerByEvhttp() else { return unsafe evhttp_request_free(request) }
        // Before evhttp is given the answer, with which it sets callbacks of its own.
        connection.carryOut(directives)
        unsafe write(response, to: request, of: connection)
    }

    private borrowing func write(
        _ response: borrowing Response, to request: UnsafeMutablePointer<evhttp_request>, of connection: Connection
    ) {
        guard let headers = unsafe evhttp_request_get_output_headers(request) else { return }
        unsafe connection.server.withHeaders(of: response) {
            _ = unsafe registry_add_header_block(headers, AnswerHead.name, $0)
        }
        // A header of its own, because evhttp looks for it to know whether it is to close.
        if closes || connection.machine.isDraining { unsafe evhttp_add_header(headers, "Connection", "close") }
        // We pose as HEAD so that evhttp adds no header about the body; the body that it is given it writes all the
        // same.
        unsafe request.pointee.type = EVHTTP_REQ_HEAD

        if !isHead, !response.body.isEmpty, let output = unsafe evhttp_request_get_output_buffer(request) {
            unsafe response.body.append(
                to: output, overTLS: connection.session != nil, connection.server.connectionLimits)
        }
        unsafe evhttp_request_set_on_complete_cb(
            request,
            { _, context in unsafe Connection.from(context)?.evhttpWrote() },
            unsafe Unmanaged.passUnretained(connection).toOpaque()
        )
        unsafe evhttp_send_reply(request, Int32(response.status.rawValue), pointer(response.status.reason), nil)
        connection.evhttpWrites()
    }

    /// StaticStrings end in NUL, as C wants it.
    private borrowing func pointer(_ text: StaticString) -> UnsafePointer<CChar> {
        unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
