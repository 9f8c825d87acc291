// Every member hears every other directly. Where two cannot reach one another but both reach a third, digests would bring the changes,
// late, and renewals not at all. So each tells with its pings whom it hears, and who misses one for a while asks a member that hears it to
// pass it on. An original, which knows nothing of this, is passed on in the same way, under the id that all derive from its address.

import Catalog

/// Decides whose changes are to be asked of which link.
struct Relaying {
    /// How long a member is missed before somebody is asked: links come and go when members start, and who asks needs a copy.
    static let patience: Int64 = 4_000

    /// Since when members are missed that others hear. Monotonic milliseconds.
    private var missedSince: [MemberID: Int64] = [:]

    /// Whom each link is to pass on.
    ///
    /// - Parameters:
    ///   - heard: the members that we hear ourselves, and this one.
    ///   - hearsay: of each link over which we hear a member, whom that one hears.
    mutating func plan(heard: Set<MemberID>, hearsay: [(link: LinkID, members: [MemberID])], at now: Int64) -> [LinkID: Set<MemberID>] {
        var missed: [MemberID: LinkID] = [:]
        for (link, members) in hearsay.sorted(by: { $0.link.number < $1.link.number }) {
            for member in members where !heard.contains(member) && missed[member] == nil { missed[member] = link }
        }
        missedSince = missedSince.filter { missed[$0.key] != nil }
        var plan: [LinkID: Set<MemberID>] = [:]
        for (member, link) in missed {
            let since = missedSince[member] ?? now
            missedSince[member] = since
            if now - since >= Self.patience { plan[link, default: []].insert(member) }
        }
        return plan
    }
}
