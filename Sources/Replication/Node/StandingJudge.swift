// What requests must know of the cluster, from how each link stands: whether changes wait for others, whether an id
// that is unknown here may be known elsewhere, and whether this member may lack what others have acknowledged, or have
// what they have removed.

import Time

/// Judges how the cluster stands, and remembers what it said. A value of the node's thread; times are monotonic
/// milliseconds.
struct StandingJudge {
    /// After a link was lost, changes may have been acknowledged that only its member knows of, or those who still hear
    /// it: so long one asks. By then it has been found again or is dead.
    static let lossMemory: Duration = .milliseconds(60_000)

    /// What is seen of all links.
    struct Sight: Equatable {
        /// Whether a subscriber is waited for.
        var waits = false
        /// Whether others may have acknowledged what is not here, and this member should have.
        var isBehind = false
        /// Whether others may have acknowledged what is not here.
        var mayLack = false
        /// Whether a member is connected that answers look-ups.
        var hearsReady = false
        /// Whether a member is connected that has not said yet whether it answers look-ups.
        var mayHearReady = false

        /// A member reads from this one.
        mutating func add(subscriber: borrowing Attendance) {
            if subscriber.isWaitedFor { waits = true }
            if subscriber.isLate { mayLack = true }
        }

        /// This member reads from another.
        mutating func add(publisher: Publisher) {
            if publisher.isUnheard { isBehind = true }
            switch publisher.notice {
            case .neverWaits: mayLack = true
            case .leftOut:
                // Those of an older version wait for nobody, and say nothing.
                mayLack = true
                if publisher.isAcknowledging, publisher.wasWaitedFor || publisher.beganReady == true { isBehind = true }
            case .waitedFor:
                // What it acknowledged before comes with the copy.
                guard !publisher.isCopied else { break }
                if publisher.beganReady == true { isBehind = true } else { mayLack = true }
            }
        }
    }

    /// A member that this one reads from.
    struct Publisher {
        /// What it has said of waiting for this member.
        var notice: WaitNotice
        /// Whether it speaks a version in which it may wait.
        var isAcknowledging = true
        /// Whether it has ever waited for this member.
        var wasWaitedFor = false
        /// Whether it was ready when its first ping came; nil before that.
        var beganReady: Bool?
        /// Whether its copy is whole.
        var isCopied = false
        /// Whether what it said during a pause has not all been heard.
        var isUnheard = false
    }

    /// As last told.
    private(set) var told: ClusterStanding
    /// When a link on which we heard a member was last lost; nil when that is long ago.
    private var linkLostAt: MonotonicTime?
    /// Whether a member was ever connected that answers look-ups. If its link is lost, it acknowledges changes without
    /// this member all the more.
    private var hasHeardReady = false

    init(acknowledges: Bool) { told = acknowledges ? .starting : .alone }

    mutating func linkLost(at now: MonotonicTime) { linkLostAt = now }

    /// How the cluster stands when that is news.
    ///
    /// - Parameters:
    ///   - isReaching: whether those that answer clients may not read from this member yet.
    ///   - isServing: who is not answers no look-ups at all, and need not know whether it is behind.
    ///   - pausedAt: when the pause began after which not all were heard.
    mutating func judge(
        _ sight: Sight, isReaching: Bool, isServing: Bool, pausedAt: MonotonicTime?, at now: MonotonicTime
    ) -> ClusterStanding? {
        var standing = isReaching ? ClusterStanding.starting : .alone
        if sight.waits { standing.waits = true }
        var mayLack = sight.mayLack
        if let lostAt = linkLostAt { if now - lostAt < Self.lossMemory { mayLack = true } else { linkLostAt = nil } }
        if sight.isBehind, isServing { standing.behindSince = told.behindSince ?? pausedAt ?? now }
        standing.mayBeUnderWay = mayLack || sight.isBehind
        hasHeardReady = hasHeardReady || sight.hearsReady
        standing.isCatchingUp = (hasHeardReady || sight.mayHearReady) && !isServing
        guard standing != told else { return nil }
        told = standing
        return standing
    }
}
