// The connections to Sentinels: one to each, on which it is asked who the master is, again and again. What the answers
// come to is decided elsewhere (`SentinelView`); this file carries the questions.

import Libevent
import RESP
import RedisStore
import System
import TLS
import Time

/// Asks Sentinels. Belongs to the store thread.
final class SentinelLinks {
    /// The connection to one Sentinel, and its answers to the questions that are open.
    private struct Link {
        let connection: RedisConnection<Int>
        var replies: [RESPValue] = []
    }

    /// What is to be done with servers that have data, as the Sentinels would have it.
    enum Step {
        case check(StoreNode)
        case use(StoreNode)
        case leave(StoreNode)
    }

    private var view: SentinelView
    private let connections: RedisConnections
    private let questions: [RESPCommand]
    private var links: [StoreNode: Link] = [:]
    /// Why each Sentinel is of no use now, in words; for the log and for pages.
    private(set) var reasons: [StoreNode: String] = [:]

    init(group: String, sentinels: [StoreNode], on connections: RedisConnections) {
        view = SentinelView(group: group, sentinels: sentinels, now: MonotonicClock.now())
        questions = SentinelWord.questions(group: group)
        self.connections = connections
    }

    /// The Sentinels that are asked.
    var known: [StoreNode] { view.known }

    func isConnected(_ sentinel: StoreNode) -> Bool { links[sentinel]?.connection.isReady ?? false }

    /// A server that was to be checked is connected, and a master by its own word.
    func confirmed(_ node: StoreNode) { view.confirmed(node) }

    /// A server is not connected.
    func lost(_ node: StoreNode, at now: MonotonicTime) { view.lost(node, now: now) }

    /// What is to be done now. To be called every few milliseconds, and after anything was told.
    ///
    /// - Parameter introduction: how a connection to a Sentinel begins.
    func advance(
        at now: MonotonicTime, _ introduction: Introduction, timeout: Duration, trust: TLSContext?,
        _ onLoop: borrowing OnLoop
    ) -> [Step] {
        var steps: [Step] = []
        for step in view.advance(now) {
            switch step {
            case .ask(let sentinel): ask(sentinel, introduction, timeout: timeout, trust: trust, onLoop)
            case .check(let node): steps.append(.check(node))
            case .use(let node): steps.append(.use(node))
            case .leave(let node): steps.append(.leave(node))
            }
        }
        return steps
    }

    private func ask(
        _ sentinel: StoreNode, _ introduction: Introduction, timeout: Duration, trust: TLSContext?,
        _ onLoop: borrowing OnLoop
    ) {
        guard let link = links[sentinel] else {
            // It is asked as soon as it is connected.
            let connection: RedisConnection<Int> = connections.open(
                sentinel, introduction, timeout: timeout, trust: trust, onLoop
            ) { [unowned self] event, onLoop in happened(event, sentinel, onLoop) }
            links[sentinel] = Link(connection: connection)
            return
        }
        guard link.connection.isReady else { return }
        send(on: link.connection, sentinel)
    }

    private func send(on connection: RedisConnection<Int>, _ sentinel: StoreNode) {
        links[sentinel]?.replies = []
        for (number, question) in questions.enumerated() {
            _ = connection.send(question, tag: number, changes: false)
        }
    }

    private func happened(_ event: RedisEvent<Int>, _ sentinel: StoreNode, _ onLoop: borrowing OnLoop) {
        switch event {
        case .ready: if let link = links[sentinel] { send(on: link.connection, sentinel) }
        case .reply(_, let value):
            links[sentinel]?.replies.append(value)
            guard let replies = links[sentinel]?.replies, replies.count == questions.count else { return }
            view.answered(sentinel, replies, now: MonotonicClock.now())
            reasons[sentinel] = view.problem(of: sentinel).map { Self.sentence($0, group: view.group) }
            forgetOthers(onLoop)
        case .message: break
        case .closed(let end):
            links[sentinel] = nil
            reasons[sentinel] = end.sentence
            view.failed(sentinel, now: MonotonicClock.now())
        }
    }

    /// Ends the connections to those that nobody names any more.
    private func forgetOthers(_ onLoop: borrowing OnLoop) {
        let known = Set(view.known)
        for sentinel in links.keys where !known.contains(sentinel) {
            links.removeValue(forKey: sentinel)?.connection.close(onLoop)
            reasons[sentinel] = nil
        }
    }

    private static func sentence(_ problem: SentinelWord.Problem, group: String) -> String {
        switch problem {
        case .unknownGroup: "the Sentinel watches no master of the name \(group): check STORE_SENTINEL"
        case .fault(let fault): "the Sentinel refuses: \(fault.sentence)"
        case .malformed: "the Sentinel's answer cannot be read"
        }
    }
}
