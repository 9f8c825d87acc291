// How a connection ends. evhttp owns it and frees it, together with every request of it; but a request that the handler
// has yet to answer must live until it does.

import CLibevent
import Glibc
import HTTP
import TLS

extension Connection {
    /// Has evhttp free the connection, this object's part included.
    func close() {
        guard let identity = unsafe identity else { return }
        if machine.isRequestHeld { loseClient() } else { unsafe evhttp_connection_free(identity) }
    }

    /// Closes without a TLS goodbye, and makes the kernel discard the bytes that it still holds for the client.
    func reset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(
            bufferevent_getfd(bufferevent), SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Lets go of everything, because the server goes, and evhttp with it. A kept reply will then have no client to
    /// answer.
    func abandon() {
        let isRequestHeld = machine.isRequestHeld
        detach()
        if isRequestHeld { loseClient() }
        replyEnds(.clientGone)
        streamEnds()
    }

    /// To be called before evhttp frees the connection, which it is about to do: ends a TLS session in good form, or
    /// says why it never began.
    func end() {
        if let session {
            if session.isEstablished {
                session.sayGoodbye()
            } else if !machine.isDraining, case .admitted = standing {
                let code = unsafe bufferevent_get_openssl_error(bufferevent)
                server.handshakeFailed(
                    code == 0 ? "the client has closed the connection" : TLSSession.reason(code), from: peer)
            }
        }
        unsafe UnreadBytes.discard(from: bufferevent_getfd(bufferevent))
    }
}
