// Which protocols this registry speaks. Each is a room of its own that knows no other; this is the one place that names
// them.

import Amalgam8
import Configuration
import Eureka
import Operations
import Serving

enum Protocols {
    /// The routes of all.
    static let routes = RouteTable(AmalgamRoutes.all + EurekaRoutes.all + OperationsRoutes.all)
    private static let routesWithoutEureka = RouteTable(AmalgamRoutes.all + OperationsRoutes.all)

    /// The routes of those that are on.
    static func routes(_ settings: Settings) -> RouteTable { settings.eureka ? routes : routesWithoutEureka }
}
