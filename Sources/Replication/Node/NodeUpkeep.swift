// What becomes of time: pings, dials, renewals, digests, deadlines and judgments, each with its period and its bound.

import Catalog
import Time

extension Node {
    /// This many unanswered pings close a link.
    static let unansweredPings = 3
    /// Changes that are read from the catalog at once, and how often in one call. The rest waits for the next tick.
    static let drainBudget = 1_024
    static let drainsPerCall = 16

    func keepUp(at time: NodeTime) {
        let now = time.monotonic
        if let due = schedule.due(period: limits.renewalPeriod, at: now) {
            tellLocalChanges(includeRenewals: due == .all, at: time)
        }
        let root = RootOnce(store)
        for link in sortedLinks() { keepUp(link, root: root, at: time) }
        dial(at: time)
        if judgments.areDue(at: now) {
            judgeClock(at: time)
            judgeSize(at: time)
            // Who is named by nobody and has been silent for long enough is let go.
            updateDials(at: time)
            known.memory.prune(keeping: Set(known.dials.entries.keys), at: now)
            judgeTwins(at: time)
        }
        planRelays(at: time)
        judgeHearing(at: time)
        judgeReadiness(at: time)
        endHold(at: time)
        pause.forget(at: now)
    }

    private func keepUp(_ link: Link, root: RootOnce, at time: NodeTime) {
        let now = time.monotonic
        if link.peer == nil {
            guard now - link.openedAt >= limits.handshakeDeadline else { return }
            noteRefusal(of: link, .silent, at: time)
            return close(link, .silent, at: time)
        }
        guard now - link.heardAt < limits.pingPeriod * Self.unansweredPings else {
            return close(link, .silent, at: time)
        }
        // A copy is as late as it is large, and pings wait behind it: only what comes after it tells how late the line
        // is.
        if link.subscriber?.isCopying ?? true { link.answeredAt = now }
        guard now - link.answeredAt < limits.lateness + limits.pingPeriod else { return close(link, .late, at: time) }
        attend(link, at: time)
        if now >= link.nextPing { ping(link, at: time) }
        pump(link, at: time)
        guard !isLeaving else { return }
        actAsPublisher(on: link, at: time) { publisher, effects in
            publisher.tellRoot(root.value(countingOverrides: link.countsOverrides), at: now, into: &effects)
        }
        actAsSubscriber(on: link, at: time) { subscriber, effects in
            subscriber.askForWanted(into: &effects)
        }
        closeIfDeaf(link, at: time)
    }

    func ping(_ link: Link, at time: NodeTime) {
        link.nextPing = time.monotonic + limits.pingPeriod
        link.pingedAt = link.pingedAt ?? time.monotonic
        var beat = beat(at: time, isProven: true)
        // Another one than the last, which may have been sent in the same millisecond.
        beat.token = max(beat.token, link.lastToken + 1)
        link.lastToken = beat.token
        send(FrameCodec.encode(.ping(beat)), on: link)
    }

    /// - isProven: an unauthenticated peer learns only that this member exists.
    func beat(at time: NodeTime, isProven: Bool) -> Beat {
        let hears = isProven ? heardMembers(within: freshness, at: time).sorted().prefix(Beat.heardLimit) : []
        return Beat(
            token: UInt64(clamping: time.monotonic.milliseconds),
            wall: max(time.wall / 1_000_000, Beat.walls.lowerBound),
            isReady: isProven && isWhole,
            isExtended: isProven && pause.isExtended,
            isDrained: isProven && isDrained,
            hears: Array(hears))
    }

    // MARK: - Changes

    /// Drains the changes of clients, and publishes them to all. Without anybody to tell it is let go: a later
    /// subscriber gets a copy.
    func tellLocalChanges(includeRenewals: Bool, at time: NodeTime) {
        schedule.hasMore = false
        // There is no later time for renewals of a member that leaves.
        let includeRenewals = includeRenewals || isLeaving
        for _ in 0..<Self.drainsPerCall {
            let drained = store.drain(includeRenewals: includeRenewals, budget: Self.drainBudget, at: time.moment)
            broadcast(drained.changes, at: time)
            guard drained.hasMore else { return allTold() }
        }
        schedule.hasMore = true
    }

    private func broadcast(_ changes: [Replicated], at time: NodeTime) {
        guard !changes.isEmpty else { return }
        let listeners = sortedLinks().filter { $0.publisher?.isStreaming == true || $0.publisher?.isCopying == true }
        if !listeners.isEmpty {
            for encoded in FrameCodec.encode(changes, as: .changes) {
                for link in listeners {
                    actAsPublisher(on: link, at: time) { publisher, effects in
                        publisher.broadcast(encoded, at: time.monotonic, into: &effects)
                    }
                }
            }
        }
        if configuration.offersOriginals { directives.append(.offerToOriginals(changes)) }
    }

    /// Says goodbye on each link on which all has been said. Nothing has while the catalog has more to tell, which it
    /// does tick by tick.
    func sayGoodbye(at time: NodeTime) {
        guard !schedule.hasMore else { return }
        for link in sortedLinks() where !link.hasSaidGoodbye && link.publisher?.isStreaming == true {
            link.hasSaidGoodbye = true
            send(FrameCodec.encode(.goodbye(.leaving)), on: link)
        }
    }

    // MARK: - Dials

    func updateDials(at time: NodeTime) {
        for orphan in known.dialNamed(and: unnamed(at: time.monotonic), at: time.monotonic) {
            if let link = links[orphan] { close(link, .notMember, at: time) }
        }
    }

    /// Members that are not named: a directory may fail, and a look-up may leave one out. Whoever lives is a member,
    /// where it was dialed or, when it only reads from us, where it says it is; and whoever was heard lately. As many
    /// as may read from us, the living first.
    private func unnamed(at now: MonotonicTime) -> ArraySlice<PeerAddress> {
        let heard = Set(links.values.compactMap { $0.role == .dialed ? $0.peer?.member : nil })
        var addresses: [PeerAddress] = []
        var seen = known.named
        func add(_ address: PeerAddress) {
            if seen.insert(address).inserted { addresses.append(address) }
        }
        for link in sortedLinks() {
            guard let peer = link.peer, peer.member != configuration.member else { continue }
            if link.subscriber != nil { add(link.address) }
            // Heard at another of its addresses, it need not be dialed at this one.
            if link.publisher?.isSubscribed == true, !heard.contains(peer.member) { add(peer.address) }
        }
        known.dials.heardLately(at: now).forEach(add)
        return addresses.prefix(limits.acceptedLinks)
    }

    func dial(at time: NodeTime) {
        guard !isLeaving else { return }
        for address in known.dials.due(at: time.monotonic, random: &random) { directives.append(.dial(address)) }
    }

    // MARK: - Judgments

    private func judgeClock(at time: NodeTime) {
        var offsets: [MemberID: Int64] = [:]
        for link in links.values {
            guard let member = link.peer?.member, member != configuration.member,
                let offset = link.clockOffset(at: time)
            else { continue }
            offsets[member] = max(offset, offsets[member] ?? offset)
        }
        let verdict = judgments.judgeClock(offsets)
        switch verdict.change {
        case .correct(let milliseconds):
            directives.append(.correctClock(milliseconds: milliseconds))
            note(.clockWrong(milliseconds: milliseconds))
        case .right:
            directives.append(.correctClock(milliseconds: 0))
            note(.clockRight)
        case nil: break
        }
        if let (member, milliseconds) = verdict.difference,
            let link = links.values.first(where: { $0.peer?.member == member })
        {
            note(.clocksDiffer(link.peer?.address ?? link.address, milliseconds: milliseconds))
        }
        restampTheUnbelievable(at: time)
    }

    /// What is believed of the time and of stamps.
    func belief(at time: NodeTime) -> StampBelief {
        let wall = time.wall / 1_000_000
        return StampBelief(
            median: judgments.clock.hasMedian ? wall.addingSaturated(judgments.clock.offset) : nil,
            own: time.moment.wall / 1_000_000)
    }

    /// Before we had a median to go by, our clock, or somebody's whom we believed, may have stamped what no member
    /// takes over from us.
    private func restampTheUnbelievable(at time: NodeTime) {
        guard judgments.clock.hasMedian else { return }
        let belief = belief(at: time)
        // The clock that the catalog is told may be corrected by this very call.
        let moment = Moment(
            monotonic: time.monotonic, lease: time.moment.lease, wall: belief.now.multipliedSaturated(by: 1_000_000),
            lost: time.moment.lost)
        let restamped = store.restamp(beyond: belief.latest, at: moment)
        if restamped > 0 { note(.restamped(states: restamped)) }
    }

    private func judgeSize(at time: NodeTime) {
        guard let expected = configuration.clusterSize,
            let event = judgments.judgeSize(size, of: expected, at: time.monotonic)
        else {
            return
        }
        note(event)
    }

    private func judgeTwins(at time: NodeTime) {
        var members: Set = [
            TwinWatch.Member(member: configuration.member, name: configuration.name, advertised: configuration.address)
        ]
        for link in links.values where time.monotonic - link.heardAt < limits.pingPeriod * Self.unansweredPings {
            guard let peer = link.peer else { continue }
            members.insert(TwinWatch.Member(member: peer.member, name: peer.name, advertised: peer.address))
        }
        for conflict in judgments.judgeTwins(members, at: time.monotonic) { note(.conflict(conflict)) }
    }

    // MARK: - Pauses

    /// We were not run for a while, and what the others said meanwhile is still to be read.
    func wake(after gap: Duration, at time: NodeTime) {
        if gap > LeaseClock.longestGap { holdLeases(at: time) }
        for link in sortedLinks() {
            if link.role == .dialed, gap >= limits.pingPeriod * Self.unansweredPings {
                // They have given us up. What they said before that has waited here for nobody knows how long, so the
                // ages in it are too low; a copy by a new link has them right.
                close(link, .silent, at: time)
            } else {
                link.heardAt = time.monotonic
                link.answeredAt = time.monotonic
            }
        }
    }

    func holdLeases(at time: NodeTime) {
        switch pause.begin(awaiting: known.mayHaveHeard, limits: limits, at: time.monotonic) {
        // The lease clock holds itself after a pause, and is not to wait for nobody.
        case .alone: return directives.append(.releaseLeases)
        case .stillHolds: return
        case .holds: break
        }
        directives.append(.holdLeases(atMost: limits.leaseHold))
        note(.leasesHeld)
        known.dials.hurry(at: time.monotonic)
        dial(at: time)
        // All, for who awaits our pong must know by then that we were paused too.
        for link in sortedLinks() where link.peer != nil {
            if link.subscriber != nil { link.awaitedPong = UInt64(clamping: time.monotonic.milliseconds) }
            ping(link, at: time)
        }
    }

    private func endHold(at time: NodeTime) {
        guard let end = pause.end(limits: limits, at: time.monotonic) else { return }
        directives.append(.releaseLeases)
        for link in sortedLinks() where link.peer != nil { ping(link, at: time) }
        note(.leasesReleased(expired: end == .heard ? store.settle(at: time.moment) : 0))
    }
}

/// The root of the digest, computed for the first who asks and not again in the same call.
private final class RootOnce {
    private let store: Store
    private lazy var all = store.digest().root
    private lazy var withoutOverrides = store.digest(countingOverrides: false).root

    init(_ store: Store) {
        self.store = store
    }

    func value(countingOverrides: Bool) -> UInt64 { countingOverrides ? all : withoutOverrides }
}
