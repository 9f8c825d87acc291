// How a connection ends. evhttp owns it and frees it, together with every request of it; but a request that the handler has yet to answer must
// live until it does.

import CLibevent
import Glibc
import TLS

extension Connection {
    /// Has evhttp free the connection, this object's part included.
    func close() {
        guard let identity else { return }
        if isReplyHeld { loseClient() } else { evhttp_connection_free(identity) }
    }

    /// Closes without a goodbye, and has the kernel throw away what it still holds for the client.
    func reset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(bufferevent_getfd(bufferevent), SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Lets go of everything, because the server goes, and evhttp with it. A reply that is kept will find nobody to answer.
    func abandon() {
        detach()
        if isReplyHeld { loseClient() }
    }

    /// Has evhttp believe that the client has gone: then it frees the connection, and leaves the request that is being answered to `PendingReply`.
    private func loseClient() {
        giveBack()
        var callbacks = EvhttpCallbacks()
        bufferevent_getcb(bufferevent, nil, nil, &callbacks.event, &callbacks.context)
        callbacks.event?(bufferevent, Int16(BEV_EVENT_READING | BEV_EVENT_EOF), callbacks.context)
    }

    /// What is to be done before evhttp frees the connection, which it is about to do: ends a TLS session in good form, or says why it never began.
    func end() {
        if let session {
            if session.isEstablished {
                session.sayGoodbye()
            } else if !isDraining, isAdmitted {
                let code = bufferevent_get_openssl_error(bufferevent)
                server.handshakeFailed(code == 0 ? "the client left" : TLSSession.reason(code), from: peer)
            }
        }
        UnreadBytes.discard(from: bufferevent_getfd(bufferevent))
    }
}
