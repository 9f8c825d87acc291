// Clients are answered when the other members have what they were promised: which members are waited for, for how long,
// and which are left out. What the rest of the registry must know of that, and whether this member may lack what others
// have acknowledged, is told as the cluster's standing.
//
//     subscriber:  not ready ── ready and prompt ──► waited for ── late, or its queue ran over ──► left out
//                                                        ▲                                            │
//                                                        └────────── prompt for five seconds ─────────┘
//
// Each of these is sent to the subscriber in its place among the changes. So who has read that it is waited for has all
// that was acknowledged before, and gets all that is later before a client hears of it.

import Catalog
import Time

extension Node {
    // MARK: - Waiting

    func wait(_ ticket: AcknowledgmentTicket, at time: NodeTime) {
        tellLocalChanges(includeRenewals: false, at: time)
        guard
            startup.isReaching || !waits.isEmpty || links.values.contains(where: { $0.attendance?.isWaitedFor == true })
        else {
            directives.append(.acknowledged(ticket))
            return
        }
        if startup.isReaching {
            waits.hold(waits.add(ticket, until: startup.reachingUntil), until: .reached)
        } else {
            begin(waits.add(ticket, until: time.monotonic + limits.acknowledgeTimeout))
        }
    }

    /// This wait, and those after it, need what was changed before them to be told and acknowledged.
    private func begin(_ number: UInt64) {
        if schedule.hasMore { waits.hold(number, until: .told) } else { expect(number) }
    }

    /// Those that answer clients read from this member now.
    func reached(at time: NodeTime) {
        guard let number = waits.release(.reached) else { return }
        waits.shorten(to: time.monotonic + limits.acknowledgeTimeout)
        begin(number)
    }

    private func expect(_ number: UInt64) {
        for link in links.values { if let lag = link.publisher?.lag { link.attendance?.expect(number, lag: lag) } }
    }

    /// All changes have been told: what waited for that waits for acknowledgments now.
    func allTold() {
        if let number = waits.release(.told) { expect(number) }
    }

    /// At the end of each call: answers who has waited for what has come, or for long enough.
    func settleWaits(at time: NodeTime) {
        guard !waits.isEmpty else { return }
        if let expired = waits.lastExpired(at: time.monotonic) {
            let isUntold = waits.isHeld(expired, until: .told)
            for link in sortedLinks() where link.attendance?.isWaitedFor == true {
                guard isUntold || link.attendance?.firstWait.map({ $0 <= expired }) ?? false else { continue }
                leaveOut(link, isLate: true, at: time)
            }
            if isUntold { _ = waits.release(.told) }
        }
        var open = waits.firstHeld ?? .max
        for link in links.values { open = min(open, link.attendance?.firstWait ?? .max) }
        for ticket in waits.complete(before: open) { directives.append(.acknowledged(ticket)) }
    }

    // MARK: - Who is waited for

    /// A subscriber has asked for everything: whether it will be waited for depends on how it does.
    func subscriberCame(on link: Link, at time: NodeTime) {
        guard link.isAcknowledging, link.attendance == nil else { return }
        guard limits.acknowledges else { return send(FrameCodec.encode(.notice(.neverWaits)), on: link) }
        link.attendance = Attendance(timeout: limits.acknowledgeTimeout)
        beginAttendance(on: link, at: time)
    }

    /// A subscriber's quickness is measured from now on.
    func beginAttendance(on link: Link, at time: NodeTime) {
        guard link.attendance != nil else { return }
        link.attendance?.begin(at: time.monotonic)
        ping(link, at: time)
    }

    /// A subscriber has acknowledged this many changes, the first of which was sent at that time.
    func acknowledged(_ changes: UInt64, sentAt: MonotonicTime?, on link: Link, at time: NodeTime) {
        guard link.attendance != nil else { return }
        link.attendance?.has(changes)
        if let sentAt { link.attendance?.acknowledged(sentAt: sentAt, at: time.monotonic) }
        admit(link, at: time)
    }

    /// A ping was answered.
    func answered(_ token: UInt64, on link: Link, at time: NodeTime) {
        answered(upTo: token, on: link, at: time)
        if let checked = link.checkedPong, token >= checked { link.checkedPong = nil }
        let sentAt = min(MonotonicTime(milliseconds: Int64(clamping: token)), time.monotonic)
        link.attendance?.acknowledged(sentAt: sentAt, at: time.monotonic)
        // Of several that are unanswered, the next was sent later than this one.
        link.pingedAt = token >= link.lastToken ? nil : sentAt
        admit(link, at: time)
    }

    /// Looks whether it is still, or again, to be waited for.
    func attend(_ link: Link, at time: NodeTime) {
        guard link.attendance != nil else { return }
        if let sentAt = link.publisher?.lag.oldestSent { link.attendance?.awaited(sentAt: sentAt, at: time.monotonic) }
        if let pingedAt = link.pingedAt { link.attendance?.awaited(sentAt: pingedAt, at: time.monotonic) }
        admit(link, at: time)
    }

    /// Begins to wait for it, if it may be, or stops if it answers no look-ups.
    func admit(_ link: Link, at time: NodeTime) {
        guard let attendance = link.attendance else { return }
        let isReady = link.beat?.isReady ?? false
        if attendance.isWaitedFor {
            if !isReady { leaveOut(link, isLate: false, at: time) }
            return
        }
        // Changes are published between the pieces of a copy too.
        guard isReady, link.publisher.map({ $0.isStreaming || $0.isCopying }) == true,
            link.attendance?.admit(at: time.monotonic) == true
        else { return }
        send(FrameCodec.encode(.notice(.waitedFor)), on: link)
        // Those who wait already wait for it too: what they have changed was sent before, and may still be on its way.
        if let first = waits.first, let lag = link.publisher?.lag { link.attendance?.expect(first, lag: lag) }
        if attendance.isLate, let peer = link.peer { note(.waitedForAgain(peer.address)) }
    }

    /// Stops waiting for it, and says so in the next frame.
    func leaveOut(_ link: Link, isLate: Bool, at time: NodeTime) {
        guard link.attendance?.isWaitedFor == true else { return }
        link.attendance?.leaveOut(isLate: isLate, at: time.monotonic)
        send(FrameCodec.encode(.notice(.leftOut)), on: link)
        guard isLate, let peer = link.peer else { return }
        counts.leftOut += 1
        note(.leftOut(peer.address))
    }

    // MARK: - How we stand with others

    /// A publisher has said whether it waits for us.
    func take(_ notice: WaitNotice, on link: Link) throws(FrameError) {
        guard link.role == .dialed else { throw .unexpected }
        if link.notice == .waitedFor, notice == .leftOut { note(.leftOutBy(link.address)) }
        link.notice = notice
        if notice == .waitedFor { link.wasWaitedFor = true }
    }

    /// This member was not run for longer than others wait: until each has been heard, whose word before that may be
    /// that it does not wait for us, we do not know what was acknowledged meanwhile.
    func noticePause(of gap: Duration, at time: NodeTime) {
        guard gap > limits.longestUnnoticedGap else { return }
        // What they acknowledged lies unread.
        waits.postpone(to: time.monotonic + limits.acknowledgeTimeout / 2)
        for link in sortedLinks() where link.subscriber != nil {
            ping(link, at: time)
            link.checkedPong = link.lastToken
        }
        pause.noticed(gap: gap, at: time.monotonic)
    }

    /// At the end of each call: tells how the cluster stands, if that has changed.
    func tellStanding(at time: NodeTime) {
        // After a long pause links are given up, and whoever they led to must be heard again.
        var sight = StandingJudge.Sight(isBehind: pause.isHolding, mayLack: !limits.acknowledges && !links.isEmpty)
        for link in links.values {
            if let attendance = link.attendance { sight.add(subscriber: attendance) }
            // The greeting, which comes before the proof, says nothing of it.
            if link.peer != nil, link.beganReady == nil {
                sight.mayHearReady = true
            } else if link.beat?.isReady == true, link.beganReady != nil {
                sight.hearsReady = true
            }
            guard link.subscriber != nil else { continue }
            sight.add(
                publisher: StandingJudge.Publisher(
                    notice: link.notice, isAcknowledging: link.isAcknowledging, wasWaitedFor: link.wasWaitedFor,
                    beganReady: link.beganReady, isCopied: link.lastCopy != nil, isUnheard: link.checkedPong != nil))
        }
        let told = standing.judge(
            sight, isReaching: startup.isReaching, isServing: startup.isServing, pausedAt: pause.startedAt,
            at: time.monotonic)
        if !sight.isBehind { pause.caughtUp() }
        if let told { directives.append(.standing(told)) }
    }
}
