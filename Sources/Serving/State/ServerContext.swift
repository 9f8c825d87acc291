// What every handler may use: the catalog, the clock of leases, the settings, and what the operations pages report. One value for all loops;
// whatever changes in it guards itself.

import Catalog
import Configuration
import HTTP
import Libevent
import Replication
import TLS
import Telemetry

/// The parts of a running registry that requests are answered with. Safe to use from any thread.
package final class ServerContext: Sendable {
    package let settings: Settings
    package let store: Store
    package let leasePolicy: LeasePolicy
    package let tagRule: TagRule
    package let leaseClock: SharedLeaseClock
    /// What keeps leases from running out.
    package let expiryHold: ExpiryHold
    package let cluster: any Cluster
    /// That of `cluster`.
    let standing: StandingBoard
    package let lifecycle = Lifecycle()
    package let changes = ChangeCounts()
    package let events = EventCounts()
    /// The limits on connections, and who met them.
    package let border: Border
    /// Which requests are logged.
    package let accessLogRule: AccessLogRule
    /// The limits on requests.
    package let rateLimits: RateLimits
    /// One for each loop.
    package let loopMetrics: [LoopMetrics]
    /// Nanoseconds of the monotonic clock at the start.
    package let started: Int64
    /// What is believed of what proxies say.
    package let forwarding: Forwarding
    /// Nil when browsers are told nothing.
    let crossOrigin: CrossOrigin?
    /// Makes the lists that are too long for a loop.
    package let renderThreads: RenderThreads
    /// What those are put together of.
    package let sharedRenderings: SharedServiceRenderings
    /// Lines that the log had no room for.
    package let droppedLogLines: @Sendable () -> UInt64
    /// Connections of all loops.
    package let openConnections: @Sendable () -> Int
    /// The port of our own TLS; nil when there is none.
    package let httpsPort: UInt16?
    /// Of our own port and of the members'; nil without TLS.
    package let tlsHealth: TLSHealth?
    package let peerTLSHealth: TLSHealth?

    package init(
        settings: Settings, cluster: any Cluster = StandaloneCluster(), store: Store? = nil, loops: Int, monotonic: Int64,
        httpsPort: UInt16? = nil, tlsHealth: TLSHealth? = nil, peerTLSHealth: TLSHealth? = nil, border: Border = Border(),
        openConnections: @escaping @Sendable () -> Int = { 0 },
        droppedLogLines: @escaping @Sendable () -> UInt64 = { 0 }
    ) {
        self.settings = settings
        self.cluster = cluster
        standing = cluster.standing
        self.border = border
        accessLogRule = AccessLogRule(settings.accessLog, probes: settings.accessLogProbes)
        rateLimits = RateLimits(settings)
        crossOrigin = CrossOrigin(settings)
        forwarding = Forwarding(settings)
        self.httpsPort = httpsPort
        self.tlsHealth = tlsHealth
        self.peerTLSHealth = peerTLSHealth
        self.openConnections = openConnections
        self.droppedLogLines = droppedLogLines
        let store = store ?? Store(namespaceCapacity: settings.namespaceCapacity, changes: settings.changeLogLimits())
        self.store = store
        let shared = SharedServiceRenderings(capacity: settings.renderedCache / (loops + 1))
        sharedRenderings = shared
        renderThreads = RenderThreads(
            RenderAccount(most: settings.renderBytes, ofNamespace: settings.renderBytesNamespace)
        ) { $0.make(from: store, border, keeping: shared) }
        tagRule = TagRule(settings)
        leasePolicy = LeasePolicy(
            standard: settings.defaultTTL.wholeMilliseconds, minimum: settings.minTTL.wholeMilliseconds,
            maximum: settings.maxTTL.wholeMilliseconds)
        // Who has peers asks them after a pause of its own whom they have heard, before it lets anybody's lease run out.
        leaseClock = SharedLeaseClock(monotonic: monotonic / 1_000_000, isHeldByPauses: settings.replication)
        expiryHold = ExpiryHold(loops: loops)
        loopMetrics = (0..<loops).map { _ in LoopMetrics() }
        started = monotonic
    }

    /// Carries a client's command out and counts what it changed.
    package func apply(_ command: Command, in namespace: Namespace, at moment: Moment, by actor: Actor?) -> Outcome {
        let decision = store.apply(command, in: namespace, at: moment, by: actor)
        changes.count(command, decision)
        return decision.outcome
    }

    /// Renews a lease for a client; says whether its instance is there.
    package func renew(_ id: InstanceID, in namespace: Namespace, at moment: Moment) -> Bool {
        guard store.renew(id, in: namespace, at: moment) else { return false }
        changes.countRenewals(1)
        return true
    }

    /// Renews many leases for a client, `Store.renewalLimit` at most; says of each whether its instance is there.
    package func renew(_ ids: [InstanceID], in namespace: Namespace, at moment: Moment) -> [Bool] {
        let renewed = store.renew(ids, in: namespace, at: moment)
        changes.countRenewals(renewed.count { $0 })
        return renewed
    }

    /// Whether what others have acknowledged may be unknown here, at a time in nanoseconds of the monotonic clock: then nobody is told that something
    /// does not exist.
    func isBehind(at monotonic: Int64) -> Bool { standing.behindSince(at: monotonic / 1_000_000) != nil }

    /// For how many seconds look-ups may have found what is gone by this time, in nanoseconds of the monotonic clock, or missed what others have
    /// acknowledged (R273): the longer of both. Nil when they have not.
    func staleness(at monotonic: Int64) -> Int? {
        let now = monotonic / 1_000_000
        guard let behind = standing.behindSince(at: now) else {
            return expiryHold.lookUpsAreStaleSince.map { Int(max(0, now - $0) / 1_000) }
        }
        return Int(max(0, now - min(behind, expiryHold.lookUpsAreStaleSince ?? .max)) / 1_000)
    }

    /// The moment that a reading of the clocks stands for; the wall clock is corrected where the other members' show that it is wrong.
    package func moment(monotonic: Int64, wall: Int64) -> Moment {
        leaseClock.moment(monotonic: monotonic / 1_000_000, wall: wall.addingSaturated(cluster.clockCorrection))
    }
}
