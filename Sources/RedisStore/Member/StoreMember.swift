// A member whose catalog is a view of what Redis has. It is told what happens and returns what to do, and touches nothing
// but the catalog in memory: no socket, no clock. Changes by clients are in the catalog before they are in Redis; what this
// member writes are states with versions, of which the later one stands, so that writing one again, late, or after another
// member has written a newer one, changes nothing.

package import Catalog
package import RESP
package import Replication
package import Time

/// How a member deals with its store.
package struct StoreLimits: Sendable {
    /// How many replicas must have a change before it is acknowledged.
    package var replicas = 0
    /// How long a command may take.
    package var timeout: Duration = .seconds(1)
    /// How long no lease runs out after the store was away.
    package var grace: Duration = .seconds(30)
    /// How long a read waits for events before it returns empty-handed.
    package var block: Duration = .milliseconds(200)
    /// How often this member says that it lives, and sweeps.
    package var tickPeriod: Duration = .milliseconds(150)
    /// How long after it was last followed a shard that was emptied is filled from this member's view without a word.
    package var viewAge: Duration = .seconds(600)
    /// Changes that are drained at once.
    package var drainBudget = 4_096
    /// Events that a read returns of each stream: what it returns is taken in in one turn.
    package var readCount = 250
    /// How often the members are asked for, and heartbeats told.
    package var tellPeriod: Duration = .seconds(1)
    /// Whether each shard is read by a command of its own, as in a cluster, where the streams of two are in two slots.
    package var readsApart = false
    /// How often a server that takes no writes is asked again.
    package var retryPeriod: Duration = .seconds(1)

    package init() {}
}

/// One member of a store. Belongs to one thread.
package final class StoreMember {
    package let limits: StoreLimits
    let functions: StoreFunctions
    let store: Store
    /// How many instances a namespace may hold; nil is no limit.
    let capacity: (Namespace) -> Int?
    /// When its client changed an instance last, as the client says; nil where it says nothing.
    let lastChange: (Instance) -> Int64?
    /// What this member says of itself to the others.
    let about: String
    var random: any RandomNumberGenerator
    var shards = StoreShard.all.map { _ in ShardState() }
    /// Invariant: the nodes that some shard names, with whether a read of all their shards is on its way there.
    var readers: [StoreNode: Bool] = [:]
    var acknowledgments = Acknowledgments()
    package internal(set) var counts = StoreCounts()
    /// How many leases of a namespace may run out in a minute.
    package var budget = ExpiryBudget.off
    var silence = StoreSilence()
    /// Registrations that were refused because their namespaces were full, for their callers to fetch.
    package internal(set) var refused: [StateKey: MonotonicTime] = [:]
    /// The members, as they say of themselves, by their ids.
    package internal(set) var members: [String: String] = [:]
    var isReady = false
    var standing: ClusterStanding?
    var holdSince: MonotonicTime?
    /// In which namespaces and until when, as was last said.
    var held: (parts: NamespaceParts, until: MonotonicTime)?
    /// By how many nanoseconds the store's clock is ahead of ours; nil before it is known.
    var clockOffset: Int64?
    var told = MonotonicTime.zero
    /// The namespace that was read last.
    var lastNamespace: Namespace?
    /// How far what is held was compared with what is stored; nil when that is not under way.
    var comparison: CopyCursor?
    var isLeaving = false

    package init(
        _ limits: StoreLimits, prefix: String, member: MemberID, about: String, store: Store,
        random: any RandomNumberGenerator = SystemRandomNumberGenerator(),
        lastChange: @escaping (Instance) -> Int64? = { _ in nil }, capacity: @escaping (Namespace) -> Int?
    ) {
        self.limits = limits
        functions = StoreFunctions(prefix: prefix, member: member)
        self.store = store
        self.about = about
        self.random = random
        self.lastChange = lastChange
        self.capacity = capacity
    }

    // MARK: - Servers

    /// A server is connected and has these shards.
    package func connected(_ node: StoreNode, _ facts: ServerFacts, has shards: [StoreShard], at time: NodeTime)
        -> [StoreDirective]
    {
        var directives: [StoreDirective] = []
        for shard in shards {
            if let former = self.shards[shard.number].node, former != node { leave(shard) }
            self.shards[shard.number].node = node
            self.shards[shard.number].run = facts.runID
            directives += open(shard)
        }
        if readers[node] == nil { readers[node] = false }
        return directives + publish(at: time)
    }

    /// A server is connected no more. What was asked of it and not answered comes as `lost`.
    package func disconnected(_ node: StoreNode, at time: NodeTime) -> [StoreDirective] {
        for shard in StoreShard.all where shards[shard.number].node == node { leave(shard) }
        readers[node] = nil
        return publish(at: time)
    }

    private func leave(_ shard: StoreShard) {
        shards[shard.number].wasAway = true
        shards[shard.number].phase = .away
        shards[shard.number].node = nil
        shards[shard.number].scan = nil
        shards[shard.number].isTicking = false
        shards[shard.number].hasOverdue = false
        shards[shard.number].isReading = false
        shards[shard.number].trouble = nil
    }

    /// Asks which history a shard has now.
    func open(_ shard: StoreShard, claiming history: String? = nil) -> [StoreDirective] {
        shards[shard.number].phase = .opening
        shards[shard.number].scan = nil
        shards[shard.number].isTicking = false
        shards[shard.number].isUnanswered = false
        let state = shards[shard.number]
        let wanted = history ?? state.epoch?.description ?? ""
        return ask(functions.open(shard, wanted: wanted, run: state.run), .open(shard), shard)
    }

    /// A command to the server that has a shard.
    func ask(_ command: RESPCommand, _ question: StoreQuestion, _ shard: StoreShard, patience: Duration? = nil)
        -> [StoreDirective]
    {
        guard let node = shards[shard.number].node else { return [] }
        return [.send(command, question, node, .commands, patience: patience)]
    }

    // MARK: - Time

    /// Time has passed; to be called every `tickPeriod` / 3 or so, and when the next lease may go.
    package func tick(at time: NodeTime) -> [StoreDirective] {
        var directives: [StoreDirective] = []
        let now = time.monotonic
        let tells = now - told >= limits.tellPeriod
        for shard in StoreShard.all {
            if shards[shard.number].isUnanswered, now - shards[shard.number].retried >= limits.tickPeriod {
                shards[shard.number].retried = now
                directives += open(shard)
            }
            guard let epoch = shards[shard.number].epoch, shards[shard.number].phase == .following else { continue }
            // Who is behind only says that it lives.
            let isAbreast = shards[shard.number].isAbreast
            if !shards[shard.number].isTicking, !shards[shard.number].hasOverdue || !isAbreast,
                now >= nextTick(of: shards[shard.number])
            {
                directives += sweep(shard, epoch, atMost: isAbreast ? StoreFunctions.usualExpiries : 0, at: now)
            }
            if tells { directives += tellHeartbeats(shard, epoch) }
            guard now - shards[shard.number].retried >= limits.retryPeriod else { continue }
            if shards[shard.number].trouble != nil {
                directives += retry(shard, at: now)
            } else if !shards[shard.number].parked.isEmpty {
                // What the server refused for a moment only, as while a slot is on its way.
                shards[shard.number].retried = now
                unpark(shard)
                directives.append(.again)
            }
        }
        if tells {
            told = now
            directives += ask(functions.members(StoreShard.all[0]), .members, StoreShard.all[0])
            if !refused.isEmpty { refused = refused.filter { now - $0.value < Self.refusalTime } }
        }
        return directives + sweepOverdue(at: now) + reads() + publish(at: time)
    }

    /// When a shard is swept again: once in a period, and besides when a lease may go, of which the last tick has told. Where
    /// leases end all the time, this makes at most twice as many ticks.
    private func nextTick(of shard: ShardState) -> MonotonicTime {
        let regular = shard.ticked + limits.tickPeriod
        guard let due = shard.due else { return regular }
        return min(regular, max(due, shard.ticked + limits.tickPeriod / 2))
    }

    /// When the next lease may go in any shard that waits for that; nil where it is not known.
    package var nextSweep: MonotonicTime? {
        var next: MonotonicTime?
        for shard in shards where shard.phase == .following && !shard.isTicking && !shard.hasOverdue && shard.due != nil
        {
            next = min(next ?? .distantFuture, nextTick(of: shard))
        }
        return next
    }

    /// How long a refusal waits for its caller.
    private static let refusalTime: Duration = .seconds(10)

    func sweep(_ shard: StoreShard, _ epoch: StoreEpoch, atMost expiries: Int, at now: MonotonicTime)
        -> [StoreDirective]
    {
        shards[shard.number].isTicking = true
        shards[shard.number].ticked = now
        shards[shard.number].due = nil
        return ask(
            functions.tick(shard, epoch, about: about, grace: limits.grace, atMost: expiries, by: budget),
            .tick(shard, sent: now), shard)
    }

    /// Lets go what ticks have left, one call at a time for each server: what others ask of it, and the events of what went
    /// before, have their turn between two.
    func sweepOverdue(at now: MonotonicTime) -> [StoreDirective] {
        var directives: [StoreDirective] = []
        var next: [StoreNode: StoreShard] = [:]
        var busy: Set<StoreNode> = []
        for shard in StoreShard.all where shards[shard.number].hasOverdue {
            let state = shards[shard.number]
            guard state.phase == .following, let node = state.node else { continue }
            if state.isTicking { busy.insert(node) }
            guard state.isAbreast else { continue }
            if let other = next[node], shards[other.number].ticked <= state.ticked { continue }
            next[node] = shard
        }
        for (node, shard) in next where !busy.contains(node) {
            guard let epoch = shards[shard.number].epoch else { continue }
            directives += sweep(shard, epoch, atMost: StoreFunctions.mostExpiries, at: now)
        }
        return directives
    }

    private func tellHeartbeats(_ shard: StoreShard, _ epoch: StoreEpoch) -> [StoreDirective] {
        guard !shards[shard.number].heard.isEmpty, shards[shard.number].trouble == nil else { return [] }
        return ask(functions.heard(shard, epoch, shards[shard.number].tell()), .heard(shard), shard)
    }

    /// Writes that were refused are tried again.
    private func retry(_ shard: StoreShard, at now: MonotonicTime) -> [StoreDirective] {
        shards[shard.number].retried = now
        guard let key = shards[shard.number].unparkOne() else {
            shards[shard.number].trouble = nil
            return [.note(.acceptsAgain(shard))]
        }
        shards[shard.number].isProbing = true
        republish(key)
        return [.again]
    }

    // MARK: - Standing

    /// What requests must know, as it is now, where that has changed.
    func publish(at time: NodeTime) -> [StoreDirective] {
        var directives: [StoreDirective] = []
        let now = time.monotonic
        let behind = parts { $0.phase != .following }
        if !isReady, behind.isEmpty {
            isReady = true
            directives.append(.becameReady)
            directives.append(.note(.ready(instances: store.counts.instances)))
        }
        for number in shards.indices where shards[number].phase == .following { shards[number].followed = now }
        let since =
            isReady ? shards.lazy.filter { $0.phase != .following }.compactMap(\.followed).min() : nil
        let standing = ClusterStanding(
            waits: true, mayBeUnderWay: true, behindSince: since, behind: behind,
            refusing: isReady && !isLeaving ? behind | troubled() : .all, isStrict: true)
        if standing != self.standing {
            self.standing = standing
            directives.append(.standing(standing))
        }
        return directives + publishHold(behind, since, at: time)
    }

    /// The namespaces whose writes are not sent, or would be refused: a server without memory, say, has none for any.
    private func troubled() -> NamespaceParts {
        guard shards.contains(where: { $0.trouble != nil }) else { return .none }
        let servers = Set(shards.filter { $0.trouble?.kind.isOfServer == true }.map(\.node))
        return parts { $0.trouble != nil || servers.contains($0.node) }
    }

    /// The namespaces of which the shards are so.
    private func parts(_ isSo: (ShardState) -> Bool) -> NamespaceParts {
        var parts = NamespaceParts.none
        for shard in StoreShard.all where isSo(shards[shard.number]) { parts.insert(shard.number) }
        return parts
    }

    /// Says in which namespaces no lease runs out, and how long: of shards that are away since `away`, and of those whose
    /// functions hold leases back. In the others leases run out as always.
    private func publishHold(_ behind: NamespaceParts, _ away: MonotonicTime?, at time: NodeTime) -> [StoreDirective] {
        let now = time.monotonic
        let milliseconds = time.wall.addingSaturated(clockOffset ?? 0) / 1_000_000
        var parts = parts { $0.held > milliseconds }
        var end = now + .milliseconds(max(0, (shards.map(\.held).max() ?? 0) - milliseconds))
        if away != nil {
            parts = parts | behind
            end = max(end, now + limits.grace)
        }
        guard !parts.isEmpty else {
            guard holdSince != nil else { return [] }
            (holdSince, held) = (nil, nil)
            return [.endHold]
        }
        let since = min(holdSince ?? now, away ?? now)
        holdSince = since
        // Unless nearly that was said already.
        if let held, held.parts == parts, end - held.until < Self.holdStep, held.until - end < Self.holdStep {
            return []
        }
        held = (parts, end)
        return [.hold(parts, since: since, until: end)]
    }

    private static let holdStep: Duration = .seconds(1)

    // MARK: - An operator's word

    /// The store was emptied long ago.
    package func settle(_ word: StoreWord, at time: NodeTime) -> [StoreDirective] {
        var directives: [StoreDirective] = []
        for shard in StoreShard.all where shards[shard.number].phase == .estranged {
            switch word {
            // What follows from an empty store is decided by when it was followed last.
            case .reseed: shards[shard.number].followed = time.monotonic
            case .acceptEmpty: shards[shard.number].acceptsEmpty = true
            }
            directives += open(shard)
        }
        return directives + publish(at: time)
    }

    /// How this member stands, but for its servers.
    package func status(at now: MonotonicTime) -> StoreStatus {
        var status = StoreStatus(member: functions.member.description, prefix: functions.prefix)
        status.members = members.map { StoreStatus.Member(id: $0.key, about: $0.value) }.sorted { $0.id < $1.id }
        status.shards = shards.count
        status.following = shards.count { $0.phase == .following }
        status.reading = shards.count { $0.phase == .scanning || $0.phase == .comparing }
        status.estranged = shards.count { $0.phase == .estranged }
        status.awaySince = standing?.behindSince
        status.trouble = shards.lazy.compactMap(\.trouble?.sentence).first
        status.clockOffset = (clockOffset ?? 0) / 1_000_000
        status.counts = counts
        return status
    }

    // MARK: - Stopping

    /// Whether all that was written is answered.
    package var isFlushed: Bool { acknowledgments.count == 0 }

    /// Says goodbye, so that the silence of this member holds nothing.
    package func leave(at time: NodeTime) -> [StoreDirective] {
        isLeaving = true
        var directives = publish(at: time)
        for shard in StoreShard.all {
            guard let epoch = shards[shard.number].epoch, shards[shard.number].phase == .following else { continue }
            directives += ask(functions.leave(shard, epoch), .other, shard)
        }
        return directives
    }
}
