// Which protocols this registry speaks. Each is a room of its own that knows no other; this is the one place that names
// them.

import Amalgam8
import Operations
import Serving

enum Protocols {
    /// The routes of all.
    static let routes = RouteTable(AmalgamRoutes.all + OperationsRoutes.all)
}
