// DNS by TCP on one loop (RFC 7766): messages behind their lengths, as many at a time as a client likes, answered in the
// order in which they came. Each connection is counted among all of the process, and ends when no query has come for a
// while: a length without its message is none.

package import Libevent
import System
import Text
package import Time

/// The connections of DNS. Belongs to its loop's thread.
package final class DNSStreams: LoopService {
    /// One connection.
    private struct Connection {
        let host: String
        let address: IPAddress
        let key: ClientKey?
        /// What has come and is not answered.
        var input: [UInt8] = []
        /// When it ends, unless a query comes.
        var deadline: MonotonicTime
    }

    /// How long a connection may be without a query.
    private static let idleTime: Duration = .seconds(30)
    /// How often it is looked for those that have been, in milliseconds.
    package static let sweepPeriod = 1_000
    /// How many are closed in one turn of the loop, which takes a few milliseconds.
    private static let closedPerTurn = 256
    /// How long a client may take to read its last answers, in milliseconds.
    private static let leaveTime = 5_000
    /// Bytes of answers that are written at once.
    private static let portion = 64 << 10
    /// Bytes of answers that may wait for a client; until it reads, no more queries of it are answered.
    private static let mostWaiting = 256 << 10
    /// Bytes of queries that may wait meanwhile.
    private static let mostInput = 256 << 10

    private let responder: DNSResponder
    private let limits: ConnectionLimits
    private let counts: DNSCounts
    private let clock: () -> MonotonicTime
    private var connections: [StreamID: Connection] = [:]
    private var streams: Streams?
    private var listener: StreamListener?
    private var sweeper: LoopEvent?
    private var sweepRest: LoopEvent?
    private var answer: [UInt8] = []
    private var output: [UInt8] = []
    package private(set) var isDrained = false

    /// Accepts on `descriptor`, a listening socket, which it owns from now on.
    ///
    /// - Parameters:
    ///   - sweepPeriod: how often the clock is looked at for idle connections, in milliseconds.
    package init(
        on loop: EventLoop, listening descriptor: Int32, _ responder: DNSResponder, _ limits: ConnectionLimits,
        _ counts: DNSCounts, sweepPeriod: Int = DNSStreams.sweepPeriod,
        clock: @escaping () -> MonotonicTime = MonotonicClock.now
    ) throws(LibeventError) {
        (self.responder, self.limits, self.counts, self.clock) = (responder, limits, counts, clock)
        var streamLimits = StreamLimits()
        streamLimits.lowWater = Self.portion
        let streams = try Streams(on: loop, limits: streamLimits) { [unowned self] id, event, onLoop in
            happened(id, event, onLoop)
        }
        self.streams = streams
        listener = try StreamListener(listening: descriptor, for: streams)
        sweeper = try LoopEvent.every(milliseconds: sweepPeriod, on: loop) { [unowned self] onLoop in
            closeIdle(at: self.clock(), onLoop)
        }
        sweepRest = try LoopEvent.timer(on: loop) { [unowned self] onLoop in closeIdle(at: self.clock(), onLoop) }
    }

    // MARK: - Connections

    private func happened(_ id: StreamID, _ event: StreamEvent, _ onLoop: borrowing OnLoop) {
        switch event {
        case .opened(let peer): open(id, peer.host, onLoop)
        case .received(let bytes):
            connections[id]?.input += bytes
            answer(id, onLoop)
        case .drained: answer(id, onLoop)
        case .closed: forget(id)
        }
    }

    private func open(_ id: StreamID, _ host: String, _ onLoop: borrowing OnLoop) {
        guard let address = IPAddress(host.prefix { $0 != "%" }) else { return end(id, onLoop) }
        let key = ClientKey(numeric: host)
        if let event = limits.admit(key) {
            limits.note(event, host, isAnswered: false)
            return end(id, onLoop)
        }
        streams?.admit(id, onLoop)
        connections[id] = Connection(
            host: host, address: address, key: key, deadline: clock() + Self.idleTime)
        counts.change(connections: 1)
    }

    private func forget(_ id: StreamID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        limits.leave(connection.key)
        counts.change(connections: -1)
    }

    private func end(_ id: StreamID, drainingFor time: Int = 0, _ onLoop: borrowing OnLoop) {
        forget(id)
        streams?.close(id, drainingFor: time, onLoop)
    }

    /// Closes those whose time is up, some in a turn of the loop: thousands may have come at the same time.
    private func closeIdle(at now: MonotonicTime, _ onLoop: borrowing OnLoop) {
        let idle = connections.lazy.filter { $0.value.deadline <= now }.prefix(Self.closedPerTurn).map(\.key)
        let ended = Array(idle)
        for id in ended {
            limits.note(.idle, connections[id]?.host)
            end(id, onLoop)
        }
        if ended.count == Self.closedPerTurn { sweepRest?.schedule(afterMilliseconds: 0) }
    }

    // MARK: - Queries

    /// Answers what has come, while the client reads.
    private func answer(_ id: StreamID, _ onLoop: borrowing OnLoop) {
        guard let streams, let connection = connections[id] else { return }
        // Taken out, so that its bytes are not copied.
        var input = connection.input
        connections[id]?.input = []
        var (offset, hasQuery) = (0, false)
        while streams.queuedBytes(on: id) + output.count <= Self.mostWaiting {
            guard input.count - offset >= 2 else { break }
            let length = Int(input[offset]) << 8 | Int(input[offset + 1])
            guard input.count - offset - 2 >= length else { break }
            let message = input.span.extracting(offset + 2..<offset + 2 + length)
            responder.answer(
                message, from: connection.address, by: .tcp, at: clock(), into: &answer)
            offset += 2 + length
            // Whoever sends no queries has no business here.
            guard !answer.isEmpty else {
                output.removeAll(keepingCapacity: true)
                return end(id, onLoop)
            }
            hasQuery = true
            output.append(UInt8(truncatingIfNeeded: answer.count >> 8))
            output.append(UInt8(truncatingIfNeeded: answer.count))
            output += answer
            if output.count >= Self.portion { flush(id, streams, onLoop) }
        }
        flush(id, streams, onLoop)
        if offset > 0 { input.removeFirst(offset) }
        guard input.count <= Self.mostInput else {
            limits.note(.answer, connection.host)
            return end(id, onLoop)
        }
        connections[id]?.input = input
        if hasQuery { connections[id]?.deadline = clock() + Self.idleTime }
    }

    private func flush(_ id: StreamID, _ streams: Streams, _ onLoop: borrowing OnLoop) {
        guard !output.isEmpty else { return }
        streams.send(output, on: id, onLoop)
        output.removeAll(keepingCapacity: true)
    }

    // MARK: - Stopping

    package func drain(_ onLoop: borrowing OnLoop, whenDrained: @escaping (borrowing OnLoop) -> Void) {
        guard let streams, listener != nil else { return }
        listener?.stop(onLoop)
        listener = nil
        for id in connections.keys { forget(id) }
        streams.closeAll(drainingFor: Self.leaveTime, onLoop) { [unowned self] onLoop in
            isDrained = true
            whenDrained(onLoop)
        }
    }
}
