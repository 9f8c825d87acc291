// The questions for the map of a cluster of Redis: to one node at a time, on a connection of its own that ends with the
// answer. They are seldom, and nodes come and go.

import Libevent
import RESP
import RedisStore
import System
import TLS
import Time

/// Asks nodes which of them has what. Belongs to the store thread.
final class ClusterProbe {
    private enum Question { case map }

    private(set) var map: ClusterMap
    private let connections: RedisConnections
    private var connection: RedisConnection<Question>?
    /// Why the last question was not answered; nil when it was.
    private(set) var reason: String?

    init(prefix: String, seeds: [StoreNode], on connections: RedisConnections) {
        map = ClusterMap(
            keys: StoreShard.all.map { $0.tag(prefix) }, seeds: seeds, now: MonotonicClock.now())
        self.connections = connections
    }

    /// The shards of each node, as far as they are known.
    var shards: [StoreNode: [StoreShard]] {
        var shards: [StoreNode: [StoreShard]] = [:]
        for shard in StoreShard.all {
            if let node = map.node(of: shard.number) { shards[node, default: []].append(shard) }
        }
        return shards
    }

    /// A node has redirected, or refused because of where shards are.
    func refresh() { map.refresh() }

    /// A node is not connected.
    func lost(_ node: StoreNode) { map.lost(node) }

    /// Asks, where it is time to.
    ///
    /// - Parameter introduction: how a connection to a node begins that is asked for the map alone.
    func tick(
        at now: MonotonicTime, _ introduction: Introduction, timeout: Duration, trust: TLSContext?,
        _ onLoop: borrowing OnLoop
    ) {
        guard let node = map.ask(now) else { return }
        connection = connections.open(node, introduction, timeout: timeout, trust: trust, onLoop) {
            [unowned self] event, onLoop in happened(event, node, onLoop)
        }
    }

    private func happened(_ event: RedisEvent<Question>, _ node: StoreNode, _ onLoop: borrowing OnLoop) {
        switch event {
        case .ready: _ = connection?.send(ClusterMap.question, tag: .map, changes: false)
        case .reply(_, let value):
            let isMap = map.learn(value, from: node)
            reason = isMap ? nil : "\(node) has not said which node has which slot"
            connection?.close(onLoop)
            connection = nil
        case .message: break
        case .closed(let end):
            connection = nil
            reason = end.sentence
            map.failed()
        }
    }
}
