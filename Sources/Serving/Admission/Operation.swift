// What a request asks for, by the name that the contract, the access log and the metrics share. A closed set: a label that clients could
// make up would grow without bound.

/// An operation of the registry. The raw value indexes tables.
package enum Operation: Int, Sendable, CaseIterable {
    case registerInstance, listInstances, getInstance, deregisterInstance, renewInstance, renewInstances
    case listServices, getService, listEvents
    case root, uptime, livez, readyz, metrics, swagger, cluster
    /// What may be asked of a path, or of the registry (R121).
    case options
    /// No route, or a method that the route does not have.
    case unmatched

    /// The operation's name: its `operationId` in the OpenAPI description.
    package var name: String { Self.names[rawValue] }

    /// Whether it asks, every few seconds from many sides, whether the process is well.
    var isProbe: Bool {
        switch self {
        case .root, .uptime, .livez, .readyz, .metrics: true
        default: false
        }
    }

    /// Whether it renews leases, which has an allowance of its own (R825).
    var isHeartbeat: Bool { self == .renewInstance || self == .renewInstances }

    /// Whether the answer says what there is: by a member that does not know yet, it would say that there is less.
    var isLookUp: Bool {
        switch self {
        case .listInstances, .getInstance, .listServices, .getService: true
        case .registerInstance, .deregisterInstance, .renewInstance, .renewInstances: false
        // What this member has seen happen, which its copy does not tell.
        case .listEvents: false
        case .root, .uptime, .livez, .readyz, .metrics, .swagger, .cluster, .options, .unmatched: false
        }
    }

    private static let names = allCases.map { "\($0)" }
}
