// Which requests were refused lately, and why: an operator whose clients fail wants the sentence and the client, not a
// count. Refusals that are alike are one entry that counts them, so that one client that asks again and again leaves
// room for others. What a flood costs is bounded twice: in entries, and in refusals noted a second.

package import Catalog
package import HTTP
import Synchronization

/// Refusals of one client that are alike: the same operation, refused with the same status and sentence.
package struct RefusalEntry: Sendable, Equatable {
    /// Of the first and the last of them, in nanoseconds since 1970.
    package fileprivate(set) var first: Int64
    package let last: Int64
    package fileprivate(set) var count: UInt64 = 1
    /// Of the last of them.
    package let requestID: String
    /// Nil when the transport does not know it.
    package let client: String?
    /// Nil where the request was refused before it was known whose it is.
    package let namespace: Namespace?
    package let operation: String
    package let status: Status
    package let sentence: String
    /// Of the last of them: empty where the request could not be read, and without a credential that was in the path.
    package let method: String
    package let path: [UInt8]

    init(
        at wall: Int64, requestID: String, client: String?, namespace: Namespace?, operation: String, status: Status,
        sentence: String, method: String, path: [UInt8]
    ) {
        (first, last) = (wall, wall)
        self.requestID = requestID
        self.client = client
        self.namespace = namespace
        self.operation = operation
        self.status = status
        self.sentence = sentence
        self.method = method
        self.path = path
    }

    /// Whether another one is told of together with this.
    fileprivate func isLike(_ other: RefusalEntry) -> Bool {
        status == other.status && client == other.client && operation == other.operation
            && namespace == other.namespace && sentence == other.sentence
    }
}

/// The last refusals of all loops. Safe to use from any thread: noting takes a lock for as long as it takes to compare
/// the entries.
package final class RecentRefusals: Sendable {
    /// How many entries are kept.
    static let room = 256
    /// How many refusals a second are noted; of the others only the metrics tell.
    static let mostASecond = 200

    private struct Kept {
        /// The one that was told of last is the last.
        var entries: [RefusalEntry] = []
        /// The second in which refusals are counted, and how many there were.
        var second: Int64 = .min
        var noted = 0
        var leftOut: UInt64 = 0
    }

    private let kept = Mutex(Kept())

    package init() {}

    /// Keeps a refusal, or counts it with those that are like it.
    ///
    /// - Parameters:
    ///   - wall: now, in nanoseconds since 1970.
    ///   - entry: is made only if there is still an allowance in this second.
    func note(at wall: Int64, _ entry: () -> RefusalEntry) {
        kept.withLock { kept in
            let second = wall / 1_000_000_000
            if second != kept.second { (kept.second, kept.noted) = (second, 0) }
            guard kept.noted < Self.mostASecond else {
                kept.leftOut += 1
                return
            }
            kept.noted += 1
            var latest = entry()
            if let index = kept.entries.lastIndex(where: { $0.isLike(latest) }) {
                let earlier = kept.entries.remove(at: index)
                latest.first = earlier.first
                latest.count = earlier.count + 1
            } else if kept.entries.count == Self.room {
                kept.entries.removeFirst()
            }
            kept.entries.append(latest)
        }
    }

    /// The latest entries, the last first.
    ///
    /// - Parameter namespace: whose; nil for those of all, and of requests that were refused before anybody knew whose
    ///   they are.
    package func latest(_ limit: Int, of namespace: Namespace?) -> [RefusalEntry] {
        let entries = kept.withLock { $0.entries }
        return Array(entries.reversed().lazy.filter { namespace == nil || $0.namespace == namespace }.prefix(limit))
    }

    /// How many refusals were not noted, since there were too many in their second.
    package var leftOut: UInt64 { kept.withLock { $0.leftOut } }
}
