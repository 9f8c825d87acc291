// The calls of one loop that wait before it is known who asks: for a turn of their own, since to verify a signature takes
// longer than to answer most requests, or for the issuer, which may have a new key. Both are bounded apart from what else
// waits, because anybody can send a token.

extension KeptReplies {
    /// How many calls may wait for their signatures to be verified, and how many for the issuer.
    static let mostUnverified = 1_000
    static let mostAtIssuer = 1_000

    /// Whether a call may wait for a turn of its own; it is counted then.
    func mayWaitUnverified(_ kept: KeptCall) -> Bool {
        guard kept.isUnverified else { return true }
        guard unverified < Self.mostUnverified else { return false }
        unverified += 1
        return true
    }

    /// A call has its turn.
    func noteTurn(of kept: KeptCall) { if kept.isUnverified { unverified -= 1 } }

    /// The issuer has answered, or cannot.
    package func issuerAnswered() {
        let tickets = atIssuer.sorted()
        atIssuer = []
        for kept in tickets.compactMap({ table.waiter($0) }) { deliver(kept, .come) }
    }
}

extension KeptCall {
    /// Whether it waits for a turn in which its credential is verified.
    fileprivate var isUnverified: Bool { if case .admission(.turn) = next { true } else { false } }
}
