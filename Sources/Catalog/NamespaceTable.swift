// The services of one namespace and who is in them. Nothing is kept in order, so that joining and leaving cost the same in a service of ten and
// of a million, and in a namespace of ten services and of a hundred thousand; whoever lists them sorts a copy.

/// One namespace's services.
struct NamespaceTable {
    let namespace: Namespace
    /// How many instances are registered in it.
    private(set) var count = 0
    /// The slots of each service's members.
    ///
    /// Invariant: no service without members.
    private(set) var services: [Name: [Int32]] = [:]

    init(_ namespace: Namespace) {
        self.namespace = namespace
    }

    /// Adds a member; returns its position among the members.
    mutating func insert(_ slot: Int32, into service: Name) -> Int32 {
        count += 1
        services[service, default: []].append(slot)
        return Int32((services[service]?.count ?? 1) - 1)
    }

    /// Removes the member at `position`; returns the slot that has taken this position, if one has.
    mutating func remove(at position: Int32, from service: Name) -> Int32? {
        count -= 1
        guard let last = services[service]?.popLast() else { return nil }
        let remaining = services[service]?.count ?? 0
        if remaining == 0 {
            services[service] = nil
        } else if remaining > Int(position) {
            services[service]?[Int(position)] = last
            return last
        }
        return nil
    }
}
