// The listening socket of the peers' port. An accepted connection becomes a stream on probation; without descriptors it
// gives up a spare one, and without those it rests until the next housekeeping, because a listener that cannot accept
// stays readable and would spin.

import CLibevent
import Glibc
package import TLS

/// Accepts streams. Belongs to its loop's thread.
@safe package final class StreamListener {
    private let streams: Streams
    private let security: TLSContextBox?
    private let allowsPlain: Bool
    /// Nil once stopped.
    private var listener: OpaquePointer?
    private var isResting = false

    /// Accepts on `descriptor`, a listening socket, which it owns from now on; with `security` over TLS, and with
    /// `allowsPlain` also connections that do not begin with TLS.
    package init(
        listening descriptor: Int32, for streams: Streams, security: TLSContextBox? = nil, allowsPlain: Bool = false
    ) throws(LibeventError) {
        self.streams = streams
        self.security = security
        self.allowsPlain = allowsPlain
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        let listener = unsafe evconnlistener_new(
            streams.loop.base,
            { _, descriptor, address, length, context in
                guard let context = unsafe context else { return }
                let host = unsafe address.flatMap { unsafe SocketAddress.host(of: $0, length: socklen_t(length)) } ?? ""
                unsafe Unmanaged<StreamListener>.fromOpaque(context).takeUnretainedValue().accepted(
                    descriptor, from: host, OnLoop())
            }, unsafe context, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, descriptor)
        guard let listener = unsafe listener else { throw .eventRefused }
        unsafe self.listener = unsafe listener
        unsafe evconnlistener_set_error_cb(listener) { _, context in
            guard let context = unsafe context else { return }
            unsafe Unmanaged<StreamListener>.fromOpaque(context).takeUnretainedValue().failed()
        }
        streams.listeners[ObjectIdentifier(self)] = { [unowned self] in acceptAgain() }
    }

    deinit { end() }

    /// Accepts no more connections; those that were accepted stay.
    package func stop(_: borrowing OnLoop) { end() }

    private func end() {
        streams.listeners[ObjectIdentifier(self)] = nil
        if let listener = unsafe listener { unsafe evconnlistener_free(listener) }
        unsafe listener = nil
    }

    private func accepted(_ descriptor: Int32, from host: String, _ onLoop: borrowing OnLoop) {
        streams.accept(descriptor, from: host, security: security?.current, allowsPlain: allowsPlain, onLoop)
    }

    /// Out of descriptors, most likely.
    private func failed() {
        guard let listener = unsafe listener, !streams.releaseSpare() else { return }
        unsafe evconnlistener_disable(listener)
        isResting = true
    }

    private func acceptAgain() {
        guard isResting, let listener = unsafe listener else { return }
        isResting = false
        unsafe evconnlistener_enable(listener)
    }
}
