// A member that was stopped for a minute has heard no heartbeat in that minute; its peers have. Before anything expires here, they are
// heard: those still linked have answered a ping that was sent after the pause, behind all that was on its way, and the others have been
// copied anew.

/// The wait for the peers after a pause of this process.
struct LeaseHold {
    /// The addresses that were heard before the pause, and are to be heard again. Invariant: empty when not held.
    private(set) var awaited: Set<PeerAddress> = []
    private var heardAnyone = false
    private var until: Int64 = 0

    var isHeld: Bool { !awaited.isEmpty }

    /// True when the leases are to be held from now on.
    mutating func begin(awaiting peers: Set<PeerAddress>, atMost limit: Int64, at now: Int64) -> Bool {
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

    /// It is not there to be heard.
    mutating func gone(_ address: PeerAddress) {
        awaited.remove(address)
    }

    enum End {
        /// Peers were heard: what they did not keep alive may go.
        case heard
        /// Nobody was: nobody can tell who was alive meanwhile.
        case alone
    }

    /// Gives up when it has taken too long. Returns how the hold that was in force has ended, or nil while it lasts.
    mutating func end(at now: Int64) -> End? {
        if now >= until { awaited = [] }
        guard !isHeld else { return nil }
        return heardAnyone ? .heard : .alone
    }
}
