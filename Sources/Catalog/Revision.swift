// The state of a service or a namespace, in two values. Its digest is the same wherever its content is the same, so
// members agree on it and so does a member with itself after a restart; its index grows with every change, so that one
// can be waited for. A cache compares both: a digest alone comes back when a change is undone.

/// The state of a service or of a namespace.
package struct Revision: Hashable, Sendable {
    /// The sum of the hashes of all instances that are registered, each of its id and version (`StateHash`); 0 when
    /// there are none. Leases are not in it: an instance whose lease has run out counts until it is swept, and by
    /// another hash while look-ups say that it is overdue.
    package let digest: UInt64
    /// The microseconds of the last change's hybrid time, or one more than before where that is later. 0 when nothing
    /// is registered.
    ///
    /// Invariant: below 2^53, so that it is a number in JavaScript, and after the last one of the same service or
    /// namespace, also when that has been empty meanwhile. Members' indexes are about the same, but not the same.
    package let index: UInt64

    package init(digest: UInt64, index: UInt64) {
        self.digest = digest
        self.index = index
    }

    /// Of a service or namespace without instances.
    package static let none = Revision(digest: 0, index: 0)
}

/// What one instance adds to the digests of its service and its namespace.
enum StateHash {
    /// The same on every member. A version is given once, so it stands for all that an instance says.
    static func of(_ id: InstanceID, _ version: Version) -> UInt64 {
        StableHash.mixed(
            id.stableHash &+ StableHash.mixed(version.time.bits &+ StableHash.mixed(version.origin.bits)))
    }
}

/// The indexes of changes.
enum ChangeIndex {
    /// The latest time, in microseconds since 1970, that is taken for an index: in 2250, so that there is room for as
    /// many changes as there will be.
    static let latest: UInt64 = 8_836_000_000_000_000

    /// The index of a change at a time, in microseconds since 1970, that follows the one with this index.
    static func next(after last: UInt64, at microseconds: Int64) -> UInt64 {
        max(last + 1, min(UInt64(max(0, microseconds)), latest))
    }
}
