// The process as a whole, on the main thread: opens the ports, starts the loops, lets leases run out, listens for
// signals, and ends it all in order.
//
//   starting ──all loops serve──► ready ──SIGTERM/SIGINT──► draining ──all loops ended, or time is up──► leaving the cluster ──► exit
//       │                                    (for drain_time it serves on, and then takes no new connections)
//       ├──the certificates cannot be used──► exit 64
//       └──a port or a loop cannot be had──► exit 69                └──second signal──► exit at once

import Authorization
import Catalog
package import Configuration
import Glibc
import HTTP
import Libevent
import Logging
import RedisStoreServer
import RegistryCore
import Replication
import ReplicationServer
import Serving
import System
import TLS
import Telemetry
import Time

/// A running registry. Made and run once, on the main thread.
package final class RegistryProcess {
    /// How often leases are looked at, in milliseconds: it bounds how long a dead instance is kept.
    private static let leasePeriod = 50
    /// How long connections may take to end, in milliseconds.
    private static let drainTime = 4_000
    /// How long leaving the cluster may take, in milliseconds: more than the longest that it takes when peers are
    /// stuck, since machines are busy.
    static let leaveTime = 3_500
    static let longestLeave = Int(ReplicationService.longestLeave.wholeMilliseconds)
    /// How long the last log lines may take to be written, in milliseconds.
    private static let logCloseTime = 500
    /// How often the last changes are read, some thousands at a time.
    private static let lastReads = 64
    /// The longest that a stop takes after `drain_time`, in milliseconds.
    static let longestStop =
        drainTime + max(leaveTime, Int(SnapshotThread.lastTime.wholeMilliseconds)) + 2 * logCloseTime

    /// As they were at the start; those that may change are in `live`.
    let settings: Settings
    private let log: LogPipe
    let logger: Logger
    let threshold: LogThreshold
    let live: LiveSettings
    let reloader = Reloader()
    /// The limit on them.
    let openFiles: Int
    let context: ServerContext
    var registry: RegistryState { context.registry }
    private let borderLog: LimitLog
    var silenceLog: SilenceLog
    let readers: ChangeReaders
    /// The default is lowered without a word.
    let isMaxConnectionsGiven: Bool
    /// Nil when it is off; one of the two ports is there.
    private let plainPort, securePort: ListeningPort?
    private let dns: DNSParts?
    let keeper: CertificateKeeper?
    let tokenKeys: TokenKeys
    /// Nil when no issuer is asked for keys.
    private let issuer: IssuerThread?
    /// What it is among others.
    let member: MemberParts
    /// Nil where nothing is kept across restarts.
    private let snapshots: SnapshotThread?
    /// Whether other members are looked for: not before what a file has is read.
    private var isReplicating = false
    /// Nil when no source is configured, and until they are started.
    var catalogSources: CatalogSources?
    private var eurekaPeers: EurekaPeerThread?
    /// Nil without quotas.
    let quotaKeeper: QuotaKeeper?
    private var quotaSurvey: QuotaSurvey
    let loop: EventLoop
    private var threads: [NamedThread] = []
    var workers: [MailboxSender<WorkerOrder>] = []
    private var running = 0
    private var status: Int32 = 0
    private var mailbox: Mailbox<WorkerReport>?
    var events: [LoopEvent] = []
    /// What one turn of the loop leaves to the next, and the end of what must end.
    var expiryBacklog, eventBacklog, deadline: LoopEvent?
    /// The end of `drain_time`.
    private var drainStart: LoopEvent?
    /// Of the lease clock's last tick.
    var lastTick: MonotonicTime?
    private var isDraining = false
    /// Whether the loops know that an operator has drained this member.
    private var isDrainTold = false
    private var isLeaving = false
    /// Once it is written.
    private var portFile: PortFile?

    /// Runs a registry until a signal to stop; returns the exit status. Writes to standard error when it cannot start.
    ///
    /// - Parameter sources: where the settings were read from, and are read from again.
    package static func run(_ resolved: ResolvedSettings, _ sources: SettingSources) -> Int32 {
        ProcessSignals.prepare()
        do {
            let process = try RegistryProcess(resolved, sources)
            return try process.serve(warnings: resolved.warnings)
        } catch {
            complain("registry: cannot start: \(error)\n")
            return (error as? StartError)?.isOfFiles == true ? ExitStatus.usage : ExitStatus.unavailable
        }
    }

    private static func complain(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }

    private init(_ resolved: ResolvedSettings, _ sources: SettingSources) throws {
        settings = resolved.settings
        isMaxConnectionsGiven = resolved.origins["max_connections"] != .builtIn
        let loops = settings.loops ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let format = settings.logFormat
        let keeper = try settings.tls.map { tls in
            try StartError.reading(["tls_cert", "tls_key", "tls_client_ca", "tls_client_crl"], of: resolved) {
                try CertificateKeeper(tls, now: WallClock.seconds(), monotonic: MonotonicClock.now().seconds)
            }
        }
        self.keeper = keeper
        tokenKeys = try StartError.reading(["jwt_keys"], of: resolved) { try TokenKeys(resolved.settings) }
        let issuerSetting = settings.jwtJWKSURL == nil ? "jwt_issuer" : "jwt_jwks_url"
        let issuer = try StartError.reading([issuerSetting], of: resolved) {
            try IssuerThread(resolved.settings)
        }
        self.issuer = issuer
        plainPort = try StartError.opening("api_port", of: resolved) {
            try ListeningPort.open(resolved.settings.apiPort, resolved.settings, loops)
        }
        securePort =
            keeper == nil
            ? nil
            : try StartError.opening("https_port", of: resolved) {
                try ListeningPort.open(resolved.settings.httpsPort, resolved.settings, loops)
            }
        dns = try StartError.opening("dns_port", of: resolved) { try DNSParts(resolved.settings, loops: loops) }
        let log = try LogPipe(descriptor: STDERR_FILENO) { count in
            format.dropReport(count, at: WallClock.nanoseconds())
        }
        self.log = log
        let threshold = LogThreshold(settings.logLevel)
        self.threshold = threshold
        var named = Logger(label: "registry") { label in
            PipeLogHandler(label: label, pipe: log, format: format, threshold: threshold)
        }
        if let name = ReplicationParts.name(settings) { named[metadataKey: "member_name"] = "\(name)" }
        let logger = named
        self.logger = logger
        live = LiveSettings(settings, sources, logger)
        let gauges = (0..<loops).map { _ in ConnectionGauge() }
        openFiles = OpenFiles.raiseLimit()
        let connectionLimits = ConnectionLimits(LimitRules(settings, openFiles: openFiles))
        borderLog = LimitLog(connectionLimits, logger)
        silenceLog = SilenceLog(logger)
        let parts = try MemberParts(resolved, logger)
        member = parts
        snapshots = try StartError.reading(["snapshot_file"], of: resolved) {
            try SnapshotThread(resolved.settings, logger)
        }
        let peers = try EurekaPeerThread.peers(settings)
        let registry = RegistryState(
            settings: settings, cluster: parts.cluster(alone: snapshots?.alone), store: parts.catalog(settings),
            loops: loops, monotonic: MonotonicClock.now(), relay: peers, issuerKeys: issuer?.keys)
        context = ServerContext(
            registry, operations: Protocols.routes(settings).operations, loops: loops, httpsPort: securePort?.port,
            tlsHealth: keeper?.health,
            peerTLSHealth: parts.replication?.tlsHealth, connectionLimits: connectionLimits,
            openConnections: { gauges.reduce(0) { $0 + $1.open } },
            droppedLogLines: { log.dropped }, dnsFigures: dns?.figures, snapshots: snapshots?.status)
        snapshots?.prepare(registry.store)
        quotaKeeper = try settings.quotasFile.map { path in
            try StartError.readingQuotas(resolved) { () throws(QuotaFileError) in
                try QuotaKeeper(path, registry.quotas, logger)
            }
        }
        quotaSurvey = QuotaSurvey(registry)
        readers = try StartError.writing("audit_file", of: resolved) { [context] in
            try ChangeReaders(context, member: parts.member, log)
        }
        loop = try EventLoop()
        mailbox = try Mailbox<WorkerReport>(on: loop) { [unowned self] report, onLoop in received(report, onLoop) }
        registry.judgeFromNowOn()
        try startWorkers(gauges)
        try startSnapshots()
        eurekaPeers = try peers.map { try EurekaPeerThread($0, registry, logger) }
        if let control = mailbox?.sender { try issuer?.start { control.send(.issuerAnswered($0)) } }
        catalogSources = try CatalogSources(registry.sources, ConfiguredSources(settings), logger)
    }

    /// Other members are met with what the file has.
    private func startSnapshots() throws {
        guard let snapshots, let control = mailbox?.sender else { return try startReplication(isRestored: false) }
        try snapshots.start(registry) { control.send(.restored(isAnything: $0)) }
    }

    private func startReplication(isRestored: Bool) throws {
        guard let control = mailbox?.sender else { return }
        isReplicating = true
        try member.start(registry, isRestored: isRestored) { control.send(.memberFailed($0)) }
    }

    /// The ports taken, by their names in the port file.
    private var ports: [String: UInt16] {
        ["api": plainPort?.port, "https": securePort?.port, "replication": member.replication?.port, "dns": dns?.port]
            .compactMapValues(\.self)
    }

    private func startWorkers(_ gauges: [ConnectionGauge]) throws {
        guard let control = mailbox?.sender else { return }
        let authorization = authorization
        for index in gauges.indices {
            var services: [LoopWorker.Service] = []
            if let plainPort { services.append(.http(plainPort.descriptors[index])) }
            if let securePort, let keeper {
                let (descriptor, contexts) = (securePort.descriptors[index], keeper.contexts)
                services.append(
                    .https(LoopWorker.Secure(descriptor: descriptor, contexts: contexts, health: keeper.health)))
            }
            if let dns { services.append(.dns(dns.service(index))) }
            let worker = LoopWorker(
                index: index, services: services, context: context, authorization: authorization,
                gauge: gauges[index], log: log, logFormat: settings.logFormat, threshold: threshold, control: control)
            threads.append(try NamedThread("api-\(index)") { worker.run() })
            running += 1
        }
    }

    private func serve(warnings: [String]) throws -> Int32 {
        warn(warnings)
        events = [
            try LoopEvent.every(milliseconds: Self.leasePeriod, on: loop) { [unowned self] _ in expireLeases() },
            try LoopEvent.every(milliseconds: ChangeReaders.period, on: loop) { [unowned self] _ in followChanges() },
            try LoopEvent.every(milliseconds: LimitLog.period, on: loop) { [unowned self] _ in
                borderLog.report()
                quotaSurvey.go(at: MonotonicClock.now())
            },
            try LoopEvent.signal(SIGTERM, on: loop) { [unowned self] onLoop in stop(SIGTERM, onLoop) },
            try LoopEvent.signal(SIGINT, on: loop) { [unowned self] onLoop in stop(SIGINT, onLoop) },
            try LoopEvent.signal(SIGUSR1, on: loop) { [context, logger] _ in
                StatusReport.write(context, monotonic: MonotonicClock.now(), logger)
            },
        ]
        if let event = try catalogSources?.event(on: loop) { events.append(event) }
        try watchFiles()
        eventBacklog = try LoopEvent.timer(on: loop) { [unowned self] _ in followChanges() }
        expiryBacklog = try LoopEvent.timer(on: loop) { [unowned self] _ in expireLeases() }
        drainStart = try LoopEvent.timer(on: loop) { [unowned self] onLoop in drain(onLoop) }
        deadline = try LoopEvent.timer(on: loop) { [unowned self] onLoop in
            if isLeaving {
                logger.error("stopping before everything has been acknowledged")
                return loop.stop(onLoop)
            }
            logger.error(
                "stopping with connections still open", metadata: ["connections": "\(context.openConnections())"])
            leave(onLoop)
        }
        loop.run()
        if running == 0 { for thread in threads { thread.join() } }
        let haveSourcesEnded = [
            catalogSources?.stop() ?? true, eurekaPeers?.stop() ?? true, issuer?.stop() ?? true,
            snapshots?.stop() ?? true,
        ].allSatisfy(\.self)
        portFile?.remove()
        for _ in 0..<Self.lastReads { guard readers.read(at: WallClock.nanoseconds()) else { break } }
        readers.audit?.close(within: Self.logCloseTime)
        logger.info("stopped", metadata: ["status": "\(status)"])
        log.close(within: Self.logCloseTime)
        // Returning would run the exit handlers of C libraries under the feet of the threads that may still run.
        if running > 0 || !member.isAlone || !haveSourcesEnded
            || context.renderThreads.isRunning
        {
            _exit(status)
        }
        return status
    }

    // MARK: - Changes

    private func followChanges() {
        noticeDrain()
        if readers.read(at: WallClock.nanoseconds()) { eventBacklog?.schedule(afterMilliseconds: 0) }
        registry.store.trimChanges()
        registry.store.trimTombstones()
    }

    /// An operator's request has come to some loop; all of them end what they hold.
    private func noticeDrain() {
        let isDrained = registry.lifecycle.drainedSince != nil
        guard isDrained != isDrainTold else { return }
        isDrainTold = isDrained
        logger.notice(isDrained ? "drained by an operator: not ready" : "the drain has ended: ready again")
        member.replication?.tell(isDrained: isDrained)
        if isDrained { for worker in workers { worker.send(.endWatches) } }
    }

    // MARK: - Workers

    private func received(_ report: WorkerReport, _ onLoop: borrowing OnLoop) {
        switch report {
        case .serving(let orders):
            workers.append(orders)
            // It was made with the secrets and keys of the start.
            if live.settings.jwtSecret != settings.jwtSecret || live.settings.operatorToken != settings.operatorToken
                || tokenKeys.haveChanged
            {
                orders.send(.authorize(authorization))
            }
            // One that is ready only after the stop was asked for, or after another one failed.
            guard registry.lifecycle.state == .starting else { return orders.send(.drain) }
            if workers.count == threads.count { becomeReady(onLoop) }
        case .failed(let error):
            logger.critical("an event loop could not start", metadata: ["error": "\(error)"])
            status = ExitStatus.unavailable
            drain(onLoop)
        case .ended:
            running -= 1
            if !registry.lifecycle.isStopping {
                logger.critical("an event loop has ended unexpectedly")
                status = ExitStatus.unavailable
                drain(onLoop)
            }
            if running == 0 { leave(onLoop) }
        case .memberFailed(let error):
            logger.critical(
                member.store == nil ? "replication could not start" : "the store cannot be used",
                metadata: ["error": "\(error)"])
            status = ExitStatus.unavailable
            drain(onLoop)
        case .issuerAnswered(let outcome): issuerAnswered(outcome)
        case .restored(let isAnything):
            do { if !isDraining { try startReplication(isRestored: isAnything) } } catch {
                mailbox?.sender.send(.memberFailed(error))
            }
        case .left: loop.stop(onLoop)
        }
    }

    private func becomeReady(_ onLoop: borrowing OnLoop) {
        // First, so that the registry is ready when the port file appears.
        registry.lifecycle.advance(to: .ready)
        do {
            if let path = settings.portFile { portFile = try PortFile(ports, to: path) }
        } catch {
            logger.critical("the port file cannot be written", metadata: ["error": "\(error)"])
            status = ExitStatus.unavailable
            return drain(onLoop)
        }
        var metadata: Logger.Metadata = [
            "version": "\(Release.current)", "address": "\(settings.listenAddress)", "loops": "\(threads.count)",
            "max_connections": "\(context.connectionLimits.rules.connections)",
            "max_watches": "\(context.watches.most)",
        ]
        for (name, port) in ports { metadata["\(name)_port"] = "\(port)" }
        logger.info("serving", metadata: metadata)
        StartPages.release()
    }

    // MARK: - Stopping

    private func stop(_ signal: Int32, _ onLoop: borrowing OnLoop) {
        guard !registry.lifecycle.isStopping else {
            portFile?.remove()
            _exit(ExitStatus.cutShort(by: signal))
        }
        logger.info("stopping", metadata: ["signal": "\(signal)", "drain_time": "\(live.settings.drainTime)"])
        // Load balancers that ask /readyz learn of it while served. A registry that was never ready gets no traffic.
        guard live.settings.drainTime > .zero, registry.lifecycle.state == .ready else { return drain(onLoop) }
        registry.lifecycle.advance(to: .draining)
        drainStart?.schedule(afterMilliseconds: Int(live.settings.drainTime.wholeMilliseconds))
    }

    private func drain(_ onLoop: borrowing OnLoop) {
        registry.lifecycle.advance(to: .draining)
        for worker in workers { worker.send(.drain) }
        // The time of another failure is not to be added.
        guard !isDraining else { return }
        isDraining = true
        deadline?.schedule(afterMilliseconds: Self.drainTime)
        if running == 0 { leave(onLoop) }
    }

    /// Once all clients are answered, or their time is over: what was acknowledged to them is published to the other
    /// members.
    private func leave(_ onLoop: borrowing OnLoop) {
        registry.lifecycle.advance(to: .leaving)
        // Nothing is changed from now on.
        snapshots?.finish()
        guard !member.isAlone, isReplicating, let control = mailbox?.sender else { return loop.stop(onLoop) }
        guard !isLeaving else { return }
        isLeaving = true
        deadline?.schedule(afterMilliseconds: Self.leaveTime)
        member.leave { control.send(.left) }
    }
}
