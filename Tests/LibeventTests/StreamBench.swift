// Two ends of streams on one loop and one thread: what one does, the other is told, and the test looks on. A deadline
// ends a loop that waits for what does not come.

import Testing

@testable import Libevent
@testable import TLS

/// Streams that listen and streams that connect, on a loopback port of the system's choice.
final class StreamBench {
    /// Milliseconds for what takes few on a machine with nothing else to do.
    private static let patience = 60_000

    struct WaitedInVain: Error {}

    let loop: EventLoop
    private(set) var accepting: Streams?
    private(set) var connecting: Streams?
    private var listener: StreamListener?
    let port: UInt16
    /// What each end was told but bytes, in order.
    private(set) var told: [(isAccepter: Bool, id: StreamID, event: StreamEvent)] = []
    /// Called for each event, on the loop.
    var react: (_ isAccepter: Bool, _ id: StreamID, _ event: StreamEvent, _ onLoop: borrowing OnLoop) -> Void = {
        _, _, _, _ in
    }
    private var isDone: () -> Bool = { false }

    init(_ limits: StreamLimits = StreamLimits(), security: TLSContext? = nil) throws {
        loop = try EventLoop()
        let port = try ListeningPort(address: "127.0.0.1", port: 0, count: 1)
        self.port = port.port
        let accepting = try Streams(on: loop, limits: limits) { [unowned self] in note(true, $0, $1, $2) }
        self.accepting = accepting
        connecting = try Streams(on: loop, limits: limits) { [unowned self] in note(false, $0, $1, $2) }
        listener = try StreamListener(
            listening: try #require(port.descriptors.first), for: accepting,
            security: security.map { TLSContextBox($0) })
    }

    deinit {
        (listener, accepting, connecting) = (nil, nil, nil)
        // libevent frees a bufferevent, of which something was still to be told, in the turn after.
        let last = try? LoopEvent.timer(on: loop) { [loop] onLoop in loop.stop(onLoop) }
        last?.schedule(afterMilliseconds: 0)
        if last != nil { loop.run() }
    }

    private var bytes: [Bool: [UInt8]] = [:]

    private func note(_ isAccepter: Bool, _ id: StreamID, _ event: StreamEvent, _ onLoop: borrowing OnLoop) {
        if case .received(let more) = event {
            bytes[isAccepter, default: []] += more
        } else {
            told.append((isAccepter, id, event))
        }
        react(isAccepter, id, event, onLoop)
        if isDone() { loop.stop(onLoop) }
    }

    /// Does something on the loop, then runs it until `condition` holds, which is asked after every event and now and
    /// then.
    func run(_ start: @escaping (borrowing OnLoop) -> Void = { _ in }, until condition: @escaping () -> Bool) throws {
        isDone = condition
        // It mostly asks the bench itself, which would live as long as the condition, and the other way round.
        defer { isDone = { false } }
        var isLate = false
        let first = try LoopEvent.timer(on: loop) { onLoop in start(onLoop) }
        first.schedule(afterMilliseconds: 0)
        let look = try LoopEvent.every(milliseconds: 20, on: loop) { [loop] onLoop in
            if condition() { loop.stop(onLoop) }
        }
        let deadline = try LoopEvent.timer(on: loop) { [loop] onLoop in
            isLate = true
            loop.stop(onLoop)
        }
        deadline.schedule(afterMilliseconds: Self.patience)
        loop.run()
        withExtendedLifetime((first, look, deadline)) {}
        if isLate { throw WaitedInVain() }
    }

    @discardableResult
    func connect(security: TLSContext? = nil, within milliseconds: Int = 10_000, _ onLoop: borrowing OnLoop)
        -> StreamID?
    {
        connecting?.connect(to: "127.0.0.1", port: port, security: security, within: milliseconds, onLoop)
    }

    /// The bytes that one end was told of.
    func received(byAccepter: Bool) -> [UInt8] { bytes[byAccepter] ?? [] }

    func ends(ofAccepter: Bool) -> [StreamEnd] {
        told.compactMap { told in
            if told.isAccepter == ofAccepter, case .closed(let end, _) = told.event { end } else { nil }
        }
    }

    func hostsOfEnded(ofAccepter: Bool) -> [String] {
        told.compactMap { told in
            if told.isAccepter == ofAccepter, case .closed(_, let host) = told.event { host } else { nil }
        }
    }

    func opened(byAccepter: Bool) -> [(id: StreamID, peer: StreamPeer)] {
        told.compactMap { told in
            if told.isAccepter == byAccepter, case .opened(let peer) = told.event { (told.id, peer) } else { nil }
        }
    }
}
