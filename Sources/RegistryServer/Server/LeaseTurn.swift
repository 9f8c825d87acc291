// What becomes of leases as time passes, on the control loop.

import Catalog
import Libevent
import RegistryCore
import Replication
import ReplicationServer
import System
import Time

extension RegistryProcess {
    /// How many leases may expire in one turn of the control loop, so that signals are handled during an expiry storm
    /// too.
    private static let expiryBudget = 8_192

    func expireLeases() {
        let monotonic = MonotonicClock.now()
        registry.leaseClock.tick(monotonic: monotonic)
        noticePause(at: monotonic)
        registry.expiryHold.tick(at: monotonic)
        registry.expiryHold.clockStands(until: registry.leaseClock.standsUntil, at: monotonic)
        // Other members may have received heartbeats of instances that look overdue here.
        guard !registry.leaseClock.isHeld else { return }
        let moment = registry.moment(monotonic: monotonic, wall: WallClock.nanoseconds())
        let bounds = registry.expiryHold.bounds(at: moment.lease, hasCopy: registry.cluster.hasCopy)
        let expiry = registry.store.expire(at: moment, bounds: bounds, budget: Self.expiryBudget)
        registry.changes.countExpirations(expiry.expired)
        registry.changes.countDeregistrations(expiry.left)
        registry.expiryHold.silence(registry.store.silence(), at: moment)
        silenceLog.write(expiry.silences, at: monotonic)
        // The rest comes in the next turn, after the signals and mail that wait.
        if expiry.hasMore { expiryBacklog?.schedule(afterMilliseconds: 0) }
    }

    /// The lease clock holds itself when its ticks were apart for too long; the cluster is notified, and releases it
    /// once the other members have answered.
    private func noticePause(at monotonic: MonotonicTime) {
        if let lastTick, monotonic - lastTick > LeaseClock.longestGap { member.replication?.paused() }
        lastTick = monotonic
    }
}
