// A member that has just started knows nothing, and a look-up answered from nothing takes every client of every service down. So it is not
// ready until it has all that there is, or can be sure that nobody is there to have more.

/// Decides when a member may answer look-ups. Pure: a table of what is known of each address in, a ground out.
struct Readiness {
    /// What is known of an address.
    enum Probe: Equatable, Sendable {
        /// Being dialed, or not yet often enough in vain.
        case pending
        /// Dialed in vain `vainDials` times or more.
        case silent
        /// Connected, its copy not yet whole.
        case copying
        /// Its copy is whole.
        case copied(wasReady: Bool)
        /// Not another member: our own address, or a second one of another.
        case irrelevant
    }

    /// So many dials in vain, in a row, make an address silent.
    static let vainDials = 2

    /// How many members there should be; nil when nobody said.
    let expected: Int?
    /// Milliseconds from `start` until a member is ready whoever answers.
    let timeout: Int64
    /// In monotonic milliseconds.
    let start: Int64

    /// The ground on which a member is ready, or nil while it is not.
    ///
    /// - isMembershipKnown: whether anybody has said yet who the members are.
    /// - hasAnswered: whether any other member has ever answered.
    func ground(
        _ probes: [PeerAddress: Probe], isMembershipKnown: Bool, hasAnswered: Bool, at now: Int64
    ) -> ReadinessGround? {
        let others = probes.filter { $0.value != .irrelevant }
        let whole = others.filter { $0.value == .copied(wasReady: true) }.keys.min()
        if let whole { return .copied(from: whole) }
        let started = others.values.count { $0 == .copied(wasReady: false) }
        let isSettled = others.values.allSatisfy { $0 == .silent || $0 == .copied(wasReady: false) }
        // All that answer have told all they have. Whoever expects more members than these waits for them to show.
        if started > 0, isSettled, started + 1 >= expected ?? 0 { return .startedTogether(members: started + 1) }
        if isMembershipKnown, others.isEmpty, expected == 1 { return .alone }
        // Somebody is there and telling: what it has is worth waiting for, and if it goes silent, its link is closed.
        guard now - start >= timeout, !others.values.contains(.copying) else { return nil }
        return started > 0 ? .startedTogether(members: started + 1) : .timeout(peersAnswered: hasAnswered)
    }
}
