// Kubernetes as a source of instances: its EndpointSlices, listed and watched on a thread of its own.

package import Catalog
package import Configuration
package import HTTPClient
import Libevent
package import RegistryCore
package import System
import Time

/// What is to be read, and from where.
package struct KubernetesConfiguration: Sendable {
    /// The API server; nil when it is not known, which fails until a restart.
    package var url: HTTPURL?
    package var token: BearerToken
    /// PEM: the authorities that the API server is believed by; nil for those of the system.
    package var authorityPath: String?
    package var namespaces: KubernetesNamespaces
    /// Where all is shown; nil when each namespace is shown by itself.
    package var shared: Namespace?
    /// Whether the labels of pods become tags.
    package var hasPods: Bool
    package var tagLimits: TagLimits
    /// For how long what was read is shown without a sign of life.
    package var maximumAge: Duration

    package init(
        url: HTTPURL?, token: BearerToken, authorityPath: String?, namespaces: KubernetesNamespaces, shared: Namespace?,
        hasPods: Bool, tagLimits: TagLimits, maximumAge: Duration
    ) {
        self.url = url
        self.token = token
        self.authorityPath = authorityPath
        self.namespaces = namespaces
        self.shared = shared
        self.hasPods = hasPods
        self.tagLimits = tagLimits
        self.maximumAge = maximumAge
    }
}

/// The EndpointSlices of a cluster as a source of instances.
package struct KubernetesSource: CatalogSource {
    package let threadName = "source-k8s"

    /// By how much the thread yields to those that serve clients.
    private static let niceness: Int32 = 5
    /// How long it waits until it tries again when the system gives no loop.
    private static let pause: Duration = .seconds(5)

    private let configuration: KubernetesConfiguration

    package init(_ configuration: KubernetesConfiguration) { self.configuration = configuration }

    package func run(_ publisher: SourcePublisher, until stop: WakeSignal) {
        NamedThread.yieldToOthers(Self.niceness)
        guard let url = configuration.url else {
            publisher.fail(SourceProblem("K8S_URL is not set, and this is no pod of a cluster"), at: .now())
            stop.wait(until: nil)
            return
        }
        while !stop.isRaised {
            do {
                let loop = try EventLoop()
                let reader = try KubernetesReader(configuration, url, publisher, on: loop)
                let stopping = try LoopEvent.raised(stop, on: loop) { onLoop in
                    reader.close(onLoop)
                    loop.stop(onLoop)
                }
                loop.run()
                withExtendedLifetime((reader, stopping)) {}
            } catch {
                publisher.fail(SourceProblem("Kubernetes cannot be read: \(error)"), at: .now())
                stop.wait(until: MonotonicClock.now() + Self.pause)
            }
        }
    }
}
