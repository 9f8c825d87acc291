// Which shards have changes to publish. A request that has changed something notes it here with one load, and wakes the
// replication thread only when nothing was waiting already.

import Synchronization

/// The shards with changes and those with renewals. Safe to use from any thread.
///
/// Nothing is lost between the thread that changes a shard and the one that drains it. The first notes the change in
/// the shard, under its lock, and then looks at the bit; the second clears the bit and then takes the lock. When the
/// first finds the bit set, and so does nothing, the second has not cleared it before it took the lock for the last
/// time: had it held the lock before the first one did, the lock would have made the first see the cleared bit.
final class DirtyShards: Sendable {
    /// A bit for each shard.
    private let changed = Atomic<UInt64>(0)
    private let renewed = Atomic<UInt64>(0)
    private let wake: @Sendable () -> Void

    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    /// Notes that there is something to publish. Called outside of the shard's lock.
    func noteChanges(shard: Int) { if Self.set(changed, shard) { wake() } }

    /// Notes that a client has renewed something. Called outside of the shard's lock.
    func noteRenewal(shard: Int) { _ = Self.set(renewed, shard) }

    /// The shards to be drained, as bits.
    func shards(withRenewals: Bool) -> UInt64 {
        changed.load(ordering: .acquiring) | (withRenewals ? renewed.load(ordering: .acquiring) : 0)
    }

    /// The shards with renewals.
    var renewedShards: [Int] {
        let bits = renewed.load(ordering: .acquiring)
        return bits == 0 ? [] : (0..<UInt64.bitWidth).filter { bits & (1 << UInt64($0)) != 0 }
    }

    /// Says that the renewals of a shard are about to be drained.
    func clearRenewals(_ shard: Int) { renewed.bitwiseAnd(~(1 << UInt64(shard)), ordering: .acquiringAndReleasing) }

    /// Says that a shard is about to be drained.
    func clear(_ shard: Int, withRenewals: Bool) {
        changed.bitwiseAnd(~(1 << UInt64(shard)), ordering: .acquiringAndReleasing)
        if withRenewals { renewed.bitwiseAnd(~(1 << UInt64(shard)), ordering: .acquiringAndReleasing) }
    }

    /// Says that a shard could not be drained to the end. It wakes no thread: the one that drains knows.
    func putBack(_ shard: Int, withRenewals: Bool) {
        changed.bitwiseOr(1 << UInt64(shard), ordering: .acquiringAndReleasing)
        if withRenewals { renewed.bitwiseOr(1 << UInt64(shard), ordering: .acquiringAndReleasing) }
    }

    /// Sets a shard's bit; returns whether no bit was set before.
    private static func set(_ bits: borrowing Atomic<UInt64>, _ shard: Int) -> Bool {
        let bit = 1 << UInt64(shard) as UInt64
        guard bits.load(ordering: .relaxed) & bit == 0 else { return false }
        return bits.bitwiseOr(bit, ordering: .acquiringAndReleasing).oldValue == 0
    }
}
