// How overrides of services are set, removed, merged and carried out (`ServiceOverrides.swift`).

import Synchronization

/// What became of a wish to override the status of a service.
package enum ServiceOverrideDecision: Sendable {
    /// What now counts, and for how many instances.
    case done(ServiceStanding)
    /// The service has no instance, and nothing is said of it.
    case unknown
    /// As many overrides are kept as may be.
    case full
}

/// What an operator has said of a service.
package struct ServiceStanding: Sendable {
    /// The override that counts; nil where none does.
    package let override: StatusOverride?
    /// How many instances the service has, those included that have an override of their own, or whose leases have run
    /// out and that are yet to be swept.
    package let instances: Int

    package init(override: StatusOverride?, instances: Int) {
        self.override = override
        self.instances = instances
    }
}

extension Catalog {
    func standing(of key: ServiceKey) -> ServiceStanding {
        ServiceStanding(
            override: records.services.slot(of: key).flatMap { records.services[$0].standing },
            instances: count(of: key.service, in: key.namespace))
    }

    /// Sets or removes an override of a service. Nothing changes where none is to be removed.
    ///
    /// - Parameter isFull: whether there may be no more of them.
    mutating func override(
        _ key: ServiceKey, _ order: OverrideOrder, isFull: Bool, at moment: Moment, by actor: Actor?
    ) -> ServiceOverrideDecision {
        let standing = standing(of: key)
        guard standing.instances > 0 || standing.override != nil else { return .unknown }
        if isFull, order.status != nil, standing.override == nil { return .full }
        switch order {
        case .remove where standing.override == nil: return .done(standing)
        case .endDrain where standing.override?.departure == nil: return .done(standing)
        default: break
        }
        let held = records.services.slot(of: key).map { records.services[$0].override.version }
        // Later than all that is known of its instances, so that a drain concerns each of them.
        let version = records.stamp(
            isWithdrawal: order.status == .outOfService, after: held ?? .none, at: moment)
        let override = StatusOverride(order, version, at: moment.wall, who: actor?.principal ?? actor?.address)
        records.override(
            key, with: override, in: override.phase(at: moment.wall), isUntold: records.isTold, at: moment, by: actor)
        return .done(self.standing(of: key))
    }

    /// Takes in what another member says of a service, if that is later than what is known.
    mutating func merge(_ override: StatusOverride, of key: ServiceKey, at moment: Moment) -> MergeOutcome {
        let held = records.services.slot(of: key).map { records.services[$0] }
        guard override.version > held?.override.version ?? .none else {
            return override.version == held?.override.version ? .redundant : .stale
        }
        // A mark that is kept no more is not learned again.
        if held?.standing == nil, override.isForgotten(at: moment.wall, retention: records.services.retention) {
            return .redundant
        }
        records.override(key, with: override, in: override.phase(at: moment.wall), isUntold: false, at: moment)
        return .applied
    }

    /// Lets overrides of services end whose time is over, and goes on with what they have to do with their instances: as
    /// much as `budget` says. Returns how much that was, and how many instances left.
    mutating func endServiceOverrides(at moment: Moment, budget: Int) -> (handled: Int, left: Int) {
        guard budget > 0, records.services.hasWork(at: moment.wall) else { return (0, 0) }
        // An end may have to wait for instances to leave, so what was begun comes first.
        var (handled, left) = advancePasses(budget: (budget + 1) / 2, at: moment)
        for entry in records.services.takeEnded(at: moment.wall, limit: budget - handled) {
            handled += 1
            switch entry.phase {
            case .over:
                records.services.remove(entry.key)
            case .left where records.services.passes.hasLeave(of: entry.key):
                records.services.postpone(entry.key)
            case .counts where entry.override.departure != nil:
                // However late this is, those that are there leave.
                records.override(entry.key, with: entry.override, in: .left, isUntold: false, at: moment)
            case .counts, .left:
                records.override(entry.key, with: entry.override, in: .over, isUntold: false, at: moment)
            }
        }
        let rest = advancePasses(budget: budget - handled, at: moment)
        return (handled + rest.handled, left + rest.left)
    }

    private mutating func advancePasses(budget: Int, at moment: Moment) -> (handled: Int, left: Int) {
        var (handled, left) = (0, 0)
        while handled < budget, let pass = records.services.passes.next {
            let done = advance(pass, by: budget - handled, at: moment)
            handled += done.handled
            left += done.left
        }
        return (handled, left)
    }

    /// Goes on with what an override has to do with each instance of its service.
    private mutating func advance(_ pass: ServicePasses.Pass, by budget: Int, at moment: Moment) -> (
        handled: Int, left: Int
    ) {
        var (handled, left, remaining) = (0, 0, 0)
        if let service = records.service(pass.key) {
            let count = records.secondaryIndex.services[service].members.count
            remaining = min(pass.remaining, count)
            let end = max(0, remaining - budget)
            while remaining > end {
                remaining -= 1
                handled += 1
                // The last one may have taken the service along.
                guard let service = records.service(pass.key) else {
                    remaining = 0
                    break
                }
                let slot = records.secondaryIndex.services[service].members[remaining]
                switch pass.task {
                case .announce(let announcement): records.announce(announcement, slot)
                case .leave: if leave(slot, of: pass.key, at: moment) { left += 1 }
                }
            }
        }
        records.finish(pass, remaining: remaining)
        // One that has nothing to visit takes its time too.
        return (max(1, handled), left)
    }

    /// Deregisters an instance if the drain of its service has ended and concerns it.
    private mutating func leave(_ slot: Int32, of key: ServiceKey, at moment: Moment) -> Bool {
        guard let word = records.serviceOverride(slot), records.isLeaving(slot, by: records.services[word]),
            let departure = records.services[word].override.departure,
            let end = records.services[word].override.drain?.end
        else { return false }
        let age = max(0, moment.wall.subtractingSaturated(end) / 1_000_000)
        leave(slot, records.id(slot), in: key.namespace, departure, age: age, at: moment)
        return true
    }
}

extension Records {
    /// The slot of a service that has instances.
    func service(_ key: ServiceKey) -> Int32? {
        secondaryIndex.table(of: key.namespace).flatMap { secondaryIndex.service(key.service, in: $0) }
    }

    /// Notes how far the first pass has come: 0 is to its end.
    fileprivate mutating func finish(_ pass: ServicePasses.Pass, remaining: Int) {
        var pass = pass
        pass.remaining = remaining
        services.passes.next = pass
        guard remaining == 0, let service = service(pass.key), secondaryIndex.services[service].isUnannounced,
            services.passes.announcements(of: pass.key).isEmpty
        else { return }
        secondaryIndex.setUnannounced(false, service)
    }
}

extension Store {
    /// How many batches of instances the thread that sets an override of a service goes through itself: those of most
    /// services, so that who follows changes learns of it at once. The rest is done by `expire`.
    private static let batchesAtOnce = 4

    /// Sets or removes an override of a service's status for a client. Done where there is none to remove. It counts at
    /// once for all instances, however many there are.
    package func override(
        service: Name, in namespace: Namespace, _ order: OverrideOrder, at moment: Moment, by actor: Actor? = nil
    ) -> ServiceOverrideDecision {
        let isFull = order.status != nil && counts.overrides >= Self.overrideLimit
        let number = number(of: namespace)
        let key = ServiceKey(namespace: namespace, service: service)
        let decision = change(number) { $0.override(key, order, isFull: isFull, at: moment, by: actor) }
        guard case .done = decision else { return decision }
        dirtyShards?.noteChanges(shard: number)
        beginPasses(number, at: moment)
        return decision
    }

    /// Begins with what an override has to do with each instance.
    func beginPasses(_ number: Int, at moment: Moment) {
        for _ in 0..<Self.batchesAtOnce {
            let batch = change(number) { catalog in
                catalog.records.services.passes.isEmpty
                    ? (handled: 0, left: 0) : catalog.endServiceOverrides(at: moment, budget: Self.expiryBatch)
            }
            if batch.left > 0 { dirtyShards?.noteChanges(shard: number) }
            guard batch.handled == Self.expiryBatch else { return }
        }
    }

    /// What an operator has said of a service.
    package func standing(of service: Name, in namespace: Namespace) -> ServiceStanding {
        shard(of: namespace).catalog.withLock {
            $0.standing(of: ServiceKey(namespace: namespace, service: service))
        }
    }
}
