// What a shard keeps for the sake of the other members, and a registry alone does not: the hashes of its records, its
// tombstones and expired instances, and the changes that it has not published yet.

/// One shard's account of what others know and are to know.
struct ReplicationState: Sendable {
    /// XORed fingerprints of the records by bucket. Empty until there is a record, for most shards of a registry with
    /// few tenants have none.
    private(set) var digest: [UInt64] = []
    /// The same of the records' overrides, removed ones included, and of the services' that count. Beside the other,
    /// because members of release 0.1.0 compare digests and know of no overrides. Empty until there is one.
    private(set) var overrideDigest: [UInt64] = []
    var tombstones: Tombstones
    var expired: RecentlyExpired
    /// The slots of what clients registered or changed here. Invariant: occupied ones.
    var changed = SlotSet()
    /// The slots of what clients renewed here. Invariant: occupied ones.
    var renewed = SlotSet()

    init(limits: TombstoneLimits) {
        tombstones = Tombstones(limits: limits)
        expired = RecentlyExpired(retention: limits.retention)
    }

    /// Counts an instance's version into the digest, or out of it again.
    mutating func toggle(_ key: BucketKey, _ version: Version) {
        if digest.isEmpty { digest = Array(repeating: 0, count: BucketDigest.bucketCount) }
        digest[Int(key.bucket)] ^= key.fingerprint(of: version)
    }

    /// Counts an override's version into the digest of overrides, or out of it again.
    mutating func toggleOverride(_ key: BucketKey, _ version: Version) {
        if overrideDigest.isEmpty { overrideDigest = Array(repeating: 0, count: BucketDigest.bucketCount) }
        // Another number than a state of this version would have.
        overrideDigest[Int(key.bucket)] ^= StableHash.mixed(key.fingerprint(of: version))
    }

    /// Makes room for a slot that has come into use, so that a heartbeat allocates nothing.
    mutating func enter(_ slot: Int32) {
        changed.makeRoom(for: slot)
        renewed.makeRoom(for: slot)
    }

    /// Drops the unpublished change of a slot that is being vacated.
    mutating func leave(_ slot: Int32) {
        changed.remove(slot)
        renewed.remove(slot)
    }
}

/// A hash of an id and its namespace that is the same on every member.
struct BucketKey: Sendable {
    private let hash: UInt64

    init(_ id: InstanceID, in namespace: Namespace) {
        let idHash =
            switch id {
            case .digest(let digest): digest
            case .text(let name): StableHash.of(name.text.utf8)
            }
        hash = StableHash.mixed(StableHash.of(namespace.name.utf8) &+ StableHash.mixed(idHash))
    }

    /// That of a service: another than any id of the same text has.
    init(_ service: Name, in namespace: Namespace) {
        hash = StableHash.mixed(
            StableHash.of(namespace.name.utf8) &+ StableHash.mixed(~StableHash.of(service.text.utf8)))
    }

    /// Invariant: below `BucketDigest.bucketCount`.
    var bucket: UInt16 { UInt16(hash & UInt64(BucketDigest.bucketCount - 1)) }

    func fingerprint(of version: Version) -> UInt64 {
        StableHash.mixed(hash &+ StableHash.mixed(version.time.bits &+ StableHash.mixed(version.origin.bits)))
    }
}
