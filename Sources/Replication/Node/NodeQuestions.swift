// An id that is unknown here may have been registered elsewhere a moment ago, when this member was not waited for. No
// client is told that it is gone before the members that may know have been asked.

import Catalog
import Time

extension Node {
    func ask(_ ticket: QuestionTicket, about key: StateKey, at time: NodeTime) {
        let asker = QuestionLine.Asker(ticket: ticket, deadline: time.monotonic + limits.acknowledgeTimeout)
        switch questions.admit(asker, about: key) {
        case .ask: begin(key, for: [asker], isNew: true, at: time)
        case .later: break
        case .full: directives.append(.answered(ticket, isSure: false))
        }
    }

    private func begin(_ key: StateKey, for askers: [QuestionLine.Asker], isNew: Bool, at time: NodeTime) {
        let number = questions.begin(key, askers: askers, isNew: isNew)
        counts.questions += 1
        let asked = linksToAsk()
        for link in asked {
            questions.await(link.id, for: number)
            if link.isAcknowledging {
                send(FrameCodec.encode(.question(number: number, key)), on: link)
            } else {
                // It sends the state if it has one, and answers the ping after that.
                send(FrameCodec.encode(.askStates([key])), on: link)
                ping(link, at: time)
                link.pingedQuestions.append((link.lastToken, number))
            }
        }
        // A member that has lost all others knows nothing of what they did since.
        if asked.isEmpty { finish(questions.end(number, isSure: false), at: time) }
    }

    /// One link of each member that is there. Not those that do not answer in time, unless they may have acknowledged
    /// what we lack: what the others have acknowledged is here.
    private func linksToAsk() -> [Link] {
        var asked: [MemberID: Link] = [:]
        var silent: Set<MemberID> = []
        for link in sortedLinks() {
            guard let peer = link.peer, peer.member != configuration.member else { continue }
            if link.attendance?.isLate == true { silent.insert(peer.member) }
            guard link.subscriber != nil || link.publisher?.isSubscribed == true && link.isAcknowledging else {
                continue
            }
            if asked[peer.member]?.subscriber == nil { asked[peer.member] = link }
        }
        return asked.values.filter { link in
            guard let peer = link.peer, silent.contains(peer.member) else { return true }
            return link.notice != .waitedFor
        }.sorted { $0.id.number < $1.id.number }
    }

    /// Another member asks.
    func answer(_ number: UInt64, _ key: StateKey, on link: Link, at time: NodeTime) {
        let state = store.stateForPeers(of: key.id, in: key.namespace, at: time.moment)
        let states = States(states: state.map { [$0] } ?? [], count: state == nil ? 0 : 1, hash: 0)
        send(FrameCodec.encode(.answer(number: number, states)), on: link)
    }

    /// Another member has answered.
    func take(_ states: States, answering number: UInt64, on link: Link, at time: NodeTime) throws(FrameError) {
        let belief = belief(at: time)
        for state in states.states {
            try belief.check(state.replica.version)
            _ = store.merge(state, at: time.moment)
        }
        finish(questions.answered(number, by: link.id, isSure: true), at: time)
    }

    /// A pong has come, and so have the answers to all that was asked before its ping.
    func answered(upTo token: UInt64, on link: Link, at time: NodeTime) {
        while let question = link.pingedQuestions.first, question.token <= token {
            link.pingedQuestions.removeFirst()
            finish(questions.answered(question.number, by: link.id, isSure: true), at: time)
        }
    }

    /// A link is gone, and answers no more.
    func forgetQuestions(of link: LinkID, at time: NodeTime) {
        for number in questions.awaiting(link) { finish(questions.answered(number, by: link, isSure: false), at: time) }
    }

    func expireQuestions(at time: NodeTime) {
        for ticket in questions.expire(at: time.monotonic) { directives.append(.answered(ticket, isSure: false)) }
    }

    private func finish(_ end: QuestionLine.End?, at time: NodeTime) {
        guard let end else { return }
        for asker in end.askers { directives.append(.answered(asker.ticket, isSure: end.isSure)) }
        if !end.later.isEmpty { begin(end.key, for: end.later, isNew: false, at: time) }
    }
}
