// The connections to Redis of one loop. They share the streams, the look-up of names, and the two timers: one looks at
// deadlines, the other sends at the end of a turn what was asked for in it, so that commands leave together.

package import Libevent
package import RedisStore
import System
package import TLS
import Time

/// Makes connections for one loop. Belongs to its thread, and outlives the connections that it has made.
package final class RedisConnections {
    /// How often deadlines are looked at, in milliseconds.
    private static let sweepPeriod = 50

    private let loop: EventLoop
    private(set) var streams: Streams?
    private var resolver: NameResolver?
    private var sweeper: LoopEvent?
    private var flusher: LoopEvent?
    /// Those that have not ended, by their numbers.
    private var connections: [UInt64: any ConnectionOfLoop] = [:]
    /// The connection that each stream belongs to. Invariant: one of `connections`.
    private var owners: [StreamID: UInt64] = [:]
    private var lastNumber: UInt64 = 0
    /// Those that have something to do at the end of the turn.
    private var busy: [UInt64] = []

    package init(on loop: EventLoop) throws {
        self.loop = loop
        streams = try Streams(on: loop) { [unowned self] id, event, onLoop in happened(id, event, onLoop) }
        resolver = try NameResolver(on: loop) { [unowned self] result, onLoop in
            connections[result.number]?.resolved(result.addresses, onLoop)
        }
        flusher = try LoopEvent.timer(on: loop) { [unowned self] onLoop in flush(onLoop) }
        sweeper = try LoopEvent.every(milliseconds: Self.sweepPeriod, on: loop) { [unowned self] onLoop in
            let now = MonotonicClock.now()
            for connection in Array(connections.values) { connection.sweep(at: now, onLoop) }
        }
    }

    /// Begins a connection. What becomes of it comes as events, the first of them in a later turn of the loop.
    /// - timeout: how long the server may take to be reached, and for each reply.
    /// - trust: what it must show over TLS; nil stands for a plain connection.
    package func open<Tag: Sendable>(
        _ node: StoreNode, _ introduction: Introduction, timeout: Duration, trust: TLSContext? = nil,
        _ onLoop: borrowing OnLoop, handler: @escaping RedisConnection<Tag>.Handler
    ) -> RedisConnection<Tag> {
        lastNumber += 1
        let connection = RedisConnection<Tag>(
            lastNumber, to: node, introduction, timeout: timeout, trust: trust, of: self, handler)
        connections[lastNumber] = connection
        connection.begin(onLoop)
        return connection
    }

    private func happened(_ id: StreamID, _ event: StreamEvent, _ onLoop: borrowing OnLoop) {
        guard let number = owners[id], let connection = connections[number] else { return }
        if case .closed = event { owners[id] = nil }
        connection.happened(event, onLoop)
    }

    private func flush(_ onLoop: borrowing OnLoop) {
        let numbers = busy
        busy = []
        for number in numbers { connections[number]?.flush(onLoop) }
    }

    // MARK: - What connections ask for

    /// False when too many look-ups hang.
    func resolve(_ host: String, for number: UInt64) -> Bool { resolver?.resolve(host, number: number) ?? false }

    func connect(
        _ number: UInt64, to address: String, _ node: StoreNode, trust: TLSContext?, within timeout: Duration,
        _ onLoop: borrowing OnLoop
    ) -> StreamID? {
        let id = streams?.connect(
            to: address, port: node.port, security: trust, provingToBe: node.host,
            within: Int(timeout.wholeMilliseconds), onLoop)
        if let id { owners[id] = number }
        return id
    }

    /// Has `flush` called at the end of this turn.
    func flushLater(_ number: UInt64) {
        busy.append(number)
        flusher?.activate()
    }

    func ended(_ number: UInt64, _ stream: StreamID?, _ onLoop: borrowing OnLoop) {
        connections[number] = nil
        guard let stream else { return }
        owners[stream] = nil
        streams?.close(stream, onLoop)
    }
}

/// What all connections are to their loop, whatever their owners call their commands.
protocol ConnectionOfLoop: AnyObject {
    func resolved(_ addresses: Result<[String], HostLookup.Failure>, _ onLoop: borrowing OnLoop)
    func happened(_ event: StreamEvent, _ onLoop: borrowing OnLoop)
    func flush(_ onLoop: borrowing OnLoop)
    func sweep(at now: MonotonicTime, _ onLoop: borrowing OnLoop)
}
