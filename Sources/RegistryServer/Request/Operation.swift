// What a request asks for, by the name that the contract, the access log and the metrics share. A closed set: a label that clients could
// make up would grow without bound.

/// An operation of the registry. The raw value indexes tables.
public enum Operation: Int, Sendable, CaseIterable {
    case registerInstance, listInstances, getInstance, deregisterInstance, renewInstance
    case listServices, getService
    case root, uptime, livez, readyz, metrics, swagger
    /// No route, or a method that the route does not have.
    case unmatched

    /// The operation's name: its `operationId` in the OpenAPI description.
    public var name: String { Self.names[rawValue] }

    private static let names = allCases.map { "\($0)" }
}
