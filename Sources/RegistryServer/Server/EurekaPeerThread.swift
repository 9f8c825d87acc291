// The thread that tells Netflix's servers what clients do, from the start to the stop.

import Authorization
import Catalog
import Configuration
import Eureka
import HTTPClient
import Logging
import RegistryCore
import System
import Time

/// The peers among Netflix's servers, and their thread. Belongs to the control loop.
final class EurekaPeerThread {
    /// How long a stop waits for it, in milliseconds.
    private static let stopTime: Duration = .milliseconds(500)

    private let thread: NamedThread
    private let stopSignal: WakeSignal
    private let ended: WakeSignal

    /// The peers that the settings name; nil when there are none. Throws for a URL that is none.
    static func peers(_ settings: Settings) throws -> EurekaPeers? {
        guard !settings.eurekaPeers.isEmpty else { return nil }
        // Clients that need no credential are in one namespace.
        let namespace =
            settings.authMode.isEmpty ? Authorizer.defaultNamespace : Namespace(settings.eurekaNamespace)
        return EurekaPeers(
            try settings.eurekaPeers.map { try HTTPURL($0) }, namespace: namespace)
    }

    init(_ peers: EurekaPeers, _ registry: RegistryState, _ logger: Logger) throws {
        let (stopSignal, ended) = (try WakeSignal(), try WakeSignal())
        (self.stopSignal, self.ended) = (stopSignal, ended)
        thread = try NamedThread(EurekaPeers.threadName) {
            peers.run(registry, until: stopSignal) { fault in
                logger.warning(
                    "changes are not published to a Eureka server",
                    metadata: ["peer": "\(fault.peer)", "reason": "\(fault.sentence)"])
            }
            ended.raise()
        }
    }

    /// Ends the thread. Returns whether it has ended.
    func stop() -> Bool {
        stopSignal.raise()
        guard ended.wait(until: MonotonicClock.now() + Self.stopTime) else {
            thread.detach()
            return false
        }
        thread.join()
        return true
    }
}
