// Which protocols this registry speaks. Each is a room of its own that knows no other; this is the one place that names
// them.

import Amalgam8
import Configuration
import Consul
import Envoy
import Eureka
import Operations
import Serving
import Synchronization

enum Protocols {
    /// The routes of all.
    static let routes = routes(.defaults)

    /// What the routes depend on.
    private struct Choice: Hashable {
        let eureka: Bool
        let consul: Bool
        let datacenter: String
        let member: String?
        /// Bytes that a body of Envoy's may have; nil where it is off.
        let envoyBody: Int?
        let isGuarded: Bool
        let hasOperators: Bool

        init(_ settings: Settings) {
            (eureka, consul) = (settings.eureka, settings.consulAPI)
            (datacenter, member) = (settings.consulDatacenter, settings.memberName)
            envoyBody = settings.envoyXDS ? settings.xdsBodyLimit : nil
            (isGuarded, hasOperators) = (settings.operationsAuth == .operator, settings.hasOperators)
        }
    }

    private static let tables = Mutex<[Choice: RouteTable]>([:])

    /// The routes of those that are on: the same table for all loops, since what is rendered in a format that was made
    /// twice is not shared.
    static func routes(_ settings: Settings) -> RouteTable {
        let choice = Choice(settings)
        return tables.withLock { tables in
            if let table = tables[choice] { return table }
            let table = RouteTable(all(choice))
            tables[choice] = table
            return table
        }
    }

    private static func all(_ choice: Choice) -> [Route] {
        var routes = AmalgamRoutes.all
        if choice.eureka { routes += EurekaRoutes.all }
        if choice.consul { routes += ConsulRoutes.all(datacenter: choice.datacenter, member: choice.member) }
        if let limit = choice.envoyBody { routes += EnvoyRoutes.all(bodyLimit: limit) }
        return routes + OperationsRoutes.all(isGuarded: choice.isGuarded, hasOperators: choice.hasOperators)
    }
}
