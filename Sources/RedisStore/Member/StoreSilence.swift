// What the log says of namespaces in which many fell silent at once (docs/rest-api.md, R874), where a store holds their
// leases back. The store tells how many it holds; this member counts for itself what runs out and what becomes of the rest.

import Catalog
import Replication
import Time

/// What a member has seen of the minutes of namespaces. Belongs to its `StoreMember`.
struct StoreSilence {
    /// What ran out in a namespace since a time.
    private struct Minute {
        var start: MonotonicTime
        var ranOut = 0
    }

    /// Since leases of a namespace are held back.
    private struct Episode {
        let start: MonotonicTime
        /// What ran out in its first minute and since.
        var ranOut: Int
        /// The most that were held back at once, and what ran out since then.
        var most: Int
        var ranOutSince = 0
        /// Whether the store holds none any more, of which the last events may still have to be read.
        var isEnding = false
    }

    private static let minute: Duration = .milliseconds(ExpiryBudget.minute)
    /// Namespaces whose minutes are remembered; when there are more, those whose minute is over are forgotten.
    private static let mostMinutes = 4_096

    private var minutes: [Namespace: Minute] = [:]
    private var episodes: [Namespace: Episode] = [:]

    /// A lease has run out.
    mutating func ranOut(in namespace: Namespace, at now: MonotonicTime) {
        episodes[namespace]?.ranOut += 1
        episodes[namespace]?.ranOutSince += 1
        if let minute = minutes[namespace], now - minute.start < Self.minute {
            minutes[namespace]?.ranOut += 1
            return
        }
        if minutes.count >= Self.mostMinutes {
            minutes = minutes.filter { now - $0.value.start < Self.minute }
            guard minutes.count < Self.mostMinutes else { return }
        }
        minutes[namespace] = Minute(start: now, ranOut: 1)
    }

    /// What a shard holds back now. Returns what is to be said of it.
    ///
    /// - Parameters:
    ///   - instances: how many instances a namespace has.
    ///   - isAllRead: whether all that ran out before is counted.
    mutating func holds(
        _ held: [Namespace: HeldBack], in shard: StoreShard, _ budget: ExpiryBudget, isAllRead: Bool,
        at now: MonotonicTime, instances: (Namespace) -> Int
    ) -> [SilenceReport] {
        var reports: [SilenceReport] = []
        for (namespace, held) in held {
            episodes[namespace]?.isEnding = false
            if let most = episodes[namespace]?.most {
                if held.leases > most {
                    episodes[namespace]?.most = held.leases
                    episodes[namespace]?.ranOutSince = 0
                }
                continue
            }
            let ranOut = minutes[namespace].map { now - $0.start < Self.minute ? $0.ranOut : 0 } ?? 0
            episodes[namespace] = Episode(start: now, ranOut: ranOut, most: held.leases)
            let count = instances(namespace) + ranOut
            reports.append(
                SilenceReport(
                    namespace: namespace,
                    event: .began(instances: count, allowance: budget.allowance(of: count), ranOut: ranOut)))
        }
        for (namespace, episode) in episodes
        where held[namespace] == nil && NamespaceParts.part(of: namespace) == shard.number {
            guard episode.isEnding, isAllRead else {
                episodes[namespace]?.isEnding = true
                continue
            }
            episodes[namespace] = nil
            reports.append(
                SilenceReport(
                    namespace: namespace,
                    event: .ended(
                        ranOut: episode.ranOut, returned: max(0, episode.most - episode.ranOutSince),
                        milliseconds: (now - episode.start).wholeMilliseconds)))
        }
        return reports
    }
}
