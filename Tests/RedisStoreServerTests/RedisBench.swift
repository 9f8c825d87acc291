// Connections on a loop of the test's own thread: what they are told is kept in order, and a deadline ends a loop that
// waits for what does not come.

import Libevent
import RESP
import RedisStore
import RedisStoreServer
import TLS
import TestSupport
import Time

final class RedisBench {
    typealias Event = RedisEvent<Int>

    let loop: EventLoop
    private var connections: RedisConnections?
    /// Of all connections, by the order in which these were opened.
    private(set) var told: [(connection: Int, event: Event)] = []
    private(set) var opened: [RedisConnection<Int>] = []
    /// Called for each event, on the loop.
    var react: (RedisConnection<Int>, Event, borrowing OnLoop) -> Void = { _, _, _ in }
    private var isDone: () -> Bool = { false }

    init() throws {
        loop = try EventLoop()
        connections = try RedisConnections(on: loop)
    }

    deinit {
        opened = []
        connections = nil
        // libevent frees a bufferevent in the turn after.
        let last = try? LoopEvent.timer(on: loop) { [loop] onLoop in loop.stop(onLoop) }
        last?.schedule(afterMilliseconds: 0)
        if last != nil { loop.run() }
    }

    static let library = FunctionLibrary(
        version: 1,
        code: """
            #!lua name=a8
            redis.register_function{
                function_name = 'a8_version', callback = function() return 1 end, flags = {'no-writes', 'allow-oom'}}
            """)

    static var introduction: Introduction { Introduction(.store(library, isCluster: false), name: "a8-test") }

    /// Connects and runs the loop until `condition` holds, which is asked after each event and now and then.
    func run(
        _ node: StoreNode, as introduction: Introduction = introduction, timeout: Duration = .seconds(20),
        trust: TLSContext? = nil, until condition: @escaping () -> Bool
    ) throws {
        try run(
            { [unowned self] onLoop in
                connect(node, as: introduction, timeout: timeout, trust: trust, onLoop)
            }, until: condition)
    }

    func connect(
        _ node: StoreNode, as introduction: Introduction = introduction, timeout: Duration = .seconds(20),
        trust: TLSContext? = nil, _ onLoop: borrowing OnLoop
    ) {
        let index = opened.count
        let connection = connections?.open(node, introduction, timeout: timeout, trust: trust, onLoop) {
            [unowned self] (event: Event, onLoop: borrowing OnLoop) in
            note(index, event)
            react(opened[index], event, onLoop)
            if isDone() { loop.stop(onLoop) }
        }
        if let connection { opened.append(connection) }
    }

    private func note(_ connection: Int, _ event: Event) {
        switch event {
        case .ready(let facts): self.facts = self.facts ?? facts
        case .closed(let end): self.end = self.end ?? end
        case .reply, .message: break
        }
        told.append((connection, event))
    }

    /// Does something on the loop, and runs it.
    func run(
        _ start: @escaping (borrowing OnLoop) -> Void = { _ in }, until condition: @escaping () -> Bool
    ) throws {
        isDone = condition
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
        deadline.schedule(afterMilliseconds: Int(Deadline.patience) * 1_000)
        loop.run()
        withExtendedLifetime((first, look, deadline)) {}
        if isLate { throw WaitedInVain(for: "what a connection to Redis is told", "told: \(told)") }
    }

    // MARK: - What was told

    /// The first server that was ready, and the first connection that ended.
    private(set) var facts: ServerFacts?
    private(set) var end: RedisEnd<Int>?

    var replies: [(tag: Int, value: RESPValue)] {
        told.compactMap { if case .reply(let tag, let value) = $0.event { (tag, value) } else { nil } }
    }
}
