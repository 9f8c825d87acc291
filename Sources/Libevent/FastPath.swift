// The fast path of a request. Most arrive whole in one read, on a connection with which evhttp has nothing else to do.
// By then the request parser has framed and understood them; evhttp would parse them again, print the answer's headers
// with printf, and ask epoll whether it may write, which together costs more than all that the registry does itself. So
// such a request is answered from what the request parser has read: its bytes leave the input before evhttp looks
// there, and the answer goes straight into the output.
//
//   bytes ─► gate ─► whole, self-contained, evhttp idle? ─ yes ─► handler ─► output ─► end of the turn: written
//                         │ no                                                            │ the socket took only a part
//                         ▼                                                               ▼
//                       evhttp                                        libevent writes the rest, nothing is read meanwhile
//
// A handler may keep its reply, here and behind evhttp: `KeptReply.swift` has what becomes of the connection meanwhile.
//
// evhttp still owns the connection, and gets the rest: requests in pieces or chunks, HTTP/1.0, those that say what
// becomes of their connection, those that arrive while an answer is being written, and all once the server drains.

import CLibevent
import HTTP
import System
import TLS

/// When the handler answers the request that went past evhttp last.
enum AwaitedReply {
    /// It has, or there was none.
    case none
    /// It is being asked.
    case now
    /// It kept the reply; evhttp sees nothing of what comes until it answers.
    case later
}

/// What evhttp has set on a bufferevent.
struct EvhttpCallbacks {
    var read: bufferevent_data_cb?
    var write: bufferevent_data_cb?
    var event: bufferevent_event_cb?
    var context: UnsafeMutableRawPointer?
}

extension Connection {
    /// Whether evhttp has nothing to do here and has seen nothing of what comes next, of which `count` bytes have just
    /// arrived.
    func isEvhttpIdle(before count: Int) -> Bool {
        parser.isIdle && answersPending == 0 && directAnswers == 0 && !isHeldBack && identity != nil && !isDraining
            && evbuffer_get_length(bufferevent_get_input(bufferevent)) == count
    }

    /// For how long the requests of one client that arrived together are answered one behind the other before others
    /// get their turn, in nanoseconds: a few hundred fit into one read, and each may take a millisecond.
    private static let longestTurn: Int64 = 5_000_000

    /// Answers the requests at the front of the input, as long as they are whole and can do without evhttp.
    func answerDirectly() {
        let server = server
        var end: Int64?
        let input = bufferevent_get_input(bufferevent)
        while let head = takeDirectRequest() {
            evbuffer_drain(input, head.wireLength)
            awaitedReply = .now
            server.handle(
                head, server.take(head.declaredLength ?? 0, from: input), of: self, PendingReply(nil, self, head))
            if awaitedReply != .none {
                awaitedReply = .later
                isHeldBack = true
                return awaitReply()
            }
            guard parser.completeRequests > 0 else { continue }
            let now = MonotonicClock.nanoseconds()
            if waitingBytes >= server.rules.answersAhead || now >= end ?? .max { return holdBack() }
            if end == nil { end = now + Self.longestTurn }
        }
    }

    /// Puts an answer into the output; it is written at the end of the turn. Does nothing when the connection has ended
    /// while the reply was kept.
    func sendDirectly(_ response: borrowing Response, isHead: Bool) {
        guard isOpen else { return }
        let server = server
        hasAnnouncedEnd = server.isDraining
        let output = bufferevent_get_output(bufferevent)
        server.withHead(of: response) { _ = evbuffer_add(output, $0.baseAddress, $0.count) }
        if !isHead, !response.body.isEmpty, let output {
            response.body.append(to: output, overTLS: session != nil, server.connectionLimits)
        }
        server.writeAtEndOfTurn(self)
        awaitedReply = .none
    }

    // MARK: - Writing

    /// Writes the direct answers of this turn, without asking epoll first whether the socket takes them.
    func writeDirectAnswers() {
        // Behind direct answers evhttp may have put one of its own: then libevent writes them all, and evhttp waits for
        // it.
        guard phase == .served, isOpen, directAnswers > 0, answersPending == 0 || isReplyHeld, !isWritingRest else {
            return
        }
        let output = bufferevent_get_output(bufferevent)
        if let session {
            write(output, over: session)
            // Of a TLS bufferevent any output asks epoll.
            bufferevent_disable(bufferevent, Int16(EV_WRITE))
        } else {
            // A plain bufferevent keeps the front of its output frozen for everybody else.
            evbuffer_unfreeze(output, 1)
            evbuffer_write(output, bufferevent_getfd(bufferevent))
            evbuffer_freeze(output, 1)
        }
        if evbuffer_get_length(output) > 0 { writeTheRest() } else { finishDirectAnswers() }
    }

    /// Makes one record of a small answer, and of the first part of a large one: OpenSSL is handed each piece of the
    /// buffer by itself. A write that is to be tried again has to be of the same bytes, which libevent's next is: it
    /// too takes the first piece as a whole.
    private func write(_ output: OpaquePointer?, over session: TLSSession) {
        let length = evbuffer_get_length(output)
        guard let bytes = evbuffer_pullup(output, min(length, Self.recordBytes)), length <= Self.recordBytes else {
            return
        }
        if session.write(bytes, length) { evbuffer_drain(output, length) }
    }

    /// Lets libevent write what the socket did not take. Its callbacks are evhttp's, which knows of no answer; until
    /// all is written they are ours.
    private func writeTheRest() {
        isWritingRest = true
        takeCallbacks()
        bufferevent_disable(bufferevent, Int16(EV_READ))
        bufferevent_enable(bufferevent, Int16(EV_WRITE))
    }

    func restWritten() {
        guard isWritingRest else { return streamWritten() }
        isWritingRest = false
        if stream != nil {
            readWhileWaiting()
            return streamWritten()
        }
        bufferevent_disable(bufferevent, Int16(EV_WRITE))
        if isReplyAwaited { return readWhileWaiting() }
        giveBack()
        if !isHeldBack { readOn() }
        finishDirectAnswers()
    }

    /// The reply that was kept has been given in parts, the last of which libevent writes.
    func finishKeptReply() {
        hasAnnouncedEnd = isDraining
        awaitedReply = .none
        writeTheRest()
    }

    private func finishDirectAnswers() {
        guard awaitedReply == .none else { return }
        if !isReplyHeld { giveBack() }
        directAnswersWritten()
        guard phase == .served, answersPending == 0 else { return }
        // A client without this answer may have begun another request: that one will be.
        if isDraining, hasAnnouncedEnd || isIdle { return close() }
        if isHeldBack { goOn() }
        if hasClientEnded { later { $0.clientEnded() } }
    }

    // MARK: - Waiting

    /// Enough waits for the client. Until that has left, nothing is read, and evhttp sees none of the bytes that came
    /// after.
    private func holdBack() {
        isHeldBack = true
        bufferevent_disable(bufferevent, Int16(EV_READ))
        setReadWatermarks()
    }

    /// Leaves the bytes that came after to evhttp, which calls epoll between any two answers: others get their turn.
    private func goOn() {
        isHeldBack = false
        setReadWatermarks()
        readOn()
    }

    /// Reads again, and makes evhttp look at bytes of which it got no event.
    private func readOn() {
        bufferevent_enable(bufferevent, Int16(EV_READ))
        guard evbuffer_get_length(bufferevent_get_input(bufferevent)) > 0 else { return }
        // Never from within another callback.
        later { bufferevent_trigger($0.bufferevent, Int16(EV_READ), 0) }
    }
}
