// Which addresses to dial, and when to try again. Waits are random up to a bound that doubles ("full jitter", M.
// Brooker, "Exponential Backoff And Jitter", 2015), so that members which lost one another at the same moment do not
// come back at the same moment, and the bound has a cap, so that a member that was away for a day is found again within
// seconds.

import Time

/// The addresses of the other members and how each stands.
struct DialTable {
    enum State: Equatable {
        case waiting(until: MonotonicTime)
        case dialing(since: MonotonicTime)
        case linked(LinkID)
        /// A legacy peer, which the shell reads.
        case original(isCopied: Bool)
        /// It leads to this member itself, and is dialed again when this time has come: behind it may be another one by
        /// then.
        case ourself(until: MonotonicTime)
        /// It leads to a member that this link leads to already.
        case duplicate(of: LinkID)
    }

    struct Entry {
        var state: State
        /// In a row. A link that did not last counts too.
        var failures = 0
        /// When somebody there was last heard: as of the last link's beginning or end. Nil when no member ever was, and
        /// after a goodbye.
        var heardAt: MonotonicTime?
        /// Whether who was heard speaks our own protocol, in which silence is noticed.
        var speaksFrames = false
        var linkedAt: MonotonicTime = .zero
        /// Whether it led to this member itself when it last led to anybody.
        var isOurs = false
        /// Why the last dial that came to something did not let us in, or we not whom it found; nil after any other end
        /// of a dial.
        var refusal: RefusalReason?
        /// Whether a whole copy came from there, and from a member that was ready; nil before the first.
        var copiedReady: Bool?
    }

    /// A dial without a report of the shell for this long counts as failed.
    private static let dialDeadline: Duration = .milliseconds(30_000)
    /// A link that lasts this long was a good one: what comes after it is a first failure.
    private static let lasting: Duration = .milliseconds(5_000)
    /// How long an address that leads to this member itself is left alone, at most: it may stand for all members, one
    /// after the other.
    static let ourselfWait: Duration = .milliseconds(30_000)
    /// How long a member that is not named is dialed after it was last connected. Longer finds one again that was cut
    /// off for longer; shorter is sooner done with one that has gone without a word.
    static let patience: Duration = .milliseconds(60_000)
    /// The shortest wait, lest a peer that hangs up at once makes a hot loop.
    private static let shortestWait: Duration = .milliseconds(20)

    private(set) var entries: [PeerAddress: Entry] = [:]
    private let limits: NodeLimits

    init(limits: NodeLimits) {
        self.limits = limits
    }

    /// The wait after this many failures in a row: random in `shortestWait ... min(cap, base × 2^(failures - 1))`.
    static func wait(failures: Int, limits: NodeLimits, random: inout any RandomNumberGenerator) -> Duration {
        let bound = Backoff.bound(limits.dialBase, doublings: failures - 1, cap: limits.dialCap)
        return Duration.random(in: shortestWait...max(shortestWait, bound), using: &random)
    }

    /// Takes the members' addresses over; gives the links to those that are none any more.
    mutating func replace(with addresses: Set<PeerAddress>, at now: MonotonicTime) -> [LinkID] {
        var orphans: [LinkID] = []
        for (address, entry) in entries where !addresses.contains(address) {
            if case .linked(let link) = entry.state { orphans.append(link) }
            entries[address] = nil
        }
        for address in addresses where entries[address] == nil { entries[address] = Entry(state: .waiting(until: now)) }
        return orphans
    }

    /// The addresses that are to be dialed now, which are then being dialed.
    mutating func due(at now: MonotonicTime, random: inout any RandomNumberGenerator) -> [PeerAddress] {
        var due: [PeerAddress] = []
        for address in entries.keys.sorted() {
            switch entries[address]?.state {
            case .waiting(let until) where now >= until, .ourself(let until) where now >= until:
                entries[address]?.state = .dialing(since: now)
                due.append(address)
            case .dialing(let since) where now - since >= Self.dialDeadline:
                failed(address, at: now, random: &random)
            default: break
            }
        }
        return due
    }

    mutating func failed(
        _ address: PeerAddress, refusal: RefusalReason? = nil, at now: MonotonicTime,
        random: inout any RandomNumberGenerator
    ) {
        guard var entry = entries[address] else { return }
        entry.failures += 1
        entry.refusal = refusal
        entry.isOurs = false
        entry.state = .waiting(until: now + Self.wait(failures: entry.failures, limits: limits, random: &random))
        entries[address] = entry
    }

    /// False when the address is not, or no longer, one to be linked to.
    mutating func linked(_ address: PeerAddress, to link: LinkID, at now: MonotonicTime) -> Bool {
        guard let entry = entries[address] else { return false }
        switch entry.state {
        case .waiting, .dialing: break
        case .linked, .original, .ourself, .duplicate: return false
        }
        entries[address]?.state = .linked(link)
        entries[address]?.linkedAt = now
        return true
    }

    /// The address leads to this member itself; returns true when it was not known.
    ///
    /// - Parameter isSearching: whether this member has no copy yet, and looks again soon: by `dialCap`, and not by
    ///   `ourselfWait`.
    mutating func leadsHome(
        _ address: PeerAddress, isSearching: Bool, at now: MonotonicTime, random: inout any RandomNumberGenerator
    ) -> Bool {
        guard var entry = entries[address] else { return false }
        let isNews = !entry.isOurs
        entry.isOurs = true
        let longest = isSearching ? max(Self.shortestWait * 2, limits.dialCap) : Self.ourselfWait
        entry.state = .ourself(until: now + Duration.random(in: longest / 2...longest, using: &random))
        entries[address] = entry
        return isNews
    }

    /// Another member is there.
    mutating func heard(_ address: PeerAddress, speaksFrames: Bool, at now: MonotonicTime) {
        entries[address]?.heardAt = now
        entries[address]?.isOurs = false
        entries[address]?.refusal = nil
        entries[address]?.speaksFrames = speaksFrames
    }

    /// The member there has said goodbye: none is missing there.
    mutating func left(_ address: PeerAddress) {
        entries[address]?.heardAt = nil
    }

    /// Addresses where a member was connected not long ago, the latest first. Not for legacy peers: of those a stream
    /// on which nothing comes may be long dead.
    func heardLately(at now: MonotonicTime) -> [PeerAddress] {
        let heard = entries.compactMap { address, entry -> (address: PeerAddress, at: MonotonicTime)? in
            guard entry.speaksFrames, let at = entry.heardAt, now - at < Self.patience else { return nil }
            return (address, at)
        }
        return heard.sorted { ($1.at, $0.address) < ($0.at, $1.address) }.map(\.address)
    }

    mutating func copied(_ address: PeerAddress, wasReady: Bool) {
        entries[address]?.copiedReady = wasReady
    }

    /// Addresses that wait have to be dialed now.
    mutating func hurry(at now: MonotonicTime) {
        for address in entries.keys { hurry(address, at: now) }
    }

    mutating func hurry(_ address: PeerAddress, at now: MonotonicTime) {
        if case .waiting = entries[address]?.state { entries[address]?.state = .waiting(until: now) }
    }

    mutating func set(_ state: State, of address: PeerAddress) {
        entries[address]?.state = state
    }

    /// A link has ended: its address is dialed again, and so are those that led to the same member.
    ///
    /// - Parameters:
    ///   - heardAt: when a member was last heard on it, if one was.
    ///   - wasLate: the next one will probably be, and cost a copy too.
    ///   - refusal: why it did not come to be one.
    mutating func ended(
        _ link: LinkID, heardAt: MonotonicTime?, wasLate: Bool = false, refusal: RefusalReason? = nil,
        at now: MonotonicTime,
        random: inout any RandomNumberGenerator
    ) {
        for (address, entry) in entries {
            if entry.state == .linked(link) {
                // Not after a goodbye.
                if let heardAt, entry.heardAt != nil { entries[address]?.heardAt = heardAt }
                if now - entry.linkedAt >= Self.lasting, !wasLate { entries[address]?.failures = 0 }
                failed(address, refusal: refusal, at: now, random: &random)
            } else if entry.state == .duplicate(of: link) {
                entries[address]?.state = .waiting(until: now)
            }
        }
    }
}
