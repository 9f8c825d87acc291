// The pages for operators, probes and scrapers (docs/rest-api.md, R6xx). Probes need no credential, ever.

import HTTP
import RegistryCore
package import Serving
import Snapshot

/// The routes outside of the API.
package enum OperationsRoutes {
    /// - Parameters:
    ///   - isGuarded: whether what is not for probes needs an operator's credential (R528).
    ///   - hasOperators: whether there are the pages that are for operators only.
    package static func all(isGuarded: Bool, hasOperators: Bool) -> [Route] {
        func page(_ operation: Operation) -> Operation {
            isGuarded ? Operation(operation.name, .operating) : operation
        }
        let forEverybody = [
            Route(.get, "/", .root, handler: WebPages.root),
            Route(.get, "/uptime", .uptime, handler: HealthPages.uptime),
            Route(.get, "/livez", .livez, handler: HealthPages.livez),
            Route(.get, "/readyz", .readyz, handler: HealthPages.readyz),
            Route(.get, "/metrics", page(.metrics), handler: MetricsPage.get),
            Route(.get, "/swagger.json", page(.swagger), handler: SwaggerPage.get),
            Route(.get, "/api/v1/cluster", page(.cluster), handler: ClusterPage.get),
            Route(.get, "/api/v1/store", page(.store), handler: StorePage.get),
            Route(.get, "/api/v1/catalogs", .catalogs, handler: CatalogsPage.get),
            Route(.get, "/ui", .webPage, style: document, handler: WebPages.document),
            Route(.get, "/ui/{file}", .webPageFile, handler: WebPages.file),
        ]
        let forOperators = [
            Route(.get, "/api/v1/namespaces", .listNamespaces, patient: NamespacesPage.get),
            Route(.put, "/api/v1/cluster/drain", .drainMember, handler: MemberDrain.set),
            Route(.delete, "/api/v1/cluster/drain", .endMemberDrain, handler: MemberDrain.end),
            Route(.post, "/api/v1/store/reseed", .reseedStore, handler: StorePage.reseed),
            Route(.post, "/api/v1/store/accept-empty", .acceptEmptyStore, handler: StorePage.acceptEmpty),
            Route(.put, "/api/v1/store/states", .takeOverStates, style: parcel, patient: StoreStates.put),
            Route(.get, "/api/v1/snapshot", .snapshot, patient: SnapshotPage.get),
        ]
        return forEverybody + (hasOperators ? forOperators : [])
    }

    /// A parcel of states is larger than what other clients send.
    private static var parcel: RouteStyle {
        var style = RouteStyle()
        style.bodyLimit = StateParcel.mostBytes
        return style
    }

    /// The page's document is at `/ui/`, and its other files beside it.
    private static var document: RouteStyle {
        var style = RouteStyle()
        style.takesTrailingSlash = true
        return style
    }
}
