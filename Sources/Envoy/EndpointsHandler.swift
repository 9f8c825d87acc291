// Envoy asks for the endpoints of a cluster every few seconds, each cluster by a request of its own, and says which
// version it has. Mostly nothing has changed, so such a poll comes to reading what is asked and comparing a version.

import Catalog
import HTTP
import RegistryCore
import Serving

/// Answers for endpoints. Safe to use from any thread.
final class EndpointsHandler: Sendable {
    private let extensions = ExtensionMemory()

    func discover(_ call: borrowing Call) throws(Refused) -> Reply {
        try MediaType.requireJSON(call.request.head)
        let wish = try EndpointsWish(call.request.body, extensions)
        let namespace = try call.tenant()
        if let version = wish.version {
            let lookup = call.registry.lookup
            let digests = wish.clusters.map { lookup.revision(of: $0.service, in: namespace).digest }
            // Whoever has no version yet is told one: Envoy waits for its first answer, and takes none for it.
            if EndpointsVersion(namespace, wish.clusters, digests).text == version {
                return .now(Response(.notModified))
            }
        }
        // Of an unknown service Envoy drops all endpoints that it has: that is not said on a guess.
        if call.registry.isBehind(in: namespace, at: call.monotonic) {
            for cluster in wish.clusters
            where !call.registry.lookup.hasService(cluster.service, in: namespace, at: call.moment.lease) {
                throw .notSure
            }
        }
        return try call.answers.answer(
            call, .endpoints, key: wish.key[...], find: { (_) throws(Refused) in true },
            read: { (call) throws(Refused) in EndpointsList(namespace: try call.tenant(), clusters: wish.clusters) })
    }
}
