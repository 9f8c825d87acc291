// What requests ask of the cluster: a few words that the replication thread writes and API loops read, without a lock.
// An object of its own, so that a loop reads it directly, whatever the cluster behind it is.

package import Catalog
import Synchronization
package import Time

/// How the cluster stands for requests, as last published. Safe to use from any thread.
package final class PublishedStanding: Sendable {
    private static let waits: UInt8 = 1
    private static let mayBeUnderWay: UInt8 = 2
    private static let isCatchingUp: UInt8 = 4
    private static let isStrict: UInt8 = 8
    /// Stands for a time that has not come.
    private static let never = Int64.max

    private let flags = Atomic<UInt8>(0)
    /// The namespaces in which changes are refused.
    private let refusing = Atomic<UInt16>(0)
    /// The namespaces that `behind` is about.
    private let parts = Atomic<UInt16>(0)
    /// In nanoseconds of the monotonic clock.
    private let behind = Atomic<Int64>(PublishedStanding.never)
    /// When what other members said was last looked at, in nanoseconds of the monotonic clock. A member alone is connected to no
    /// other.
    private let pulse = Atomic<Int64>(PublishedStanding.never)
    /// How long ago that may be.
    private let longestSilence: Duration

    /// - Parameter longestSilence: for how long this member may receive nothing until others answer without it.
    package init(longestSilence: Duration = .forever) { self.longestSilence = longestSilence }

    /// Whether a change is answered only when other members have it.
    package var waits: Bool { flags.load(ordering: .acquiring) & Self.waits != 0 }

    /// Whether an id that is unknown here may be known elsewhere.
    package var mayBeUnderWay: Bool { flags.load(ordering: .acquiring) & Self.mayBeUnderWay != 0 }

    /// Whether what others have removed, and acknowledged without this member, may still be registered here. To be asked
    /// before and after what it is to excuse: a copy begins, or ends, at any time.
    package var isCatchingUp: Bool { flags.load(ordering: .acquiring) & Self.isCatchingUp != 0 }

    /// Whether changes in any namespace are refused, because the store that must have them is away.
    package var refusesChanges: Bool { refusing.load(ordering: .acquiring) != 0 }

    /// Whether changes in this namespace are.
    package func refusesChanges(in namespace: Namespace) -> Bool {
        NamespaceParts(bits: refusing.load(ordering: .acquiring)).contains(namespace)
    }

    /// Whether a change that nobody acknowledges in time is not answered as if it were done.
    package var isStrict: Bool { flags.load(ordering: .acquiring) & Self.isStrict != 0 }

    /// Since when this member may lack what others have acknowledged: it was left out, or what they say has not been
    /// looked at for too long, as after a pause. Nil when it has caught up.
    ///
    /// - Parameter namespace: about which something is said; nil when about none.
    package func behindSince(at now: MonotonicTime, in namespace: @autoclosure () -> Namespace?) -> MonotonicTime? {
        let behind = behind.load(ordering: .acquiring)
        guard behind == Self.never else {
            let parts = NamespaceParts(bits: parts.load(ordering: .relaxed))
            guard parts != .all, let namespace = namespace(), !parts.contains(namespace) else {
                return MonotonicTime(nanoseconds: behind)
            }
            return nil
        }
        let pulse = MonotonicTime(nanoseconds: pulse.load(ordering: .acquiring))
        return now - pulse > longestSilence ? pulse : nil
    }

    // MARK: - The replication thread

    package func publish(_ standing: ClusterStanding) {
        // Before the time: whoever reads that sees these, or later ones.
        parts.store(standing.behind.bits, ordering: .relaxed)
        behind.store(standing.behindSince?.nanoseconds ?? Self.never, ordering: .releasing)
        refusing.store(standing.refusing.bits, ordering: .releasing)
        flags.store(
            (standing.waits ? Self.waits : 0) | (standing.mayBeUnderWay ? Self.mayBeUnderWay : 0)
                | (standing.isCatchingUp ? Self.isCatchingUp : 0)
                | (standing.isStrict ? Self.isStrict : 0),
            ordering: .releasing)
    }

    /// What others have said until now has been looked at. To be called after `publish`, which may have to say that it
    /// was too late.
    package func beat(at now: MonotonicTime) { pulse.store(now.nanoseconds, ordering: .releasing) }
}
