// From this member to the store: what clients have changed and renewed.

package import Catalog
import RESP
package import Replication
import Time

extension StoreMember {
    /// Bytes of renewed states in one event: more are told in another.
    private static let mostHeard = 64 << 10

    /// Writes what has changed. The answers of these tickets wait for it.
    package func changed(_ tickets: [AcknowledgmentTicket], at time: NodeTime) -> [StoreDirective] {
        let drained = store.drain(includeRenewals: false, budget: limits.drainBudget, at: time.moment)
        guard !drained.changes.isEmpty || !tickets.isEmpty else { return [] }
        // Those who wait for what is left wait for the group after this one.
        let group = acknowledgments.begin(drained.hasMore ? [] : tickets)
        var directives: [StoreDirective] = []
        var batches: [[(state: Replicated, isAdmitted: Bool)]] = StoreShard.all.map { _ in [] }
        var nodes: [StoreNode] = []
        func send(_ shard: StoreShard) {
            if let node = shards[shard.number].node, !nodes.contains(node) { nodes.append(node) }
            directives += put(shard, batches[shard.number], group)
            batches[shard.number] = []
        }
        for state in drained.changes {
            let shard = StoreShard(of: state.namespace)
            let key = StoredKey(state)
            let isAdmitted = shards[shard.number].takeAdmission(of: key)
            guard shards[shard.number].takesWrites else {
                shards[shard.number].park(key, isAdmitted: isAdmitted)
                acknowledgments.fail(group)
                continue
            }
            batches[shard.number].append((state, isAdmitted))
            if batches[shard.number].count == StoreFunctions.mostStates { send(shard) }
        }
        for shard in StoreShard.all {
            if !batches[shard.number].isEmpty { send(shard) }
            if !drained.hasMore { shards[shard.number].forgetAdmissions() }
        }
        if limits.replicas > 0 {
            for node in nodes {
                acknowledgments.sent(group)
                let command = StoreFunctions.wait(for: limits.replicas, atMost: limits.timeout / 2)
                directives.append(.send(command, .wait(group: group), node, .commands, patience: nil))
            }
        }
        acknowledgments.answered(group)
        directives += takeAcknowledgments()
        guard drained.hasMore else { return directives }
        return directives + changed(tickets, at: time)
    }

    /// Writes states of one shard, `mostStates` at most. What had been let in is not judged by capacity again.
    private func put(_ shard: StoreShard, _ states: [(state: Replicated, isAdmitted: Bool)], _ group: Int)
        -> [StoreDirective]
    {
        guard let epoch = shards[shard.number].epoch else { return [] }
        var command = functions.put(shard, epoch)
        for (state, isAdmitted) in states {
            var changed: Int64?
            if case .present(let instance, _, _) = state.replica { changed = lastChange(instance) }
            StoreFunctions.append(
                state, capacity: isAdmitted ? nil : capacity(state.namespace), changed: changed, to: &command)
        }
        acknowledgments.sent(group)
        counts.puts += UInt64(states.count)
        let written = states.map {
            PutState(key: StoredKey($0.state), version: $0.state.replica.version, isAdmitted: $0.isAdmitted)
        }
        return ask(command, .put(shard, written, group: group), shard)
    }

    func takeAcknowledgments() -> [StoreDirective] {
        acknowledgments.take().map { $0.isDone ? .acknowledged($0.ticket) : .unacknowledged($0.ticket) }
    }

    /// Passes on what clients have renewed; to be called every few milliseconds.
    package func renewed(at time: NodeTime) -> [StoreDirective] {
        guard shards.contains(where: { $0.takesRenewals }) else { return [] }
        let drained = store.drainRenewals(budget: limits.drainBudget, at: time.moment)
        guard !drained.renewals.isEmpty else { return [] }
        var directives: [StoreDirective] = []
        var batches: [StoreShard: [Renewal]] = [:]
        for renewal in drained.renewals { batches[StoreShard(of: renewal.namespace), default: []].append(renewal) }
        for shard in StoreShard.all {
            guard let renewals = batches[shard] else { continue }
            guard let epoch = shards[shard.number].epoch, shards[shard.number].takesRenewals else {
                // They are written with their states, as soon as that can be.
                for renewal in renewals {
                    shards[shard.number].park(
                        .instance(StateKey(namespace: renewal.namespace, id: renewal.id)), isAdmitted: true)
                }
                continue
            }
            var rest = renewals[...]
            while !rest.isEmpty {
                let batch = rest.prefix(StoreFunctions.mostRenewals)
                rest = rest.dropFirst(batch.count)
                counts.renewals += UInt64(batch.count)
                let keys = batch.map { StateKey(namespace: $0.namespace, id: $0.id) }
                directives += ask(functions.renew(shard, epoch, batch), .renew(shard, keys), shard)
            }
            for renewal in renewals { note(renewal, of: shard) }
            if shards[shard.number].heard.count >= Self.mostHeard {
                directives += ask(functions.heard(shard, epoch, shards[shard.number].tell()), .heard(shard), shard)
            }
        }
        if drained.hasMore { directives.append(.again) }
        return directives
    }

    private func note(_ renewal: Renewal, of shard: StoreShard) {
        StateCodec.append(
            Replicated(
                namespace: renewal.namespace, replica: .renewed(renewal.id, renewal.version, renewal.heartbeat)),
            to: &shards[shard.number].heard)
    }

    /// Asks the store what it has of ids that are unknown here.
    package func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)], at time: NodeTime) -> [StoreDirective] {
        var directives: [StoreDirective] = []
        var batches: [StoreShard: [(ticket: QuestionTicket, key: StateKey)]] = [:]
        for question in questions { batches[StoreShard(of: question.key.namespace), default: []].append(question) }
        for shard in StoreShard.all {
            guard let batch = batches[shard] else { continue }
            guard let epoch = shards[shard.number].epoch, shards[shard.number].phase == .following else {
                directives += batch.map { .answered($0.ticket, isSure: false) }
                continue
            }
            directives += ask(functions.get(shard, epoch, batch.map(\.key)), .get(shard, batch), shard)
        }
        return directives
    }

    /// Writes what could not be written before.
    func unpark(_ shard: StoreShard) {
        for key in shards[shard.number].unpark() { republish(key) }
    }

    /// Writes again what the store had let in, and has no more.
    func readmit(_ key: StoredKey, to shard: StoreShard) {
        shards[shard.number].admit(key)
        republish(key)
    }

    func republish(_ key: StoredKey) {
        switch key {
        case .instance(let key): store.republish(key.id, in: key.namespace)
        case .service(let service, let namespace): store.republish(service, in: namespace)
        }
    }

    /// States that were written, or not: nobody knows. They are written again when that can be.
    func park(_ states: [PutState], of shard: StoreShard) {
        for state in states { shards[shard.number].park(state.key, isAdmitted: state.isAdmitted) }
    }
}
