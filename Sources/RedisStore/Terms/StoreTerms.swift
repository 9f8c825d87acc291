// What a member and its shell tell each other: where commands go, what they are for, and what follows.

package import Catalog
package import RESP
package import Replication
package import Time

/// A server of Redis, as it is connected to.
package struct StoreNode: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Which of the connections to a server. Reading of streams blocks one, so that commands have another.
package enum StoreLine: Hashable, Sendable {
    case commands
    /// Of all shards.
    case stream
    /// Of this one alone.
    case streamOf(StoreShard)
}

/// What is kept by a key of its own.
package enum StoredKey: Hashable, Sendable {
    case instance(StateKey)
    case service(Name, in: Namespace)

    package init(_ state: Replicated) {
        self =
            switch state.replica {
            case .present(let instance, _, _): .instance(StateKey(namespace: state.namespace, id: instance.id))
            case .absent(let id, _, _, _), .renewed(let id, _, _):
                .instance(StateKey(namespace: state.namespace, id: id))
            case .service(let service, _): .service(service, in: state.namespace)
            }
    }
}

/// A state that is being written.
package struct PutState: Sendable {
    package let key: StoredKey
    package let version: Version
    /// Whether the store had let it in before, so that capacity does not count again.
    package let isAdmitted: Bool
}

/// What a command that is on its way is for. It comes back with the reply, or as lost.
package enum StoreQuestion: Sendable {
    case open(StoreShard)
    case put(StoreShard, [PutState], group: Int)
    /// Whether the replicas have what a group wrote.
    case wait(group: Int)
    case renew(StoreShard, [StateKey])
    case heard(StoreShard)
    case tick(StoreShard, sent: MonotonicTime)
    case get(StoreShard, [(ticket: QuestionTicket, key: StateKey)])
    case read(StoreNode, [StoreShard])
    case scan(StoreShard, ScanStep)
    case members
    /// Its reply is of no interest.
    case other
}

/// A part of a scan of what a shard has.
package enum ScanStep: Sendable {
    case namespaces(cursor: String)
    case values(StoredKind, Namespace, cursor: String)
}

/// What the shell is to do.
package enum StoreDirective: Sendable {
    /// - patience: how long the reply may take; nil is as long as any.
    case send(RESPCommand, StoreQuestion, StoreNode, StoreLine, patience: Duration?)
    /// The server is not, or no longer, the one to ask. The sentence says why.
    ///
    /// - isLasting: whether that stays so until somebody changes a setting, here or there.
    case leave(StoreNode, String, isLasting: Bool)
    /// Other nodes may have the shards by now.
    case lookAgain
    case acknowledged(AcknowledgmentTicket)
    case unacknowledged(AcknowledgmentTicket)
    case answered(QuestionTicket, isSure: Bool)
    case standing(ClusterStanding)
    /// All shards are here.
    case becameReady
    /// In these namespaces no lease runs out in between.
    case hold(NamespaceParts, since: MonotonicTime, until: MonotonicTime)
    case endHold
    /// By how many nanoseconds the store's clock is ahead of the machine's.
    case correctClock(nanoseconds: Int64)
    case note(StoreNote)
    /// There is more to be done in a turn of its own.
    case again
}

/// What is worth a line in the log.
package enum StoreNote: Sendable, Equatable {
    case claimed(StoreShard)
    case scanning(StoreShard, ScanReason)
    case ready(instances: Int)
    /// The server lacked the last events of the one before it; what is known of them was written again.
    case lostEvents(StoreShard, UInt64, rewritten: Int)
    /// The store was emptied, and this member's view is too old to fill it without an operator's word.
    case estranged(StoreShard)
    case refused(StoreShard, String)
    /// A node of a cluster does not have it, or not all of it.
    case paused(StoreShard, String)
    case acceptsAgain(StoreShard)
    case unreadable(StoreShard, String)
    case held(Duration)
}

/// Why everything of a shard is read.
package enum ScanReason: String, Sendable {
    /// Nothing is known of it yet.
    case first
    /// Events were trimmed before they could be read.
    case gap
    /// The store has lost what it had.
    case loss
}
