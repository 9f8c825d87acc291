// Where services that have been rendered are kept: a loop has its own, and the render threads share one.

import Catalog
import RegistryCore
import Synchronization

/// Keeps what services have rendered.
protocol ServiceRenderings: AnyObject {
    /// What is kept of a service, if it is of this revision and may be shown at this time.
    func rendering(
        of service: Name, in namespace: Namespace, _ format: Format, _ revision: Revision, at instant: Moment
    ) -> ServiceRendering?
    /// Keeps a rendering in place of an older one, or notes that it has come to cost more.
    func keep(_ rendering: ServiceRendering)
}

/// What the threads that make lists share. Safe to use from any thread.
package final class SharedServiceRenderings: ServiceRenderings, Sendable {
    private let cache: Mutex<RecencyCache<ServiceRendering>>

    /// - Parameter capacity: how many bytes are kept; 0 keeps nothing.
    init(capacity: Int) {
        cache = Mutex(RecencyCache(capacity: capacity))
    }

    /// Bytes that are kept.
    package var heldBytes: Int { cache.withLock { $0.cost } }

    func rendering(
        of service: Name, in namespace: Namespace, _ format: Format, _ revision: Revision, at instant: Moment
    ) -> ServiceRendering? {
        let hash = RenderedAnswers.hash(service, namespace, format)
        guard let kept = cache.withLock({ $0.value(for: hash) }),
            kept.isOf(service, namespace, format, revision, at: instant)
        else {
            return nil
        }
        return kept
    }

    func keep(_ rendering: ServiceRendering) {
        let hash = RenderedAnswers.hash(rendering.service, rendering.namespace, rendering.format)
        cache.withLock { $0.insert(rendering, for: hash, cost: rendering.cost) }
    }
}
