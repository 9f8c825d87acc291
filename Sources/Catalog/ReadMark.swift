// A loop that is busy with something long leaves what clients have sent unread. Expiry must know up to when each loop
// has read.

import Synchronization

/// What one event loop has read. Written by that loop, read by any thread.
///
/// A timer of the loop marks its turns. In a turn a loop first reads what lay in its sockets when the turn began, each
/// connection once, and only then serves its timers. So what had arrived before the last turn that a timer saw is read
/// in the one that the timer sees now, and what comes on a connection that was accepted in that turn, a turn later.
package final class ReadMark: Sendable {
    /// Lease time, in milliseconds; `.max` while the loop has no sockets.
    private let readUpTo = Atomic<Int64>(.max)
    /// Lease time of the last turn and of the one before, in milliseconds. Only the loop's thread uses them.
    private let last = Atomic<Int64>(.min)
    private let lastButOne = Atomic<Int64>(.min)

    package init() {}

    /// What had arrived two turns ago has been read. From the loop's thread, from a timer.
    package func turn(at now: LeaseTime) {
        let last = last.exchange(now.milliseconds, ordering: .relaxed)
        guard last != .min else { return }
        let before = lastButOne.exchange(last, ordering: .relaxed)
        if before != .min { readUpTo.store(before, ordering: .relaxed) }
    }

    /// The loop has ended.
    package func retire() { readUpTo.store(.max, ordering: .relaxed) }

    /// What was sent to this loop until then has been read.
    package var time: LeaseTime { LeaseTime(milliseconds: readUpTo.load(ordering: .relaxed)) }
}
