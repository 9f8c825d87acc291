// What the rest of the registry asks of its cluster, and nothing of how members find and copy one another. A registry alone is the cluster of
// one; the one with members reads the catalog's changes (`Change`, in sequence) and brings in its peers' with `Origin.peer`.

/// The health of one part of a member, as /uptime reports it.
public struct ComponentHealth: Sendable, Equatable {
    /// As the report names it: `CLUSTER`, `REPLICATION`.
    public let name: String
    public let isHealthy: Bool
    /// Numbers of interest, in the order shown.
    public let properties: [(name: String, value: Int)]

    public init(name: String, isHealthy: Bool, properties: [(name: String, value: Int)] = []) {
        self.name = name
        self.isHealthy = isHealthy
        self.properties = properties
    }

    public static func == (left: ComponentHealth, right: ComponentHealth) -> Bool {
        left.name == right.name && left.isHealthy == right.isHealthy
            && left.properties.elementsEqual(right.properties) { $0.name == $1.name && $0.value == $1.value }
    }
}

/// A member's view of its cluster. Safe to use from any thread.
public protocol Cluster: Sendable {
    /// Whether this member has what the others have, and may answer look-ups.
    var hasCopy: Bool { get }
    /// What /uptime reports beside the process itself; nothing when there is no cluster.
    var components: [ComponentHealth] { get }
}

/// A registry alone: nothing to copy, nobody to report on.
public struct StandaloneCluster: Cluster {
    public let hasCopy = true
    public let components: [ComponentHealth] = []

    public init() {}
}
