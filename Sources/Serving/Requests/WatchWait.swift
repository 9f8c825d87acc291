// How long an answer is held at most, as clients say it: `wait=30s`.

import Catalog
package import Configuration
package import Time

/// The time that a client is ready to wait for a change.
package enum WatchWait {
    /// Longer waits are cut to this (W105).
    package static let longest: Duration = .seconds(600)
    /// Up to this part of a wait is added to it, so that clients that began together do not come back together.
    private static let spread = 16

    /// A span as Go writes it, such as `30s` or `5m`, which is not negative; nil for anything else.
    package static func parse(_ text: String) -> Duration? {
        guard let span = GoDuration(parsing: text), span >= .zero else { return nil }
        return min(span.interval, longest)
    }

    /// How long is really waited: the wait, not longer than the longest, and up to a sixteenth of it.
    package static func spread(_ wait: Duration, using random: inout some RandomNumberGenerator) -> Duration {
        let wait = min(wait, longest)
        return wait + .random(in: .zero...(wait / spread), using: &random)
    }
}

/// Numbers that spread waits: as good as any for that, and without the system call of the system's.
struct SpreadNumbers: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter seed: such as a time in nanoseconds.
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return StableHash.mixed(state)
    }
}
