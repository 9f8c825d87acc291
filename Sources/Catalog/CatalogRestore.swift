// How a process goes on with what another one knew: its own run before, as a file has it, or another member that was
// itself started from such a file. States enter as those of other members do, by their versions. But while nobody ran,
// nobody could renew, so a lease begins anew; its true age is kept, as after a pause of this process, so that a member
// that ran all the time can say who died meanwhile (`Store.settle`).

import Synchronization

/// What has become of states that were restored.
package struct RestoredStates: Sendable, Equatable {
    /// How many are in the catalog now that were not.
    package var entered = 0
    /// Milliseconds; of those, the longest lease that ends.
    package var longestLease: Int64 = 0

    package init() {}

    package static func + (left: RestoredStates, right: RestoredStates) -> RestoredStates {
        var sum = left
        sum.entered += right.entered
        sum.longestLease = max(sum.longestLease, right.longestLease)
        return sum
    }
}

/// How states of another run are to be read in this one.
package struct RestoreTerms: Sendable {
    /// Milliseconds by which ages have grown since the states were read.
    package var elapsed: Int64
    /// Stamps after this are not believed: their states are stamped as of `now`.
    package var latest: HybridTime
    package var now: HybridTime
    /// Whether what operators said of instances is taken too.
    package var hasOverrides: Bool

    package init(elapsed: Int64, latest: HybridTime, now: HybridTime, hasOverrides: Bool = true) {
        self.elapsed = max(0, elapsed)
        self.latest = latest
        self.now = now
        self.hasOverrides = hasOverrides
    }

    /// Years that a stamp may be ahead of this machine's clock, as between members without a median of clocks.
    private static let believedYears: Int64 = 100
    /// In milliseconds.
    private static let year: Int64 = 31_557_600_000

    /// The latest stamp that is believed, at a time of this machine's clock in nanoseconds since 1970.
    package static func latest(at wall: Int64) -> HybridTime {
        HybridTime(milliseconds: (wall / 1_000_000).addingSaturated(believedYears * year))
    }

    private func believed(_ version: Version) -> Version {
        version.time > latest
            ? Version(time: HybridTime(bits: now.bits & ~1 | version.time.bits & 1), origin: version.origin) : version
    }

    private func believed(_ override: StatusOverride) -> StatusOverride {
        let version = believed(override.version)
        return version == override.version ? override : override.stamped(version)
    }
}

extension RestoreTerms {
    /// A state as it is to be taken in; nil when nothing is left of it.
    package func read(_ state: Replicated) -> Replicated? {
        let replica: Replica
        switch state.replica {
        case .present(var instance, let version, let heartbeat):
            if instance.hasFurther {
                if !hasOverrides {
                    instance = instance.withoutOverride
                } else if let override = instance.override, override.version.time > latest {
                    instance = instance.with(override: believed(override))
                }
            }
            let age = max(0, heartbeat.age).addingSaturated(elapsed)
            replica = .present(instance, believed(version), Heartbeat(age: age, wall: heartbeat.wall))
        case .absent(let id, let version, let age, let override):
            let override = hasOverrides ? override.map(believed) : nil
            if version == .none, override == nil { return nil }
            replica = .absent(
                id, believed(version), age: max(0, age).addingSaturated(elapsed), override: override)
        case .service(let service, let override):
            guard hasOverrides else { return nil }
            replica = .service(service, believed(override))
        // Says nothing that a present state does not say.
        case .renewed: return nil
        }
        return Replicated(namespace: state.namespace, replica: replica)
    }
}

extension Catalog {
    /// Takes in a state whose lease, if it is new here, begins anew. Nothing of it is a change that others are told.
    mutating func restore(_ replica: Replica, in namespace: Namespace, at moment: Moment) -> MergeOutcome {
        switch replica {
        case .absent(let id, .none, let age, let override):
            // No deregistration: what was said of an instance that has gone.
            if let override { learn(override, of: id, goneFor: age, in: namespace, at: moment) }
            return .redundant
        case .present(let instance, let version, let heartbeat):
            guard records.slot(of: instance.id, in: namespace) == nil,
                records.replicationState.expired.find(instance.id, in: namespace) == nil
            else { return merge(replica, in: namespace, at: moment) }
            records.observe(version)
            if let buried = records.replicationState.tombstones.find(instance.id, in: namespace)?.version,
                buried >= version
            {
                return .stale
            }
            if instance.hasFurther, let override = instance.override { records.observe(override.version) }
            let isUntold = records.replicationState.tombstones.isUntold(instance.id, in: namespace)
            let slot = records.insert(instance, version, into: namespace, at: moment, isNews: false)
            if isUntold { records.replicationState.changed.insert(slot) }
            records.slots[slot].beginAnew(heartbeat, at: moment)
            rearm(slot, at: moment)
            return .applied
        case .absent, .renewed, .service: return merge(replica, in: namespace, at: moment)
        }
    }

    /// What is kept of overrides of instances that have gone, some of it, from a place on: as absent states without a
    /// version, which are no deregistrations. Nil is the end.
    func copyShelf(from place: Int, limit: Int, at moment: Moment) -> (items: [Replicated], next: Int?) {
        let piece = records.shelf.piece(from: place, limit: limit)
        let items = piece.kept.map { kept in
            let age = max(0, moment.wall.subtractingSaturated(kept.gone) / 1_000_000)
            return Replicated(
                namespace: kept.namespace, replica: .absent(kept.id, .none, age: age, override: kept.override))
        }
        return (items, piece.next)
    }
}

extension Store {
    /// Takes in states whose leases, where they are new here, begin anew; a batch at a time, so that no request waits
    /// for long.
    @discardableResult
    package func restore(_ states: [Replicated], at moment: Moment) -> RestoredStates {
        var restored = RestoredStates()
        var next = states.startIndex
        while next < states.endIndex {
            let number = number(of: states[next].namespace)
            let end = min(next + Self.replicaBatch, states.endIndex)
            let (stop, hasNews) = change(number) { catalog in
                var place = next
                // Neighbours mostly are of one namespace.
                while place < end, place == next || self.number(of: states[place].namespace) == number {
                    let replica = states[place].replica
                    if catalog.restore(replica, in: states[place].namespace, at: moment) == .applied {
                        restored.count(replica)
                    }
                    place += 1
                }
                defer { catalog.records.shelf.hasNews = false }
                return (place, catalog.records.shelf.hasNews)
            }
            if hasNews { dirtyShards?.noteChanges(shard: number) }
            if states[next..<stop].contains(where: \.replica.isOfService) { beginPasses(number, at: moment) }
            next = stop
        }
        return restored
    }

    /// The same for one state of another member.
    package func restore(_ state: Replicated, at moment: Moment) -> MergeOutcome {
        let number = number(of: state.namespace)
        let (outcome, hasNews) = change(number) { catalog in
            let outcome = catalog.restore(state.replica, in: state.namespace, at: moment)
            defer { catalog.records.shelf.hasNews = false }
            return (outcome, catalog.records.shelf.hasNews)
        }
        if hasNews { dirtyShards?.noteChanges(shard: number) }
        if state.replica.isOfService { beginPasses(number, at: moment) }
        return outcome
    }

    /// What is stamped from now on is later than this.
    package func observe(_ time: HybridTime) {
        for shard in shards {
            shard.catalog.withLock { $0.records.observe(Version(time: time, origin: MemberID(bits: 0))) }
        }
    }

    /// What is kept of overrides of instances that have gone, in pieces of at most `limit`: the part of everything that
    /// `copy` has not. Nil is the end.
    package func copyShelves(from cursor: ShelfCursor, limit: Int, at moment: Moment) -> (
        items: [Replicated], next: ShelfCursor?
    ) {
        guard cursor.shard < Self.shardCount else { return ([], nil) }
        let piece = shards[cursor.shard].catalog.withLock {
            $0.copyShelf(from: cursor.place, limit: limit, at: moment)
        }
        let next = ShelfCursor(shard: piece.next == nil ? cursor.shard + 1 : cursor.shard, place: piece.next ?? 0)
        return (piece.items, next.shard < Self.shardCount ? next : nil)
    }
}

/// How far the overrides of instances that have gone were copied.
package struct ShelfCursor: Sendable {
    var shard: Int
    var place: Int

    package static let start = ShelfCursor(shard: 0, place: 0)
}

extension Replica {
    fileprivate var isOfService: Bool { if case .service = self { true } else { false } }
}

extension RestoredStates {
    fileprivate mutating func count(_ replica: Replica) {
        guard case .present(let instance, _, _) = replica else { return }
        entered += 1
        if instance.leaseTime != Instance.endless { longestLease = max(longestLease, instance.leaseTime) }
    }
}
