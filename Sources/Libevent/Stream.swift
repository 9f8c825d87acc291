// One connection to a peer: a bufferevent, plain or over TLS, dialled or accepted. It only moves bytes; their meaning
// is the owner's concern.
//
//   opening ──connected, handshake done──► open ──the owner closes──► leaving ──all written, the peer closes──► freed
//      └──────── an error, the peer's end, or the deadline ──┴────────────┴───────────────────────────────────► freed
//
// Leaving: queued bytes are still written, then the sending side is shut, and bytes that still arrive are discarded
// until the peer has closed too. Closing at once would throw the queue away (`bufferevent_free` does), and closing over
// unread bytes would reset the connection under what the peer has yet to read. All of it is bounded by a deadline.

import CLibevent
import Glibc
import TLS

/// One bufferevent and its life. Belongs to its loop's thread; `Streams` owns it and is the only one that frees it.
@safe final class Stream {
    /// What its owner has made of it so far. Moments are in milliseconds of `MonotonicClock`.
    enum Standing {
        /// It must have been admitted by then.
        case newcomer(until: Int64)
        /// Still a newcomer, but without a deadline: it is admitted then unless its owner has closed it.
        case onTrial(admittedAt: Int64)
        case admitted
        /// Its owner has closed it, and it must have gone by then.
        case leaving(until: Int64, wasStranger: Bool)

        var isNewcomer: Bool {
            switch self {
            case .newcomer, .onTrial: true
            case .admitted, .leaving: false
            }
        }

        var isLeaving: Bool { if case .leaving = self { true } else { false } }

        /// Closed before it was admitted, and still here.
        var isDeparting: Bool { if case .leaving(_, wasStranger: true) = self { true } else { false } }

        /// When it is overdue; nil is never.
        var deadline: Int64? {
            switch self {
            case .newcomer(let moment), .leaving(let moment, _): moment
            case .onTrial, .admitted: nil
            }
        }
    }

    /// Bytes written at a time.
    private static let maximumSingleWrite = 1 << 20
    /// Bytes read in one turn of the loop, so that a peer that never pauses leaves others their turns.
    private static let bytesPerTurn = 256 << 10
    /// When the kernel asks an end that is silent whether it is there, how often, and how many times in vain until the
    /// stream fails, in seconds.
    static let (keepAliveIdle, keepAliveInterval, keepAliveProbes): (Int32, Int32, Int32) = (5, 1, 3)

    /// Callbacks come from the loop only, never from within a call of ours.
    private static let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue | BEV_OPT_DEFER_CALLBACKS.rawValue)

    let id: StreamID
    /// Numeric, without the port.
    let host: String
    let isAccepted: Bool
    /// Whether it was connected, and over TLS has done its handshake.
    private(set) var isOpen = false
    /// Invariant: changed by `Streams.move` only, which counts by it; `.leaving` only once it was open.
    var standing: Standing
    /// Invariant: live until `free()`; owned by this object.
    private let bufferevent: OpaquePointer
    private var isFreed = false
    /// Invariant: valid as long as `bufferevent`, which owns it; nil without TLS.
    private let session: TLSSession?
    private unowned let streams: Streams
    private let lowWater: Int
    /// Whether more than the low-water mark was queued since the owner last got an event that there is room.
    private var isHigh = false
    /// Bytes of TLS that came in this turn.
    private var cameInTurn = 0
    private var hasShutDown = false
    /// Reads a plain socket while it is in use: libevent would ask first how much there is, 4 KB of which it reads at a
    /// time.
    private var reader: LoopEvent?

    /// Over a socket that is connected or being connected, which it owns from now on; nil, and the socket is closed,
    /// when memory is short.
    init?(
        _ id: StreamID, over descriptor: Int32, host: String, isAccepted: Bool, session raw: OpaquePointer?,
        admittedBy deadline: Int64,
        on loop: EventLoop, of streams: Streams, lowWater: Int
    ) {
        let made =
            unsafe raw.map {
                unsafe bufferevent_openssl_socket_new(
                    loop.base, descriptor, $0, isAccepted ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING,
                    Self.options)
            } ?? bufferevent_socket_new(loop.base, descriptor, Self.options)
        guard let made = unsafe made else {
            close(descriptor)
            return nil
        }
        unsafe bufferevent = unsafe made
        session = unsafe raw.map { unsafe TLSSession($0) }
        self.id = id
        self.host = host
        self.isAccepted = isAccepted
        standing = .newcomer(until: deadline)
        self.streams = streams
        self.lowWater = lowWater
        unsafe bufferevent_set_max_single_write(made, Self.maximumSingleWrite)
        unsafe bufferevent_set_max_single_read(made, Self.bytesPerTurn)
        unsafe bufferevent_setwatermark(made, Int16(EV_WRITE), lowWater, 0)
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe bufferevent_setcb(
            made,
            { _, context in unsafe Stream.from(context)?.readable(OnLoop()) },
            { _, context in unsafe Stream.from(context)?.written(OnLoop()) },
            { _, events, context in unsafe Stream.from(context)?.happened(Int32(events), OnLoop()) }, unsafe context)
        if session != nil { unsafe boundTurns(context) }
    }

    deinit { free() }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Stream? {
        unsafe context.map { unsafe Unmanaged<Stream>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Frees the bufferevent, and with it the socket and the session. What was queued is lost.
    func free() {
        guard !isFreed else { return }
        isFreed = true
        // First: it must not outlive its descriptor.
        reader = nil
        if let session {
            unsafe session.isEstablished
                ? session.sayGoodbye() : UnreadBytes.discard(from: bufferevent_getfd(bufferevent))
        }
        unsafe bufferevent_setcb(bufferevent, nil, nil, nil, nil)
        unsafe bufferevent_free(bufferevent)
    }

    /// Begins to read and write; a plain socket that is being connected says later whether it was.
    func start() {
        if session == nil, !isAccepted { unsafe bufferevent_socket_connect(bufferevent, nil, 0) }
        unsafe bufferevent_enable(bufferevent, Int16(EV_READ | EV_WRITE))
    }

    /// Accepted, and not admitted.
    var isStranger: Bool { isAccepted && standing.isNewcomer }

    /// Whether its bytes are its owner's.
    private var isInUse: Bool { isOpen && !isFreed && !standing.isLeaving }

    /// Whether nothing has to be waited for: a plain socket that was accepted.
    var isOpenAtOnce: Bool { session == nil && isAccepted }

    // MARK: - What its owner does

    var queuedBytes: Int { unsafe evbuffer_get_length(bufferevent_get_output(bufferevent)) }

    func send(_ bytes: [UInt8]) {
        guard !standing.isLeaving else { return }
        let sent = isPlainAndOpen && queuedBytes == 0 ? sendAtOnce(bytes) : 0
        guard sent < bytes.count else { return }
        unsafe bytes.withUnsafeBytes { rest in
            _ = unsafe bufferevent_write(bufferevent, rest.baseAddress.map { unsafe $0 + sent }, rest.count - sent)
        }
        if queuedBytes > lowWater { isHigh = true }
    }

    private var isPlainAndOpen: Bool { session == nil && isOpen }

    /// Returns how many bytes the kernel has taken. The socket mostly takes all, and asking epoll before and after
    /// would cost more than that. An error is left for libevent to find.
    private func sendAtOnce(_ bytes: [UInt8]) -> Int {
        unsafe max(
            0, Glibc.send(bufferevent_getfd(bufferevent), bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        )
    }

    /// Has the kernel find out that the other end is gone, when there is nothing to send that would.
    func keepAlive() {
        let tcp = Int32(IPPROTO_TCP)
        let options = [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (tcp, TCP_KEEPIDLE, Self.keepAliveIdle),
            (tcp, TCP_KEEPINTVL, Self.keepAliveInterval),
            (tcp, TCP_KEEPCNT, Self.keepAliveProbes),
        ]
        for (level, option, value) in options {
            var value = value
            unsafe setsockopt(
                bufferevent_getfd(bufferevent), level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// Writes the queued bytes and then waits for the peer to close.
    func leave() {
        reader = nil
        unsafe bufferevent_setwatermark(bufferevent, Int16(EV_WRITE), 0, 0)
        unsafe bufferevent_enable(bufferevent, Int16(EV_READ | EV_WRITE))
        if queuedBytes == 0 { shutDown() }
    }

    private func shutDown() {
        guard !hasShutDown else { return }
        hasShutDown = true
        session?.sayGoodbye()
        unsafe shutdown(bufferevent_getfd(bufferevent), Int32(SHUT_WR))
    }

    /// Marks it open; says who is there.
    func open() -> StreamPeer {
        isOpen = true
        if session == nil { readByOurselves() }
        return StreamPeer(host: host, isSecure: session != nil, certificate: session?.peerCertificate)
    }

    // MARK: - What libevent tells

    private func readable(_ onLoop: borrowing OnLoop) {
        let input = unsafe bufferevent_get_input(bufferevent)
        guard !standing.isLeaving else {
            unsafe evbuffer_drain(input, -1)
            return resumeTurn()
        }
        guard isOpen else { return }  // Kept until it is open.
        let count = unsafe evbuffer_get_length(input)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = unsafe max(0, Int(evbuffer_remove(input, buffer.baseAddress, count)))
        }
        resumeTurn()
        if !bytes.isEmpty { streams.tell(id, .received(bytes), onLoop) }
    }

    /// Without memory for it libevent goes on reading.
    private func readByOurselves() {
        reader = try? unsafe LoopEvent.readable(bufferevent_getfd(bufferevent), on: streams.loop) {
            [unowned self] onLoop in
            readSocket(onLoop)
        }
        if reader != nil { unsafe bufferevent_disable(bufferevent, Int16(EV_READ)) }
    }

    private func readSocket(_ onLoop: borrowing OnLoop) {
        // What libevent had read before comes first.
        if unsafe evbuffer_get_length(bufferevent_get_input(bufferevent)) > 0 { readable(onLoop) }
        var total = 0
        while isInUse, total < Self.bytesPerTurn {
            let count = unsafe streams.receive(from: bufferevent_getfd(bufferevent))
            guard count > 0 else { return count == 0 ? endReading() : failReading(errno, onLoop) }
            total += count
            streams.tell(id, .received(Array(streams.received[..<count])), onLoop)
            if count < streams.received.count { return }
        }
    }

    /// The end is left for libevent to find and report.
    private func endReading() {
        reader = nil
        unsafe bufferevent_enable(bufferevent, Int16(EV_READ))
    }

    private func failReading(_ code: Int32, _ onLoop: borrowing OnLoop) {
        guard code != EAGAIN, code != EINTR else { return }
        unsafe streams.ended(self, .failed(String(cString: strerror(code))), onLoop)
    }

    /// A TLS bufferevent reads until the socket is empty, which a fast peer may never let happen. What OpenSSL holds of
    /// a record is still read.
    private func boundTurns(_ context: UnsafeMutableRawPointer) {
        unsafe evbuffer_add_cb(
            bufferevent_get_input(bufferevent),
            { _, info, context in
                guard let info = unsafe info, unsafe info.pointee.n_added > 0 else { return }
                unsafe Stream.from(context)?.came(info.pointee.n_added)
            }, unsafe context)
    }

    private func came(_ count: Int) {
        cameInTurn += count
        if cameInTurn >= Self.bytesPerTurn { unsafe bufferevent_disable(bufferevent, Int16(EV_READ)) }
    }

    private func resumeTurn() {
        if cameInTurn >= Self.bytesPerTurn { unsafe bufferevent_enable(bufferevent, Int16(EV_READ)) }
        cameInTurn = 0
    }

    private func written(_ onLoop: borrowing OnLoop) {
        if standing.isLeaving {
            if queuedBytes == 0 { shutDown() }
        } else if isOpen, isHigh, queuedBytes <= lowWater {
            isHigh = false
            streams.tell(id, .drained, onLoop)
        }
    }

    private func happened(_ events: Int32, _ onLoop: borrowing OnLoop) {
        if events & BEV_EVENT_CONNECTED != 0 {
            guard !isOpen else { return }
            streams.opened(self, onLoop)
            if isInUse, unsafe evbuffer_get_length(bufferevent_get_input(bufferevent)) > 0 { readable(onLoop) }
        } else if events & BEV_EVENT_ERROR != 0 {
            let code = errno
            let reason = unsafe session == nil ? 0 : bufferevent_get_openssl_error(bufferevent)
            let text =
                unsafe reason != 0
                ? TLSSession.reason(reason)
                : code != 0 ? String(cString: strerror(code)) : "the TLS handshake was cut short"
            // What is wrong with the certificate says more than that it was not believed.
            streams.ended(
                self, TLSSession.isDistrust(reason) ? .distrusted(session?.distrust ?? text) : .failed(text), onLoop)
        } else if events & BEV_EVENT_EOF != 0 {
            streams.ended(self, .left, onLoop)
        }
    }
}
