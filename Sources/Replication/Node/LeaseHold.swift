// A member that was stopped for a minute has received no heartbeat in that minute; its peers have. Before anything
// expires here, their state is received: those still linked have answered a ping that was sent after the pause, after
// everything in transit, and the others have been copied again.

import Time

/// The wait for the peers after a pause of this process.
struct LeaseHold {
    /// The addresses that were connected before the pause, and have to answer again. Invariant: empty when not held.
    private(set) var awaited: Set<PeerAddress> = []
    private var heardAnyone = false
    private var until: MonotonicTime = .zero

    var isHeld: Bool { !awaited.isEmpty }

    /// True when the leases are to be held from now on.
    mutating func begin(awaiting peers: Set<PeerAddress>, atMost limit: Duration, at now: MonotonicTime) -> Bool {
        let wasHeld = isHeld
        awaited.formUnion(peers)
        guard isHeld else { return false }
        until = now + limit
        if !wasHeld { heardAnyone = false }
        return true
    }

    mutating func heard(_ address: PeerAddress) {
        if awaited.remove(address) != nil { heardAnyone = true }
    }

    /// It is not there to answer.
    mutating func gone(_ address: PeerAddress) {
        awaited.remove(address)
    }

    enum End {
        /// Peers have answered: what they did not keep alive may go.
        case heard
        /// None has: it is unknown which instances lived meanwhile.
        case alone
    }

    /// Gives up when it has taken too long. Returns how the hold that was in force has ended, or nil while it lasts.
    mutating func end(at now: MonotonicTime) -> End? {
        if now >= until { awaited = [] }
        guard !isHeld else { return nil }
        return heardAnyone ? .heard : .alone
    }
}
