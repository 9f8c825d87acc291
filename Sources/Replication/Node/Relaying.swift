// Every member receives from every other directly. Where two cannot reach one another but a path of others leads from
// one to the other, digests would bring the changes, late, and renewals not at all. So each tells whom it hears (with
// its pings) and whom it reaches through others (`Frame.reaches`), and who misses one asks the neighbour on the
// shortest path to pass it on. An original, which knows nothing of this, is passed on in the same way, under the id
// that all derive from its address.
//
// Source: distance vectors with split horizon, as in C. Hedrick, RFC 1058, 1988. A path is as long as members are many
// at most, so that what goes in circles is counted out at `farthest`, and news is told at once. A member passes on only
// what was new to itself, so that even a circle would carry nothing round twice.

import Catalog
import Time

/// Decides whose changes are to be asked of which link.
struct Relaying {
    /// How long a member is missed that was never heard here before somebody is asked for it, in milliseconds: links
    /// come and go when members start, and who asks needs a copy.
    static let patience: Duration = .milliseconds(2_000)
    /// The same of one that was heard: as long as others take to tell that they have lost it too.
    static let shortPatience: Duration = .milliseconds(300)
    /// The most members between a member and one that it reaches.
    static let farthest = 8
    /// How long members that were connected are remembered, in milliseconds.
    private static let memory: Duration = .milliseconds(600_000)

    /// What a neighbour says of whom it hears.
    struct Neighbor {
        let link: LinkID
        /// The members that it hears, with how many are between: 0 for its own links.
        var reaches: [MemberID: Int]
    }

    struct Route: Equatable {
        let link: LinkID
        /// The members between.
        let hops: Int
    }

    /// Through which members the missing ones are reached. Invariant: nobody who is heard directly.
    private(set) var routes: [MemberID: Route] = [:]
    /// Since when members are missing to which others are connected. Monotonic milliseconds.
    private var missedSince: [MemberID: MonotonicTime] = [:]
    /// When members were last connected. Monotonic milliseconds.
    private var heardAt: [MemberID: MonotonicTime] = [:]
    /// Whom we hear, as the others were last told.
    private var toldHeard: Set<MemberID> = []

    /// The others are told whom we hear. Returns whether that is news to them.
    mutating func tell(_ heard: Set<MemberID>) -> Bool {
        defer { toldHeard = heard }
        return heard != toldHeard
    }

    /// The members whose changes each link passes on.
    ///
    /// - Parameters:
    ///   - heard: the members that we hear ourselves, and this one.
    ///   - neighbors: each link over which we hear a member, and whom that one hears.
    mutating func plan(heard: Set<MemberID>, neighbors: [Neighbor], at now: MonotonicTime) -> [LinkID: Set<MemberID>] {
        for member in heard { heardAt[member] = now }
        var best: [MemberID: Route] = [:]
        for neighbor in neighbors.sorted(by: { $0.link.number < $1.link.number }) {
            for (member, between) in neighbor.reaches where !heard.contains(member) && between < Self.farthest {
                let route = Route(link: neighbor.link, hops: between + 1)
                // Of paths of one length the one in use stays: another one costs a copy.
                let isBetter =
                    best[member].map { route.hops < $0.hops || route.hops == $0.hops && route == routes[member] }
                    ?? true
                if isBetter { best[member] = route }
            }
        }
        missedSince = missedSince.filter { best[$0.key] != nil }
        for member in best.keys where missedSince[member] == nil { missedSince[member] = now }
        routes = best.filter { member, _ in
            now - (missedSince[member] ?? now) >= (heardAt[member] == nil ? Self.patience : Self.shortPatience)
        }
        for member in routes.keys { heardAt[member] = now }
        if heardAt.count > 2 * heard.count + routes.count { heardAt = heardAt.filter { now - $0.value < Self.memory } }
        var plan: [LinkID: Set<MemberID>] = [:]
        for (member, route) in routes { plan[route.link, default: []].insert(member) }
        return plan
    }
}
