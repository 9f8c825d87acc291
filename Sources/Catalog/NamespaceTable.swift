// The services of one namespace and who is in them. Nothing is kept in order, so that joining and leaving cost the same in a service of ten and
// of a million, and in a namespace of ten services and of a hundred thousand; whoever lists them sorts a copy.

/// One namespace's services.
struct NamespaceTable {
    /// One service.
    struct Service {
        /// The members' slots.
        var members: [Int32] = []
        /// The revision of the last change to the service.
        var revision: UInt64 = 0
    }

    let namespace: Namespace
    /// How many instances are registered in it.
    private(set) var count = 0
    /// The revision of the last change to any of its services.
    private(set) var revision: UInt64 = 0
    /// Invariant: no service without members.
    private(set) var services: [Name: Service] = [:]

    init(_ namespace: Namespace) {
        self.namespace = namespace
    }

    /// Adds a member; returns its position among the members.
    mutating func insert(_ slot: Int32, into service: Name, revision: UInt64) -> Int32 {
        count += 1
        services[service, default: Service()].members.append(slot)
        touch(service, revision: revision)
        return Int32((services[service]?.members.count ?? 1) - 1)
    }

    /// Removes the member at `position`; returns the slot that has taken this position, if one has.
    mutating func remove(at position: Int32, from service: Name, revision: UInt64) -> Int32? {
        count -= 1
        touch(service, revision: revision)
        guard let last = services[service]?.members.popLast() else { return nil }
        let remaining = services[service]?.members.count ?? 0
        if remaining == 0 {
            services[service] = nil
        } else if remaining > Int(position) {
            services[service]?.members[Int(position)] = last
            return last
        }
        return nil
    }

    /// Notes that a member of the service has changed.
    mutating func touch(_ service: Name, revision: UInt64) {
        self.revision = revision
        services[service]?.revision = revision
    }
}
