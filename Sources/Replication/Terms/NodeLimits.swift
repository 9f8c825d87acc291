// The bounds that a node and its sessions keep to. Each says what turning it up costs.

/// Bounds and periods. Times are milliseconds.
package struct NodeLimits: Sendable {
    /// How often each end of a link says that it is there. Three unanswered close the link.
    package var pingPeriod: Duration = .milliseconds(1_000)
    /// How long a link may take from its opening to the proof.
    package var handshakeDeadline: Duration = .milliseconds(5_000)
    /// How long a ping may wait for its answer on a link that publishes changes. What is told is older than it says by
    /// as much, and lives on for so long when it is dead. Shorter gives up links that are only busy, each at the price
    /// of a copy.
    package var lateness: Duration = .milliseconds(5_000)
    /// How often a publisher sends the root of its digest. Twice this is how long a difference can go unnoticed.
    package var digestPeriod: Duration = .milliseconds(5_000)
    /// How often renewals are sent. Longer sends fewer bytes, and a crash loses so much more of a lease.
    package var renewalPeriod: Duration = .milliseconds(200)
    /// The first wait before dialing again is random up to this, and the bound doubles with each failure up to
    /// `dialCap`.
    package var dialBase: Duration = .milliseconds(200)
    package var dialCap: Duration = .milliseconds(5_000)
    /// The bytes that may wait on a link. Over it, changes are dropped, and the link gets a full copy once it has
    /// drained. Memory, per link.
    package var queueBytes = 8 << 20
    /// What may wait on a link beyond `queueBytes` before it is closed: answers, pongs and acknowledgments wait too,
    /// and who reads as it should never has more of them waiting than the largest piece of a copy. Memory, per link.
    package var queueSlackBytes = 8 << 20
    /// The changes of a link that may be unacknowledged; over it as with `queueBytes`.
    package var queueChanges = 200_000
    /// A copy's next piece waits until fewer bytes than this are queued; live changes do not wait, and so go between
    /// the pieces.
    package var copyBytesInFlight = 256 << 10
    /// The bytes of keys that one question about buckets is answered with: less than a frame holds. Fewer make more
    /// questions, and each costs a look at all records.
    package var keyBytes = 512 << 10
    /// Links that were accepted, in all. More are refused.
    package var acceptedLinks = 128
    /// How far from the median of the members' clocks a clock is wrong.
    package var clockTolerance: Duration = .milliseconds(10_000)
    /// The longest that leases are held after a pause.
    package var leaseHold: Duration = .milliseconds(15_000)
    /// The longest that leases are held while too few members are heard, and how long a member counts after it was
    /// heard. Longer serves the dead for longer where a cluster has lost most of its members for good.
    package var expiryHold: Duration = .milliseconds(600_000)
    /// The longest that a lease lasts: so long after a pause, nothing is left of what it has added.
    package var longestLease: Duration = .milliseconds(600_000)
    /// Whether a client's change is acknowledged only when the other members have it.
    package var acknowledges = true
    /// How long a member may take to acknowledge a change before it is left out. Longer makes clients wait so long when
    /// a member is paused or cut off, once; shorter leaves members out that are only busy.
    package var acknowledgeTimeout: Duration = .milliseconds(100)
    /// How long a member that has its copy goes on refusing clients at most, while the members that answer them and it
    /// do not wait for each other yet. Longer delays the start where an address leads nowhere; shorter lets a member on
    /// a slow line acknowledge alone what the others read later.
    package var linkingTime: Duration = .milliseconds(2_000)
    /// How often the node is called at least, by the shell's ticks or for those who wait. Whoever calls more often lets
    /// it notice shorter pauses of its own.
    package var callPeriod: Duration = .milliseconds(100)
    /// By how much a busy machine is late with a call, in milliseconds.
    private static let callJitter: Duration = .milliseconds(20)
    /// A member that was called after no more than so long cannot have been left out for it, in milliseconds: what it
    /// was sent behind its last call has the rest of the bound to arrive and to be acknowledged. Longer than it takes
    /// from one call to the next, whatever the bound.
    package var longestUnnoticedGap: Duration { max(acknowledgeTimeout - callPeriod, callPeriod + Self.callJitter) }

    package init() {}
}
