// The connections to the servers that have the data. Each has one for commands, and those on which events are waited for:
// one for all shards, or in a cluster one for each, since one command may not name streams of two slots. They are there
// together, or the server is not used. Which servers there are follows from the route: of several hosts the next one is
// tried when one is lost, Sentinels name the master, nodes of a cluster say who has which shard.

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
        /// A question will not be answered, though its server is connected.
        case lost(StoreQuestion)
        /// A Sentinel is of no use now, for this reason; or, without one, it is again.
        case doubted(StoreNode, String?)
    }

    /// The connections to one server.
    private struct Link {
        var lines: [StoreLine: RedisConnection<StoreQuestion>] = [:]
        var ready: Set<StoreLine> = []
        var facts: ServerFacts?
        /// What it has, as far as that is known; and of it what the member was told.
        var shards: [StoreShard]
        var told: Set<StoreShard> = []
        var connected: MonotonicTime?
    }

    /// How the servers are found.
    private enum Finder {
        case hosts([StoreNode])
        case sentinels(SentinelLinks)
        case cluster(ClusterProbe)
    }

    /// How often a server was lost, and when it is connected to again.
    private struct Patience {
        var attempts = 0
        var next = MonotonicTime.distantPast
    }

    /// The pause before a server is tried again: at first, and at most.
    private static let shortestPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(2)
    /// Servers that pages show.
    private static let mostKnown = 64
    /// A connection that has lasted for so long was a good one.
    private static let goodTime: Duration = .seconds(2)

    var handler: (Event, borrowing OnLoop) -> Void = { _, _ in }
    private var configuration: StoreConfiguration
    private let connections: RedisConnections
    private let finder: Finder
    private var links: [StoreNode: Link] = [:]
    /// What is known of servers, for pages.
    private var known: [StoreNode: StoreStatus.Server] = [:]
    /// By server, or by the first of the hosts for all of them.
    private var patience: [StoreNode: Patience] = [:]
    /// Which of the hosts is tried next.
    private var place = 0
    private var random = SystemRandomNumberGenerator()

    init(_ configuration: StoreConfiguration, on loop: EventLoop) throws {
        self.configuration = configuration
        connections = try RedisConnections(on: loop)
        finder =
            switch configuration.route {
            case .hosts(let hosts): .hosts(hosts)
            case .sentinels(let group, let nodes):
                .sentinels(SentinelLinks(group: group, sentinels: nodes, on: connections))
            case .cluster(let seeds):
                .cluster(ClusterProbe(prefix: configuration.prefix, seeds: seeds, on: connections))
            }
    }

    /// The servers that are, or should be, connected.
    var servers: [StoreStatus.Server] { known.values.sorted { $0.address < $1.address } }

    func change(password: String?) { configuration.password = password }

    func change(sentinelPassword: String?) { configuration.sentinelPassword = sentinelPassword }

    func change(trust: TLSContext) { configuration.trust = trust }

    /// Other nodes may have the shards by now.
    func lookAgain() { if case .cluster(let probe) = finder { probe.refresh() } }

    /// Connects to what is not connected, where it is time to.
    func tick(at now: MonotonicTime, _ onLoop: borrowing OnLoop) {
        switch finder {
        case .hosts(let hosts):
            guard links.isEmpty, let first = hosts.first, now >= patience[first, default: Patience()].next else {
                return
            }
            dial(hosts[place % hosts.count], StoreShard.all, onLoop)
        case .sentinels(let sentinels): follow(sentinels, at: now, onLoop)
        case .cluster(let probe):
            probe.tick(
                at: now, introduction(.clusterNode), timeout: configuration.limits.timeout, trust: configuration.trust,
                onLoop)
            arrange(probe.shards, at: now, onLoop)
        }
    }

    private func introduction(_ purpose: Introduction.Purpose) -> Introduction {
        var introduction = Introduction(purpose, name: "registry-\(configuration.member)")
        guard case .sentinel = purpose else {
            introduction.user = configuration.user
            introduction.password = configuration.password
            introduction.database = configuration.database
            return introduction
        }
        introduction.password = configuration.sentinelPassword
        return introduction
    }

    // MARK: - Sentinels

    private func follow(_ sentinels: SentinelLinks, at now: MonotonicTime, _ onLoop: borrowing OnLoop) {
        let steps = sentinels.advance(
            at: now, introduction(.sentinel), timeout: configuration.limits.timeout, trust: configuration.trust, onLoop)
        for step in steps {
            switch step {
            case .check(let node): if links[node] == nil { dial(node, StoreShard.all, onLoop) }
            case .use(let node): tell(node, onLoop)
            case .leave(let node):
                leave(node, "the Sentinels have another master, or are about to", isRefusal: false, onLoop)
            }
        }
        show(sentinels, onLoop)
    }

    private func show(_ sentinels: SentinelLinks, _ onLoop: borrowing OnLoop) {
        for sentinel in sentinels.known {
            let (reason, last) = (sentinels.reasons[sentinel], known[sentinel]?.reason)
            known[sentinel] = StoreStatus.Server(
                address: sentinel.description, engine: "sentinel", isConnected: sentinels.isConnected(sentinel),
                reason: reason)
            if reason != last { handler(.doubted(sentinel, reason), onLoop) }
        }
    }

    // MARK: - A cluster

    /// Has a link to each node that has shards, and to no other.
    private func arrange(_ wanted: [StoreNode: [StoreShard]], at now: MonotonicTime, _ onLoop: borrowing OnLoop) {
        // Of an incomplete map it is not known who is not wanted.
        guard !wanted.isEmpty else { return }
        for node in links.keys where wanted[node] == nil {
            leave(node, "it has no shard any more", isRefusal: false, onLoop)
        }
        for (node, shards) in wanted {
            guard let link = links[node] else {
                if now >= patience[node, default: Patience()].next { dial(node, shards, onLoop) }
                continue
            }
            guard link.shards != shards else { continue }
            links[node]?.shards = shards
            links[node]?.told.formIntersection(shards)
            for shard in link.shards where !shards.contains(shard) {
                links[node]?.ready.remove(.streamOf(shard))
                guard let line = links[node]?.lines.removeValue(forKey: .streamOf(shard)) else { continue }
                for lost in line.close(onLoop) { handler(.lost(lost.tag), onLoop) }
            }
            for shard in shards where !link.shards.contains(shard) { open(.streamOf(shard), of: node, onLoop) }
        }
    }

    // MARK: - Connections

    private func dial(_ node: StoreNode, _ shards: [StoreShard], _ onLoop: borrowing OnLoop) {
        links[node] = Link(shards: shards)
        if known[node] == nil {
            known[node] = StoreStatus.Server(
                address: node.description, engine: nil, isConnected: false, reason: nil)
        }
        open(.commands, of: node, onLoop)
        if case .cluster = finder {
            for shard in shards { open(.streamOf(shard), of: node, onLoop) }
        } else {
            open(.stream, of: node, onLoop)
        }
    }

    private func open(_ line: StoreLine, of node: StoreNode, _ onLoop: borrowing OnLoop) {
        let isCluster = if case .cluster = finder { true } else { false }
        links[node]?.lines[line] = connections.open(
            node, introduction(.store(.current, isCluster: isCluster)), timeout: configuration.limits.timeout,
            trust: configuration.trust, onLoop
        ) { [unowned self] event, onLoop in happened(event, node, line, onLoop) }
    }

    private func happened(
        _ event: RedisEvent<StoreQuestion>, _ node: StoreNode, _ line: StoreLine, _ onLoop: borrowing OnLoop
    ) {
        switch event {
        case .ready(let facts): ready(facts, node, line, onLoop)
        case .reply(let question, let value): handler(.reply(question, value), onLoop)
        case .message: break
        case .closed(let end):
            drop(node, end.sentence, lost: end.lost.map(\.tag), except: line, isRefusal: end.isRefusal, onLoop)
        }
    }

    private func ready(_ facts: ServerFacts, _ node: StoreNode, _ line: StoreLine, _ onLoop: borrowing OnLoop) {
        links[node]?.ready.insert(line)
        links[node]?.facts = facts
        guard let link = links[node], link.ready.contains(.commands) else { return }
        switch finder {
        case .hosts: tell(node, onLoop)
        case .sentinels(let sentinels): if link.ready.contains(.stream) { sentinels.confirmed(node) }
        case .cluster: tell(node, onLoop)
        }
    }

    /// Tells the member which shards can be had of a server now, that it does not know of.
    private func tell(_ node: StoreNode, _ onLoop: borrowing OnLoop) {
        guard let link = links[node], let facts = link.facts, link.ready.contains(.commands) else { return }
        let shards = link.shards.filter { shard in
            !link.told.contains(shard)
                && (link.ready.contains(.stream) || link.ready.contains(.streamOf(shard)))
        }
        guard !shards.isEmpty else { return }
        links[node]?.told.formUnion(shards)
        if link.connected == nil {
            links[node]?.connected = MonotonicClock.now()
            known[node] = StoreStatus.Server(
                address: node.description, engine: "\(facts.engine) \(facts.release)", isConnected: true, reason: nil)
        }
        handler(.connected(node, facts, shards), onLoop)
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
        // Addresses of containers come and go.
        if known.count > Self.mostKnown { known = known.filter { $0.value.isConnected || $0.key == node } }
        let now = MonotonicClock.now()
        switch finder {
        case .hosts(let hosts):
            place += 1
            pause(hosts[0], link, now)
        case .sentinels(let sentinels): sentinels.lost(node, at: now)
        case .cluster(let probe):
            probe.lost(node)
            pause(node, link, now)
        }
        handler(.disconnected(node, sentence, lost: lost, isRefusal: isRefusal), onLoop)
    }

    private func pause(_ node: StoreNode, _ link: Link, _ now: MonotonicTime) {
        var patience = patience[node, default: Patience()]
        if let connected = link.connected, now - connected >= Self.goodTime { patience.attempts = 0 }
        let pause = Backoff.bound(Self.shortestPause, doublings: patience.attempts, cap: Self.longestPause)
        patience.attempts += 1
        patience.next = now + Duration.random(in: pause / 2...pause, using: &random)
        if self.patience.count > Self.mostKnown { self.patience = self.patience.filter { $0.value.next > now } }
        self.patience[node] = patience
    }
}
