// What the catalog's tests build over and over.

@testable import Catalog

/// The same word to a reader, other bytes to a machine.
let composed = "caf\u{E9}"
let decomposed = "cafe\u{301}"

func at(_ milliseconds: Int64) -> LeaseTime { LeaseTime(milliseconds: milliseconds) }

/// A moment whose wall clock tells, in nanoseconds, how many milliseconds the lease clock shows.
func moment(_ milliseconds: Int64) -> Moment { Moment(lease: at(milliseconds), wall: milliseconds * 1_000_000) }

func makeInstance(
    _ id: UInt64, service: String = "web", status: InstanceStatus = .up, ttl: Int64 = 30_000, value: String = "10.0.0.1:80"
) -> Instance {
    makeInstance(.digest(id), service: service, status: status, ttl: ttl, value: value)
}

func makeInstance(
    _ id: InstanceID, service: String = "web", status: InstanceStatus = .up, ttl: Int64 = 30_000, value: String = "10.0.0.1:80"
) -> Instance {
    Instance(
        id: id, serviceName: Name(service), endpoint: Endpoint(kind: .http, value: value), status: status, ttl: ttl, tags: [],
        metadata: nil, registered: 0)
}

extension Change {
    /// The instance it is about.
    var id: InstanceID {
        switch kind {
        case .registered(let instance): instance.id
        case .renewed(let id), .deregistered(let id), .statusSet(let id, _), .expired(let id): id
        }
    }

    var isExpiry: Bool {
        if case .expired = kind { true } else { false }
    }

    var isRenewal: Bool {
        if case .renewed = kind { true } else { false }
    }
}

extension Catalog {
    func listing(of service: Name, in namespace: Namespace, at now: LeaseTime) -> ServiceListing {
        var remaining = Int.max
        return members(of: service, in: namespace, at: now, remaining: &remaining, limit: .max)
    }

    func instances(of service: Name, in namespace: Namespace, at now: LeaseTime) -> [LeasedInstance] {
        listing(of: service, in: namespace, at: now).instances
    }

    func serviceNames(in namespace: Namespace, at now: LeaseTime) -> [Name] {
        var cursor = ServiceCursor()
        return services(in: namespace, at: now, from: &cursor, limit: .max).services.map(\.name)
    }

    /// Expires until nothing is left for this moment.
    mutating func expireAll(at now: LeaseTime) -> [Change] {
        var changes: [Change] = []
        while true {
            let expiry = expire(at: now, budget: 1_000)
            changes += expiry.changes
            guard expiry.hasMore else { return changes }
        }
    }
}

let tenant = Namespace("tenant")
let neighbour = Namespace("neighbour")
let one = InstanceID.digest(1)

/// A catalog, and commands in few words. The namespace is `tenant` and the TTL 30 seconds unless said otherwise.
struct Subject {
    var catalog: Catalog

    init(capacity: Int? = nil) {
        catalog = Catalog(namespaceCapacity: capacity)
    }

    @discardableResult
    mutating func register(
        _ id: UInt64 = 1, service: String = "web", status: InstanceStatus = .up, ttl: Int64 = 30_000, in namespace: Namespace = tenant,
        from origin: Origin = .client, at now: Int64
    ) -> Decision {
        let instance = makeInstance(id, service: service, status: status, ttl: ttl)
        return catalog.apply(.register(instance), in: namespace, from: origin, at: moment(now))
    }

    @discardableResult
    mutating func apply(_ command: Command, in namespace: Namespace = tenant, at now: Int64) -> Decision {
        catalog.apply(command, in: namespace, from: .client, at: moment(now))
    }

    func has(_ id: UInt64 = 1, in namespace: Namespace = tenant, at now: Int64) -> Bool {
        catalog.instance(.digest(id), in: namespace, at: at(now)) != nil
    }

    func serviceNames(in namespace: Namespace = tenant, at now: Int64) -> [String] {
        catalog.serviceNames(in: namespace, at: at(now)).sorted().map(\.text)
    }

    func ids(of service: String, in namespace: Namespace = tenant, at now: Int64) -> Set<InstanceID> {
        Set(catalog.instances(of: Name(service), in: namespace, at: at(now)).map(\.instance.id))
    }
}
