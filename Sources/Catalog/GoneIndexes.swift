// At which change services and namespaces have become empty. A reader that waits for a change by its index must be told
// the same for what is gone until something comes back, whatever happens beside it, and another index than before it
// went. It is noted when the last instance leaves, and at no other time.

/// The indexes at which the last services and namespaces of one shard went. A pure value; its owner guards it.
struct GoneIndexes: Sendable {
    /// How many are remembered: some 50 KB.
    static let limit = 1_024

    /// By the hash of a name: of two that meet, which hardly happens, both get the later index.
    private var indexes: [UInt64: UInt64] = [:]
    /// In the order of coming. Invariant: has exactly the keys of `indexes`.
    private var order: [UInt64] = []
    /// The oldest of `order`, once that is full.
    private var oldest = 0

    /// Notes that a service has gone by the change with this index, or without a service, a namespace.
    mutating func note(_ service: Name?, in namespace: Namespace, at index: UInt64) {
        let hash = Self.hash(service, namespace)
        // One that comes and goes takes one place.
        guard indexes.updateValue(index, forKey: hash) == nil else { return }
        guard order.count == Self.limit else { return order.append(hash) }
        indexes[order[oldest]] = nil
        order[oldest] = hash
        oldest = (oldest + 1) % Self.limit
    }

    /// At which change it went last; nil where that is not remembered.
    func index(of service: Name?, in namespace: Namespace) -> UInt64? { indexes[Self.hash(service, namespace)] }

    /// Of this process alone, so that nobody can choose names that meet.
    private static func hash(_ service: Name?, _ namespace: Namespace) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(namespace)
        hasher.combine(service)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() { assert(Set(order) == Set(indexes.keys) && order.count == indexes.count) }
}
