// What a member does not hear of an instance that sends its heartbeats elsewhere says nothing as long as it does not hear that elsewhere. So when another
// member falls silent, nothing that was last renewed elsewhere runs out until it has shown what that means: that it is heard through others, that nobody
// hears it, or that it is this member that is cut off. In the last case what the others vouched for is kept for as long as the operator allows.
//
//   whole ── somebody is silent ──► unsure ── it is heard again, or through others; or it is gone ──► whole
//                                     └── too few of the others are heard, for a while ──► cut off ── enough are, or time is up ──► whole

import Catalog

/// Judges whether enough of the other members are heard.
struct Hearing {
    /// How long after a link was lost others may come to say that they hear its member, in milliseconds: on a chain of members each has to learn of a path
    /// before it can tell the next one.
    static let patience: Int64 = 2_000
    /// How long, in milliseconds, one is waited for that others hear: until what it says comes through them, all that was missed included.
    static let relayPatience: Int64 = 30_000
    /// How long too few must be heard, in milliseconds, until that is said.
    static let cutOffPatience: Int64 = 3_000
    /// How much longer than they count members are remembered, in milliseconds: that their time is up is not that they are heard.
    private static let margin: Int64 = 10_000
    /// The members that are remembered at most.
    private static let limit = 1_024

    /// What is known of the links.
    struct Sight {
        /// Whose changes come in, directly or through others, all that they said before included; and where they are, if that is known.
        var heard: [MemberID: PeerAddress?] = [:]
        /// To whom a link of ours is open, though nothing may come of it.
        var linked: Set<MemberID> = []
        /// Whom others hear.
        var claimed: Set<MemberID> = []
        /// When a whole copy last came from a member that says that it knows who is alive, in monotonic milliseconds.
        var trueCopies: [MemberID: Int64] = [:]
    }

    private struct Other {
        var address: PeerAddress?
        let metAt: Int64
        var heardAt: Int64
        /// Nil while it is heard.
        var missedSince: Int64?
        /// Nil while it is heard, linked, or heard by others.
        var lostSince: Int64?
    }

    /// How many members there should be beside this one; nil when nobody said.
    let expected: Int?
    /// Whether leases are held while too few are heard.
    let holdsWhenCutOff: Bool
    /// How long a member counts after it was last heard, and how long leases are held, in milliseconds.
    let longestHold: Int64

    private var others: [MemberID: Other] = [:]
    /// Since when too few are heard. Monotonic milliseconds.
    private var fewSince: Int64?
    /// Whether leases were held for too few being heard, and not all was whole since.
    private var wasCutOff = false
    private(set) var verdict = PeerHearing.whole(restarts: false)

    init(expected: Int?, holdsWhenCutOff: Bool, longestHold: Int64) {
        self.expected = expected
        self.holdsWhenCutOff = holdsWhenCutOff
        self.longestHold = longestHold
    }

    /// How many members count, and how many of them are heard.
    var counts: (heard: Int, others: Int) {
        (others.values.count { $0.missedSince == nil }, max(others.count, expected ?? 0))
    }

    /// It has said goodbye.
    mutating func left(_ member: MemberID) { others[member] = nil }

    /// Returns how things stand when that is news.
    mutating func judge(_ sight: Sight, at now: Int64) -> PeerHearing? {
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
            if isAwaited(member, missedSince: since, lostSince: others[member]?.lostSince, sight, at: now) { isUnsure = true }
        }
        if others.count > Self.limit, let oldest = others.min(by: { $0.value.heardAt < $1.value.heardAt }) { others[oldest.key] = nil }
        let new = verdict(isUnsure: isUnsure, sight, at: now)
        guard new != verdict else { return nil }
        verdict = new
        return new
    }

    private mutating func meet(_ member: MemberID, at address: PeerAddress?, _ now: Int64) {
        if others[member] == nil {
            // Whoever was heard there before is no more.
            if let address { others = others.filter { $0.value.address != address } }
            others[member] = Other(metAt: now, heardAt: now)
        }
        if let address { others[member]?.address = address }
        others[member]?.heardAt = now
        others[member]?.missedSince = nil
        others[member]?.lostSince = nil
    }

    /// Whether it will show what it means that a member is not heard.
    private func isAwaited(_ member: MemberID, missedSince: Int64, lostSince: Int64?, _ sight: Sight, at now: Int64) -> Bool {
        // A silent link is closed soon, and a new one is whole when its copy is.
        if sight.linked.contains(member) { return true }
        guard let lostSince else { return now - missedSince < Self.relayPatience }
        return now - lostSince < Self.patience
    }

    private mutating func verdict(isUnsure: Bool, _ sight: Sight, at now: Int64) -> PeerHearing {
        let reachable = others.count { $0.value.missedSince == nil || sight.linked.contains($0.key) }
        guard holdsWhenCutOff, !others.isEmpty, 2 * reachable < counts.others else { return backToWhole(isUnsure, sight, at: now) }
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

    private mutating func backToWhole(_ isUnsure: Bool, _ sight: Sight, at now: Int64) -> PeerHearing {
        guard !isUnsure else {
            if case .cutOff(_, let until) = verdict, now < until { return verdict }
            return .unsure
        }
        // What was sent meanwhile is known to whoever was there all the time. If nobody like that has told us, nobody could have known: who has been
        // started since may have what it has from us.
        let isKnown = others.contains { member, other in
            fewSince.map { other.metAt <= $0 && sight.trueCopies[member] ?? .min >= $0 } ?? true
        }
        defer { (fewSince, wasCutOff) = (nil, false) }
        return .whole(restarts: wasCutOff && !isKnown)
    }
}
