// When this member answers look-ups, and when it asks for traffic: what is known of each address and link, put before
// `Startup`.

import Time

extension Node {
    func judgeReadiness(at time: NodeTime) {
        guard !isLeaving else { return }
        let refusal = refusalByAll
        let isLetIn = { self.links.values.contains { $0.subscriber != nil } }
        if let told = startup.tell(refusal, isLetIn: isLetIn()) {
            note(.refusedByAll(told, answersLookups: startup.isServing))
        }
        judgeGround(isRefused: refusal != nil, at: time)
        judgeServing(at: time)
        let awaitsOriginals = !startup.report.isReady && self.awaitsOriginals
        guard let report = startup.judgeTraffic(refusal: refusal, awaitsOriginals: awaitsOriginals, at: time.monotonic)
        else { return }
        directives.append(.readiness(report))
        if report.isReady, awaitsOriginals { note(.originalsOverdue(known.silentOriginals.sorted())) }
    }

    private func judgeGround(isRefused: Bool, at time: NodeTime) {
        guard startup.ground == nil else { return }
        var probes = known.dials.entries.mapValues { probe($0, at: time.monotonic) }
        let refusing = probes.keys.filter { [.pending, .silent].contains(probes[$0]) && known.refusal(at: $0) != nil }
        for address in refusing { probes[address] = .refusing }
        switch startup.judgeGround(
            probes, isMembershipKnown: known.isComplete, isRefused: isRefused, at: time.monotonic)
        {
        case .found:
            // At once, so that others who are starting need not wait for the next, and those who tell us changes begin
            // to wait for us.
            for link in sortedLinks() where link.peer != nil { ping(link, at: time) }
            if case .startedTogether = startup.ground, let first = refusing.min(), let reason = known.refusal(at: first)
            {
                note(.startedBeside(refusing.sorted(), reason))
            }
        case .overdue: note(.copyOverdue)
        case nil: break
        }
    }

    /// What a client is told here must be known wherever the next answer may come from. So a member that has just
    /// started acknowledges no change before those that answer clients read from it, as far as there are any.
    func judgeReach(at time: NodeTime) {
        guard startup.isReaching else { return }
        let reachesAll =
            known.isComplete && known.dials.entries.values.allSatisfy { isReached($0, at: time) }
            && readersNotHeard.isEmpty
        if startup.judgeReach(reachesAll: reachesAll, at: time.monotonic) { reached(at: time) }
    }

    /// A copy says what was acknowledged before it, and nothing of what comes after. So look-ups are answered when each
    /// member that answers them too waits for this one, and this one for it.
    private func judgeServing(at time: NodeTime) {
        guard startup.ground != nil, !startup.isServing else { return }
        let missing = Set(known.dials.entries.filter { !isLinked($0.value, at: time) }.keys).union(readersNotHeard)
        guard let ground = startup.judgeServing(isLinked: known.isComplete && missing.isEmpty, at: time.monotonic)
        else { return }
        directives.append(.becameReady(ground))
        note(.ready(ground))
        if !missing.isEmpty { note(.linkingOverdue(missing.sorted())) }
    }

    /// Whether this member waits for the one at that address, or never will, or nobody is there.
    private func isReached(_ entry: DialTable.Entry, at time: NodeTime) -> Bool {
        switch probe(entry, at: time.monotonic) {
        case .irrelevant, .silent, .refusing: return true
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
        guard case .linked(let id) = entry.state, let link = links[id], link.isAcknowledging, link.beat?.isReady == true
        else {
            return true
        }
        return link.notice != .leftOut
    }

    /// Members that read from this one and are not heard yet: they are there, though their addresses may have been
    /// dialed in vain before they were.
    private var readersNotHeard: Set<PeerAddress> {
        let heard = Set(links.values.compactMap { $0.role == .dialed ? $0.peer?.member : nil })
        let readers = links.values.lazy.filter { $0.publisher?.isSubscribed == true }.compactMap(\.peer)
        return Set(
            readers.filter { $0.member != self.configuration.member && !heard.contains($0.member) }.map(\.address))
    }

    private func probe(_ entry: DialTable.Entry, at now: MonotonicTime) -> Readiness.Probe {
        guard !entry.isOurs else { return .irrelevant }
        let wasInterrupted = entry.copiedReady == nil && entry.heardAt.map { now - $0 < startup.silence } ?? false
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

    var refusalByAll: RefusalReason? { known.refusalByAll(isReady: startup.ground != nil) }

    /// A dial has ended with a refusal.
    func refused(at address: PeerAddress, at time: NodeTime) {
        if known.named.contains(address) { startup.refused(at: time.monotonic) }
    }

    // MARK: - Originals

    /// Legacy peers and members find each other by the shared directory only.
    private var awaitsOriginals: Bool {
        guard configuration.offersOriginals, configuration.usesDirectory else { return false }
        return !known.silentOriginals.isEmpty
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
