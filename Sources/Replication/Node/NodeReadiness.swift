// When this member answers look-ups, and when it asks for traffic: what is known of each address, put before `Readiness` and `ReadinessGate`.

extension Node {
    func judgeReadiness(at time: NodeTime) {
        guard !isLeaving else { return }
        let refusal = refusalByAll
        tellRefusal(refusal)
        judgeGround(isRefused: refusal != nil, at: time)
        judgeServing(at: time)
        let known = ReadinessGate.Knowledge(
            ground: ground, linkingUntil: isServing ? nil : groundAt.map { $0 + limits.linkingTime }, awaitsDirectory: awaitsDirectory,
            refusal: refusal, isAnswered: lastAnswer != nil, awaitsOriginals: !gate.report.isReady && awaitsOriginals,
            deadline: readiness.end(lastAnswer: ground == nil ? lastRefusal : nil))
        guard let report = gate.judge(known, at: time.monotonic) else { return }
        directives.append(.readiness(report))
        if report.isReady, known.awaitsOriginals { note(.originalsOverdue(silentOriginals.sorted())) }
    }

    private func judgeGround(isRefused: Bool, at time: NodeTime) {
        guard ground == nil else { return }
        let found = readiness.ground(
            dials.entries.mapValues { probe($0, at: time.monotonic) }, isMembershipKnown: isMembershipKnown,
            lastAnswer: [lastAnswer, lastRefusal].compactMap(\.self).max(), at: time.monotonic)
        // Neither who is refused nor who cannot see whom to ask may conclude from silence that nobody has more.
        let mayConclude = !isRefused && !awaitsDirectory
        if mayConclude { ground = found } else if case .copied? = found { ground = found }
        guard let ground else {
            if readiness.isOverdue(at: time.monotonic), lastAnswer != nil, !isOverdueTold {
                isOverdueTold = true
                note(.copyOverdue)
            }
            return
        }
        groundAt = time.monotonic
        // At once, so that others who are starting need not wait for the next, and those who tell us changes begin to wait for us.
        for link in sortedLinks() where link.peer != nil { ping(link, at: time) }
    }

    /// What a client is told here must be known wherever the next answer may come from. So a member that has just started acknowledges no change before
    /// those that answer clients read from it, as far as there are any.
    func judgeReach(at time: NodeTime) {
        guard isReaching else { return }
        let reachesAll = isMembershipKnown && dials.entries.values.allSatisfy { isReached($0, at: time) } && readersNotHeard.isEmpty
        guard reachesAll || time.monotonic >= reachingUntil else { return }
        isReaching = false
        reached(at: time)
    }

    /// A copy says what was acknowledged before it, and nothing of what comes after. So look-ups are answered when each member that answers them too
    /// waits for this one, and this one for it.
    private func judgeServing(at time: NodeTime) {
        guard let ground, let groundAt, !isServing else { return }
        let missing = Set(dials.entries.filter { !isLinked($0.value, at: time) }.keys).union(readersNotHeard)
        guard isMembershipKnown && missing.isEmpty || time.monotonic - groundAt >= limits.linkingTime else { return }
        isServing = true
        directives.append(.becameReady(ground))
        note(.ready(ground))
        if !missing.isEmpty { note(.linkingOverdue(missing.sorted())) }
    }

    /// Whether this member waits for the one at that address, or never will, or nobody is there.
    private func isReached(_ entry: DialTable.Entry, at time: NodeTime) -> Bool {
        switch probe(entry, at: time.monotonic) {
        case .irrelevant, .silent: return true
        case .pending, .interrupted: return false
        case .copying, .copied: break
        }
        // The original, and members of the release before, are never waited for.
        guard case .linked(let id) = entry.state, let link = links[id], link.isAcknowledging else { return true }
        guard let beat = link.beat, link.beganReady != nil else { return false }
        // One that answers no look-ups yet will reach us before it does.
        guard beat.isReady, limits.acknowledges else { return true }
        return links.values.contains { $0.peer?.member == link.peer?.member && $0.attendance?.isWaitedFor == true }
    }

    /// Whether this member and the one at that address wait for each other, or neither ever will.
    private func isLinked(_ entry: DialTable.Entry, at time: NodeTime) -> Bool {
        guard isReached(entry, at: time) else { return false }
        if case .copying = probe(entry, at: time.monotonic) { return false }
        guard case .linked(let id) = entry.state, let link = links[id], link.isAcknowledging, link.beat?.isReady == true else {
            return true
        }
        return link.notice != .leftOut
    }

    /// Members that read from this one and are not heard yet: they are there, though their addresses may have been dialed in vain before they were.
    private var readersNotHeard: Set<PeerAddress> {
        let heard = Set(links.values.compactMap { $0.role == .dialed ? $0.peer?.member : nil })
        let readers = links.values.lazy.filter { $0.publisher?.isSubscribed == true }.compactMap(\.peer)
        return Set(readers.filter { $0.member != self.configuration.member && !heard.contains($0.member) }.map(\.address))
    }

    private func probe(_ entry: DialTable.Entry, at now: Int64) -> Readiness.Probe {
        guard !entry.isOurs else { return .irrelevant }
        let wasInterrupted = entry.copiedReady == nil && entry.heardAt.map { now - $0 < readiness.silence } ?? false
        switch entry.state {
        case .ourself, .duplicate: return .irrelevant
        case .original(let isCopied): return isCopied ? .copied(wasReady: true) : .copying
        case .linked(let id):
            guard let subscriber = links[id]?.subscriber else { return wasInterrupted ? .interrupted : .pending }
            guard subscriber.isStreaming, let wasReady = entry.copiedReady else { return .copying }
            return .copied(wasReady: wasReady)
        case .waiting, .dialing:
            if wasInterrupted { return .interrupted }
            return entry.failures >= Readiness.vainDials ? .silent : .pending
        }
    }

    // MARK: - Refusals

    /// Why none of those that membership names lets this member in; nil when one does, or may yet, or nobody refuses it. Whom nobody names does not
    /// count: a stranger must not keep a member from being ready. Nor does, for a member that is not ready, who is not there: of two others one may be
    /// dead, and the one that refuses has everything.
    var refusalByAll: RefusalReason? {
        var first: RefusalReason?
        for address in named.sorted() {
            guard let entry = dials.entries[address], !entry.isOurs else { continue }
            switch entry.state {
            case .ourself, .duplicate: continue
            case .waiting, .dialing:
                if entry.refusal == nil, ground == nil, entry.failures >= Readiness.vainDials { continue }
            case .linked, .original: break
            }
            guard let refusal = entry.refusal else { return nil }
            first = first ?? refusal
        }
        return first
    }

    /// A dial has ended with a refusal.
    func refused(at address: PeerAddress, at time: NodeTime) {
        if named.contains(address) { lastRefusal = time.monotonic }
    }

    /// Once, until a member has let this one in: what comes between two refusals may be no more than a dial that took too long.
    private func tellRefusal(_ refusal: RefusalReason?) {
        guard let refusal else {
            if toldRefusal != nil, links.values.contains(where: { $0.subscriber != nil }) { toldRefusal = nil }
            return
        }
        guard refusal != toldRefusal else { return }
        toldRefusal = refusal
        note(.refusedByAll(refusal, answersLookups: isServing))
    }

    /// Whether it is known already that this address refuses us, or we it, for that reason: dials come every few seconds, and one line is enough.
    func isKnownRefusal(_ link: Link, _ reason: CloseReason) -> Bool {
        guard link.role == .dialed, let refusal = reason.refusal else { return false }
        return dials.entries[link.address]?.refusal == refusal
    }

    // MARK: - Originals

    /// Only the shared directory leads originals to members and back.
    private var awaitsOriginals: Bool {
        guard configuration.offersOriginals, configuration.usesDirectory else { return false }
        return !silentOriginals.isEmpty
    }

    /// Those that are named and do not read from this member though they run the original, or may, as long as they have not been dialed in vain.
    private var silentOriginals: [PeerAddress] {
        named.filter { address in
            guard let entry = dials.entries[address], !entry.isOurs, !originalReaders.contains(address) else { return false }
            switch entry.state {
            case .original: return true
            case .waiting, .dialing: return !entry.speaksFrames && entry.refusal == nil && entry.failures < Readiness.vainDials
            // Frames are spoken there.
            case .linked, .ourself, .duplicate: return false
            }
        }
    }
}

extension CloseReason {
    /// Why one end did not let the other in; nil when the link has ended for another reason.
    var refusal: RefusalReason? {
        switch self {
        case .refused(let reason), .refusedBy(let reason): reason
        case .malformed, .silent, .deaf, .ourself, .late, .duplicate, .leaving, .notMember: nil
        }
    }
}
