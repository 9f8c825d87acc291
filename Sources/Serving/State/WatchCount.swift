// How many answers are held until something changes: long polls and streams of every protocol. Each holds a connection
// for minutes, so they have a limit of their own below that on connections, and others are served meanwhile.

import Synchronization

/// The held answers of all loops, of which there may be so many. Safe to use from any thread.
package final class WatchCount: Sendable {
    private let held = Atomic<Int>(0)
    private let limit: Atomic<Int>
    private let turnedAway = Atomic<UInt64>(0)

    /// - Parameter limit: the most that may be held at a time.
    package init(limit: Int) { self.limit = Atomic(limit) }

    /// Puts another limit into force. What is held stays.
    package func change(limit: Int) { self.limit.store(limit, ordering: .relaxed) }

    /// The most that may be held at a time.
    package var most: Int { limit.load(ordering: .relaxed) }
    /// How many are held now.
    package var count: Int { held.load(ordering: .relaxed) }
    /// How many were refused, since the start.
    package var refused: UInt64 { turnedAway.load(ordering: .relaxed) }

    /// Counts one in; false when there are as many as may be.
    func enter() -> Bool {
        guard held.add(1, ordering: .relaxed).newValue <= limit.load(ordering: .relaxed) else {
            leave()
            turnedAway.add(1, ordering: .relaxed)
            return false
        }
        return true
    }

    func leave() { held.subtract(1, ordering: .relaxed) }
}
