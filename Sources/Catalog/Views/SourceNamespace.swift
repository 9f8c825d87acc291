// What sources have in one namespace, as readers find it: by service and by id. A change makes another value, which
// shares with the one before all services and all parts of the index that it did not touch, so that one change in
// 100,000 instances costs about as many words as the namespace has services.

/// The services that sources have in one namespace, at one moment. Immutable.
package final class SourceNamespace: Sendable {
    /// An id's hash, and the service that it is in.
    private struct Entry: Sendable {
        let hash: UInt64
        let service: SourceService
    }

    /// Into how many parts the ids are divided, a power of two: a change makes anew those that it touches.
    private static let partCount = 64

    /// Invariant: sorted by name, each name once, and none is empty.
    package let services: [SourceService]
    /// Invariant: by the low bits of the hash; each part is sorted by hash and has exactly the instances of `services`.
    private let parts: [[Entry]]
    /// The digest is the sum of the services'; the index is that of the last change.
    package let revision: Revision
    /// Instances of all services.
    package let count: Int

    /// Nothing.
    static let empty = SourceNamespace(
        services: [], parts: Array(repeating: [], count: partCount), revision: .none, count: 0)

    private init(services: [SourceService], parts: [[Entry]], revision: Revision, count: Int) {
        self.services = services
        self.parts = parts
        self.revision = revision
        self.count = count
    }

    // MARK: - Look-ups

    /// One service, by binary search.
    package func service(_ name: Name) -> SourceService? {
        let place = place(of: name)
        return place < services.count && services[place].name == name ? services[place] : nil
    }

    /// How many instances have each status.
    package var tally: [InstanceStatus: Int] {
        services.reduce(into: [:]) { sum, service in sum.merge(service.tally) { $0 + $1 } }
    }

    private func place(of name: Name) -> Int {
        var (low, high) = (0, services.count)
        while low < high {
            let middle = (low + high) / 2
            if services[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// One instance.
    package func instance(_ id: InstanceID) -> LeasedInstance? {
        let hash = id.stableHash
        let part = parts[Self.part(of: hash)]
        var (low, high) = (0, part.count)
        while low < high {
            let middle = (low + high) / 2
            if part[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        while low < part.count, part[low].hash == hash {
            if let found = part[low].service.instance(id) { return found }
            low += 1
        }
        return nil
    }

    private static func part(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (partCount - 1) }

    // MARK: - Changes

    /// The same with some services replaced, each named once; nil stands for one that is gone.
    ///
    /// - Parameter index: of the change.
    func replacing(_ changes: [(name: Name, service: SourceService?)], index: UInt64) -> SourceNamespace {
        let changes = changes.sorted { $0.name < $1.name }
        var (merged, added): ([SourceService], [SourceService]) = ([], [])
        var removed: Set<ObjectIdentifier> = []
        merged.reserveCapacity(services.count + changes.count)
        var (digest, count, next) = (revision.digest, self.count, 0)
        var touched = [Bool](repeating: false, count: Self.partCount)
        func touch(_ service: SourceService) {
            for leased in service.instances { touched[Self.part(of: leased.instance.id.stableHash)] = true }
        }
        for change in changes {
            let place = place(of: change.name)
            merged.append(contentsOf: services[next..<place])
            next = place
            if place < services.count, services[place].name == change.name {
                let old = services[place]
                removed.insert(ObjectIdentifier(old))
                touch(old)
                (digest, count, next) = (digest &- old.revision.digest, count - old.instances.count, place + 1)
            }
            if let service = change.service, !service.instances.isEmpty {
                merged.append(service)
                added.append(service)
                touch(service)
                (digest, count) = (digest &+ service.revision.digest, count + service.instances.count)
            }
        }
        merged.append(contentsOf: services[next...])
        return SourceNamespace(
            services: merged, parts: parts(without: removed, with: added, touched),
            revision: Revision(digest: digest, index: index), count: count)
    }

    private func parts(without removed: Set<ObjectIdentifier>, with added: [SourceService], _ touched: [Bool])
        -> [[Entry]]
    {
        var fresh = [[Entry]](repeating: [], count: Self.partCount)
        for service in added {
            for leased in service.instances {
                let hash = leased.instance.id.stableHash
                fresh[Self.part(of: hash)].append(Entry(hash: hash, service: service))
            }
        }
        var parts = parts
        for number in parts.indices where touched[number] {
            var part = parts[number]
            if !removed.isEmpty { part.removeAll { removed.contains(ObjectIdentifier($0.service)) } }
            part += fresh[number]
            part.sort { $0.hash < $1.hash }
            parts[number] = part
        }
        return parts
    }
}

extension SourceNamespace {
    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() {
        assert(
            zip(services, services.dropFirst()).allSatisfy { $0.name < $1.name }, "services are sorted, each once")
        assert(services.allSatisfy { !$0.instances.isEmpty }, "no service is empty")
        assert(services.reduce(0) { $0 + $1.instances.count } == count, "a namespace counts its instances")
        assert(
            services.reduce(into: UInt64(0)) { $0 &+= $1.revision.digest } == revision.digest,
            "the digest is the sum of the services'")
        assert(parts.reduce(0) { $0 + $1.count } == count, "the index has each instance once")
        for (number, part) in parts.enumerated() {
            assert(zip(part, part.dropFirst()).allSatisfy { $0.hash <= $1.hash }, "a part is sorted")
            assert(part.allSatisfy { Self.part(of: $0.hash) == number }, "an id is in its part")
        }
    }
}
