// All connections of one loop to peers. Their owner knows them by number and gets their events; here alone they are
// made and freed. A stream is on probation until its owner admits it: within its time it must be connected, have
// completed its handshake, and be authenticated.

import CLibevent
import Glibc
import System
package import TLS
import Text

/// The streams of one loop. Belongs to its thread.
package final class Streams {
    /// Called with every event; it may send, close and connect from within.
    package typealias Handler = (StreamID, StreamEvent, borrowing OnLoop) -> Void

    /// How often deadlines are looked at, in milliseconds.
    private static let housekeepingPeriod = 100
    /// Descriptors kept back for peers.
    private static let spareDescriptors = 32
    /// Bytes read of a plain socket at a time.
    private static let readSize = 64 << 10

    let loop: EventLoop
    let limits: StreamLimits
    private let handler: Handler
    private(set) var streams: [StreamID: Stream] = [:]
    /// What was read last: one for all, as only one is read at a time.
    private(set) var received = [UInt8](repeating: 0, count: readSize)
    private var lastNumber: UInt64 = 0
    private var newcomers = Newcomers()
    /// Invariant: how many of `streams` are departing.
    private var departing = 0
    /// Accepted sockets whose first byte has not come, by descriptor. Invariant: open, without another owner.
    private var undecided: [Int32: Undecided] = [:]
    private var spares = SpareDescriptors(count: spareDescriptors)
    /// Dials that failed within `connect`, whose events come in a later turn of the loop.
    private var failedDials: [(id: StreamID, host: String, end: StreamEnd)] = []
    private var failedDialTimer: LoopEvent?
    private var housekeeping: LoopEvent?
    private var whenEmpty: ((borrowing OnLoop) -> Void)?
    /// Hosts that are accepted however many unauthenticated peers there are: where peers are known to be. Of each no
    /// more than `newcomersOfHost`.
    package var expectedHosts: Set<String> = []
    /// How many connections were closed unread, because there were too many unauthenticated peers.
    package private(set) var turnedAway = 0
    /// Called at each look at the deadlines, for listeners that wait for descriptors.
    var listeners: [ObjectIdentifier: () -> Void] = [:]

    package init(on loop: EventLoop, limits: StreamLimits = StreamLimits(), handler: @escaping Handler)
        throws(LibeventError)
    {
        self.loop = loop
        self.limits = limits
        self.handler = handler
        failedDialTimer = try LoopEvent.timer(on: loop) { [unowned self] onLoop in tellOfFailedDials(onLoop) }
        housekeeping = try LoopEvent.every(milliseconds: Self.housekeepingPeriod, on: loop) { [unowned self] onLoop in
            sweep(at: MonotonicClock.milliseconds(), onLoop)
        }
    }

    deinit {
        for stream in streams.values { stream.free() }
        closeUndecided(overdueAt: .max)
    }

    // MARK: - Making

    /// Connects to a numeric address; with `security` over TLS, where its certificate must be for `name`, if one is
    /// given: a host name or a numeric address. It must be admitted within `milliseconds`. Failures come as events.
    package func connect(
        to host: String, port: UInt16, security: TLSContext? = nil, provingToBe name: String? = nil,
        within milliseconds: Int, _: borrowing OnLoop
    ) -> StreamID {
        let id = nextID()
        guard let address = SocketAddress(numeric: host, port: port) else {
            return fail(
                id, host,
                "\(host) is not a "
                    + "numeric address")
        }
        guard let descriptor = connectingSocket(address) else {
            return unsafe fail(id, host, String(cString: strerror(errno)))
        }
        let session = unsafe security.flatMap { security in
            unsafe name.map { unsafe security.makeSession(to: $0, isAddress: IPAddress($0) != nil) }
                ?? security.makeSession()
        }
        guard unsafe security == nil || session != nil,
            let stream = unsafe Stream(
                id, over: descriptor, host: host, isAccepted: false, session: session,
                admittedBy: MonotonicClock.milliseconds() + Int64(milliseconds), on: loop, of: self,
                lowWater: limits.lowWater)
        else { return fail(id, host, "out of memory") }
        streams[id] = stream
        stream.start()
        return id
    }

    /// A socket that is being connected; nil with errno.
    private func connectingSocket(_ address: SocketAddress) -> Int32? {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        var descriptor = socket(address.family, kind, 0)
        // Another thread may take a descriptor that is given up first.
        while descriptor < 0, errno == EMFILE || errno == ENFILE, spares.release() {
            descriptor = socket(address.family, kind, 0)
        }
        guard descriptor >= 0 else { return nil }
        var on: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        guard address.connect(descriptor) == 0 || errno == EINPROGRESS else {
            let code = errno
            Glibc.close(descriptor)
            errno = code
            return nil
        }
        return descriptor
    }

    /// Takes an accepted socket, or closes it: there may be too many unauthenticated peers already.
    func accept(
        _ descriptor: Int32, from host: String, security: TLSContext?, allowsPlain: Bool, _ onLoop: borrowing OnLoop
    ) {
        let hasRoom = newcomers.count < limits.newcomers || expectedHosts.contains(host)
        guard hasRoom, newcomers.count(of: host) < limits.newcomersOfHost else {
            turnedAway += 1
            Glibc.close(descriptor)
            return
        }
        newcomers.add(host)
        let deadline = MonotonicClock.milliseconds() + Int64(limits.newcomerTime)
        if let security, allowsPlain {
            waitForFirstByte(descriptor, host, security, deadline)
        } else {
            begin(descriptor, host, security, deadline, onLoop)
        }
    }

    /// Makes a stream of a newcomer's socket.
    private func begin(
        _ descriptor: Int32, _ host: String, _ security: TLSContext?, _ deadline: Int64, _ onLoop: borrowing OnLoop
    ) {
        let session = unsafe security.flatMap { unsafe $0.makeSession() }
        guard unsafe security == nil || session != nil else {
            newcomers.remove(host)
            Glibc.close(descriptor)
            return
        }
        guard
            let stream = unsafe Stream(
                nextID(), over: descriptor, host: host, isAccepted: true, session: session, admittedBy: deadline,
                on: loop, of: self,
                lowWater: limits.lowWater)
        else { return newcomers.remove(host) }
        streams[stream.id] = stream
        stream.start()
        if stream.isOpenAtOnce { opened(stream, onLoop) }
    }

    /// The first byte distinguishes TLS from the rest; it is left in the socket.
    private func waitForFirstByte(_ descriptor: Int32, _ host: String, _ security: TLSContext, _ deadline: Int64) {
        let event = try? LoopEvent.readable(descriptor, on: loop) { [unowned self] onLoop in
            guard undecided.removeValue(forKey: descriptor) != nil else { return }
            switch FirstByte(of: descriptor) {
            case .handshake: begin(descriptor, host, security, deadline, onLoop)
            case .other: begin(descriptor, host, nil, deadline, onLoop)
            case .none:
                newcomers.remove(host)
                Glibc.close(descriptor)
            }
        }
        guard let event else {
            newcomers.remove(host)
            Glibc.close(descriptor)
            return
        }
        undecided[descriptor] = Undecided(host: host, deadline: deadline, event: event)
    }

    private func closeUndecided(overdueAt now: Int64) {
        for (descriptor, waiting) in undecided where waiting.deadline <= now {
            // The event first: it must not outlive its descriptor.
            undecided[descriptor] = nil
            newcomers.remove(waiting.host)
            Glibc.close(descriptor)
        }
    }

    private func nextID() -> StreamID {
        lastNumber += 1
        return StreamID(number: lastNumber)
    }

    private func fail(_ id: StreamID, _ host: String, _ reason: String) -> StreamID {
        failedDials.append((id, host, .failed(reason)))
        failedDialTimer?.schedule(afterMilliseconds: 0)
        return id
    }

    private func tellOfFailedDials(_ onLoop: borrowing OnLoop) {
        let failed = failedDials
        failedDials = []
        for dial in failed { handler(dial.id, .closed(dial.end, host: dial.host), onLoop) }
    }

    /// Gives up a descriptor that was kept back; false when there is none left.
    func releaseSpare() -> Bool { spares.release() }

    // MARK: - What the owner does

    /// Queues bytes. The queue is bounded by its owner only, which has to look at `queuedBytes`.
    package func send(_ bytes: [UInt8], on id: StreamID, _: borrowing OnLoop) {
        streams[id]?.send(bytes)
    }

    /// Bytes that the kernel has not taken yet; 0 of a stream that has gone.
    package func queuedBytes(on id: StreamID) -> Int { streams[id]?.queuedBytes ?? 0 }

    /// The other end has made itself known: its deadline is off, and it is no newcomer any more.
    package func admit(_ id: StreamID, _: borrowing OnLoop) {
        guard let stream = streams[id], stream.standing.isNewcomer else { return }
        move(stream, to: .admitted)
    }

    /// The same after this many milliseconds, if the owner has not closed it by then; until then it has no deadline,
    /// but is still a newcomer.
    package func admit(_ id: StreamID, after milliseconds: Int, _: borrowing OnLoop) {
        guard let stream = streams[id], stream.standing.isNewcomer else { return }
        move(stream, to: .onTrial(admittedAt: MonotonicClock.milliseconds() + Int64(milliseconds)))
    }

    /// Lets a stream end though nothing is sent on it when the other end is gone without a word: after eight seconds.
    package func keepAlive(_ id: StreamID, _: borrowing OnLoop) {
        streams[id]?.keepAlive()
    }

    /// Closes a stream; it gives no more events. The queued bytes are written, and the peer's end is awaited, for at
    /// most this many milliseconds; with 0 all is dropped at once.
    package func close(_ id: StreamID, drainingFor milliseconds: Int = 0, _ onLoop: borrowing OnLoop) {
        guard let stream = streams[id], !stream.standing.isLeaving else { return }
        guard milliseconds > 0, stream.isOpen else { return release(stream, onLoop) }
        // Otherwise unauthenticated peers that do not read their answer would each hold a descriptor.
        if stream.isStranger, departing >= limits.departingNewcomers { return release(stream, onLoop) }
        move(
            stream,
            to: .leaving(until: MonotonicClock.milliseconds() + Int64(milliseconds), wasStranger: stream.isStranger))
        stream.leave()
    }

    /// Closes every stream as `close` does, and calls `whenClosed` once none is left.
    package func closeAll(
        drainingFor milliseconds: Int, _ onLoop: borrowing OnLoop, whenClosed: @escaping (borrowing OnLoop) -> Void
    ) {
        for id in streams.keys.sorted(by: { $0.number < $1.number }) { close(id, drainingFor: milliseconds, onLoop) }
        closeUndecided(overdueAt: .max)
        guard !streams.isEmpty else { return whenClosed(onLoop) }
        whenEmpty = whenClosed
    }

    // MARK: - What streams tell

    /// Reads what a socket has into `received`; returns how many bytes, 0 at its end, -1 with errno.
    func receive(from descriptor: Int32) -> Int {
        unsafe received.withUnsafeMutableBytes {
            unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
        }
    }

    func tell(_ id: StreamID, _ event: StreamEvent, _ onLoop: borrowing OnLoop) {
        guard streams[id] != nil else { return }
        handler(id, event, onLoop)
    }

    func opened(_ stream: Stream, _ onLoop: borrowing OnLoop) {
        guard streams[stream.id] != nil else { return }
        handler(stream.id, .opened(stream.open()), onLoop)
    }

    func ended(_ stream: Stream, _ end: StreamEnd, _ onLoop: borrowing OnLoop) {
        let wasLeaving = stream.standing.isLeaving
        release(stream, onLoop)
        if !wasLeaving { handler(stream.id, .closed(end, host: stream.host), onLoop) }
    }

    /// The one place where a standing changes, nil being the stream's end: the number of unauthenticated peers follows
    /// from it.
    private func move(_ stream: Stream, to standing: Stream.Standing?) {
        if stream.isStranger, !(standing?.isNewcomer ?? false) { newcomers.remove(stream.host) }
        if stream.standing.isDeparting { departing -= 1 }
        guard let standing else { return }
        if standing.isDeparting { departing += 1 }
        stream.standing = standing
    }

    /// The one place where a stream is freed.
    private func release(_ stream: Stream, _ onLoop: borrowing OnLoop) {
        guard streams.removeValue(forKey: stream.id) != nil else { return }
        move(stream, to: nil)
        stream.free()
        if streams.isEmpty, let whenEmpty {
            self.whenEmpty = nil
            whenEmpty(onLoop)
        }
    }

    private func sweep(at now: Int64, _ onLoop: borrowing OnLoop) {
        let overdue = streams.values.filter { $0.standing.deadline.map { $0 <= now } ?? false }
        for stream in overdue { ended(stream, .tooSlow, onLoop) }
        for stream in streams.values {
            if case .onTrial(let moment) = stream.standing, moment <= now { move(stream, to: .admitted) }
        }
        closeUndecided(overdueAt: now)
        spares.refill()
        for listener in listeners.values { listener() }
    }
}

/// An accepted socket of which it is not known yet whether it speaks TLS.
private struct Undecided {
    let host: String
    let deadline: Int64
    let event: LoopEvent
}

/// What a socket begins with.
private enum FirstByte {
    /// A TLS handshake.
    case handshake
    case other
    /// Nothing: it has ended.
    case none

    /// The type of the record that every handshake begins with (RFC 8446, section 5.1).
    private static let handshakeRecord: UInt8 = 22

    init(of descriptor: Int32) {
        var byte: UInt8 = 0
        switch unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) {
        case 1: self = byte == Self.handshakeRecord ? .handshake : .other
        default: self = .none
        }
    }
}

/// Accepted streams that are not authenticated yet.
private struct Newcomers {
    private(set) var count = 0
    private var ofHost: [String: Int] = [:]

    func count(of host: String) -> Int { ofHost[host] ?? 0 }

    mutating func add(_ host: String) {
        count += 1
        ofHost[host, default: 0] += 1
    }

    mutating func remove(_ host: String) {
        guard let left = ofHost[host] else { return }
        count -= 1
        ofHost[host] = left > 1 ? left - 1 : nil
    }
}
