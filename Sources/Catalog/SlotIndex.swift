// From (namespace, id) to a slot. A dictionary of a million entries doubles in one go, which would hold the shard's lock for tens of
// milliseconds; split into parts, each doubles alone and in well under one.

/// Where each instance's record is.
struct SlotIndex {
    struct Key: Hashable {
        /// The slot of the namespace's table.
        let table: Int32
        let id: InstanceID

        /// Which part holds the key. Whoever picks ids to land in one part gets a plain dictionary, whose own hash is seeded.
        fileprivate var part: Int {
            switch id {
            case .digest(let digest): Int(truncatingIfNeeded: digest) & (SlotIndex.partCount - 1)
            case .text(let name): name.hashValue & (SlotIndex.partCount - 1)
            }
        }
    }

    /// A power of two.
    private static let partCount = 64

    private var parts = [[Key: Int32]](repeating: [:], count: partCount)

    subscript(key: Key) -> Int32? {
        get { parts[key.part][key] }
        set { parts[key.part][key] = newValue }
    }
}
