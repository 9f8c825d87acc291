// A connection whose handler answers in a later turn. evhttp knows no such state: it gets no event until it writes, and
// an event for a byte while a request of its own is open would end the process. So its callbacks are taken away for as
// long as the reply is kept, and ours stand there:
//
//                    ┌── bytes ──► the gate reads on, the input keeps them (up to its watermark) for the request's successor
//   reply is kept ───┼── end of the client's sending ──► remembered: it may still wait for the answer
//                    ├── reset, or an error ──► freed, and the reply finds nobody to answer
//                    └── the answer comes ──► evhttp gets its callbacks back, and what the input kept
//
// Reading stays on, so waiting costs no system call. A client that resets after it has ended its sending shows in no
// read; the sweep finds it.

import CLibevent
import Glibc

extension Connection {
    /// Whether the handler keeps a reply of this connection.
    var isReplyAwaited: Bool { isReplyHeld || awaitedReply == .later }

    /// The handler answers in a later turn.
    func awaitReply() {
        takeCallbacks()
        // The rest of earlier answers is written first.
        guard !isWritingRest else { return }
        readWhileWaiting()
    }

    /// Reads on while the reply is kept.
    func readWhileWaiting() {
        setReadWatermarks()
        if !hasClientEnded { bufferevent_enable(bufferevent, Int16(EV_READ)) }
    }

    /// Puts ours in the place of evhttp's callbacks.
    func takeCallbacks() {
        guard evhttpCallbacks == nil else { return }
        evhttpCallbacks = installedCallbacks
        bufferevent_setcb(
            bufferevent, nil,
            { _, context in Connection.from(context)?.restWritten() },
            { _, events, context in Connection.from(context)?.happened(events) },
            Unmanaged.passUnretained(self).toOpaque())
    }

    /// Gives evhttp its callbacks back, if they were taken.
    @discardableResult
    func giveBack() -> EvhttpCallbacks? {
        guard let callbacks = evhttpCallbacks else { return nil }
        evhttpCallbacks = nil
        bufferevent_setcb(bufferevent, callbacks.read, callbacks.write, callbacks.event, callbacks.context)
        return callbacks
    }

    /// Something happened to the connection while evhttp's callbacks were taken.
    private func happened(_ events: Int16) {
        if events == Int16(BEV_EVENT_READING | BEV_EVENT_EOF) {
            hasClientEnded = true
            if stream?.ended != nil { return later { $0.close() } }
            // Over TLS libevent stops writing too.
            if isWritingRest || stream != nil { bufferevent_enable(bufferevent, Int16(EV_WRITE)) }
            return
        }
        isWritingRest = false
        guard let callbacks = giveBack() else { return }
        callbacks.event?(bufferevent, events, callbacks.context)
    }

    /// Whether the client ended its sending while it waited for a reply, and has gone for good since. A system call for
    /// those alone.
    var hasGoneWhileWaiting: Bool {
        guard hasClientEnded, isReplyAwaited, isOpen else { return false }
        var descriptor = pollfd(fd: bufferevent_getfd(bufferevent), events: 0, revents: 0)
        return poll(&descriptor, 1, 0) > 0 && Int32(descriptor.revents) & (POLLERR | POLLHUP) != 0
    }
}
