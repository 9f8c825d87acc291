// What one Sentinel says of the master, read from its answers to three questions that are sent together. The address
// alone does not say how new it is: that is the configuration's epoch, which rises at the very moment from which a
// Sentinel names the promoted replica.

package import RESP

/// The questions of a Sentinel, and their answers.
package struct SentinelWord: Sendable, Equatable {
    /// The master that it names.
    package let node: StoreNode
    /// Which agreement of the Sentinels this is; a later one is greater.
    package let epoch: UInt64
    /// Whether it is about to promote a replica in place of the node.
    package let isBeingReplaced: Bool
    /// The other Sentinels of the group.
    package let others: [StoreNode]

    /// Why the answers cannot be used.
    package enum Problem: Error, Sendable, Equatable {
        /// It watches no group of this name.
        case unknownGroup
        case fault(RESPFault)
        case malformed
    }

    /// The most others that are read of one answer.
    private static let mostOthers = 32

    /// What is asked, in this order and at once.
    package static func questions(group: String) -> [RESPCommand] {
        [
            RESPCommand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group), RESPCommand("SENTINEL", "MASTER", group),
            RESPCommand("SENTINEL", "SENTINELS", group),
        ]
    }

    /// Reads the answers to the questions, in their order.
    package init(_ replies: [RESPValue]) throws(Problem) {
        guard replies.count == 3 else { throw .malformed }
        if case .nothing = replies[0] { throw .unknownGroup }
        for case .error(let fault) in replies { throw .fault(fault) }
        guard case .array(let address) = replies[0], address.count == 2, let host = TopologyReply.text(address[0]),
            !host.isEmpty, let port = TopologyReply.port(address[1]),
            let master = TopologyReply.fields(replies[1]), let epoch = master["config-epoch"].flatMap({ UInt64($0) }),
            case .array(let others) = replies[2]
        else { throw .malformed }
        node = StoreNode(host: host, port: port)
        self.epoch = epoch
        // From the promotion on, the node is the new master, though the rest of the answer is still of the old one.
        let isUnderWay = master["flags"]?.split(separator: ",").contains("failover_in_progress") ?? false
        isBeingReplaced = isUnderWay && TopologyReply.node(master) == node
        self.others = others.prefix(Self.mostOthers).compactMap {
            TopologyReply.fields($0).flatMap(TopologyReply.node)
        }
    }
}
