// A member that was not run for a while does not know who was alive meanwhile. It holds its leases until the others
// have been heard, and if nobody can tell, remembers that its leases are longer than they should be, until somebody
// can.
//
//     running ── paused, peers were there ──► holding ── all heard, or time is up ──► settled
//        └────── paused, nobody was ────────────────────────► extended ── a peer that knows ──► settled
//                                                (also when nobody was heard)

import Time

/// What a pause of this member has left open. A value of the node's thread.
struct Pause {
    private var hold = LeaseHold()
    /// Whether leases are held, as last reported to the shell.
    private(set) var isHolding = false
    /// Set when leases went on without anybody having been heard who knew better: they are as much too long until
    /// somebody is, or until this time, when none of them is left.
    private(set) var settlementDue: MonotonicTime?
    /// When the pause began after which the others have not all been heard yet.
    private(set) var startedAt: MonotonicTime?

    enum Beginning {
        /// Leases are to be held from now on.
        case holds
        /// They are held already, for longer now: by a gap between calls, before the shell has noticed.
        case stillHolds
        /// There is nobody to hear, and leases go on.
        case alone
    }

    /// Whether those alive here may look dead by their ages, so that nobody is to judge by what we say.
    var isExtended: Bool { isHolding || settlementDue != nil }
    /// Whether somebody is still to be heard.
    var awaitsPeers: Bool { hold.isHeld }

    /// This member was not run for so long that leases may have run out that others have renewed.
    ///
    /// - Parameter peers: those who may be there and know.
    mutating func begin(awaiting peers: Set<PeerAddress>, limits: NodeLimits, at now: MonotonicTime) -> Beginning {
        guard hold.begin(awaiting: peers, atMost: limits.leaseHold, at: now) else {
            settlementDue = now + limits.longestLease
            return .alone
        }
        guard !isHolding else { return .stillHolds }
        isHolding = true
        return .holds
    }

    /// Leases have begun anew: as after a pause in which nobody was heard who knew better.
    mutating func extended(limits: NodeLimits, at now: MonotonicTime) {
        settlementDue = settlementDue ?? now + limits.longestLease
    }

    /// All that this member said before has been heard.
    mutating func heard(_ address: PeerAddress) { hold.heard(address) }

    /// It is not there to be heard, or knows no better.
    mutating func gone(_ address: PeerAddress) { hold.gone(address) }

    /// How the hold has ended, once it has.
    mutating func end(limits: NodeLimits, at now: MonotonicTime) -> LeaseHold.End? {
        guard isHolding, let end = hold.end(at: now) else { return nil }
        isHolding = false
        settlementDue = end == .alone ? now + limits.longestLease : nil
        return end
    }

    /// A peer that knows who is alive has told everything. Returns whether leases were too long until now.
    mutating func settle() -> Bool {
        defer { settlementDue = nil }
        return settlementDue != nil
    }

    /// Time has passed, after which none of the leases is left that were too long.
    mutating func forget(at now: MonotonicTime) {
        if let settlementDue, now >= settlementDue { self.settlementDue = nil }
    }

    /// This member was not run for so many milliseconds, and changes may have been acknowledged without it.
    mutating func noticed(gap: Duration, at now: MonotonicTime) { startedAt = startedAt ?? now - gap }

    /// All has been heard that was said meanwhile.
    mutating func caughtUp() { startedAt = nil }
}

#if DEBUG
    extension Pause {
        /// Sentences on what must always hold and does not. For tests, after each step.
        func checkInvariants() -> [String] { hold.isHeld && !isHolding ? ["peers are awaited, and leases run"] : [] }
    }
#endif
