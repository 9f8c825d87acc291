// The connections to the servers that have the data: two to each, one for commands and one on which events are waited for.
// Both are there, or neither is used. A server that is lost is connected to again, after a pause that grows, and of several
// hosts the next one is tried.

import Libevent
import RESP
import RedisStore
import Replication
import System
import TLS
import Time

/// All connections of a store thread. Belongs to it.
final class StoreLinks {
    enum Event {
        case connected(StoreNode, ServerFacts, [StoreShard])
        case reply(StoreQuestion, RESPValue)
        case disconnected(StoreNode, String, lost: [StoreQuestion], isRefusal: Bool)
    }

    /// The two connections to one server.
    private struct Link {
        var lines: [StoreLine: RedisConnection<StoreQuestion>] = [:]
        var ready: Set<StoreLine> = []
        var facts: ServerFacts?
        let shards: [StoreShard]
    }

    /// The pause before a server is tried again: at first, and at most.
    private static let shortestPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(2)

    var handler: (Event, borrowing OnLoop) -> Void = { _, _ in }
    private var configuration: StoreConfiguration
    private let connections: RedisConnections
    private var links: [StoreNode: Link] = [:]
    /// What is known of servers, for pages.
    private var known: [StoreNode: StoreStatus.Server] = [:]
    /// Which host is tried next, how often all have been tried in vain, and when the next is tried.
    private var place = 0
    private var attempts = 0
    private var next = MonotonicTime.zero
    private var random = SystemRandomNumberGenerator()

    init(_ configuration: StoreConfiguration, on loop: EventLoop) throws {
        self.configuration = configuration
        connections = try RedisConnections(on: loop)
    }

    /// The servers that are, or should be, connected.
    var servers: [StoreStatus.Server] { known.values.sorted { $0.address < $1.address } }

    func change(password: String?) { configuration.password = password }

    /// Other nodes may have the shards by now.
    func lookAgain() {}

    /// Connects to what is not connected, where it is time to.
    func tick(at now: MonotonicTime, _ onLoop: borrowing OnLoop) {
        guard case .hosts(let hosts) = configuration.route, links.isEmpty, now >= next, !hosts.isEmpty else { return }
        dial(hosts[place % hosts.count], StoreShard.all, onLoop)
    }

    private func dial(_ node: StoreNode, _ shards: [StoreShard], _ onLoop: borrowing OnLoop) {
        var introduction = Introduction(
            .store(.current, isCluster: false), name: "registry-\(configuration.member)")
        introduction.user = configuration.user
        introduction.password = configuration.password
        introduction.database = configuration.database
        var link = Link(shards: shards)
        for line in StoreLine.allCases {
            link.lines[line] = connections.open(
                node, introduction, timeout: configuration.limits.timeout, trust: configuration.trust, onLoop
            ) { [unowned self] event, onLoop in happened(event, node, line, onLoop) }
        }
        links[node] = link
        if known[node] == nil {
            known[node] = StoreStatus.Server(
                address: node.description, engine: nil, isConnected: false, reason: nil)
        }
    }

    private func happened(
        _ event: RedisEvent<StoreQuestion>, _ node: StoreNode, _ line: StoreLine, _ onLoop: borrowing OnLoop
    ) {
        switch event {
        case .ready(let facts):
            links[node]?.ready.insert(line)
            links[node]?.facts = facts
            guard let link = links[node], link.ready.count == StoreLine.allCases.count else { return }
            attempts = 0
            known[node] = StoreStatus.Server(
                address: node.description, engine: "\(facts.engine) \(facts.version)", isConnected: true, reason: nil)
            handler(.connected(node, facts, link.shards), onLoop)
        case .reply(let question, let value): handler(.reply(question, value), onLoop)
        case .message: break
        case .closed(let end):
            drop(node, end.sentence, lost: end.lost.map(\.tag), except: line, isRefusal: end.isRefusal, onLoop)
        }
    }

    /// Asks a server something; false when it is not connected, or has too much to answer.
    func send(
        _ command: RESPCommand, _ question: StoreQuestion, to node: StoreNode, _ line: StoreLine, patience: Duration?
    ) -> Bool {
        links[node]?.lines[line]?.send(command, tag: question, deadline: patience) ?? false
    }

    /// The server is not, or no longer, the one to ask.
    func leave(_ node: StoreNode, _ sentence: String, isRefusal: Bool, _ onLoop: borrowing OnLoop) {
        drop(node, sentence, lost: [], except: nil, isRefusal: isRefusal, onLoop)
    }

    private func drop(
        _ node: StoreNode, _ sentence: String, lost: [StoreQuestion], except ended: StoreLine?, isRefusal: Bool,
        _ onLoop: borrowing OnLoop
    ) {
        guard let link = links.removeValue(forKey: node) else { return }
        var lost = lost
        for (line, connection) in link.lines where line != ended { lost += connection.close(onLoop).map(\.tag) }
        known[node]?.isConnected = false
        known[node]?.reason = sentence
        place += 1
        let pause = Backoff.bound(Self.shortestPause, doublings: attempts, cap: Self.longestPause)
        attempts += 1
        next = MonotonicClock.now() + Duration.random(in: pause / 2...pause, using: &random)
        handler(.disconnected(node, sentence, lost: lost, isRefusal: isRefusal), onLoop)
    }
}
