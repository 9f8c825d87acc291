// Members find out cheaply whether they hold the same: a hash for each of a few thousand buckets over everything, and
// only buckets that differ are looked into. Leases and tombstones are left out: the first differ all the time, the
// second are forgotten by each member in its own time. Overrides have versions of their own and are counted by these.

/// What a member holds, as 4,096 hashes.
package struct BucketDigest: Sendable, Equatable {
    /// A power of two: with a million instances, a bucket that differs names some 250 of them.
    package static let bucketCount = 4_096

    /// Each bucket's fingerprints of (namespace, id, version) of states, and of overrides where they are counted, XORed:
    /// in no order, 0 when it is empty.
    package let buckets: [UInt64]
    /// A hash of all buckets.
    package let root: UInt64

    package init(buckets: [UInt64]) {
        self.buckets = buckets
        root = buckets.reduce(0) { StableHash.mixed($0 &+ $1 &+ 1) }
    }
}

/// An id and the version of its state, for comparing buckets.
package struct KeyedVersion: Sendable, Hashable {
    package let namespace: Namespace
    package let id: InstanceID
    package let version: Version
    /// False for a tombstone.
    package let isPresent: Bool
    /// The version of its override; `none` without one.
    package let override: Version

    package init(
        namespace: Namespace, id: InstanceID, version: Version, isPresent: Bool, override: Version = .none
    ) {
        self.namespace = namespace
        self.id = id
        self.version = version
        self.isPresent = isPresent
        self.override = override
    }
}
