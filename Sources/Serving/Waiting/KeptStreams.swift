// Answers whose bodies go on, on one loop. The producer of a body is asked for the next piece when what it waits for
// has come and the client has room for it, so a slow client gets fewer pieces and never a queue of them; the transport
// bounds what waits for it, and its sweep ends one that takes nothing.

import HTTP
import Libevent
import System

extension KeptReplies {
    /// How long until a piece is offered again for which a client had no room.
    private static let offerPeriod: Duration = .milliseconds(50)

    /// Sends the head of an answer, and the first piece.
    func beginStream(_ kept: KeptCall, _ first: StreamStep) {
        guard let head = kept.head, let reply = kept.reply.take() else { return }
        if case .piece(_, let waiting) = first, waiting.cause.isChange { kept.isWatch = true }
        guard !table.isFull || kept.isWatch else {
            metrics.countNotWaited()
            return reply.send(responder.refuseStream(kept, finished: MonotonicClock.now))
        }
        // Its end was announced before it began, and will not be again.
        let isStopping = reply.end == .draining
        kept.stream = reply.stream(head.response) { [unowned self, weak kept] end, _ in
            if let kept { streamEnded(kept, end) }
        }
        // HEAD has no body, and a client may have gone.
        guard kept.stream?.hasClient ?? false else { return endStream(kept) }
        send(first, of: kept)
        if isStopping, kept.stream?.hasClient ?? false { endStream(kept) }
    }

    /// What the next piece waits for has come, or does not come.
    func goOn(_ kept: KeptCall, _ waiting: StreamWaiting, _ wake: Wake) {
        guard kept.stream?.hasClient ?? false else { return }
        let step = waiting.next(kept.call, wake)
        send(wake == .tooMany || wake == .draining ? .last(step.piece) : step, of: kept)
    }

    private func send(_ step: StreamStep, of kept: KeptCall) {
        let piece = step.piece
        guard kept.stream?.send(piece) ?? false else {
            // If its client has gone, its end was reported.
            guard kept.stream?.hasClient ?? false else { return }
            kept.next = .piece(StreamWaiting(for: .time(Self.offerPeriod)) { _, _ in step })
            return wait(kept)
        }
        kept.sent += piece.count
        switch step {
        case .piece(_, let waiting):
            kept.next = .piece(waiting)
            if kept.stream?.hasClient ?? false { wait(kept) }
        case .last: endStream(kept)
        }
    }

    /// The answer ends by the client's or the server's doing.
    private func streamEnded(_ kept: KeptCall, _ end: AnswerEnd) {
        if end == .draining, case .piece(let waiting) = kept.next {
            let piece = waiting.next(kept.call, .draining).piece
            if kept.stream?.send(piece) ?? false { kept.sent += piece.count }
        }
        endStream(kept)
    }

    private func endStream(_ kept: KeptCall) {
        kept.stream.take()?.end()
        // One that waits for a turn or for acknowledgments stays where it is, and is passed over.
        forget(kept)
        metrics.recordWaiting(table.count)
        responder.streamEnded(kept, finished: MonotonicClock.now)
    }
}

extension StreamStep {
    /// What is to be sent.
    fileprivate var piece: StreamPiece {
        switch self {
        case .piece(let piece, _), .last(let piece): piece
        }
    }
}
