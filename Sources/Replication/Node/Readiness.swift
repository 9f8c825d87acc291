// A member that has just started knows nothing, and a look-up answered from nothing takes every client of every service
// down. So it is not ready until it has all that there is, or can be sure that nobody is there to have more.

import Time

/// Decides when a member may answer look-ups. Pure: a table of what is known of each address in, a ground out.
struct Readiness {
    /// What is known of an address.
    enum Probe: Equatable, Sendable {
        /// Being dialed, or not yet often enough in vain.
        case pending
        /// Dialed in vain `vainDials` times or more.
        case silent
        /// It is there, and does not let this member in, or is not let in.
        case refusing
        /// Connected, its copy not yet whole.
        case copying
        /// A member was heard there within `silence`, and has not given its whole copy.
        case interrupted
        /// Its copy is whole.
        case copied(wasReady: Bool)
        /// Not another member: our own address, or a second one of another.
        case irrelevant
    }

    /// This many failed dials in a row make an address silent.
    static let vainDials = 2

    /// How many members there should be; nil when it is not set.
    let expected: Int?
    /// Milliseconds from `start` until a member is ready if no other has answered.
    let timeout: Duration
    /// If somebody has, the milliseconds for which nobody must have answered any more.
    let silence: Duration
    /// Since when somebody could have answered, in monotonic milliseconds: the member's start, or when it could first
    /// see whom to ask.
    var start: MonotonicTime

    /// The ground on which a member is ready, or nil while it is not.
    ///
    /// - isMembershipKnown: whether every way to find members has told of all that it could know of.
    /// - lastAnswer: when any other member was last heard, wherever, or has refused this one; nil when none ever was.
    func ground(
        _ probes: [PeerAddress: Probe], isMembershipKnown: Bool, lastAnswer: MonotonicTime?, at now: MonotonicTime
    ) -> ReadinessGround? {
        let others = probes.filter { $0.value != .irrelevant }
        let whole = others.filter { $0.value == .copied(wasReady: true) }.keys.min()
        if let whole { return .copied(from: whole) }
        let started = others.values.count { $0 == .copied(wasReady: false) }
        let isSettled = others.values.allSatisfy { $0 == .silent || $0 == .copied(wasReady: false) }
        // All that answer have published all they have. Whoever expects more members than these waits for them to show,
        // and so does whoever has not yet heard of all that there are: one of those to come may have everything.
        if isMembershipKnown, started > 0, isSettled, started + 1 >= expected ?? 0 {
            return .startedTogether(members: started + 1)
        }
        // An address that leads back here may stand for all members, one after the other.
        if isMembershipKnown, others.isEmpty, expected == 1, probes.isEmpty || isOverdue(at: now) { return .alone }
        // Somebody is there and telling: what it has is worth waiting for, and if it goes silent, its link is closed.
        // Whoever hangs up in the middle, however often, is there too, and will be asked again.
        guard isOverdue(at: now), !others.values.contains(where: { $0 == .copying || $0 == .interrupted }) else {
            return nil
        }
        if started > 0 { return .startedTogether(members: started + 1) }
        // One that is no longer among them (it has said goodbye, or nobody names it) may come back in time, or another
        // with what it had.
        if let lastAnswer, now - lastAnswer < silence { return nil }
        return .timeout(peersAnswered: lastAnswer != nil)
    }

    /// Whether being ready has taken long enough to be logged.
    func isOverdue(at now: MonotonicTime) -> Bool { now - start >= timeout }

    /// When the member is ready if from now on nobody answers.
    func end(lastAnswer: MonotonicTime?) -> MonotonicTime {
        max(start + timeout, lastAnswer.map { $0 + silence } ?? .distantPast)
    }
}
