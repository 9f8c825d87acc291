// The pages for operators, probes and scrapers (docs/rest-api.md, R6xx). None of them needs a credential.

import HTTP
import Serving

/// The routes outside of the API.
package enum OperationsRoutes {
    package static let all = [
        Route(.get, "/", .root, .probe) { _ in Response(.ok) },
        Route(.get, "/uptime", .uptime, .probe, handler: HealthPages.uptime),
        Route(.get, "/livez", .livez, .probe, handler: HealthPages.livez),
        Route(.get, "/readyz", .readyz, .probe, handler: HealthPages.readyz),
        Route(.get, "/metrics", .metrics, .probe, handler: MetricsPage.get),
        Route(.get, "/api/v1/cluster", .cluster, .open, handler: ClusterPage.get),
        Route(.get, "/swagger.json", .swagger, .open, handler: SwaggerPage.get),
    ]
}
