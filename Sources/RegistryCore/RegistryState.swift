// The registry as every protocol finds it: what there is, how it is changed, what time it is, and how this member
// stands. One value for all loops; whatever changes in it guards itself.

package import Authorization
package import Catalog
package import Configuration
package import Replication
package import Time

/// A running registry, whatever it is asked in. Safe to use from any thread.
package final class RegistryState: Sendable {
    package let settings: Settings
    /// The present state, for all readers.
    package let lookup: Lookup
    /// What there is, for the process, which keeps it up. Protocols read by `lookup` and change by the functions below.
    package let store: Store
    /// What sources have published; nil when none is configured.
    package let sources: SourceBoard?
    package let leasePolicy: LeasePolicy
    package let tagRule: TagRule
    package let leaseClock: SharedLeaseClock
    /// What keeps leases from running out.
    package let expiryHold: ExpiryHold
    package let cluster: any Cluster
    /// That of `cluster`.
    package let standing: PublishedStanding
    package let lifecycle = Lifecycle()
    package let changes = ChangeCounts()
    /// What operators do that is no change of an instance.
    package let acts = OperatorActs()
    /// Which services and tags there were when somebody last asked.
    package let serviceTags = ServiceTags()
    /// The limits on requests.
    package let rateLimits: RateLimits
    /// How this member stands with the issuer of its tokens; nil when none is asked for keys.
    package let issuerKeys: IssuerKeys?
    /// How much each namespace asks.
    package let rates: RequestRates
    /// What each namespace may have.
    package let quotas = QuotaBoard()
    /// Is told what clients change; nil where nobody wants to know.
    private let relay: (any ChangeRelay)?
    package let started: MonotonicTime

    package init(
        settings: Settings, cluster: any Cluster = StandaloneCluster(), store: Store? = nil, loops: Int,
        monotonic: MonotonicTime, relay: (any ChangeRelay)? = nil, issuerKeys: IssuerKeys? = nil
    ) {
        self.relay = relay
        self.issuerKeys = issuerKeys
        self.settings = settings
        self.cluster = cluster
        standing = cluster.standing
        rates = RequestRates(isOn: settings.hasOperators || settings.quotasFile != nil, start: monotonic)
        rateLimits = RateLimits(settings, quotas, rates)
        let store = store ?? Store(namespaceCapacity: settings.namespaceCapacity, changes: settings.changeLogLimits())
        self.store = store
        let kinds = settings.sourceKinds
        sources =
            kinds.isEmpty
            ? nil : SourceBoard(kinds, maximumAge: settings.catalogMaxAge.interval, store)
        lookup = Lookup(store, sources)
        tagRule = TagRule(settings)
        leasePolicy = LeasePolicy(
            standard: settings.defaultTTL.wholeMilliseconds, minimum: settings.minTTL.wholeMilliseconds,
            maximum: settings.maxTTL.wholeMilliseconds)
        // After a pause, a member with peers asks them which heartbeats they received, before it lets a lease run out.
        leaseClock = SharedLeaseClock(
            monotonic: monotonic, isHeldByPauses: settings.replication, lost: LeaseClock.lostBeforeStart)
        expiryHold = ExpiryHold(loops: loops)
        expiryHold.change(budget: settings.leaseBudget)
        started = monotonic
    }

    // MARK: - Changing

    /// Registers an instance for a client, or replaces what its id named before; returns whether the namespace had room
    /// for it.
    ///
    /// - Parameter isRelayed: whether others are told, who have not told it themselves; so below.
    package func register(
        _ instance: Instance, in namespace: Namespace, at moment: Moment, by actor: Actor?, isRelayed: Bool = true
    ) -> Bool {
        let decision = store.register(
            instance, in: namespace, at: moment, by: actor, limits: quotas.quota(of: namespace).limits)
        if decision.expired > 0 { changes.countExpirations(decision.expired) }
        if decision.isDone { changes.countRegistration() }
        if isRelayed, decision.isDone { relay?.registered(instance.id, in: namespace) }
        return decision.isDone
    }

    /// Deregisters an instance for a client; returns whether there was one.
    ///
    /// - Parameter hasCopy: whether this member has what the others have. Before that, it cannot know an instance that
    ///   is at the others only: the deregistration is published all the same.
    package func deregister(
        _ id: InstanceID, in namespace: Namespace, hasCopy: Bool = true, at moment: Moment, by actor: Actor?,
        isRelayed: Bool = true
    ) -> Bool {
        let known = relay == nil || !isRelayed ? nil : store.instance(id, in: namespace, at: moment.lease)
        let decision = store.deregister(id, in: namespace, evenIfUnknown: !hasCopy, at: moment, by: actor)
        if decision.expired > 0 { changes.countExpirations(decision.expired) }
        if decision.isDone { changes.countDeregistrations(1) }
        if let known, decision.isDone { relay?.deregistered(known.instance, in: namespace) }
        return decision.isDone
    }

    /// Renews a lease for a client; returns whether its instance is there.
    package func renew(_ id: InstanceID, in namespace: Namespace, at moment: Moment, isRelayed: Bool = true) -> Bool {
        guard store.renew(id, in: namespace, at: moment) else { return false }
        changes.countRenewals(1)
        if isRelayed { relay?.renewed(id, in: namespace) }
        return true
    }

    /// Renews many leases for a client, `Store.renewalLimit` at most; returns for each whether its instance is there.
    package func renew(_ ids: [InstanceID], in namespace: Namespace, at moment: Moment) -> [Bool] {
        let renewed = store.renew(ids, in: namespace, at: moment)
        changes.countRenewals(renewed.count { $0 })
        if let relay { for (id, isDone) in zip(ids, renewed) where isDone { relay.renewed(id, in: namespace) } }
        return renewed
    }

    /// Sets what counts as an instance's status for an operator, or removes it.
    package func override(
        _ id: InstanceID, in namespace: Namespace, _ order: OverrideOrder, at moment: Moment, by actor: Actor?,
        isRelayed: Bool = true
    ) -> OverrideDecision {
        let decision = store.override(id, in: namespace, order, at: moment, by: actor)
        if isRelayed, case .done = decision { relay?.overridden(id, in: namespace) }
        return decision
    }

    /// Sets what counts as the status of all instances of a service for an operator, or removes it.
    package func override(
        service: Name, in namespace: Namespace, _ order: OverrideOrder, at moment: Moment, by actor: Actor?
    ) -> ServiceOverrideDecision {
        let decision = store.override(service: service, in: namespace, order, at: moment, by: actor)
        if let relay, case .done = decision {
            for leased in store.instances(of: service, in: namespace, at: moment.lease) {
                relay.overridden(leased.instance.id, in: namespace)
            }
        }
        return decision
    }

    /// How many instances a namespace may hold; nil is no limit.
    package func capacity(of namespace: Namespace) -> Int? {
        quotas.quota(of: namespace).limits.instances.resolved(store.namespaceCapacity)
    }

    /// What others are still to be told of changes here; nil where nobody is told.
    package var relayBacklog: (waiting: Int, dropped: UInt64)? { relay?.backlog }

    // MARK: - How this member stands

    /// Whether what others have acknowledged in a namespace may be unknown here: then no client is told that something
    /// does not exist.
    ///
    /// - Parameter namespace: nil when it is asked in none.
    package func isBehind(in namespace: @autoclosure () -> Namespace?, at now: MonotonicTime) -> Bool {
        standing.behindSince(at: now, in: namespace()) != nil
    }

    /// Since when, and until when at the latest, this member is not ready because its issuer's keys were never had
    /// (J306); nil when it does not wait for them.
    package func awaitsKeys(at now: MonotonicTime) -> (since: MonotonicTime, until: MonotonicTime)? {
        guard let issuerKeys, !issuerKeys.wereHad else { return nil }
        let end = issuerKeys.since + settings.syncTimeout.interval
        return now < end ? (issuerKeys.since, end) : nil
    }

    /// How long ago the issuer last answered with its keys, nil when it never has, and how often it was asked in vain;
    /// nil where no issuer is asked.
    package func issuerRecord(at now: MonotonicTime) -> (age: Duration?, failures: UInt64)? {
        guard let record = issuerKeys?.record else { return nil }
        return (record.had.map { now - $0 }, record.failures)
    }

    /// For how many seconds look-ups may have found what is gone by this time, or missed what others have acknowledged
    /// (R273): the longer of both. Nil when they have not.
    ///
    /// - Parameter namespace: in which was looked; nil when in none.
    package func staleness(of namespace: @autoclosure () -> Namespace?, at now: MonotonicTime) -> Int? {
        var since = standing.behindSince(at: now, in: namespace())
        if let held = expiryHold.lookUpsAreStaleSince(in: namespace()) { since = min(since ?? held, held) }
        if store.mayBeSilent, let silent = namespace().flatMap({ store.silentSince($0) }) {
            since = min(since ?? silent, silent)
        }
        return since.map { Self.wholeSeconds(from: $0, to: now) }
    }

    /// Has leases judged by the settings before the first runs out.
    package func judgeFromNowOn() {
        store.judge(by: expiryHold.bounds(at: .zero, hasCopy: cluster.hasCopy))
    }

    private static func wholeSeconds(from start: MonotonicTime, to now: MonotonicTime) -> Int {
        Int(max(0, now.nanoseconds(since: start)) / 1_000_000_000)
    }

    /// The moment that a reading of the clocks stands for; the wall clock is corrected where the other members' show
    /// that it is wrong.
    package func moment(monotonic: MonotonicTime, wall: Int64) -> Moment {
        leaseClock.moment(monotonic: monotonic, wall: wall.addingSaturated(cluster.clockCorrection))
    }
}
