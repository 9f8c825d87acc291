// The connection's side of an answer that goes on: the machine says whether it does, and here are its bytes. The
// connection's callbacks stand in the place of evhttp's, and reading stays on. A small piece goes straight into the
// socket where nothing waits before it; libevent writes what the kernel does not take, and all else.

import CLibevent
import HTTP

/// The sender of a connection's streamed answer.
@safe struct StreamSender {
    let number: Int
    /// Whether the body comes in chunks. If not, it ends with the connection.
    let isChunked: Bool
    /// evhttp's request, if evhttp has read it. Invariant: freed when the connection has ended.
    let request: UnsafeMutablePointer<evhttp_request>?
    /// The handler of its end; nil once the sender has ended it.
    var ended: ((AnswerEnd, borrowing OnLoop) -> Void)?
}

extension Connection {
    private static let lastChunk = Array("0\r\n\r\n".utf8)

    /// Writes the head of an answer whose body comes piece by piece; returns the number by which that is known. Of HEAD
    /// it is whole with its head.
    func beginStream(
        _ response: borrowing Response, to request: UnsafeMutablePointer<evhttp_request>?, isHead: Bool, isOld: Bool,
        ended: @escaping (AnswerEnd, borrowing OnLoop) -> Void
    ) -> Int {
        guard let (number, path, directives) = machine.beginStream() else {
            // evhttp has freed the connection, and left the request to us.
            if let request = unsafe request { unsafe evhttp_request_free(request) }
            return 0
        }
        let form = AnswerHead.Form(
            minorVersion: isOld ? 0 : 1, closes: path == .evhttp || machine.isDraining,
            length: isOld ? .untilClosed : .chunked)
        stream = unsafe StreamSender(number: number, isChunked: !isOld, request: request, ended: ended)
        unsafe server.withHead(of: response, form) {
            _ = unsafe bufferevent_write(bufferevent, $0.baseAddress, $0.count)
        }
        beSwept()
        carryOut(directives)
        if isHead { endStream(number, isBodiless: true) }
        return number
    }

    /// Sends a piece of the body, if there is room for it.
    func send(_ piece: StreamPiece, inStream number: Int) -> Bool {
        guard machine.isStreaming(number), let isChunked = stream?.isChunked else { return false }
        guard !piece.isEmpty else { return true }
        let waiting = waitingBytes
        guard waiting == 0 || waiting + piece.count <= server.rules.streamedAhead else { return false }
        let bytes = isChunked ? piece.chunk[...] : piece.bytes
        let sent = waiting == 0 && bytes.count < ConnectionLimits.largeBody ? sendAtOnce(bytes) : 0
        let rest = bytes.dropFirst(sent)
        if rest.isEmpty { return true }
        beSwept()
        if rest.count < ConnectionLimits.largeBody {
            _ = unsafe rest.withUnsafeBytes { unsafe bufferevent_write(bufferevent, $0.baseAddress, $0.count) }
        } else if let output = unsafe output {
            // The array itself, where the piece is sent as a chunk.
            unsafe ResponseBody.bytes(isChunked ? piece.chunk : Array(rest)).append(
                to: output, overTLS: session != nil, server.connectionLimits)
        }
        return true
    }

    /// Passes bytes to the kernel without a buffer, where nothing waits before them; returns how many it took. A buffer
    /// and an event for writing would cost as much again as the call. An error shows when libevent writes the rest.
    private func sendAtOnce(_ bytes: ArraySlice<UInt8>) -> Int {
        guard session == nil else { return 0 }
        return unsafe bytes.withUnsafeBytes { unsafe sendAtOnce($0) }
    }

    /// The sender ends the answer, which may have ended before.
    func endStream(_ number: Int, isBodiless: Bool = false) {
        guard let sender = stream, sender.number == number else { return }
        stream?.ended = nil
        guard machine.isStreaming(number) else { return }
        beSwept()
        if sender.isChunked, !isBodiless {
            unsafe bufferevent_write(bufferevent, Self.lastChunk, Self.lastChunk.count)
        }
        if unsafe sender.request == nil { stream = nil }
        carryOut(machine.endStream(number))
    }

    /// Notifies the sender, if it has not ended the answer. Called when the connection has ended.
    func streamEnds() {
        guard let stream else { return }
        self.stream = nil
        if let request = unsafe stream.request { unsafe evhttp_request_free(request) }
        stream.ended?(.clientGone, OnLoop())
    }

    /// The server stops: the sender may say a last word.
    func drainStream() {
        guard let stream, let ended = stream.ended else { return }
        ended(.draining, OnLoop())
        endStream(stream.number)
    }
}
