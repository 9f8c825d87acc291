// How a member comes to know what is stored: it asks for a shard's history, reads everything where it must, and then follows
// the shard's stream, whose events have numbers without a gap. While it reads, look-ups are served from what it has.

import Catalog
import RESP
package import Replication
import Time

extension StoreMember {
    // MARK: - Opening

    /// A server has said which history a shard has.
    func opened(_ shard: StoreShard, _ value: RESPValue, at time: NodeTime) -> [StoreDirective] {
        guard shards[shard.number].phase == .opening else { return [] }
        guard case .array(let fields) = value, fields.count >= 5, let text = fields[0].text,
            let seq = fields[1].number.flatMap({ UInt64(exactly: $0) }), let now = fields[2].number,
            let hold = fields[3].number
        else { return unreadable(shard, "the reply of an opening") }
        let base = fields[4].number.flatMap { UInt64(exactly: $0) }
        shards[shard.number].held = hold
        guard !text.isEmpty else { return open(shard, claiming: StoreEpoch.newHistory(&random)) + claim(shard) }
        guard let epoch = StoreEpoch(text) else { return unreadable(shard, "the epoch") }
        guard let known = shards[shard.number].epoch else { return scan(shard, .first, epoch, seq, began: now) }
        guard known.history == epoch.history else { return emptied(shard, epoch, seq, began: now, at: time) }
        shards[shard.number].epoch = epoch
        if shards[shard.number].missed {
            shards[shard.number].missed = false
            // What another server lacks is not what was trimmed.
            let isOther = known.generation != epoch.generation
            return scan(shard, isOther ? .loss : .gap, epoch, seq, began: now)
        }
        let held = shards[shard.number].seq
        // What the server has of what was read and written: all of it, unless it is another run that lacks the last
        // events. Such a one may lack renewals too, of which there are no events.
        let isOther = known.generation != epoch.generation
        let kept = isOther ? base ?? seq : seq
        guard kept < held || shards[shard.number].hasWritten(after: kept) else {
            return follow(shard, at: time) + away(shard, epoch, at: time, evenIfShortly: isOther)
        }
        guard let keys = shards[shard.number].lost(after: kept) else {
            return scan(shard, .loss, epoch, seq, began: now)
        }
        for key in keys { readmit(key, to: shard) }
        counts.rewritten += UInt64(keys.count)
        let lost = max(held, kept) - kept
        shards[shard.number].rewind(to: kept)
        return follow(shard, at: time) + away(shard, epoch, at: time, evenIfShortly: true) + [
            .note(.lostEvents(shard, lost, rewritten: keys.count)), .again,
        ]
    }

    private func claim(_ shard: StoreShard) -> [StoreDirective] {
        shards[shard.number].epoch == nil ? [.note(.claimed(shard))] : []
    }

    private func unreadable(_ shard: StoreShard, _ what: String) -> [StoreDirective] {
        guard let node = shards[shard.number].node else { return [] }
        return [.note(.unreadable(shard, what)), .leave(node, "\(what) cannot be read", isLasting: false)]
    }

    /// The store has another history than the one that was followed: it was emptied. It is filled from this member's view,
    /// as by the others from theirs; a view that is too old is not believed without a word.
    private func emptied(
        _ shard: StoreShard, _ epoch: StoreEpoch, _ seq: UInt64, began: Int64, at time: NodeTime
    ) -> [StoreDirective] {
        shards[shard.number].wasAway = true
        if shards[shard.number].acceptsEmpty {
            shards[shard.number].acceptsEmpty = false
            return scan(shard, .gap, epoch, seq, began: began)
        }
        guard let followed = shards[shard.number].followed, time.monotonic - followed <= limits.viewAge else {
            shards[shard.number].phase = .estranged
            return [.note(.estranged(shard))]
        }
        return scan(shard, .loss, epoch, seq, began: began)
    }

    /// Absences shorter than this are made up for by the time that functions let pass before they sweep.
    private static let shortAbsence: Duration = .milliseconds(200)

    /// After an absence no lease runs out for a while: its owner may have renewed it here.
    ///
    /// - Parameter evenIfShortly: whether also after a short one, since the store has lost renewals.
    private func away(
        _ shard: StoreShard, _ epoch: StoreEpoch, at time: NodeTime, evenIfShortly: Bool
    ) -> [StoreDirective] {
        shards[shard.number].wasAway = false
        if !evenIfShortly {
            guard let followed = shards[shard.number].followed, time.monotonic - followed > Self.shortAbsence else {
                return []
            }
        }
        return ask(functions.hold(shard, epoch, for: limits.grace), .other, shard)
    }

    /// A shard's events are followed. The member says that it is there before it writes anything: where somebody has written
    /// and nobody is there, the functions take it that all have been away, and let no lease run out for a while.
    private func follow(_ shard: StoreShard, at time: NodeTime) -> [StoreDirective] {
        shards[shard.number].phase = .following
        shards[shard.number].scan = nil
        unpark(shard)
        // Nothing is swept by it: whether leases are to be held is said behind it.
        let announcement = shards[shard.number].epoch.map { sweep(shard, $0, atMost: 0, at: time.monotonic) } ?? []
        return announcement + reads() + [.again]
    }

    // MARK: - Scanning

    private func scan(
        _ shard: StoreShard, _ reason: ScanReason, _ epoch: StoreEpoch, _ seq: UInt64, began: Int64
    ) -> [StoreDirective] {
        counts.scans += 1
        shards[shard.number].phase = .scanning
        shards[shard.number].scan = ShardScan(reason: reason, epoch: epoch, seq: seq, began: began)
        return [.note(.scanning(shard, reason))] + proceed(shard)
    }

    private func proceed(_ shard: StoreShard) -> [StoreDirective] {
        var directives: [StoreDirective] = []
        while let scan = shards[shard.number].scan, scan.open < ShardScan.window, let step = scan.steps.last {
            shards[shard.number].scan?.steps.removeLast()
            shards[shard.number].scan?.open += 1
            let command =
                switch step {
                case .namespaces(let cursor): functions.namespaces(shard, from: cursor)
                case .values(let kind, let namespace, let cursor):
                    functions.scan(shard, kind, of: namespace, from: cursor)
                }
            directives += ask(command, .scan(shard, step), shard)
        }
        return directives
    }

    func scanned(_ shard: StoreShard, _ step: ScanStep, _ value: RESPValue, at time: NodeTime) -> [StoreDirective] {
        guard shards[shard.number].phase == .scanning, shards[shard.number].scan != nil else { return [] }
        guard case .array(let fields) = value, fields.count == 2, let cursor = fields[0].text,
            case .array(let values) = fields[1]
        else { return unreadable(shard, "a part of a scan") }
        shards[shard.number].scan?.open -= 1
        switch step {
        case .namespaces:
            if cursor != "0" { shards[shard.number].scan?.steps.append(.namespaces(cursor: cursor)) }
            for name in values {
                guard let name = name.text else { continue }
                for kind in StoredKind.allCases.reversed() {
                    shards[shard.number].scan?.steps.append(.values(kind, Namespace(name), cursor: "0"))
                }
            }
        case .values(let kind, let namespace, _):
            if cursor != "0" { shards[shard.number].scan?.steps.append(.values(kind, namespace, cursor: cursor)) }
            for place in stride(from: 0, to: values.count - 1, by: 2) {
                guard case .bytes(let field) = values[place], case .bytes(let bytes) = values[place + 1] else {
                    continue
                }
                take(kind, field, bytes, of: namespace, shard, at: time)
            }
        }
        guard let scan = shards[shard.number].scan, scan.isOver else { return proceed(shard) }
        guard scan.reason == .first else {
            shards[shard.number].phase = .comparing
            comparison = .start
            return [.again]
        }
        return end(scan, of: shard, at: time) + publish(at: time)
    }

    /// Takes in one value that is stored.
    private func take(
        _ kind: StoredKind, _ field: [UInt8], _ bytes: [UInt8], of namespace: Namespace, _ shard: StoreShard,
        at time: NodeTime
    ) {
        if kind == .overrides {
            guard let id = InstanceID(field[...]) else { return }
            return takeOverride(.bytes(bytes), StateKey(namespace: namespace, id: id), at: time)
        }
        guard let state = try? StoredValue.state(bytes, last: &lastNamespace) else { return }
        _ = store.merge(state, at: time.moment)
        guard shards[shard.number].scan?.reason != .first else { return }
        let version = state.replica.version
        shards[shard.number].scan?.seen[StoredKey(state), default: version].raise(to: version)
    }

    /// A shard is read: its events are followed from where the scan began.
    private func end(_ scan: ShardScan, of shard: StoreShard, at time: NodeTime) -> [StoreDirective] {
        let isSameHistory = shards[shard.number].epoch?.history == scan.epoch.history
        shards[shard.number].epoch = scan.epoch
        shards[shard.number].seq = scan.seq
        shards[shard.number].recent = RecentEvents(after: scan.seq)
        // What was written since the scan began is still to be read; what another history had is not.
        let unread = shards[shard.number].unread
        shards[shard.number].unread = isSameHistory ? unread.filter { $0.key > scan.seq } : [:]
        let directives = follow(shard, at: time)
        switch scan.reason {
        case .first:
            shards[shard.number].wasAway = false
            return directives
        // Events were missed, and nothing else: renewals were taken meanwhile.
        case .gap where !shards[shard.number].wasAway: return directives
        case .gap, .loss:
            return directives + away(shard, scan.epoch, at: time, evenIfShortly: scan.reason == .loss)
        }
    }

    // MARK: - Comparing

    /// States that are looked at in one turn.
    private static let comparedAtOnce = 2_048

    /// Goes on with what was put off to a turn of its own.
    package func goOn(at time: NodeTime) -> [StoreDirective] {
        var directives = changed([], at: time)
        guard let cursor = comparison else { return directives }
        // Everything is looked at once for all shards: those that are still read wait for the next time.
        guard !shards.contains(where: { $0.phase == .scanning }) else { return directives }
        let piece = store.copy(from: cursor, limit: Self.comparedAtOnce, at: time.moment)
        for state in piece.items { compare(state) }
        comparison = piece.next
        directives.append(.again)
        guard comparison == nil else { return directives }
        for shard in StoreShard.all where shards[shard.number].phase == .comparing {
            guard let scan = shards[shard.number].scan else { continue }
            directives += end(scan, of: shard, at: time)
        }
        return directives + publish(at: time)
    }

    /// Compares a state that is held with what a scan has found.
    private func compare(_ state: Replicated) {
        let shard = StoreShard(of: state.namespace)
        guard shards[shard.number].phase == .comparing, let scan = shards[shard.number].scan else { return }
        let key = StoredKey(state)
        let stored = scan.seen[key]
        let isNewer = stored.map { $0 < state.replica.version } ?? false
        switch scan.reason {
        case .first: break
        case .loss:
            guard stored == nil || isNewer else { return }
            counts.rewritten += 1
            shards[shard.number].park(key, isAdmitted: true)
        case .gap:
            if isNewer { shards[shard.number].park(key, isAdmitted: true) }
            guard stored == nil, case .present(let instance, let version, _) = state.replica,
                !shards[shard.number].parked.contains(key), version.time.milliseconds < scan.began
            else { return }
            // It ran out, or was deregistered, and that is what was trimmed.
            _ = store.runOut(instance.id, in: state.namespace, upTo: version, at: scan.began * 1_000)
        }
    }

    // MARK: - Following

    /// Asks for the next events of the servers of which none is asked for.
    func reads() -> [StoreDirective] {
        if limits.readsApart { return StoreShard.all.flatMap(read) }
        var directives: [StoreDirective] = []
        for (node, isReading) in readers where !isReading {
            let followed = StoreShard.all.filter {
                shards[$0.number].node == node && shards[$0.number].phase == .following
            }
            guard !followed.isEmpty else { continue }
            readers[node] = true
            let command = functions.read(
                followed.map { ($0, shards[$0.number].seq) }, atMost: limits.readCount, waiting: limits.block)
            directives.append(
                .send(command, .read(node, followed), node, .stream, patience: limits.timeout + limits.block))
        }
        return directives
    }

    /// Asks for the next events of one shard, where that is not asked already.
    private func read(_ shard: StoreShard) -> [StoreDirective] {
        let state = shards[shard.number]
        guard state.phase == .following, !state.isReading, let node = state.node else { return [] }
        shards[shard.number].isReading = true
        let command = functions.read([(shard, state.seq)], atMost: limits.readCount, waiting: limits.block)
        return [
            .send(command, .read(node, [shard]), node, .streamOf(shard), patience: limits.timeout + limits.block)
        ]
    }

    /// A read is on its way no more. Returns whether its answer is still of interest.
    func endRead(_ asked: [StoreShard], from node: StoreNode) -> Bool {
        guard limits.readsApart else {
            guard readers[node] != nil else { return false }
            readers[node] = false
            return true
        }
        guard let shard = asked.first, shards[shard.number].node == node else { return false }
        shards[shard.number].isReading = false
        return true
    }

    /// Events have come, or none within the time.
    func read(_ asked: [StoreShard], from node: StoreNode, _ value: RESPValue, at time: NodeTime) -> [StoreDirective] {
        guard endRead(asked, from: node) else { return [] }
        var directives: [StoreDirective] = []
        if case .array(let streams) = value {
            for case .array(let stream) in streams where stream.count == 2 {
                guard let name = stream[0].text, case .array(let entries) = stream[1],
                    let shard = asked.first(where: { $0.stream(functions.prefix) == name })
                else { continue }
                directives += take(entries, of: shard, at: time)
            }
        }
        return directives + sweepOverdue(at: time.monotonic) + reads() + publish(at: time)
    }

    private func take(_ entries: [RESPValue], of shard: StoreShard, at time: NodeTime) -> [StoreDirective] {
        guard shards[shard.number].phase == .following else { return [] }
        for case .array(let entry) in entries where entry.count == 2 {
            guard let id = entry[0].text, let number = UInt64(id.prefix { $0 != "-" }),
                case .array(let fields) = entry[1], fields.count >= 2, case .bytes(let bytes) = fields[1]
            else { return unreadable(shard, "an event") }
            // Events were trimmed before they could be read: everything is read again, beginning with the epoch.
            guard number == shards[shard.number].seq + 1 else { return missed(shard) }
            shards[shard.number].seq = number
            if shards[shard.number].hasTold(bytes) { continue }
            do throws(StateError) {
                take(try StoreEvent(bytes, last: &lastNamespace), number, of: shard, at: time)
            } catch {
                counts.failures += 1
            }
        }
        return []
    }

    private func missed(_ shard: StoreShard) -> [StoreDirective] {
        shards[shard.number].missed = true
        return open(shard)
    }

    private func take(_ event: StoreEvent, _ number: UInt64, of shard: StoreShard, at time: NodeTime) {
        counts.events += 1
        if !shards[shard.number].unread.isEmpty { shards[shard.number].unread[number] = nil }
        switch event {
        case .state(let state, let override):
            shards[shard.number].recent.note(number, StoredKey(state))
            _ = store.merge(state, at: time.moment)
            if let override, let id = state.replica.id {
                take(override, StateKey(namespace: state.namespace, id: id), at: time)
            }
        case .ranOut(let gone, let microseconds):
            shards[shard.number].recent.noteEnd(number)
            for (key, version) in gone {
                switch store.runOut(key.id, in: key.namespace, upTo: version, at: microseconds) {
                case .gone:
                    counts.expired += 1
                    if budget.isOn { silence.ranOut(in: key.namespace, at: time.monotonic) }
                case .renewed: shards[shard.number].admit(.instance(key))
                case .unknown: break
                }
            }
        case .renewed(let states): for state in states { _ = store.merge(state, at: time.moment) }
        case .unknown: break
        }
    }
}

extension Version {
    fileprivate mutating func raise(to other: Version) { self = max(self, other) }
}
