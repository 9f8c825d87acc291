// The connection's side of an answer that goes on. To the connection it is a kept reply (`KeptReply.swift`) of which
// parts are written already: our callbacks stand in the place of evhttp's, reading stays on, and libevent writes what
// the sender queues.
//
//   direct request ──► chunks ──► sender ends ──► rest is written ──► serves on
//   evhttp's ────────► chunks, or bytes (HTTP/1.0) ──► sender ends ──► rest is written ──► closed, and evhttp's request freed
//   either ──► client's end, reset, or nothing taken for too long ──► closed, sender is told
//
// evhttp cannot know that its request was answered by other code, so when evhttp has read the request, the connection
// ends with the streamed answer.

import CLibevent
import HTTP

/// A streamed answer of a connection.
struct StreamedAnswer {
    let number: Int
    /// Whether the body comes in chunks. If not, it ends with the connection.
    let isChunked: Bool
    /// evhttp's request; then the connection ends with the answer. Invariant: freed when the connection has ended.
    let request: UnsafeMutablePointer<evhttp_request>?
    /// The handler of its end; nil once the sender has ended it.
    var ended: ((AnswerEnd, borrowing OnLoop) -> Void)?
}

extension Connection {
    private static let lineEnd = Array("\r\n".utf8)
    private static let lastChunk = Array("0\r\n\r\n".utf8)

    /// Writes the head of an answer whose body comes piece by piece; returns the number by which that is known. Of HEAD
    /// it is whole with its head.
    func beginStream(
        _ response: borrowing Response, to request: UnsafeMutablePointer<evhttp_request>?, isHead: Bool, isOld: Bool,
        ended: @escaping (AnswerEnd, borrowing OnLoop) -> Void
    ) -> Int {
        streamsSoFar += 1
        guard isOpen else {
            // evhttp has freed the connection, and left the request to us.
            if let request { evhttp_request_free(request) }
            return streamsSoFar
        }
        let form = AnswerHead.Form(
            minorVersion: isOld ? 0 : 1, closes: request != nil || isDraining, length: isOld ? .untilClosed : .chunked)
        stream = StreamedAnswer(number: streamsSoFar, isChunked: !isOld, request: request, ended: ended)
        server.withHead(of: response, form) { _ = bufferevent_write(bufferevent, $0.baseAddress, $0.count) }
        bufferevent_enable(bufferevent, Int16(EV_WRITE))
        if isHead { endStream(streamsSoFar, isBodiless: true) }
        // Its end was reported before: no event will report it.
        if hasClientEnded { later { if $0.stream?.ended != nil { $0.close() } } }
        return streamsSoFar
    }

    /// Whether a streamed answer goes on.
    func isStreaming(_ number: Int) -> Bool { isOpen && stream?.number == number && stream?.ended != nil }

    /// Queues a piece of the body, if there is room for it.
    func send(_ bytes: [UInt8], inStream number: Int) -> Bool {
        guard isStreaming(number), let stream else { return false }
        guard !bytes.isEmpty else { return true }
        guard waitingBytes == 0 || waitingBytes + bytes.count <= server.rules.streamedAhead else { return false }
        if stream.isChunked {
            let line = Array("\(String(bytes.count, radix: 16))\r\n".utf8)
            bufferevent_write(bufferevent, line, line.count)
        }
        bufferevent_write(bufferevent, bytes, bytes.count)
        if stream.isChunked { bufferevent_write(bufferevent, Self.lineEnd, Self.lineEnd.count) }
        return true
    }

    /// The sender ends the answer.
    func endStream(_ number: Int, isBodiless: Bool = false) {
        guard isStreaming(number) else { return }
        stream?.ended = nil
        if stream?.isChunked == true, !isBodiless {
            bufferevent_write(bufferevent, Self.lastChunk, Self.lastChunk.count)
        }
        guard stream?.request == nil else {
            if waitingBytes == 0 { later { $0.streamWritten() } }
            return
        }
        stream = nil
        finishKeptReply()
    }

    /// Nothing of a streamed answer waits for the client.
    func streamWritten() {
        guard let stream, waitingBytes == 0 else { return }
        noteProgress()
        if stream.ended == nil { close() }
    }

    /// Notifies the sender, if it has not ended the answer. Called when the connection has ended.
    func streamEnds() {
        guard let stream else { return }
        self.stream = nil
        if let request = stream.request { evhttp_request_free(request) }
        stream.ended?(.clientGone, OnLoop())
    }

    /// The server stops: the sender may say a last word.
    func drainStream() {
        guard let stream, let ended = stream.ended else { return }
        ended(.draining, OnLoop())
        endStream(stream.number)
    }
}
