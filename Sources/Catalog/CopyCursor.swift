// A copy of a million instances is taken in pieces, between which everything may change. What makes it whole
// nevertheless: a record keeps its slot for as long as it exists, and the cursor passes every slot once.

/// How far a copy has come: a place among the shards, their records, their tombstones, what has run out there, and what
/// is said of their services.
package struct CopyCursor: Sendable, Hashable {
    enum Part: Sendable, CaseIterable { case records, tombstones, expired, services }

    /// At or past the number of shards: the end.
    var shard: Int
    var part: Part
    /// The first slot that was not looked at.
    var slot: Int32

    /// Goes on at a slot of this part, or at the next part when there is none.
    mutating func advance(to slot: Int32?) {
        if let slot {
            self.slot = slot
            return
        }
        switch part {
        case .records: self = CopyCursor(shard: shard, part: .tombstones, slot: 0)
        case .tombstones: self = CopyCursor(shard: shard, part: .expired, slot: 0)
        // After the instances: the end of a service's drain concerns none that has an override of its own.
        case .expired: self = CopyCursor(shard: shard, part: .services, slot: 0)
        case .services: self = CopyCursor(shard: shard + 1, part: .records, slot: 0)
        }
    }

    /// Before everything.
    package static let start = CopyCursor(shard: 0, part: .records, slot: 0)
}
