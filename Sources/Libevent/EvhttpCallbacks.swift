// Who learns of what happens to a bufferevent: evhttp, or the connection in its place. evhttp knows no request that
// went past it, no reply that is kept and no answer of other code: an event for a byte while a request of its own is
// open would end the process. So its callbacks are taken away for as long as one of these lasts, and given back after
// it.

import CLibevent
import HTTP

/// What evhttp has set on a bufferevent.
@safe struct EvhttpCallbacks {
    var read: bufferevent_data_cb?
    var write: bufferevent_data_cb?
    var event: bufferevent_event_cb?
    var context: UnsafeMutableRawPointer?
}

extension Connection {
    /// What is set on the bufferevent.
    var installedCallbacks: EvhttpCallbacks {
        var callbacks = EvhttpCallbacks()
        unsafe bufferevent_getcb(bufferevent, &callbacks.read, &callbacks.write, &callbacks.event, &callbacks.context)
        return callbacks
    }

    /// Keeps what is set, if it is evhttp's. Whenever evhttp answers or turns to another request, it sets its own
    /// again.
    private func keepEvhttpCallbacks() -> Bool {
        let callbacks = installedCallbacks
        guard let identity = unsafe identity, unsafe callbacks.context == UnsafeMutableRawPointer(identity) else {
            return false
        }
        evhttpCallbacks = callbacks
        return true
    }

    /// Puts the connection's own in the place of evhttp's callbacks. What is read stays in the input.
    func takeCallbacks() {
        _ = keepEvhttpCallbacks()
        unsafe bufferevent_setcb(
            bufferevent, nil,
            { _, context in unsafe Connection.from(context)?.bytesWritten() },
            { _, events, context in unsafe Connection.from(context)?.happened(events) },
            unsafe Unmanaged.passUnretained(self).toOpaque())
    }

    /// Gives evhttp its callbacks back, if they were taken.
    func returnCallbacks() {
        guard let callbacks = evhttpCallbacks else { return }
        evhttpCallbacks = nil
        unsafe bufferevent_setcb(bufferevent, callbacks.read, callbacks.write, callbacks.event, callbacks.context)
    }

    /// Has evhttp learn of the client's end by a word of the machine's. All else is passed on.
    func delayEnd() {
        guard keepEvhttpCallbacks() else { return }
        unsafe bufferevent_setcb(
            bufferevent,
            { bufferevent, context in
                guard let callbacks = unsafe Connection.from(context)?.evhttpCallbacks else { return }
                unsafe callbacks.read?(bufferevent, callbacks.context)
            },
            { bufferevent, context in
                guard let callbacks = unsafe Connection.from(context)?.evhttpCallbacks else { return }
                unsafe callbacks.write?(bufferevent, callbacks.context)
            },
            { bufferevent, events, context in
                guard let connection = unsafe Connection.from(context), let callbacks = connection.evhttpCallbacks
                else {
                    return
                }
                guard events == Int16(BEV_EVENT_READING | BEV_EVENT_EOF) else {
                    unsafe callbacks.event?(bufferevent, events, callbacks.context)
                    return
                }
                connection.carryOut(connection.machine.clientEndSeen())
            }, unsafe Unmanaged.passUnretained(self).toOpaque())
    }

    /// Has evhttp believe that the client has gone: then it frees the connection, and leaves the request that is being
    /// answered to `PendingReply`.
    func loseClient() {
        returnCallbacks()
        let callbacks = installedCallbacks
        unsafe callbacks.event?(bufferevent, Int16(BEV_EVENT_READING | BEV_EVENT_EOF), callbacks.context)
    }
}
