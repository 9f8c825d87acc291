// What every handler over HTTP may use: the registry, what is believed of proxies and browsers, the lists that are made
// beside the loops, and what the operations pages report. One value for all loops; whatever changes in it guards
// itself.

package import Configuration
import HTTP
package import Libevent
package import RegistryCore
package import TLS

/// The parts of a running registry that requests are answered with. Safe to use from any thread.
package final class ServerContext: Sendable {
    package let settings: Settings
    /// What is asked, by whatever protocol.
    package let registry: RegistryState
    package let events = EventCounts()
    package let refusals = RecentRefusals()
    /// What the audit has missed.
    package let audited = EventCounts()
    /// The limits on connections, and a tally of the clients that exceeded them.
    package let connectionLimits: ConnectionLimits
    /// Stands for this run of the process.
    package let epoch = UInt64.random(in: .min ... .max)
    let largeBodies = LargeBodies()
    /// The answers that are held until something changes.
    package let watches: WatchCount
    /// Which requests are logged.
    package let accessLogRule: AccessLogRule
    /// One for each loop.
    package let loopMetrics: [LoopMetrics]
    /// What is believed of what proxies say.
    package let forwarding: Forwarding
    /// Nil without CORS.
    let crossOrigin: CrossOrigin?
    /// Makes the lists that are too long for a loop.
    package let renderThreads: RenderThreads
    /// What those are put together of.
    package let sharedRenderings: SharedServiceRenderings
    /// Lines that the log had no room for.
    package let droppedLogLines: @Sendable () -> UInt64
    /// Connections of all loops.
    package let openConnections: @Sendable () -> Int
    /// What has become of queries by DNS; nil when it is off.
    package let dnsFigures: (@Sendable () -> DNSFigures)?
    /// How the file stands in which what is registered is kept; nil when there is none.
    package let snapshots: SnapshotStatus?
    /// The port of our own TLS; nil when there is none.
    package let httpsPort: UInt16?
    /// Of our own port and of the members'; nil without TLS.
    package let tlsHealth: TLSHealth?
    package let peerTLSHealth: TLSHealth?

    /// - Parameter operations: those that are counted.
    package init(
        _ registry: RegistryState, operations: [Operation], loops: Int, httpsPort: UInt16? = nil,
        tlsHealth: TLSHealth? = nil,
        peerTLSHealth: TLSHealth? = nil, connectionLimits: ConnectionLimits = ConnectionLimits(),
        openConnections: @escaping @Sendable () -> Int = { 0 },
        droppedLogLines: @escaping @Sendable () -> UInt64 = { 0 },
        dnsFigures: (@Sendable () -> DNSFigures)? = nil, snapshots: SnapshotStatus? = nil
    ) {
        self.dnsFigures = dnsFigures
        self.snapshots = snapshots
        let settings = registry.settings
        self.registry = registry
        self.settings = settings
        self.connectionLimits = connectionLimits
        watches = WatchCount(limit: Self.mostWatches(settings, connectionLimits.rules))
        accessLogRule = AccessLogRule(settings.accessLog, probes: settings.accessLogProbes)
        crossOrigin = CrossOrigin(settings)
        forwarding = Forwarding(settings)
        self.httpsPort = httpsPort
        self.tlsHealth = tlsHealth
        self.peerTLSHealth = peerTLSHealth
        self.openConnections = openConnections
        self.droppedLogLines = droppedLogLines
        let shared = SharedServiceRenderings(capacity: settings.renderedCache / (loops + 1))
        sharedRenderings = shared
        renderThreads = RenderThreads(
            RenderAccount(most: settings.renderBytes, ofNamespace: settings.renderBytesNamespace)
        ) { [lookup = registry.lookup] job in job.make(from: lookup, connectionLimits, keeping: shared) }
        loopMetrics = (0..<loops).map { _ in LoopMetrics(operations) }
    }

    /// MAX_WATCHES, which without a word leaves a quarter of the connections to others.
    private static func mostWatches(_ settings: Settings, _ rules: LimitRules) -> Int {
        settings.maxWatches ?? max(1, rules.connections - rules.connections / 4)
    }

    /// Puts other limits on connections and held answers into force.
    package func change(_ rules: LimitRules, _ settings: Settings) {
        connectionLimits.change(rules)
        watches.change(limit: Self.mostWatches(settings, rules))
    }
}
