// What becomes of links and their frames: a link is greeted, then its session is told what comes in, and the node acts
// on what comes of it. A claim ends no other link: of two links that say they are the same member both may stay, and
// the dead one ends by its silence.

import Catalog
import Time

extension Node {
    /// Links that one member may have to us: the one in use, and some that it has lost and we have not yet noticed.
    static let acceptedPerMember = 4

    // MARK: - Opening and closing

    func open(_ id: LinkID, role: LinkRole, address: PeerAddress, boundTo: Set<String>?, at time: NodeTime) {
        if role == .dialed, isLeaving || !known.dials.linked(address, to: id, at: time.monotonic) {
            directives.append(.close(id, .notMember))
            return
        }
        if role == .accepted, isLeaving || links.values.count(where: { $0.role == .accepted }) >= limits.acceptedLinks {
            directives.append(.send(id, FrameCodec.encode(.goodbye(isLeaving ? .leaving : .refused(.full)))))
            directives.append(.close(id, isLeaving ? .leaving : .refused(.full)))
            return
        }
        let nonce = (0..<Hello.nonceLength).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let hello = Hello(
            versions: configuration.versions, member: configuration.member, address: configuration.address,
            name: configuration.name,
            nonce: nonce, beat: beat(at: time, isProven: false))
        var opening: [UInt8] = []
        let handshake = Handshake(role: role, hello: hello, boundTo: boundTo, opening: &opening)
        let link = Link(
            id: id, role: role, address: address, boundTo: boundTo, handshake: handshake, at: time.monotonic)
        links[id] = link
        send(opening, on: link)
    }

    func close(_ link: Link, _ reason: CloseReason, at time: NodeTime) {
        directives.append(.close(link.id, reason))
        forget(link, reason: reason, at: time)
    }

    /// Also sends the reason, so that the other end can log it.
    func refuse(_ link: Link, _ reason: RefusalReason, at time: NodeTime) {
        send(FrameCodec.encode(.goodbye(.refused(reason))), on: link)
        noteRefusal(of: link, .refused(reason), at: time)
        close(link, .refused(reason), at: time)
        judgeReadiness(at: time)
    }

    private func remember(_ link: Link, _ reason: CloseReason?, at time: NodeTime) {
        switch reason {
        case .ourself, .duplicate, .notMember: break
        case _ where link.subscriber != nil: known.memory.lost(link.address, reason, at: time.monotonic)
        default: known.memory.failed(link.address, .closed(reason), at: time.monotonic)
        }
    }

    /// The other end does not let us in.
    private func refusedBy(_ link: Link, _ reason: RefusalReason, at time: NodeTime) {
        if !known.isKnown(reason, at: link.address, role: link.role) { note(.refusedBy(link.address, reason)) }
        close(link, .refusedBy(reason), at: time)
        judgeReadiness(at: time)
    }

    func forget(_ link: Link, reason: CloseReason?, at time: NodeTime) {
        guard links.removeValue(forKey: link.id) != nil else { return }
        forgetQuestions(of: link.id, at: time)
        if link.role == .dialed {
            switch reason {
            // No member was lost.
            case .leaving, .ourself, .duplicate, .notMember: break
            default: if link.subscriber != nil { standing.linkLost(at: time.monotonic) }
            }
            if reason?.refusal != nil { refused(at: link.address, at: time) }
            let heardAt = link.subscriber == nil ? nil : link.heardAt
            if let heardAt { startup.answered(at: heardAt) }
            if reason != .ourself, reason != .duplicate {
                known.dials.ended(
                    link.id, heardAt: heardAt, wasLate: reason == .late, refusal: reason?.refusal, at: time.monotonic,
                    random: &random)
            }
            remember(link, reason, at: time)
            if let peer = link.peer, link.subscriber != nil { note(.lost(link.address, peer.member, reason)) }
        }
        // Who is named by nobody is a member for as long as it lives.
        if link.peer != nil { updateDials(at: time) }
    }

    /// A member has shown at this address that it is one.
    func heard(_ address: PeerAddress, speaksFrames: Bool, at time: NodeTime) {
        startup.answered(at: time.monotonic)
        known.dials.heard(address, speaksFrames: speaksFrames, at: time.monotonic)
    }

    /// It has said that it leaves, and is not to be waited for.
    private func left(_ link: Link, at time: NodeTime) {
        if link.role == .dialed { known.dials.left(link.address) }
        if let peer = link.peer {
            known.dials.left(peer.address)
            judgments.left(peer.member)
        }
        close(link, .leaving, at: time)
        known.memory.left(link.address)
    }

    func noteRefusal(of link: Link, _ reason: CloseReason, at time: NodeTime) {
        counts.refusals += 1
        guard known.isWorthNoting(reason.refusal, at: link.address, role: link.role, time.monotonic) else { return }
        note(.refused(link.address, reason))
    }

    // MARK: - Frames

    func read(_ bytes: [UInt8], on id: LinkID, at time: NodeTime) {
        guard let link = links[id] else { return }
        link.heardAt = time.monotonic
        counts.bytesReceived += bytes.count
        link.assembly.append(bytes)
        do throws(FrameError) {
            // A frame may be what closes the link.
            while links[id] != nil, let frame = try link.assembly.next() {
                try take(frame, on: link, at: time)
                closeIfDeaf(link, at: time)
            }
        } catch {
            noteRefusal(of: link, .malformed(error), at: time)
            close(link, .malformed(error), at: time)
            return
        }
        guard links[id] != nil else { return }
        actAsSubscriber(on: link, at: time) { subscriber, effects in subscriber.acknowledge(into: &effects) }
    }

    /// Changes are dropped when too much waits, answers are not: a peer that requests them has to read them.
    func closeIfDeaf(_ link: Link, at time: NodeTime) {
        guard link.queuedBytes > limits.queueBytes + limits.queueSlackBytes, links[link.id] != nil else { return }
        noteRefusal(of: link, .deaf, at: time)
        close(link, .deaf, at: time)
    }

    private func take(_ frame: Frame, on link: Link, at time: NodeTime) throws(FrameError) {
        guard link.peer != nil else { return try greet(frame, on: link, at: time) }
        switch frame {
        case .ping(let beat):
            send(FrameCodec.encode(.pong(token: beat.token)), on: link)
            take(beat, on: link, at: time)
        case .reaches(let reaches):
            guard link.subscriber != nil else { throw .unexpected }
            link.reaches = Dictionary(reaches.map { ($0.member, max(1, Int($0.hops))) }, uniquingKeysWith: min)
        case .pong(let token):
            link.answeredAt = max(
                link.answeredAt, min(MonotonicTime(milliseconds: Int64(clamping: token)), time.monotonic))
            answered(token, on: link, at: time)
            guard let awaited = link.awaitedPong, token >= awaited else { return }
            link.awaitedPong = nil
            if let beat = link.beat, beat.isReady, !beat.isExtended {
                pause.heard(link.address)
            } else {
                pause.gone(link.address)
            }
        case .question(let number, let key): answer(number, key, on: link, at: time)
        case .answer(let number, let states): try take(states, answering: number, on: link, at: time)
        case .notice(let notice): try take(notice, on: link)
        case .goodbye(.refused(let reason)):
            refusedBy(link, reason, at: time)
        case .goodbye:
            // What came before it on this link is merged; the last word is the acknowledgment.
            actAsSubscriber(on: link, at: time) { subscriber, effects in subscriber.acknowledge(into: &effects) }
            left(link, at: time)
        default:
            switch link.role {
            case .accepted: try takeFromSubscriber(frame, on: link, at: time)
            case .dialed: try takeFromPublisher(frame, on: link, at: time)
            }
        }
    }

    private func takeFromSubscriber(_ frame: Frame, on link: Link, at time: NodeTime) throws(FrameError) {
        let isReady = isWhole
        let sentAt = link.publisher?.lag.oldestSent
        try actAsPublisher(on: link, at: time) { publisher, effects throws(FrameError) in
            try publisher.received(frame, store: store, isReady: isReady, at: time, into: &effects)
        }
        switch frame {
        case .acknowledge(let changes): acknowledged(changes, sentAt: sentAt, on: link, at: time)
        case .subscribe: subscribed(link, at: time)
        default: break
        }
    }

    private func takeFromPublisher(_ frame: Frame, on link: Link, at time: NodeTime) throws(FrameError) {
        let belief = belief(at: time)
        // Both do not know who died while nobody ran; what a member knows that ran all the time comes later, if it does.
        let areUnsure =
            link.beat?.isExtended == true
            && (startup.ground == nil || configuration.isRestored && pause.settlementDue != nil)
        if areUnsure { pause.extended(limits: limits, at: time.monotonic) }
        try actAsSubscriber(on: link, at: time) { subscriber, effects throws(FrameError) in
            try subscriber.received(
                frame, store: store, believing: belief, renewing: areUnsure, at: time, into: &effects)
        }
    }

    private func greet(_ frame: Frame, on link: Link, at time: NodeTime) throws(FrameError) {
        switch try link.handshake.received(frame, authenticator: authenticator) {
        case .send(let bytes):
            send(bytes, on: link)
            link.seal = try link.handshake.sealing(authenticator)
        case .proven(let hello):
            link.assembly.seal = try link.handshake.opening()
            welcome(hello, on: link, at: time)
        case .refuse(let reason): refuse(link, reason, at: time)
        case .refusedBy(let reason):
            refusedBy(link, reason, at: time)
        case .leaving: left(link, at: time)
        }
    }

    private func welcome(_ hello: Hello, on link: Link, at time: NodeTime) {
        link.assembly.limit = FrameCodec.longest
        let twins = links.values.filter { $0 !== link && $0.peer?.member == hello.member }
        // A certificate of one member proves no other.
        if twins.contains(where: { $0.boundTo != link.boundTo && $0.role == link.role }) {
            return refuse(link, .certificate, at: time)
        }
        // Another run of a member at the same address: the older one is probably dead, which a ping finds out.
        for old in links.values where old.peer?.address == hello.address && old.peer?.member != hello.member {
            old.nextPing = time.monotonic
        }
        link.note(hello.beat, at: time)
        // With another clock to compare ours with.
        judgments.hurry(at: time.monotonic)
        switch link.role {
        case .accepted where hello.member == configuration.member:
            // Our own dial, which finds out by itself.
            close(link, .ourself, at: time)
        case .accepted:
            guard twins.count(where: { $0.role == .accepted }) < Self.acceptedPerMember else {
                return refuse(link, .full, at: time)
            }
            link.session = .publisher(
                PublisherSession(
                    limits: limits, countsOverrides: link.countsOverrides))
            // It is to know at once whether we are ready.
            ping(link, at: time)
        case .dialed where hello.member == configuration.member:
            if known.dials.leadsHome(
                link.address, isSearching: startup.ground == nil, at: time.monotonic, random: &random)
            {
                note(.ourself(link.address))
            }
            pause.gone(link.address)
            close(link, .ourself, at: time)
            judgeReadiness(at: time)
        case .dialed:
            if let twin = twins.first(where: { $0.role == .dialed }) {
                known.dials.set(.duplicate(of: twin.id), of: link.address)
                close(link, .duplicate, at: time)
                return
            }
            heard(link.address, speaksFrames: true, at: time)
            known.memory.heard(link.address, hello, version: link.handshake.version, at: time.monotonic)
            var effects: [SessionEffect] = []
            link.session = .subscriber(
                SubscriberSession(
                    at: time, countsOverrides: link.countsOverrides, into: &effects))
            note(.joined(link.address, hello.member))
            carryOut(effects, on: link, at: time)
            // It is to know at once whether we are ready.
            ping(link, at: time)
        }
    }

    /// A member subscribes to this one: its copy begins, and it is dialed too, though membership may not name it yet.
    private func subscribed(_ link: Link, at time: NodeTime) {
        subscriberCame(on: link, at: time)
        pump(link, at: time)
        guard let peer = link.peer, peer.member != configuration.member else { return }
        guard !links.values.contains(where: { $0.role == .dialed && $0.peer?.member == peer.member }) else { return }
        updateDials(at: time)
        // It is there, so there is no reason to wait any longer.
        known.dials.hurry(peer.address, at: time.monotonic)
        dial(at: time)
    }

    private func take(_ beat: Beat, on link: Link, at time: NodeTime) {
        link.note(beat, at: time)
        link.beganReady = link.beganReady ?? beat.isReady
        admit(link, at: time)
        // What it had when it was starting may not have been all; and what it had while it was as unsure as we are said
        // nothing of who is dead.
        let wasStarting = startup.ground == nil && known.dials.entries[link.address]?.copiedReady == false
        guard beat.isReady, wasStarting || pause.settlementDue != nil && !beat.isExtended else { return }
        actAsSubscriber(on: link, at: time) { subscriber, effects in
            if subscriber.isStreaming { subscriber.subscribeAgain(at: time, into: &effects) }
        }
    }

    // MARK: - Effects

    func carryOut(_ effects: [SessionEffect], on link: Link, at time: NodeTime) {
        for effect in effects {
            switch effect {
            case .send(let bytes): send(bytes, on: link)
            case .sentChanges(let count): counts.changesSent += count
            case .copySent:
                counts.copiesSent += 1
                beginAttendance(on: link, at: time)
            case .overflowed:
                counts.overflows += 1
                note(.overflowed(link.peer?.address ?? link.address))
                leaveOut(link, isLate: true, at: time)
            case .copied(let summary, let duration):
                counts.copiesReceived += 1
                link.lastCopy = (at: time.monotonic, count: Int(clamping: summary.count), duration: duration)
                known.dials.copied(link.address, wasReady: summary.isReady)
                link.awaitedPong = nil
                if summary.isReady, !summary.isExtended {
                    link.trueCopyAt = time.monotonic
                    pause.heard(link.address)
                    if pause.settle() {
                        _ = store.settle(at: time.moment)
                        directives.append(.settled)
                    }
                } else {
                    // It was paused as well, or has just started: it cannot tell who is alive.
                    pause.gone(link.address)
                }
                note(
                    .copied(
                        from: link.address, states: Int(clamping: summary.count),
                        milliseconds: duration.wholeMilliseconds))
                judgeReadiness(at: time)
            case .copyFailed: note(.copyFailed(from: link.address))
            case .heard(let states):
                counts.changesReceived += states.count
                if let origin = link.peer?.member { relay(states.states, of: origin, at: time) }
            case .relayHeard(let states): counts.changesReceived += states.count
            case .dirtyShards(let states): relay(dirtyShards: states, heardOn: link, at: time)
            case .repaired(let count):
                counts.repairs += count
                note(.repaired(from: link.address, states: count))
            }
        }
    }

    func pump(_ link: Link, at time: NodeTime) {
        let (isReady, isExtended) = (isWhole, pause.isExtended)
        actAsPublisher(on: link, at: time) { publisher, effects in
            publisher.pump(store, isReady: isReady, isExtended: isExtended, at: time, into: &effects)
        }
        if isLeaving { sayGoodbye(at: time) }
    }

    func send(_ frame: [UInt8], on link: Link) {
        let bytes = link.seal?.seal(frame) ?? frame
        counts.bytesSent += bytes.count
        link.queuedBytes += bytes.count
        directives.append(.send(link.id, bytes))
    }

    func note(_ event: ClusterEvent) {
        directives.append(.note(event))
    }

    /// Lets the session act when it is a publisher's, and carries out what comes of it.
    func actAsPublisher<E>(
        on link: Link, at time: NodeTime, _ body: (inout PublisherSession, inout [SessionEffect]) throws(E) -> Void
    ) throws(E) {
        var effects: [SessionEffect] = []
        try link.withPublisher { publisher throws(E) in try body(&publisher, &effects) }
        carryOut(effects, on: link, at: time)
    }

    /// The same of a subscriber's.
    func actAsSubscriber<E>(
        on link: Link, at time: NodeTime, _ body: (inout SubscriberSession, inout [SessionEffect]) throws(E) -> Void
    ) throws(E) {
        var effects: [SessionEffect] = []
        try link.withSubscriber { subscriber throws(E) in try body(&subscriber, &effects) }
        carryOut(effects, on: link, at: time)
    }

    /// In the order in which they were opened, so that a run can be repeated.
    func sortedLinks() -> [Link] { links.values.sorted { $0.id.number < $1.id.number } }
}
