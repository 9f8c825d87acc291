// A lease has run out when its time has passed without a heartbeat. But a heartbeat that was not received may still
// have been sent: heartbeats may lie unread on one of its own loops, or cannot arrive from the members that take them.
// These bounds say up to when silence counts. A shard keeps them with its records, so that look-ups, heartbeats and
// expiry decide alike.

/// Who lets leases run out.
package enum LeaseKeeper: Sendable {
    /// Each member by itself, as its own clock says.
    case member
    /// A store outside of this process, which says of each instance that it has run out (`Store.runOut`): by itself none
    /// does here, however late its heartbeats are.
    case store
}

/// Up to when leases may have run out.
package struct ExpiryBounds: Sendable, Equatable {
    /// What was sent here until then has been read.
    package var here = LeaseTime.distantFuture
    /// Heartbeats that other members have taken until then have been received. Never after `here`: an instance may send
    /// its next heartbeat here.
    package var elsewhere = LeaseTime.distantFuture
    /// Leases that were last renewed elsewhere count as begun then, if they began before.
    package var restart = LeaseTime(milliseconds: .min)
    /// How many leases of a namespace may run out in a minute.
    package var budget = ExpiryBudget.off

    package init() {}

    /// Silence counts at once.
    package static let none = ExpiryBounds()
}

extension Records {
    /// When the lease of an instance runs out.
    @inline(__always)
    func deadline(_ slot: Int32) -> LeaseTime {
        guard leaseKeeper == .member else { return .distantFuture }
        return slots[slot].isRenewedElsewhere
            ? slots[slot].deadline(begunNotBefore: bounds.restart) : slots[slot].deadline
    }

    /// Whether the lease of an instance is not known to have run out.
    @inline(__always)
    func isLive(_ slot: Int32, at now: LeaseTime) -> Bool {
        let (time, deadline) = (
            min(now, slots[slot].isRenewedElsewhere ? bounds.elsewhere : bounds.here), deadline(slot)
        )
        return time < deadline || bounds.budget.isOn && isKept(slot, deadline, at: time)
    }

    /// Whether the lease of an instance whose time is over is not known to have run out, because its heartbeats may not
    /// have been received.
    func isWithheld(_ slot: Int32, at now: LeaseTime) -> Bool {
        min(now, slots[slot].isRenewedElsewhere ? bounds.elsewhere : bounds.here) < deadline(slot)
    }

    /// Until when what a look-up finds of an instance is as it is at this time, but for changes that give it another
    /// revision: that its time is over is one when it is swept, or said to be overdue.
    @inline(__always)
    func changesAt(_ slot: Int32, after now: LeaseTime) -> LeaseTime {
        let deadline = deadline(slot)
        return deadline > now ? deadline : .distantFuture
    }
}
