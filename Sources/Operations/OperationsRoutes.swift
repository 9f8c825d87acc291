// The pages for operators, probes and scrapers (docs/rest-api.md, R6xx). None of them needs a credential.

import HTTP
package import Serving

/// The routes outside of the API.
package enum OperationsRoutes {
    package static let all = [
        Route(.get, "/", .root, handler: WebPages.root),
        Route(.get, "/uptime", .uptime, handler: HealthPages.uptime),
        Route(.get, "/livez", .livez, handler: HealthPages.livez),
        Route(.get, "/readyz", .readyz, handler: HealthPages.readyz),
        Route(.get, "/metrics", .metrics, handler: MetricsPage.get),
        Route(.get, "/swagger.json", .swagger, handler: SwaggerPage.get),
        Route(.get, "/api/v1/cluster", .cluster, handler: ClusterPage.get),
        Route(.get, "/api/v1/catalogs", .catalogs, handler: CatalogsPage.get),
        Route(.get, "/ui", .webPage, style: document, handler: WebPages.document),
        Route(.get, "/ui/{file}", .webPageFile, handler: WebPages.file),
    ]

    /// The page's document is at `/ui/`, and its other files beside it.
    private static var document: RouteStyle {
        var style = RouteStyle()
        style.takesTrailingSlash = true
        return style
    }
}
