// A clock that a test moves, and that tells when a server's sweep has looked at it: so a deadline depends on what the
// test does and not on how fast the machine is.

import Dispatch
import Synchronization

/// Milliseconds that only go on when they are told to. Safe to use from any thread.
final class SweptClock: Sendable {
    struct NotLookedAt: Error {}

    private let now = Atomic<Int64>(1_000)
    private let looks = DispatchSemaphore(value: 0)

    /// What the server reads.
    func read() -> Int64 {
        looks.signal()
        return now.load(ordering: .acquiring)
    }

    /// Moves the clock, and waits until the server has swept its connections at the new time. Throws after ten seconds
    /// without.
    func advance(milliseconds: Int64) throws {
        now.add(milliseconds, ordering: .acquiringAndReleasing)
        while looks.wait(timeout: .now()) == .success {}
        // The first look may have begun before the clock moved; with the second the sweep before it is over.
        for _ in 0..<2 {
            guard looks.wait(timeout: .now() + 10) == .success else { throw NotLookedAt() }
        }
    }
}
