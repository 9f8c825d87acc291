// What a client's answer waits for in a cluster, as values that cross threads: an API loop hands in a ticket, and gets
// it back when the other members have the change, or when the bound on waiting has passed.

package import Catalog
package import Time

/// Stands for the answers that one thread keeps back until its changes are at the other members. A node knows no more
/// of it than this.
package struct AcknowledgmentTicket: Hashable, Sendable {
    /// Which thread waits.
    package let loop: Int
    /// Rises with each ticket of a loop: the answer to one is an answer to all before it.
    package let number: UInt64

    package init(loop: Int, number: UInt64) {
        self.loop = loop
        self.number = number
    }
}

/// Stands for a request that must know what other members know of one id.
package struct QuestionTicket: Hashable, Sendable {
    /// Which thread waits.
    package let loop: Int
    package let number: UInt64

    package init(loop: Int, number: UInt64) {
        self.loop = loop
        self.number = number
    }
}

/// Mail to a thread that waits, by the number of its ticket.
package enum ClusterReply: Sendable, Equatable {
    /// All acknowledgment tickets up to this one may be answered.
    case acknowledged(upTo: UInt64)
    /// Whether what the tickets up to this one stand for was stored is not known, and will not be. After those that were
    /// acknowledged before.
    case unacknowledged(upTo: UInt64)
    /// A question has been answered. When it is sure, what the store says of the id now is true.
    case answered(UInt64, isSure: Bool)
}

/// What requests must know of the cluster before they are answered.
package struct ClusterStanding: Sendable, Equatable {
    /// Whether there is a member to wait for. Else a change is answered at once.
    package var waits: Bool
    /// Whether a change may have been acknowledged elsewhere and not be known here, so that an id which is unknown here
    /// must be asked for.
    package var mayBeUnderWay: Bool
    /// Since when, in monotonic milliseconds, this member has been behind: it was left out by another, or paused for
    /// longer than the bound. Nil when it has caught up.
    package var behindSince: MonotonicTime?
    /// In which namespaces it has been; of no matter while `behindSince` is nil.
    package var behind: NamespaceParts
    /// Whether this member answers no look-ups yet while another does, which waits for it with no change. So what was
    /// removed elsewhere may still be here, and no answer may say that an instance is registered.
    package var isCatchingUp: Bool
    /// The namespaces in which changes are refused, because the store that must have them is away.
    package var refusing: NamespaceParts
    /// Whether a change that nobody acknowledges in time is not answered as if it were done.
    package var isStrict: Bool

    package init(
        waits: Bool, mayBeUnderWay: Bool, behindSince: MonotonicTime?, behind: NamespaceParts = .all,
        isCatchingUp: Bool = false, refusing: NamespaceParts = .none, isStrict: Bool = false
    ) {
        self.behind = behind
        self.refusing = refusing
        self.isStrict = isStrict
        self.waits = waits
        self.mayBeUnderWay = mayBeUnderWay
        self.behindSince = behindSince
        self.isCatchingUp = isCatchingUp
    }

    /// Of a member that has just started: others may answer clients, and do not read from it yet.
    package static let starting = ClusterStanding(waits: true, mayBeUnderWay: false, behindSince: nil)

    /// Of a registry that is alone.
    package static let alone = ClusterStanding(waits: false, mayBeUnderWay: false, behindSince: nil)
}

/// The id of an instance and its namespace.
package struct StateKey: Hashable, Sendable {
    package let namespace: Namespace
    package let id: InstanceID

    package init(namespace: Namespace, id: InstanceID) {
        self.namespace = namespace
        self.id = id
    }
}
