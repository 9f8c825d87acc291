// The cluster as one member sees it, as values: what `GET /api/v1/cluster`, the metrics and `/uptime` show.

import Catalog
import Time

public struct ClusterStatus: Sendable {
    public var member: MemberID
    public var name: String
    public var address: PeerAddress
    public var isReady: Bool
    /// Why it is ready; nil while it is not.
    public var ground: ReadinessGround?
    /// Whether it asks for traffic.
    public var readiness = ReadinessReport(hold: nil, ground: nil, since: .zero, until: nil)
    /// Why all that membership names, and that are there, refuse this member; nil when not all do.
    public var refusal: RefusalReason?
    /// How many members there should be; nil when it is not set.
    public var expectedSize: Int?
    /// How many there are, this one included, counting those with a proven link in either direction.
    public var size: Int
    /// Milliseconds by which the members' median clock is ahead of ours.
    public var clockOffset: Int64
    /// The correction in force, in milliseconds; 0 when the clock is believed.
    public var clockCorrection: Int64
    /// Whether leases are held after a pause.
    public var holdsLeases: Bool
    /// The root of this member's digest.
    public var digestRoot: UInt64
    public var peers: [PeerStatus]
    /// Names and addresses that several live members have.
    public var conflicts: [MemberConflict] = []
    public var counts: ReplicationCounts
}

/// Another member, or an address that should have one.
public struct PeerStatus: Sendable {
    /// The names are shown, on the page and as a label of the metrics.
    public enum State: String, CaseIterable, Sendable {
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
    public var address: PeerAddress
    public var member: MemberID?
    public var name: String?
    public var state: State
    public var isReady: Bool
    /// Milliseconds by which its clock is ahead of ours.
    public var clockOffset: Int64?
    /// Dials that failed since the last that went well.
    public var failures: Int
    /// Why it is refused, or refuses us.
    public var refusal: RefusalReason?
    /// The version of the protocol that was spoken with it.
    public var version: UInt16?
    /// When the last link with it began or, when there is none, ended; in monotonic milliseconds.
    public var since: MonotonicTime?
    /// What last went wrong with it.
    public var fault: (at: MonotonicTime, MemberFault)?
    /// The last complete copy from it: when (monotonic milliseconds), how many states, and how long it took in
    /// milliseconds.
    public var lastCopy: (at: MonotonicTime, count: Int, duration: Duration)?
    /// Whether the last comparison of digests found no difference; nil before the first.
    public var digestsAgree: Bool?
    /// What it has not yet acknowledged of our changes; nil when it does not read from us.
    public var lag: Lag?

    /// How far a subscriber is behind.
    public struct Lag: Sendable, Equatable {
        public var changes: Int
        /// How long the oldest of them has waited.
        public var milliseconds: Int64
        public var queuedBytes: Int
        /// Whether its queue ran over, so that it gets a copy next.
        public var hasOverflowed: Bool
        /// Whether a copy is being sent.
        public var isCopying: Bool
    }
}

/// What a member has done since it was started.
public struct ReplicationCounts: Sendable, Equatable {
    /// Changes sent, each counted once for each link.
    public var changesSent = 0
    public var changesReceived = 0
    public var copiesSent = 0
    public var copiesReceived = 0
    public var bytesSent = 0
    public var bytesReceived = 0
    public var overflows = 0
    /// States that a comparison of digests or a renewal of something unknown brought.
    public var repairs = 0
    public var refusals = 0
    /// How often a subscriber was left out because it did not acknowledge in time.
    public var leftOut = 0
    /// Ids that others were asked for.
    public var questions = 0

    public init() {}
}
