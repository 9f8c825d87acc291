// The sources of this process, each on a thread of its own, from the start to the stop. The control loop looks after
// them once a second: what could not be read for too long is shown no more, and the log says what has changed.

import Authorization
import Catalog
import Configuration
import EurekaSource
import FileSource
import HTTPClient
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
    private let stopSignal: WakeSignal
    private var running: [Running] = []
    private var log: CatalogLog

    /// Nil when no source is configured. Throws when a descriptor or a thread cannot be had.
    init?(_ board: SourceBoard?, _ sources: [SourceKind: any CatalogSource], _ logger: Logger) throws(SystemFailure) {
        guard let board else { return nil }
        self.board = board
        log = CatalogLog(logger)
        stopSignal = try WakeSignal()
        for (kind, source) in sources {
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

/// The sources that the settings ask for.
enum ConfiguredSources {
    static func make(_ settings: Settings) throws -> [SourceKind: any CatalogSource] {
        var sources: [SourceKind: any CatalogSource] = [:]
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
        return sources
    }
}
