// What an operator asks of an instance's status, as every protocol may take it: a word, and for how long.

package import Catalog
import Configuration

/// A status to be set.
package struct OverrideWish: Sendable {
    package let status: InstanceStatus
    /// Nanoseconds from now; nil is no end.
    private let duration: Int64?

    /// Nil when the status is not 1 to 64 visible characters of ASCII without a comma, or the duration, as Go writes
    /// it, is none above zero.
    package init?(status: String, duration: String?) {
        guard (1...StatusOverride.statusLimit).contains(status.utf8.count),
            status.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") })
        else { return nil }
        self.status = InstanceStatus(status)
        guard let duration else {
            self.duration = nil
            return
        }
        guard let span = GoDuration(parsing: duration), span.nanoseconds > 0 else { return nil }
        self.duration = min(span.nanoseconds, Drain.longest)
    }

    /// How long a drain takes about which nothing is said, in nanoseconds: what load balancers and clients that poll
    /// need to learn of it.
    private static let standardDrain: Int64 = 30_000_000_000

    /// How long a drain takes, in nanoseconds; nil when that is no duration above zero, as Go writes it.
    package static func drain(for duration: String?) -> Int64? {
        guard let duration else { return standardDrain }
        guard let span = GoDuration(parsing: duration), span.nanoseconds > 0 else { return nil }
        return min(span.nanoseconds, Drain.longest)
    }

    /// When it ends, in nanoseconds since 1970; nil is never.
    package func end(at moment: Moment) -> Int64? { duration.map { moment.wall.addingSaturated($0) } }
}
