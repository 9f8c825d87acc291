// From the store to this member: what its commands have come to.

package import Catalog
package import RESP
package import Replication
import Time

extension StoreMember {
    /// A command was answered.
    package func answered(_ question: StoreQuestion, _ value: RESPValue, at time: NodeTime) -> [StoreDirective] {
        if case .error(let fault) = value { return refused(question, fault, at: time) }
        switch question {
        case .open(let shard): return opened(shard, value, at: time) + publish(at: time)
        case .put(let shard, let states, let group): return wrote(states, group, shard, value, at: time)
        case .wait(let group):
            let isDone = if case .integer(let replicas) = value { replicas >= Int64(limits.replicas) } else { false }
            if !isDone { counts.failures += 1 }
            acknowledgments.answered(group, isDone: isDone)
            return takeAcknowledgments()
        case .renew(let shard, let keys):
            guard case .bytes(let flags) = value, flags.count == keys.count else { return [] }
            // Those that the store does not have are written, if they are still held here: it has swept them before it
            // heard of the heartbeat, or has lost them.
            for (key, flag) in zip(keys, flags) where flag == UInt8(ascii: "0") { readmit(.instance(key), to: shard) }
            return []
        case .tick(let shard, let sent): return ticked(shard, value, sent: sent, at: time)
        case .get(_, let questions): return told(questions, value, at: time)
        case .read(let node, let shards): return read(shards, from: node, value, at: time)
        case .scan(let shard, let step): return scanned(shard, step, value, at: time)
        case .members:
            if case .array(let fields) = value { members = Self.pairs(fields) }
            return []
        case .heard, .other: return []
        }
    }

    /// A command will not be answered: its connection is gone, or it took too long.
    package func lost(_ question: StoreQuestion, at time: NodeTime) -> [StoreDirective] {
        counts.failures += 1
        switch question {
        case .put(let shard, let states, let group):
            park(states, of: shard)
            shards[shard.number].isProbing = false
            acknowledgments.answered(group, isDone: false)
            return takeAcknowledgments()
        case .wait(let group):
            acknowledgments.answered(group, isDone: false)
            return takeAcknowledgments()
        case .renew(let shard, let keys):
            for key in keys { shards[shard.number].park(.instance(key), isAdmitted: true) }
            return []
        case .get(_, let questions): return questions.map { .answered($0.ticket, isSure: false) }
        case .read(let node, let shards):
            _ = endRead(shards, from: node)
            return []
        case .open(let shard), .scan(let shard, _):
            if shards[shard.number].phase == .opening || shards[shard.number].phase == .scanning {
                shards[shard.number].isUnanswered = true
                shards[shard.number].retried = time.monotonic
            }
            return []
        case .tick(let shard, _):
            shards[shard.number].isTicking = false
            return []
        case .heard, .members, .other: return []
        }
    }

    /// The server has refused a command.
    private func refused(_ question: StoreQuestion, _ fault: RESPFault, at time: NodeTime) -> [StoreDirective] {
        var directives = lost(question, at: time)
        let shard = question.shard
        switch fault.kind {
        case .foreignEpoch:
            // The store was emptied, or is another server than a moment ago.
            if let shard, shards[shard.number].phase != .opening, shards[shard.number].phase != .away {
                directives += open(shard)
            }
        case .moved, .ask, .clusterDown, .tryAgain, .crossSlot:
            if let shard { directives += pause(shard, fault, at: time) }
            if case .read(_, let shards) = question { directives += shards.flatMap { pause($0, fault, at: time) } }
            directives.append(.lookAgain)
        case .readOnly, .loading, .masterDown, .unauthenticated, .wrongPassword, .noFunction, .protected:
            if let node = question.node ?? shard.flatMap({ shards[$0.number].node }) {
                directives.append(.leave(node, fault.sentence, isLasting: false))
            }
        case .foreignSchema:
            if let node = shard.flatMap({ shards[$0.number].node }) {
                directives.append(
                    .leave(node, "what is stored there is of another release: \(fault.sentence)", isLasting: true))
            }
        default:
            guard let shard else { break }
            switch question {
            case .put:
                if shards[shard.number].trouble == nil { directives.append(.note(.refused(shard, fault.sentence))) }
                shards[shard.number].trouble = fault
                shards[shard.number].retried = time.monotonic
            case .open, .scan, .read:
                if let node = shards[shard.number].node {
                    directives.append(.leave(node, fault.sentence, isLasting: false))
                }
            default: break
            }
        }
        return directives + publish(at: time)
    }

    /// The node does not have all of a shard: it has moved, is on its way, or the cluster lacks a node. It is away until
    /// it can be opened, here or at another node.
    private func pause(_ shard: StoreShard, _ fault: RESPFault, at time: NodeTime) -> [StoreDirective] {
        guard shards[shard.number].phase == .following else { return [] }
        shards[shard.number].wasAway = true
        shards[shard.number].phase = .opening
        // Not at once: it is as it was a moment ago.
        shards[shard.number].isUnanswered = true
        shards[shard.number].retried = time.monotonic
        return [.note(.paused(shard, fault.sentence))]
    }

    // MARK: - Writes

    private func wrote(
        _ states: [PutState], _ group: Int, _ shard: StoreShard, _ value: RESPValue, at time: NodeTime
    ) -> [StoreDirective] {
        guard case .array(let results) = value, results.count == states.count + 1 else {
            return lost(.put(shard, states, group: group), at: time)
                + [.note(.unreadable(shard, "the reply of a write"))]
        }
        var directives: [StoreDirective] = []
        for (state, result) in zip(states, results.dropFirst()) {
            guard case .integer(let result) = result else { continue }
            if result > 0 {
                // The event may have come before this reply: then it is among the recent ones.
                let number = UInt64(result)
                if number > shards[shard.number].seq { shards[shard.number].unread[number] = state.key }
            } else if result < 0 {
                refuse(state, at: time)
            }
        }
        if shards[shard.number].trouble != nil {
            shards[shard.number].trouble = nil
            shards[shard.number].isProbing = false
            unpark(shard)
            directives.append(.note(.acceptsAgain(shard)))
            directives.append(.again)
        }
        acknowledgments.answered(group)
        return directives + takeAcknowledgments() + publish(at: time)
    }

    /// Takes the refusal of a registration, if it was refused.
    package func takeRefusals() -> [StateKey] {
        defer { refused.removeAll(keepingCapacity: true) }
        return Array(refused.keys)
    }

    /// The namespace was full with what other members took at the same time.
    private func refuse(_ state: PutState, at time: NodeTime) {
        guard case .instance(let key) = state.key, store.withdraw(key.id, in: key.namespace, state.version) else {
            return
        }
        counts.full += 1
        refused[key] = time.monotonic
    }

    // MARK: - Time

    private func ticked(_ shard: StoreShard, _ value: RESPValue, sent: MonotonicTime, at time: NodeTime)
        -> [StoreDirective]
    {
        shards[shard.number].isTicking = false
        guard case .array(let fields) = value, fields.count >= 6, let now = fields[0].number,
            let hold = fields[1].number, let swept = fields[2].number, let more = fields[3].number
        else { return [.note(.unreadable(shard, "the reply of a tick"))] }
        // What ran out until the tick before is read, or not; what this one let go cannot be yet.
        let isAllRead = shards[shard.number].sweeps.isLastRead(upTo: shards[shard.number].seq)
        shards[shard.number].sweeps.note(fields[5].number.flatMap { UInt64(exactly: $0) } ?? 0, swept: swept)
        counts.swept += UInt64(max(0, swept))
        var directives = correct(now, sent: sent, at: time)
        if hold > now, shards[shard.number].held < hold {
            if shards[shard.number].held <= now { directives.append(.note(.held(.milliseconds(hold - now)))) }
        }
        shards[shard.number].held = hold
        let next = fields.count > 7 ? fields[7].number ?? 0 : 0
        let wait = Duration.milliseconds(max(0, max(next, hold).subtractingSaturated(now)))
        shards[shard.number].due = next > 0 && wait < limits.tickPeriod ? time.monotonic + wait : nil
        noteHeldBack(fields.count > 6 ? fields[6] : .nothing, shard, now: now, isAllRead: isAllRead, at: time)
        shards[shard.number].hasOverdue = more > 0
        return directives + sweepOverdue(at: time.monotonic)
    }

    /// Shows what a shard holds back by the budget: namespaces, each with how many leases and since when by its clock.
    private func noteHeldBack(
        _ value: RESPValue, _ shard: StoreShard, now: Int64, isAllRead: Bool, at time: NodeTime
    ) {
        guard case .array(let fields) = value else { return }
        var heldBack: [Namespace: HeldBack] = [:]
        for place in stride(from: 0, to: fields.count - 2, by: 3) {
            guard let name = fields[place].text, let leases = fields[place + 1].number,
                let since = fields[place + 2].number
            else { continue }
            heldBack[Namespace(name)] = HeldBack(
                leases: Int(clamping: leases), since: time.monotonic - .milliseconds(max(0, now - since)),
                until: time.moment.lease + budget.longest)
        }
        let reports = silence.holds(heldBack, in: shard, budget, isAllRead: isAllRead, at: time.monotonic) {
            store.size(of: $0).instances
        }
        if !reports.isEmpty { store.report(reports) }
        guard !heldBack.isEmpty || !shards[shard.number].heldBack.isEmpty else { return }
        shards[shard.number].heldBack = heldBack
        store.holdBack(shards.reduce(into: [:]) { all, shard in all.merge(shard.heldBack) { first, _ in first } })
    }

    /// Nanoseconds that clocks may differ without a word; and a round trip that says too little.
    private static let clockTolerance: Int64 = 250_000_000

    /// Members stamp by the store's clock, which is one for all.
    func correct(_ milliseconds: Int64, sent: MonotonicTime, at time: NodeTime) -> [StoreDirective] {
        let trip = time.monotonic.nanoseconds(since: sent)
        guard trip < Self.clockTolerance else { return [] }
        let offset = milliseconds.multipliedSaturated(by: 1_000_000).addingSaturated(trip / 2 - time.wall)
        guard abs(offset.subtractingSaturated(clockOffset ?? 0)) > Self.clockTolerance || clockOffset == nil else {
            return []
        }
        clockOffset = abs(offset) > Self.clockTolerance ? offset : 0
        return [.correctClock(nanoseconds: clockOffset ?? 0)]
    }

    // MARK: - Questions

    private func told(
        _ questions: [(ticket: QuestionTicket, key: StateKey)], _ value: RESPValue, at time: NodeTime
    ) -> [StoreDirective] {
        guard case .array(let values) = value, values.count == 2 * questions.count else {
            return questions.map { .answered($0.ticket, isSure: false) }
        }
        for (index, question) in questions.enumerated() {
            guard case .bytes(let bytes) = values[2 * index], !bytes.isEmpty,
                let state = try? StoredValue.state(bytes, last: &lastNamespace)
            else { continue }
            _ = store.merge(state, at: time.moment)
            takeOverride(values[2 * index + 1], question.key, at: time)
        }
        return questions.map { .answered($0.ticket, isSure: true) }
    }

    /// Takes in what is stored of an operator's word on an instance.
    func takeOverride(_ value: RESPValue, _ key: StateKey, at time: NodeTime) {
        guard case .bytes(let bytes) = value, let override = StoredValue.override(bytes) else { return }
        take(override, key, at: time)
    }

    func take(_ override: StatusOverride, _ key: StateKey, at time: NodeTime) {
        let state = Replicated(
            namespace: key.namespace, replica: .absent(key.id, .none, age: 0, override: override))
        _ = store.restore(state, at: time.moment)
    }

    private static func pairs(_ fields: [RESPValue]) -> [String: String] {
        var pairs: [String: String] = [:]
        for place in stride(from: 0, to: fields.count - 1, by: 2) {
            guard case .bytes(let name) = fields[place], case .bytes(let value) = fields[place + 1] else { continue }
            pairs[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return pairs
    }
}

extension StoreQuestion {
    /// The shard that it is about, if it is about one.
    var shard: StoreShard? {
        switch self {
        case .open(let shard), .put(let shard, _, _), .renew(let shard, _), .heard(let shard), .tick(let shard, _),
            .get(let shard, _), .scan(let shard, _):
            shard
        case .wait, .read, .members, .other: nil
        }
    }

    /// The server that was asked, where that is known without a shard.
    var node: StoreNode? { if case .read(let node, _) = self { node } else { nil } }
}

extension RESPFault.Kind {
    /// Whether a write is refused for what the server is short of, so that any other would be too.
    var isOfServer: Bool {
        switch self {
        case .full, .cannotSave, .tooFewReplicas, .forbidden, .busy: true
        default: false
        }
    }
}

extension RESPValue {
    /// A number, also one that is spelt out.
    var number: Int64? {
        switch self {
        case .integer(let number): number
        case .bytes(let bytes): Int64(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    var text: String? {
        switch self {
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }
}
