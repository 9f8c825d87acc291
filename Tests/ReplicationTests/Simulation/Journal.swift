// What clients were told is done. The oracle holds the cluster against it; nothing else of what happened counts.

import Catalog
import Replication
import Time

struct Journal {
    enum Kind {
        case registered
        case deregistered
    }

    /// An acknowledged change.
    struct Entry {
        let kind: Kind
        let version: Version
        /// Milliseconds that the instance is seen after its last heartbeat; nil when that is without end.
        let lifetime: Int64?
        let at: MonotonicTime
        let member: Int
        /// Whether its only holder died.
        var isExcused = false
    }

    /// In the order of acknowledgment.
    private(set) var entries: [Key: [Entry]] = [:]
    private(set) var excused = 0

    mutating func add(_ entry: Entry, for key: Key) { entries[key, default: []].append(entry) }

    /// The acknowledged change that stands: of the latest version, those aside whose only holder died.
    func standing(_ key: Key) -> Entry? { entries[key]?.filter { !$0.isExcused }.max { $0.version < $1.version } }

    /// Excuses what no member holds any more: once a state is held by nobody, nobody can be told of it.
    ///
    /// - holders: the latest version of a key that any living member holds, paused ones included.
    mutating func excuse(
        because reason: String, unless holders: (Key) -> Version?, trace: (String) -> Void
    ) {
        for key in entries.keys {
            let held = holders(key) ?? .none
            for index in entries[key, default: []].indices where entries[key]?[index].isExcused == false {
                guard let entry = entries[key]?[index], entry.version > held else { continue }
                entries[key]?[index].isExcused = true
                excused += 1
                trace("\(entry.kind) of \(key.id) at m\(entry.member) is lost: \(reason)")
            }
        }
    }
}
