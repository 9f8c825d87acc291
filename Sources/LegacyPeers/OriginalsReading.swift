// The reading half of the exchange with legacy peers: messages into the catalog, and the copies from them.

import Catalog
import Replication
import Time

extension Originals {
    /// Takes in a message, and adds what was merged of it.
    func take(
        _ envelope: OriginalEnvelope, from input: OriginalInput, into merged: inout [Replicated], at time: NodeTime
    ) throws(OriginalMessageError) -> [OriginalDirective] {
        let member = input.member
        var circumstances = OriginalMerge.Circumstances(moment: time.moment, pause: pause(at: time))
        if let bytes = envelope.message.changedID {
            let key = OriginalMember.Key(namespace: envelope.namespace, id: try OriginalMerge.id(bytes))
            if input.kind == .stream {
                members[member]?.touch(key)
            } else {
                circumstances.isTouched = members[member]?.isTouched(key) ?? true
            }
        }
        switch try input.merge.take(envelope, circumstances) {
        case .nothing: return []
        case .merged(let replicated):
            merged.append(replicated)
            return []
        case .ask(let id): return ask(member, for: id, in: envelope.namespace, at: time)
        case .answer(let id): return answer(member, with: id, in: envelope.namespace, at: time)
        }
    }

    /// Asks a member for the copy of everything that it has.
    func askForCopy(_ member: PeerAddress) -> [OriginalDirective] {
        members[member]?.askForCopy()
        return [.dialCopy(member)]
    }

    /// A link that we dialed has ended: rightly, when there is no failure.
    func endInput(_ link: LinkID, _ failure: OriginalFailure?, isClosed: Bool, at time: NodeTime) -> [OriginalDirective]
    {
        guard let input = inputs.removeValue(forKey: link) else { return [] }
        let closing: [OriginalDirective] = isClosed ? [] : [failure.map { .abort(link, $0) } ?? .finish(link)]
        switch input.kind {
        case .copy:
            if let failure { return closing + copyFailed(input.member, failure, at: time) }
            return closing + copyCompleted(input, at: time)
        case .stream:
            var directives = closing + [.note(.readingEnded(input.member, failure)), .lost(input.member)]
            // Without the live changes that came before it, a copy has gaps.
            if case .running(let copy) = members[input.member]?.copy {
                inputs[copy] = nil
                directives.append(.abort(copy, .cutShort))
            }
            members[input.member]?.input = nil
            members[input.member]?.copy = .none
            members[input.member]?.copyEnded()
            forget(input.member)
            return directives
        }
    }

    private func copyCompleted(_ input: OriginalInput, at time: NodeTime) -> [OriginalDirective] {
        let member = input.member
        counts.copiesReceived += 1
        members[member]?.copy = .done(at: time.monotonic, count: input.used)
        members[member]?.lastCopy = (time.monotonic, input.used)
        members[member]?.failures = 0
        members[member]?.copyEnded()
        return [
            .note(
                .copied(
                    from: member, instances: input.used, milliseconds: (time.monotonic - input.opened).wholeMilliseconds
                )),
            .copied(member),
        ]
    }

    /// Puts a copy off. Only the first of several failures is logged.
    func copyFailed(_ member: PeerAddress, _ failure: OriginalFailure?, at time: NodeTime) -> [OriginalDirective] {
        guard let failures = members[member]?.failures else { return [] }
        let wait = Backoff.bound(configuration.copyRetryBase, doublings: failures, cap: configuration.copyRetryCap)
        members[member]?.failures += 1
        members[member]?.copy = .waiting(until: time.monotonic + wait)
        return failures == 0 ? [.note(.copyFailed(from: member, failure))] : []
    }

    /// Lets go of a member with which there is no link.
    func forget(_ member: PeerAddress) {
        if members[member]?.isIdle ?? false { members[member] = nil }
    }
}

extension OriginalMessage {
    /// The id of what a client changed by this; nil for the rest.
    fileprivate var changedID: [UInt8]? {
        switch self {
        case .register(let instance): instance.id
        case .deregister(let id), .setStatus(let id, _): id
        case .renew, .repair: nil
        }
    }
}
