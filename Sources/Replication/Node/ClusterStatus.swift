// The cluster as one member sees it, as values: what `GET /api/v1/cluster`, the metrics and `/uptime` show.

package import Catalog
package import Time

package struct ClusterStatus: Sendable {
    package var member: MemberID
    package var name: String
    package var address: PeerAddress
    package var isReady: Bool
    /// Why it is ready; nil while it is not.
    package var ground: ReadinessGround?
    /// Whether it asks for traffic.
    package var readiness = ReadinessReport(hold: nil, ground: nil, since: .zero, until: nil)
    /// Why all that membership names, and that are there, refuse this member; nil when not all do.
    package var refusal: RefusalReason?
    /// How many members there should be; nil when it is not set.
    package var expectedSize: Int?
    /// How many there are, this one included, counting those with a proven link in either direction.
    package var size: Int
    /// Milliseconds by which the members' median clock is ahead of ours.
    package var clockOffset: Int64
    /// The correction in force, in milliseconds; 0 when the clock is believed.
    package var clockCorrection: Int64
    /// Whether leases are held after a pause.
    package var holdsLeases: Bool
    /// The root of this member's digest.
    package var digestRoot: UInt64
    package var peers: [PeerStatus]
    /// Names and addresses that several live members have.
    package var conflicts: [MemberConflict] = []
    package var counts: ReplicationCounts
}

/// Another member, or an address that should have one.
package struct PeerStatus: Sendable {
    /// The names are shown, on the page and as a label of the metrics.
    package enum State: String, CaseIterable, Sendable {
        /// Waits before it is dialed again.
        case waiting
        case dialing
        /// Connected, in the handshake.
        case greeting
        /// We read its copy.
        case copying
        /// Its changes are received.
        case streaming
        /// A legacy peer, whose streams the shell reads.
        case original
        /// Reached, and not let in: by it or by us, as `refusal` says. Dialed again every few seconds.
        case refused
        /// The address is our own.
        case ourself
        /// Another address leads to the same member.
        case duplicate
        /// Only it has dialed us.
        case unreached
        /// It was connected, is silent since, and is no longer named: it is not dialed.
        case lost
    }

    /// Where it is dialed, or where it says it is.
    package var address: PeerAddress
    package var member: MemberID?
    package var name: String?
    package var state: State
    package var isReady: Bool
    /// Milliseconds by which its clock is ahead of ours.
    package var clockOffset: Int64?
    /// Dials that failed since the last that went well.
    package var failures: Int
    /// Why it is refused, or refuses us.
    package var refusal: RefusalReason?
    /// The version of the protocol that was spoken with it.
    package var version: UInt16?
    /// When the last link with it began or, when there is none, ended; in monotonic milliseconds.
    package var since: MonotonicTime?
    /// What last went wrong with it.
    package var fault: (at: MonotonicTime, MemberFault)?
    /// The last complete copy from it: when (monotonic milliseconds), how many states, and how long it took in
    /// milliseconds.
    package var lastCopy: (at: MonotonicTime, count: Int, duration: Duration)?
    /// Whether the last comparison of digests found no difference; nil before the first.
    package var digestsAgree: Bool?
    /// What it has not yet acknowledged of our changes; nil when it does not read from us.
    package var lag: Lag?
    /// Whether an operator has drained it, as far as it has said so.
    package var isDrained = false

    /// How far a subscriber is behind.
    package struct Lag: Sendable, Equatable {
        package var changes: Int
        /// How long the oldest of them has waited.
        package var milliseconds: Int64
        package var queuedBytes: Int
        /// Whether its queue ran over, so that it gets a copy next.
        package var hasOverflowed: Bool
        /// Whether a copy is being sent.
        package var isCopying: Bool
    }
}

/// What a member has done since it was started.
package struct ReplicationCounts: Sendable, Equatable {
    /// Changes sent, each counted once for each link.
    package var changesSent = 0
    package var changesReceived = 0
    package var copiesSent = 0
    package var copiesReceived = 0
    package var bytesSent = 0
    package var bytesReceived = 0
    package var overflows = 0
    /// States that a comparison of digests or a renewal of something unknown brought.
    package var repairs = 0
    package var refusals = 0
    /// How often a subscriber was left out because it did not acknowledge in time.
    package var leftOut = 0
    /// Ids that others were asked for.
    package var questions = 0

    package init() {}
}
