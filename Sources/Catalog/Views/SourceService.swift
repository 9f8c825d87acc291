// What a source (another registry, or files) has of one service. Readers of all threads share it and nobody changes it:
// a source that has something else makes another. It has no leases, so nothing in it ends by itself.

/// The instances that sources have of one service, at one moment. Immutable.
package final class SourceService: Sendable {
    package let name: Name
    /// Invariant: sorted by id, each id once.
    package let instances: [LeasedInstance]
    /// The digest is the sum of the hashes of what the instances say, and so is the same on every member that sees the
    /// same; the index is from the same sequence as the store's (`Store.note`).
    package let revision: Revision
    /// The status that all instances have, as those of most services do; nil where they differ.
    private let common: InstanceStatus?
    /// How many instances have each status, where they differ: a dictionary takes more than an instance.
    private let mixed: [InstanceStatus: Int]

    /// How many instances have each status.
    var tally: [InstanceStatus: Int] { common.map { [$0: instances.count] } ?? mixed }

    /// - Parameters:
    ///   - instances: in any order. Of several with one id the first stays.
    ///   - index: of the change that makes it.
    package init(_ name: Name, _ instances: [LeasedInstance], index: UInt64) {
        self.name = name
        self.instances = Self.firsts(of: instances)
        let digest = self.instances.reduce(into: UInt64(0)) { $0 &+= $1.instance.contentHash }
        revision = Revision(digest: digest, index: index)
        let tally = self.instances.reduce(into: [:]) { $0[$1.instance.status, default: 0] += 1 }
        common = tally.count == 1 ? tally.keys.first : nil
        mixed = tally.count == 1 ? [:] : tally
    }

    /// The same by another change.
    init(_ other: SourceService, index: UInt64) {
        name = other.name
        instances = other.instances
        (common, mixed) = (other.common, other.mixed)
        revision = Revision(digest: other.revision.digest, index: index)
    }

    /// Sorted by id; of several with one id the first.
    private static func firsts(of instances: [LeasedInstance]) -> [LeasedInstance] {
        // A source that keeps what it has keeps the same array then.
        if zip(instances, instances.dropFirst()).allSatisfy({ $0.instance.id < $1.instance.id }) { return instances }
        let keys = instances.enumerated().map { (id: $1.instance.id, place: $0) }
            .sorted { $0.id == $1.id ? $0.place < $1.place : $0.id < $1.id }
        var firsts: [LeasedInstance] = []
        firsts.reserveCapacity(keys.count)
        for (number, key) in keys.enumerated() where number == 0 || keys[number - 1].id != key.id {
            firsts.append(instances[key.place])
        }
        return firsts
    }

    /// One instance, by binary search.
    func instance(_ id: InstanceID) -> LeasedInstance? {
        var (low, high) = (0, instances.count)
        while low < high {
            let middle = (low + high) / 2
            if instances[middle].instance.id < id { low = middle + 1 } else { high = middle }
        }
        return low < instances.count && instances[low].instance.id == id ? instances[low] : nil
    }
}

extension Instance {
    /// What a source's instance adds to the digests of its service and namespace: a hash of all that it says. When it
    /// was registered is left out; a source does not know, or each member learns another time.
    var contentHash: UInt64 {
        var hasher = StableHasher()
        packed.combineContent(into: &hasher)
        return StableHash.mixed(id.stableHash &+ hasher.finalize())
    }
}

extension InstanceID {
    /// The same in every process.
    var stableHash: UInt64 {
        switch self {
        case .digest(let digest): digest
        case .text(let name): StableHash.of(name.text.utf8)
        }
    }
}

extension PackedInstance {
    fileprivate func combineContent(into hasher: inout StableHasher) {
        hasher.combine(bytes[0])
        hasher.combine(bytes[Self.contentOffset...])
    }
}
