// Missing heartbeats of an instance that sends them to another member mean nothing while that member is not connected.
// So when another member falls silent, nothing that was last renewed elsewhere runs out until it has shown what that
// means: that others pass on its changes, that no member is connected to it, or that it is this member that is cut off.
// In the last case what the others vouched for is kept for as long as the operator allows.
//
//   whole ── somebody is silent ──► unsure ── it is heard again, or through others; or it is gone ──► whole
//                                     └── too few of the others are heard, for a while ──► cut off ── enough are, or time is up ──► whole

import Catalog
import Time

/// Decides whether enough of the other members are connected.
struct Hearing {
    /// How long after the loss of a link others may report that they are connected to its member, in milliseconds: in a
    /// chain of members each has to learn of a path before it can report it to the next.
    static let patience: Duration = .milliseconds(2_000)
    /// How long, in milliseconds, one is waited for that others hear: until what it says comes through them, all that
    /// was missed included.
    static let relayPatience: Duration = .milliseconds(30_000)
    /// How long too few must be connected, in milliseconds, until that is reported.
    static let cutOffPatience: Duration = .milliseconds(3_000)
    /// How much longer than they count members are remembered, in milliseconds: that their time is up does not mean
    /// that they are connected.
    private static let margin: Duration = .milliseconds(10_000)
    /// The members that are remembered at most.
    private static let limit = 1_024

    /// What is known of the links.
    struct Sight {
        /// Whose changes come in, directly or through others, all that they said before included; and where they are,
        /// if that is known.
        var heard: [MemberID: PeerAddress?] = [:]
        /// The members to which a link is open, although it may come to nothing.
        var linked: Set<MemberID> = []
        /// The members to which others are connected.
        var claimed: Set<MemberID> = []
        /// When a full copy last came from a member that knows which instances live.
        var trueCopies: [MemberID: MonotonicTime] = [:]
    }

    private struct Other {
        var address: PeerAddress?
        let metAt: MonotonicTime
        var heardAt: MonotonicTime
        /// Nil while it is connected.
        var missedSince: MonotonicTime?
        /// Nil while it is connected, linked, or connected to others.
        var lostSince: MonotonicTime?
    }

    /// How many members there should be in addition to this one; nil when it is not set.
    let expected: Int?
    /// Whether leases are held while too few are connected.
    let holdsWhenCutOff: Bool
    /// How long a member counts after it was last connected, and how long leases are held, in milliseconds.
    let longestHold: Duration

    private var others: [MemberID: Other] = [:]
    /// Since when too few are connected. Monotonic milliseconds.
    private var fewSince: MonotonicTime?
    /// Whether leases were held because too few were connected, and not all was whole since.
    private var wasCutOff = false
    private(set) var verdict = PeerHearing.whole(restarts: false)

    init(expected: Int?, holdsWhenCutOff: Bool, longestHold: Duration) {
        self.expected = expected
        self.holdsWhenCutOff = holdsWhenCutOff
        self.longestHold = longestHold
    }

    /// How many members count, and how many of them are connected.
    var counts: (heard: Int, others: Int) {
        (others.values.count { $0.missedSince == nil }, max(others.count, expected ?? 0))
    }

    /// It has said goodbye.
    mutating func left(_ member: MemberID) { others[member] = nil }

    /// Returns the state when it has changed.
    mutating func judge(_ sight: Sight, at now: MonotonicTime) -> PeerHearing? {
        for (member, address) in sight.heard { meet(member, at: address, now) }
        var isUnsure = false
        for (member, other) in others where sight.heard[member] == nil {
            guard now - other.heardAt < longestHold + Self.margin else {
                others[member] = nil
                continue
            }
            let since = other.missedSince ?? now
            others[member]?.missedSince = since
            let isLost = !sight.linked.contains(member) && !sight.claimed.contains(member)
            others[member]?.lostSince = isLost ? other.lostSince ?? now : nil
            if isAwaited(member, missedSince: since, lostSince: others[member]?.lostSince, sight, at: now) {
                isUnsure = true
            }
        }
        if others.count > Self.limit, let oldest = others.min(by: { $0.value.heardAt < $1.value.heardAt }) {
            others[oldest.key] = nil
        }
        let new = verdict(isUnsure: isUnsure, sight, at: now)
        guard new != verdict else { return nil }
        verdict = new
        return new
    }

    private mutating func meet(_ member: MemberID, at address: PeerAddress?, _ now: MonotonicTime) {
        if others[member] == nil {
            // The member that was connected there before is no more.
            if let address { others = others.filter { $0.value.address != address } }
            others[member] = Other(metAt: now, heardAt: now)
        }
        if let address { others[member]?.address = address }
        others[member]?.heardAt = now
        others[member]?.missedSince = nil
        others[member]?.lostSince = nil
    }

    /// Whether it will show why a member is not connected.
    private func isAwaited(
        _ member: MemberID, missedSince: MonotonicTime, lostSince: MonotonicTime?, _ sight: Sight, at now: MonotonicTime
    )
        -> Bool
    {
        // A silent link is closed soon, and a new one is whole when its copy is.
        if sight.linked.contains(member) { return true }
        guard let lostSince else { return now - missedSince < Self.relayPatience }
        return now - lostSince < Self.patience
    }

    private mutating func verdict(isUnsure: Bool, _ sight: Sight, at now: MonotonicTime) -> PeerHearing {
        let reachable = others.count { $0.value.missedSince == nil || sight.linked.contains($0.key) }
        guard holdsWhenCutOff, !others.isEmpty, 2 * reachable < counts.others else {
            return backToWhole(isUnsure, sight, at: now)
        }
        let since = fewSince ?? now
        fewSince = since
        let until = since + longestHold
        guard now < until else {
            wasCutOff = false
            return isUnsure ? .unsure : .whole(restarts: false)
        }
        guard now - since >= Self.cutOffPatience else { return .unsure }
        wasCutOff = true
        return .cutOff(since: since, until: until)
    }

    private mutating func backToWhole(_ isUnsure: Bool, _ sight: Sight, at now: MonotonicTime) -> PeerHearing {
        guard !isUnsure else {
            if case .cutOff(_, let until) = verdict, now < until { return verdict }
            return .unsure
        }
        // A member that ran all the time knows the heartbeats that were sent meanwhile. If none like that has published
        // to this member, they are unknown: a member that was started since may have its state from this one.
        let isKnown = others.contains { member, other in
            fewSince.map { other.metAt <= $0 && sight.trueCopies[member] ?? .distantPast >= $0 } ?? true
        }
        defer { (fewSince, wasCutOff) = (nil, false) }
        return .whole(restarts: wasCutOff && !isKnown)
    }
}
