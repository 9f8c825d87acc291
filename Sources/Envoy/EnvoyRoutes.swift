// Envoy's discovery service over REST as rows (docs/envoy.md): one path, for the endpoints of clusters.

import HTTP
import RegistryCore
package import Serving

extension Operation {
    static let discoverEndpoints = Operation("discoverEndpoints", .lookUp)
}

/// The routes of Envoy's discovery service.
package enum EnvoyRoutes {
    private static let handlers = EndpointsHandler()

    /// - Parameter bodyLimit: bytes that the body of a request may have.
    package static func all(bodyLimit: Int) -> [Route] {
        var style = RouteStyle()
        style.errors = .text
        style.bodyLimit = bodyLimit
        return [
            Route(.post, "/v3/discovery:endpoints", .discoverEndpoints, style: style) {
                (call: borrowing Call) throws(Refused) -> Reply in try handlers.discover(call)
            }
        ]
    }
}

extension ErrorFormat {
    /// Sentences as they are: Envoy logs a status alone, so they are for people with curl.
    fileprivate static let text = ErrorFormat(ContentType("text/plain; charset=utf-8")) {
        Array(($0.sentence + "\n").utf8)
    }
}
