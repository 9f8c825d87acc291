// The fast path of a request. Most arrive whole in one read, on a connection with which evhttp has nothing else to do.
// By then the request parser has framed and understood them; evhttp would parse them again, print the answer's headers
// with printf, and ask epoll whether it may write, which together costs more than all that the registry does itself. So
// such a request is answered from what the request parser has read: its bytes leave the input before evhttp looks
// there, and the answer goes straight into the output.
//
//   bytes ─► parser ─► whole, self-contained, evhttp idle? ─ yes ─► handler ─► output ─► end of the turn: written
//                         │ no                                                            │ the socket took only a part
//                         ▼                                                               ▼
//                       evhttp                                      libevent writes the rest, and nothing is read
//
// evhttp still owns the connection, and gets the rest: requests in pieces or chunks, HTTP/1.0, those that say what
// becomes of their connection, those that arrive while an answer is being written, and all once the server drains.

import CLibevent
import Glibc
import HTTP
import System
import TLS
import Time

extension Connection {
    /// For how long the requests of one client that arrived together are answered one after the other before others get
    /// their turn, in nanoseconds: a few hundred fit into one read, and each may take a millisecond.
    private static let longestTurn: Int64 = 5_000_000
    /// Bodies of fewer bytes are copied behind their heads, be they shared or not: to lend one, and to have it given
    /// back, costs more.
    private static let copiedBody = 4_096

    /// Hands the handler the requests at the front of the input, as long as the machine says so.
    func answerFast() {
        let server = server
        let input = unsafe input
        var end: Int64?
        while let head = machine.takeFast() {
            unsafe evbuffer_drain(input, head.wireLength)
            unsafe server.handle(
                head, server.take(head.declaredLength ?? 0, from: input), of: self, PendingReply(nil, self, head))
            let directives = machine.returned {
                let now = MonotonicClock.now().nanoseconds
                guard waitingBytes < server.rules.answersAhead, now < end ?? .max else { return false }
                if end == nil { end = now + Self.longestTurn }
                return true
            }
            guard directives == .answerFast else { return carryOut(directives) }
        }
    }

    /// Puts an answer into the output; it is written at the end of the turn. One that was kept, and that is small, is
    /// written at once. Does nothing when the connection has ended while the reply was kept.
    func sendFast(_ response: borrowing Response, isHead: Bool) {
        guard isOpen else { return }
        let server = server
        if session == nil, response.body.count < ConnectionLimits.largeBody, waitingBytes == 0,
            machine.isOnlyReplyKept
        {
            let left = unsafe server.withSmallAnswer(response, isHead: isHead) { unsafe write($0) }
            return carryOut(machine.answerKept(left: left))
        }
        guard let directives = machine.answerFast() else { return }
        let output = unsafe output
        if response.body.count < Self.copiedBody {
            unsafe server.withSmallAnswer(response, isHead: isHead) {
                _ = unsafe evbuffer_add(output, $0.baseAddress, $0.count)
            }
            return carryOut(directives)
        }
        unsafe server.withHead(of: response) { _ = unsafe evbuffer_add(output, $0.baseAddress, $0.count) }
        if !isHead, !response.body.isEmpty, let output = unsafe output {
            unsafe response.body.append(to: output, overTLS: session != nil, server.connectionLimits)
        }
        carryOut(directives)
    }

    /// Writes the answers of this turn, without asking epoll first whether the socket takes them.
    func writeAnswers() {
        guard isOpen else { return }
        let output = unsafe output
        carryOut(
            machine.writeAnswers {
                if let session {
                    unsafe write(output, over: session)
                    // Of a TLS bufferevent any output asks epoll.
                    unsafe bufferevent_disable(bufferevent, Int16(EV_WRITE))
                } else {
                    // A plain bufferevent keeps the front of its output frozen for everybody else.
                    unsafe evbuffer_unfreeze(output, 1)
                    unsafe evbuffer_write(output, bufferevent_getfd(bufferevent))
                    unsafe evbuffer_freeze(output, 1)
                }
                return unsafe evbuffer_get_length(output)
            })
    }

    /// Writes bytes at once, as far as the socket takes them; returns how many are left in the output.
    private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        let sent = unsafe sendAtOnce(bytes)
        if sent < bytes.count {
            unsafe evbuffer_add(output, bytes.baseAddress?.advanced(by: sent), bytes.count - sent)
        }
        return bytes.count - sent
    }

    /// Passes bytes to the kernel; returns how many it took. Nothing may wait in the output, and the connection is plain.
    /// An error shows when libevent writes the rest.
    func sendAtOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
        unsafe max(
            0,
            Glibc.send(
                bufferevent_getfd(bufferevent), bytes.baseAddress, bytes.count,
                Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)))
    }

    /// Makes one record of a small answer, and of the first part of a large one: OpenSSL is handed each piece of the
    /// buffer by itself. A write that is to be tried again has to be of the same bytes, which libevent's next is: it
    /// too takes the first piece as a whole.
    private func write(_ output: OpaquePointer?, over session: TLSSession) {
        let length = unsafe evbuffer_get_length(output)
        guard let bytes = unsafe evbuffer_pullup(output, min(length, Self.recordBytes)), length <= Self.recordBytes
        else {
            return
        }
        if unsafe session.write(bytes, length) { unsafe evbuffer_drain(output, length) }
    }

    // MARK: - Answers of evhttp

    /// evhttp has put an answer into the output, and turned reading on to learn of the connection's end. But a client
    /// may end its sending and still wait for the answer, so nothing is read until that has left; one that has gone
    /// shows when it is written to. Over TLS makes one record of a small answer, or of the first of a large one, as
    /// above.
    func evhttpWrites() {
        unsafe bufferevent_disable(bufferevent, Int16(EV_READ))
        guard session != nil else { return }
        unsafe evbuffer_pullup(output, min(waitingBytes, Self.recordBytes))
    }

    /// evhttp has written an answer out and is about to turn to the next request.
    func evhttpWrote() {
        unsafe carryOut(machine.evhttpWrote(input: evbuffer_get_length(input), bound: server.rules.input))
    }
}
