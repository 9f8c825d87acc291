// Which node of a cluster of Redis has which shard. Each of our shards is one slot, so the map is as long as there are
// shards, and the ranges of the other slots are only read. What nodes say may be old, so whenever one redirects, the map
// is asked for again, but not more often than a bound: a cluster that redirects in circles costs little.
//
// Redirections are not followed one by one. While a slot moves (`ASK`, `TRYAGAIN`) its keys are on two nodes, and a
// function of ours needs them all on one; once it has moved, the map says so.

package import RESP
package import Time

/// The nodes of the shards, as they are known.
package struct ClusterMap: Sendable {
    /// Between two questions for the whole map, at least; and the longest that it is left as it is.
    static let shortestInterval: Duration = .seconds(1)
    static let longestInterval: Duration = .seconds(30)
    /// Nodes that are remembered to be asked for the map, beside those that the operator named.
    static let mostNodes = 64
    /// Ranges that are read of one answer; a cluster that is cut up more finely is answered by redirections.
    static let mostRanges = 16_384

    /// What is asked of any node. Every version knows it, and unlike `CLUSTER SHARDS` it names only nodes that serve.
    package static let question = RESPCommand("CLUSTER", "SLOTS")

    /// Of each shard its slot.
    package let slots: [Int]
    private let seeds: [StoreNode]
    private var nodes: [StoreNode?]
    /// The masters of the last answer, in its order.
    private var masters: [StoreNode] = []
    /// Who was asked last.
    private var witness: StoreNode?
    private var isWanted = true
    private var isAsked = false
    private var asked: MonotonicTime

    /// - keys: of each shard any of its keys.
    package init(keys: [String], seeds: [StoreNode], now: MonotonicTime) {
        slots = keys.map(ClusterSlot.slot(of:))
        self.seeds = seeds
        nodes = Array(repeating: nil, count: keys.count)
        asked = now - Self.longestInterval
    }

    /// Nil when nobody is known to have it.
    package func node(of shard: Int) -> StoreNode? { nodes[shard] }

    package var isComplete: Bool { !nodes.contains(nil) }

    /// The nodes that have shards, each once, in the order of the shards.
    package var inUse: [StoreNode] {
        nodes.reduce(into: []) { all, node in if let node, !all.contains(node) { all.append(node) } }
    }

    // MARK: - The whole map

    /// The map is wanted anew: a node has redirected, is gone, or says that the cluster is down.
    package mutating func refresh() { isWanted = true }

    /// Whom to ask for the map now; nil when it is too early. One node is asked at a time, another each time.
    package mutating func ask(_ now: MonotonicTime) -> StoreNode? {
        guard !isAsked, now >= next else { return nil }
        let all = masters.filter { !seeds.contains($0) } + seeds
        guard !all.isEmpty else { return nil }
        (isAsked, isWanted, asked) = (true, false, now)
        let turn = witness.flatMap(all.firstIndex(of:)).map { ($0 + 1) % all.count } ?? 0
        witness = all[turn]
        return witness
    }

    /// When `ask` is to be called.
    package var next: MonotonicTime {
        isAsked ? .distantFuture : asked + (isWanted || !isComplete ? Self.shortestInterval : Self.longestInterval)
    }

    /// There is no answer to the question.
    package mutating func failed() { (isAsked, isWanted) = (false, true) }

    /// The answer of the node that was asked. Returns whether it is one; what it does not cover stays as it was.
    package mutating func learn(_ reply: RESPValue, from asked: StoreNode) -> Bool {
        isAsked = false
        guard case .array(let ranges) = reply, !ranges.isEmpty else {
            isWanted = true
            return false
        }
        var masters: [StoreNode] = []
        for case .array(let range) in ranges.prefix(Self.mostRanges) {
            guard range.count >= 3, case .integer(let first) = range[0], case .integer(let last) = range[1],
                let master = Self.node(range[2], askedAt: asked)
            else { continue }
            if masters.count < Self.mostNodes, !masters.contains(master) { masters.append(master) }
            for (shard, slot) in slots.enumerated() where first <= slot && slot <= last { nodes[shard] = master }
        }
        guard !masters.isEmpty else {
            isWanted = true
            return false
        }
        self.masters = masters
        return true
    }

    /// A node as it is described: host, port, id, and what else is known of it. No host stands for the host that was
    /// asked; of a node whose name is not known there is an address.
    private static func node(_ description: RESPValue, askedAt asked: StoreNode) -> StoreNode? {
        guard case .array(let parts) = description, parts.count >= 2, let port = TopologyReply.port(parts[1]) else {
            return nil
        }
        if case .nothing = parts[0] { return StoreNode(host: asked.host, port: port) }
        guard let host = TopologyReply.text(parts[0]) else { return nil }
        switch host {
        case "": return StoreNode(host: asked.host, port: port)
        case unknownHost:
            let address = parts.count > 3 ? TopologyReply.fields(parts[3])?["ip"] : nil
            return address.flatMap { $0.isEmpty ? nil : StoreNode(host: $0, port: port) }
        default: return StoreNode(host: host, port: port)
        }
    }

    static let unknownHost = "?"

    /// A node does not answer: others are asked who has its shards, which stay with it until one says another.
    package mutating func lost(_ node: StoreNode) { if nodes.contains(node) { isWanted = true } }
}
