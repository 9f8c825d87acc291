// The pages for operators, probes and scrapers (docs/rest-api.md, R6xx). None of them needs a credential.

import HTTP
package import Serving

/// The routes outside of the API.
package enum OperationsRoutes {
    package static let all = [
        Route(.get, "/", .root) { _ in Response(.ok) },
        Route(.get, "/uptime", .uptime, handler: HealthPages.uptime),
        Route(.get, "/livez", .livez, handler: HealthPages.livez),
        Route(.get, "/readyz", .readyz, handler: HealthPages.readyz),
        Route(.get, "/metrics", .metrics, handler: MetricsPage.get),
        Route(.get, "/swagger.json", .swagger, handler: SwaggerPage.get),
        Route(.get, "/api/v1/cluster", .cluster, handler: ClusterPage.get),
        Route(.get, "/api/v1/catalogs", .catalogs, handler: CatalogsPage.get),
    ]
}
