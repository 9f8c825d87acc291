// How a connection ends. evhttp owns it and frees it, together with every request of it; but a request that the handler
// has yet to answer must live until it does.

import CLibevent
import Glibc
import TLS

extension Connection {
    /// Has evhttp free the connection, this object's part included.
    func close() {
        guard let identity else { return }
        if isReplyHeld { loseClient() } else { evhttp_connection_free(identity) }
    }

    /// Closes without a TLS goodbye, and makes the kernel discard the bytes that it still holds for the client.
    func reset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(bufferevent_getfd(bufferevent), SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Lets go of everything, because the server goes, and evhttp with it. A kept reply will then have no client to
    /// answer.
    func abandon() {
        detach()
        if isReplyHeld { loseClient() }
        streamEnds()
    }

    /// Has evhttp believe that the client has gone: then it frees the connection, and leaves the request that is being
    /// answered to `PendingReply`.
    private func loseClient() {
        giveBack()
        var callbacks = installedCallbacks
        if callbacks.context != UnsafeMutableRawPointer(identity), let delayed = delayedCallbacks {
            callbacks = delayed
        }
        callbacks.event?(bufferevent, Int16(BEV_EVENT_READING | BEV_EVENT_EOF), callbacks.context)
    }

    // MARK: - The client's end

    /// What is set on the bufferevent.
    var installedCallbacks: EvhttpCallbacks {
        var callbacks = EvhttpCallbacks()
        bufferevent_getcb(bufferevent, &callbacks.read, &callbacks.write, &callbacks.event, &callbacks.context)
        return callbacks
    }

    /// Of TLS, while a request arrives: has evhttp learn of the client's end a turn later. libevent may report it
    /// before it passes on the bytes read before it, and evhttp would close although these bytes complete a request.
    func delayEnd() {
        let callbacks = installedCallbacks
        // Whenever evhttp answers or turns to another request, it sets its own again.
        guard let identity, callbacks.context == UnsafeMutableRawPointer(identity) else { return }
        delayedCallbacks = callbacks
        bufferevent_setcb(
            bufferevent,
            { bufferevent, context in
                guard let callbacks = Connection.from(context)?.delayedCallbacks else { return }
                callbacks.read?(bufferevent, callbacks.context)
            },
            { bufferevent, context in
                guard let callbacks = Connection.from(context)?.delayedCallbacks else { return }
                callbacks.write?(bufferevent, callbacks.context)
            },
            { bufferevent, events, context in
                guard let connection = Connection.from(context), let callbacks = connection.delayedCallbacks else {
                    return
                }
                guard events == Int16(BEV_EVENT_READING | BEV_EVENT_EOF) else {
                    callbacks.event?(bufferevent, events, callbacks.context)
                    return
                }
                connection.later { $0.clientEnded() }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// The client has ended its sending: the connection is closed when all requests that came whole before that are
    /// answered.
    func clientEnded() {
        guard phase == .served else { return }
        hasClientEnded = true
        if answersPending == 0, directAnswers == 0, parser.completeRequests == 0 { loseClient() }
    }

    /// To be called before evhttp frees the connection, which it is about to do: ends a TLS session in good form, or
    /// says why it never began.
    func end() {
        if let session {
            if session.isEstablished {
                session.sayGoodbye()
            } else if !isDraining, isAdmitted {
                let code = bufferevent_get_openssl_error(bufferevent)
                server.handshakeFailed(
                    code == 0 ? "the client has closed the connection" : TLSSession.reason(code), from: peer)
            }
        }
        UnreadBytes.discard(from: bufferevent_getfd(bufferevent))
    }
}
