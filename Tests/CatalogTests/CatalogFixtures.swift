// What the catalog's tests build over and over.

import TestCatalog
import TestTime
import Testing
import Time

@testable import Catalog

/// The same word to a reader, other bytes to a machine.
let composed = "caf\u{E9}"
let decomposed = "cafe\u{301}"

func at(_ milliseconds: Int64) -> LeaseTime { LeaseTime(milliseconds: milliseconds) }

/// A moment whose wall clock tells, in nanoseconds, how many milliseconds the lease clock shows.
func moment(_ milliseconds: Int64) -> Moment {
    Moment(
        monotonic: MonotonicTime(milliseconds: milliseconds), lease: at(milliseconds), wall: milliseconds * 1_000_000)
}

func makeInstance(
    _ id: UInt64, service: String = "web", status: InstanceStatus = .up, ttl: Int64 = 30_000,
    kind: Endpoint.Kind = .http, value: String = "10.0.0.1:80"
) -> Instance {
    makeInstance(.digest(id), service: service, status: status, ttl: ttl, kind: kind, value: value)
}

func makeInstance(
    _ id: InstanceID, service: String = "web", status: InstanceStatus = .up, ttl: Int64 = 30_000,
    kind: Endpoint.Kind = .http, value: String = "10.0.0.1:80"
) -> Instance {
    Instance(
        id: id, serviceName: Name(service), endpoint: Endpoint(kind: kind, value: value), status: status, ttl: ttl,
        tags: [],
        metadata: nil, registered: 0)
}

/// The name of an instance of some namespace.
struct Key: Hashable {
    let namespace: Namespace
    let id: InstanceID
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

    /// All that is held, overdue or not.
    var held: Set<Key> {
        var (held, next) = (Set<Key>(), Int32(0))
        while let slot = records.slots.occupied(from: next) {
            held.insert(Key(namespace: records.namespace(slot), id: records.instance(slot).id))
            next = slot + 1
        }
        return held
    }

    /// Expires until nothing is left for this moment; the ids of those that went, sorted.
    mutating func expireAll(at now: LeaseTime) -> [InstanceID] {
        let before = held
        var expiry: Expiry
        var expired = 0
        repeat {
            expiry = expire(
                at: Moment(monotonic: .zero, lease: now, wall: min(now.milliseconds, 1 << 40) * 1_000_000),
                budget: 1_000)
            expired += expiry.expired
        } while expiry.hasMore
        let gone = before.subtracting(held)
        #expect(gone.count == expired)
        return gone.map(\.id).sorted()
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
        _ id: UInt64 = 1, service: String = "web", status: InstanceStatus = .up, ttl: Int64 = 30_000,
        in namespace: Namespace = tenant,
        at now: Int64
    ) -> CommandDecision {
        let instance = makeInstance(id, service: service, status: status, ttl: ttl)
        return catalog.apply(.register(instance), in: namespace, at: moment(now))
    }

    @discardableResult
    mutating func apply(_ command: Command, in namespace: Namespace = tenant, at now: Int64) -> CommandDecision {
        catalog.apply(command, in: namespace, at: moment(now))
    }

    @discardableResult
    mutating func renew(_ id: InstanceID, in namespace: Namespace = tenant, at now: Int64) -> Bool {
        catalog.renew(id, in: namespace, at: moment(now))
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

extension Catalog {
    mutating func apply(_ command: Command, in namespace: Namespace, at moment: Moment, by actor: Actor? = nil)
        -> CommandDecision
    {
        let decision =
            switch command {
            case .register(let instance): register(instance, in: namespace, at: moment, by: actor)
            case .deregister(let id): deregister(id, in: namespace, evenIfUnknown: false, at: moment, by: actor)
            case .bury(let id): deregister(id, in: namespace, evenIfUnknown: true, at: moment, by: actor)
            }
        return CommandDecision(command.outcome(decision), expired: decision.expired)
    }
}
