// The read half of Consul's HTTP API as rows (docs/consul.md). What has no row of its own below `/v1/` is answered too:
// clients give up on answers without an index.

import HTTP
import RegistryCore
package import Serving

extension Operation {
    static let consulServices = Operation("consulListServices", .lookUp)
    static let consulService = Operation("consulGetService", .lookUp)
    static let consulHealth = Operation("consulGetHealth", .lookUp)
    static let consulChecks = Operation("consulGetChecks", .lookUp)
    static let consulState = Operation("consulListChecks", .lookUp)
    static let consulSelf = Operation("consulGetSelf", .page)
    static let consulLeader = Operation("consulGetLeader", .page)
    static let consulPeers = Operation("consulListPeers", .page)
    static let consulDatacenters = Operation("consulListDatacenters", .page)
    static let consulOther = Operation("consulOther", .page)
}

/// The routes of Consul's API.
package enum ConsulRoutes {
    /// The routes of a member. To be made once for a process, whose loops share what they render.
    ///
    /// - Parameters:
    ///   - datacenter: the one that is named everywhere, of letters, digits, `-` and `_`.
    ///   - member: what this member is called; nil where it has no name.
    package static func all(datacenter: String, member: String?) -> [Route] {
        let lists = ConsulLists(datacenter: datacenter)
        let agent = ConsulAgent(datacenter: datacenter, member: member ?? "registry")
        return [
            row("/catalog/services", .consulServices) { (call) throws(Refused) in try lists.services(call) },
            row("/catalog/service/{name}", .consulService, named) { (call) throws(Refused) in
                try lists.service(call, lists.catalog)
            },
            row("/health/service/{name}", .consulHealth, named) { (call) throws(Refused) in
                try lists.service(call, lists.health)
            },
            row("/health/checks/{name}", .consulChecks, named) { (call) throws(Refused) in
                try lists.service(call, lists.checks)
            },
            row("/health/state/{state}", .consulState) { (call) throws(Refused) in try lists.state(call) },
            row("/agent/self", .consulSelf) { (call) throws(Refused) in try agent.itself(call) },
            row("/status/leader", .consulLeader) { (call) throws(Refused) in try agent.leader(call) },
            row("/status/peers", .consulPeers) { (call) throws(Refused) in try agent.peers(call) },
            row("/catalog/datacenters", .consulDatacenters) { (call) throws(Refused) in try agent.datacenters(call) },
            row("/{other}", .consulOther, other) { (_) throws(Refused) in .now(ConsulAgent.nothing) },
        ]
    }

    private static let plain: RouteStyle = {
        var style = RouteStyle()
        style.errors = .consul
        style.ownsPath = true
        style.credential = { (call: borrowing Call) throws(Refused) in try ConsulCredential.find(call) }
        return style
    }()

    /// A service's name may have slashes, which clients send as they are.
    private static let named: RouteStyle = {
        var style = plain
        style.takesRest = true
        return style
    }()

    private static let other: RouteStyle = {
        var style = named
        style.isAlias = true
        return style
    }()

    private static func row(
        _ path: String, _ operation: Operation, _ style: RouteStyle = plain,
        _ handler: @escaping @Sendable (borrowing Call) throws(Refused) -> Reply
    ) -> Route {
        Route(.get, "/v1" + path, operation, style: style, patient: handler)
    }
}

extension ErrorFormat {
    /// The sentence alone: clients show the body.
    static let consul = ErrorFormat(ContentType("text/plain; charset=utf-8")) { Array($0.sentence.utf8) }
}
