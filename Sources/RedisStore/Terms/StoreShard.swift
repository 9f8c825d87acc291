// What is stored is cut into shards by namespace. All keys of a shard have one tag in braces, so that in a Redis Cluster
// they lie in one slot, and a function may touch all of them; and there are few, so that a member reads one stream of each
// whatever the number of its tenants.

package import Catalog

/// What is stored of one of the parts that namespaces are split into (docs/redis.md, "What is stored").
package struct StoreShard: Hashable, Comparable, Sendable {
    package static let count = NamespaceParts.count
    package static let all = (0..<count).map { StoreShard(number: $0) }

    /// Invariant: below `count`.
    package let number: Int

    package init(number: Int) {
        precondition((0..<Self.count).contains(number), "there are \(Self.count) shards")
        self.number = number
    }

    /// The one that has a namespace: the same for every member.
    package init(of namespace: Namespace) { self.init(number: NamespaceParts.part(of: namespace)) }

    /// What its keys begin with.
    package func tag(_ prefix: String) -> String { "{\(prefix).\(number)}" }

    /// The stream of its events.
    package func stream(_ prefix: String) -> String { tag(prefix) + ":e" }

    package static func < (left: StoreShard, right: StoreShard) -> Bool { left.number < right.number }
}

/// The hashes of a namespace.
package enum StoredKind: String, CaseIterable, Sendable {
    // Tombstones first: a copy shows nothing that was deregistered. Overrides after the instances that they are about.
    case tombstones = "t", instances = "i", overrides = "o", services = "s"
}
