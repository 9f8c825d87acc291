// Who the others are, by address: those that membership names, how each of them stands with us, and what is remembered
// of those that are gone.

import Time

/// The addresses of the other members. A value of the node's thread.
struct KnownMembers {
    /// How often a refusal is worth a line of the log: unauthenticated peers may come as often as they like.
    static let refusalNotePeriod: Duration = .milliseconds(1_000)

    /// Where this member is.
    private let own: PeerAddress
    var dials: DialTable
    var memory = MemberMemory()
    /// The addresses that membership names. Others are dialed too: see `Node.unnamed`.
    private(set) var named: Set<PeerAddress> = []
    /// Whether these were ever all that there are.
    private(set) var isComplete = false
    /// The legacy peers that are subscribed to this member.
    private var originalReaders: Set<PeerAddress> = []
    private var nextRefusalNote: MonotonicTime = .zero

    init(own: PeerAddress, limits: NodeLimits) {
        self.own = own
        dials = DialTable(limits: limits)
    }

    /// - Parameter isComplete: whether these are all, as far as anybody can know; once they were, they are taken to be.
    mutating func name(_ addresses: Set<PeerAddress>, isComplete: Bool) {
        named = addresses
        if isComplete { self.isComplete = true }
    }

    /// Dials those that are named and these, and nobody else; returns the links to those that are not members any more.
    mutating func dialNamed(and unnamed: ArraySlice<PeerAddress>, at now: MonotonicTime) -> [LinkID] {
        dials.replace(with: named.union(unnamed).subtracting([own]), at: now)
    }

    /// The members that run the original and whose changes come in.
    var connectedOriginals: [PeerAddress] {
        dials.entries.compactMap { address, entry in if case .original = entry.state { address } else { nil } }
    }

    /// Those who may know what happened while this member was paused.
    var mayHaveHeard: Set<PeerAddress> {
        let peers = dials.entries.filter { _, entry in
            switch entry.state {
            case .waiting, .dialing, .linked:
                entry.speaksFrames && entry.heardAt != nil && entry.failures < Readiness.vainDials
            case .original, .ourself, .duplicate: false
            }
        }
        return Set(peers.keys)
    }

    // MARK: - Refusals

    /// Why none of those that membership names lets this member in; nil when one does, or may yet, or nobody refuses
    /// it. Whom nobody names does not count: an unauthenticated peer must not keep a member from being ready. Nor does,
    /// for a member that is not ready, who is not there: of two others one may be dead, and the one that refuses has
    /// everything.
    func refusalByAll(isReady: Bool) -> RefusalReason? {
        var first: RefusalReason?
        for address in named.sorted() {
            guard let entry = dials.entries[address], !entry.isOurs else { continue }
            switch entry.state {
            case .ourself, .duplicate: continue
            case .waiting, .dialing:
                if entry.refusal == nil, !isReady, entry.failures >= Readiness.vainDials { continue }
            case .linked, .original: break
            }
            guard let refusal = entry.refusal else { return nil }
            first = first ?? refusal
        }
        return first
    }

    /// Why this address refuses us, or we it, if membership names it: it is there, and may have everything.
    func refusal(at address: PeerAddress) -> RefusalReason? {
        named.contains(address) ? dials.entries[address]?.refusal : nil
    }

    /// Whether it is known already that this address refuses us, or we it, for that reason: dials come every few
    /// seconds, and one line is enough.
    func isKnown(_ refusal: RefusalReason?, at address: PeerAddress, role: LinkRole) -> Bool {
        guard role == .dialed, let refusal else { return false }
        return dials.entries[address]?.refusal == refusal
    }

    /// Whether a refusal is to be logged, which then counts as done.
    mutating func isWorthNoting(
        _ refusal: RefusalReason?, at address: PeerAddress, role: LinkRole, _ now: MonotonicTime
    )
        -> Bool
    {
        guard now >= nextRefusalNote, !isKnown(refusal, at: address, role: role) else { return false }
        nextRefusalNote = now + Self.refusalNotePeriod
        return true
    }

    // MARK: - Originals

    /// Whether the original at this address reads this member's changes.
    mutating func original(_ address: PeerAddress, reads: Bool) {
        if reads { originalReaders.insert(address) } else { originalReaders.remove(address) }
    }

    /// Those that are named and do not read from this member though they run the original, or may, as long as they have
    /// not been dialed in vain.
    var silentOriginals: [PeerAddress] {
        named.filter { address in
            guard let entry = dials.entries[address], !entry.isOurs, !originalReaders.contains(address) else {
                return false
            }
            switch entry.state {
            case .original: return true
            case .waiting, .dialing:
                return !entry.speaksFrames && entry.refusal == nil && entry.failures < Readiness.vainDials
            // Frames are spoken there.
            case .linked, .ourself, .duplicate: return false
            }
        }
    }
}

#if DEBUG
    extension KnownMembers {
        /// Sentences on what must always hold and does not. For tests, after each step.
        ///
        /// - Parameter isDialed: whether there is a link of this name that was dialed at that address.
        func checkInvariants(isDialed: (LinkID, PeerAddress?) -> Bool) -> [String] {
            var broken: [String] = []
            if dials.entries[own] != nil { broken.append("this member dials itself") }
            if memory.records.count > MemberMemory.limit { broken.append("too many members are remembered") }
            for (address, entry) in dials.entries {
                switch entry.state {
                case .linked(let link): if !isDialed(link, address) { broken.append("\(address) is linked by no link") }
                case .duplicate(let link):
                    if !isDialed(link, nil) { broken.append("\(address) is the second of no link") }
                case .waiting, .dialing, .original, .ourself: break
                }
            }
            return broken
        }
    }
#endif
