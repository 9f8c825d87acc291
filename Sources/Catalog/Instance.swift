// What a registration says, as it was said. It never changes: a new registration or status makes a new value, so a snapshot can be rendered
// outside of every lock while the lease goes on beside it.

/// How an instance is reached.
public struct Endpoint: Hashable, Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case tcp, udp, http, https, user
    }

    public let kind: Kind
    public let value: String

    public init(kind: Kind, value: String) {
        self.kind = kind
        self.value = value
    }
}

/// What an instance says of itself. An open token: protocols have statuses of their own.
public struct InstanceStatus: Hashable, Sendable {
    /// Without lower-case ASCII letters.
    public let token: String

    /// The token in upper case. ASCII only: by Unicode's rules other letters, such as the long s, would become those of a known token.
    public init(_ token: String) {
        self.token = String(decoding: token.utf8.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }, as: UTF8.self)
    }

    public static let up = InstanceStatus("UP")
    public static let starting = InstanceStatus("STARTING")
    /// Taken out by an operator. It does not expire: what was taken out on purpose is not to vanish by accident.
    public static let outOfService = InstanceStatus("OUT_OF_SERVICE")
}

/// A registered instance without its lease.
public final class Instance: Sendable {
    public let id: InstanceID
    public let serviceName: Name
    public let endpoint: Endpoint
    public let status: InstanceStatus
    /// How long a lease lasts, in milliseconds, above 0.
    public let ttl: Int64
    /// In the order sent.
    public let tags: [String]
    /// A JSON value byte for byte as sent, or nil.
    public let metadata: [UInt8]?
    /// Nanoseconds since 1970.
    public let registered: Int64

    public init(
        id: InstanceID, serviceName: Name, endpoint: Endpoint, status: InstanceStatus, ttl: Int64, tags: [String], metadata: [UInt8]?,
        registered: Int64
    ) {
        self.id = id
        self.serviceName = serviceName
        self.endpoint = endpoint
        self.status = status
        self.ttl = ttl
        self.tags = tags
        self.metadata = metadata
        self.registered = registered
    }

    /// The same registration with another status.
    func with(status: InstanceStatus) -> Instance {
        Instance(
            id: id, serviceName: serviceName, endpoint: endpoint, status: status, ttl: ttl, tags: tags, metadata: metadata,
            registered: registered)
    }
}

/// An instance and the state of its lease at one moment.
public struct LeasedInstance: Sendable {
    public let instance: Instance
    /// When it was last heard of: nanoseconds since 1970.
    public let lastHeartbeat: Int64

    public init(instance: Instance, lastHeartbeat: Int64) {
        self.instance = instance
        self.lastHeartbeat = lastHeartbeat
    }
}
