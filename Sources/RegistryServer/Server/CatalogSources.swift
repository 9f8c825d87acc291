// The sources of this process, each on a thread of its own, from the start to the stop. The control loop looks after
// them once a second: what could not be read for too long is shown no more, and the log says what has changed.

import Authorization
import Catalog
import Configuration
import EurekaSource
import FileSource
import HTTPClient
import KubernetesSource
import Libevent
import Logging
import RegistryCore
import System
import Time

/// The running sources. Belongs to the control loop.
final class CatalogSources {
    /// How often they are looked after, in milliseconds.
    private static let period = 1_000
    /// How long a stop waits for their threads; one that hangs in the system is left behind.
    private static let stopTime: Duration = .milliseconds(500)

    private struct Running {
        let thread: NamedThread
        let ended: WakeSignal
    }

    private let board: SourceBoard
    private let configured: ConfiguredSources
    private let stopSignal: WakeSignal
    private var running: [Running] = []
    private var log: CatalogLog

    /// Nil when no source is configured. Throws when a descriptor or a thread cannot be had.
    init?(_ board: SourceBoard?, _ configured: ConfiguredSources, _ logger: Logger) throws(SystemFailure) {
        guard let board else { return nil }
        self.board = board
        self.configured = configured
        log = CatalogLog(logger)
        stopSignal = try WakeSignal()
        for (kind, source) in configured.sources {
            guard let publisher = board.publisher(of: kind) else { continue }
            let (ended, stop) = (try WakeSignal(), stopSignal)
            let thread = try NamedThread(source.threadName) {
                source.run(publisher, until: stop)
                ended.raise()
            }
            running.append(Running(thread: thread, ended: ended))
        }
    }

    /// Has the loop look after them.
    func event(on loop: EventLoop) throws -> LoopEvent {
        try LoopEvent.every(milliseconds: Self.period, on: loop) { [self] _ in
            board.dropAged(at: .now())
            log.write(board.report)
        }
    }

    /// Takes over what has changed in the settings.
    func change(_ changed: [String], to settings: Settings) { configured.change(changed, to: settings) }

    /// Ends the threads. Returns whether all have ended.
    func stop() -> Bool {
        stopSignal.raise()
        let deadline = MonotonicClock.now() + Self.stopTime
        var haveEnded = true
        for source in running {
            if source.ended.wait(until: deadline) {
                source.thread.join()
            } else {
                source.thread.detach()
                haveEnded = false
            }
        }
        running = []
        return haveEnded
    }
}

/// The sources that the settings ask for, and what of them changes with the settings.
struct ConfiguredSources {
    private(set) var sources: [SourceKind: any CatalogSource] = [:]
    /// What Kubernetes is shown; nil when it is not read, or its token is in a file of the pod.
    private(set) var kubernetesToken: BearerToken?

    init(_ settings: Settings) throws {
        // Clients that need no credential ask for one namespace, and can ask for no other.
        let shared = settings.authMode.isEmpty ? Authorizer.defaultNamespace : nil
        if let path = settings.fsCatalog {
            sources[.filesystem] = FileSource(
                path: path, shared: shared, maximumAge: settings.catalogMaxAge.interval,
                tagLimits: TagLimits(settings))
        }
        if !settings.eurekaURL.isEmpty {
            sources[.eureka] = EurekaSource(
                EurekaSource.Configuration(
                    servers: try settings.eurekaURL.map { try HTTPURL($0) },
                    namespace: shared ?? Namespace(settings.eurekaNamespace), authorityPath: settings.eurekaCA,
                    tagLimits: TagLimits(settings)))
        }
        if settings.sourceKinds.contains(.kubernetes) {
            // Another API server is shown nothing that this pod's cluster has given it.
            let pod = settings.k8sURL == nil ? PodEnvironment() : nil
            if settings.k8sToken != nil || pod?.tokenPath == nil { kubernetesToken = BearerToken(settings.k8sToken) }
            sources[.kubernetes] = KubernetesSource(
                KubernetesConfiguration(
                    url: try settings.k8sURL.map { try HTTPURL($0) } ?? pod?.url,
                    token: kubernetesToken ?? BearerToken(path: pod?.tokenPath ?? ""),
                    authorityPath: settings.k8sCA ?? pod?.authorityPath,
                    namespaces: settings.k8sNamespaces ?? KubernetesNamespaces(one: "default"),
                    shared: shared, hasPods: settings.k8sPodLabels, tagLimits: TagLimits(settings),
                    maximumAge: settings.catalogMaxAge.interval))
        }
    }

    /// Takes over what has changed in the settings.
    func change(_ changed: [String], to settings: Settings) {
        if changed.contains("k8s_token") { kubernetesToken?.change(to: settings.k8sToken) }
    }
}
