// The services of one namespace and who is in them. Members are slots in no order, so that joining and leaving cost the same in a service of
// ten and of a million; whoever lists them sorts a copy.

/// One namespace's services.
struct NamespaceTable {
    let namespace: Namespace
    /// How many instances are registered in it.
    private(set) var count = 0
    /// Invariant: no service without members.
    private var services: [Name: [Int32]] = [:]
    /// The keys of `services`.
    ///
    /// Invariant: sorted. Kept so, because names are listed often and services come and go seldom.
    private(set) var serviceNames: [Name] = []

    init(_ namespace: Namespace) {
        self.namespace = namespace
    }

    /// The slots of a service's members.
    func members(of service: Name) -> [Int32]? { services[service] }

    /// Adds a member; returns its position among the members.
    mutating func insert(_ slot: Int32, into service: Name) -> Int32 {
        count += 1
        guard let position = services[service]?.count else {
            services[service] = [slot]
            serviceNames.insert(service, at: place(of: service))
            return 0
        }
        services[service]?.append(slot)
        return Int32(position)
    }

    /// Removes the member at `position`; returns the slot that has taken this position, if one has.
    mutating func remove(at position: Int32, from service: Name) -> Int32? {
        count -= 1
        guard let last = services[service]?.popLast() else { return nil }
        let remaining = services[service]?.count ?? 0
        if remaining == 0 {
            services[service] = nil
            serviceNames.remove(at: place(of: service))
        } else if remaining > Int(position) {
            services[service]?[Int(position)] = last
            return last
        }
        return nil
    }

    /// The first place at which nothing smaller follows.
    private func place(of service: Name) -> Int {
        var low = 0
        var high = serviceNames.count
        while low < high {
            let middle = (low + high) / 2
            if serviceNames[middle] < service { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
