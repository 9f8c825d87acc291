// A line for each change of the catalog, for an operator who looks at three in the morning for what came and went. The
// lines are written by a reader of the change log: a request only notes its change there, and when changes come faster
// than lines can be written, the reader misses some and says how many.

import Catalog
import Configuration
import Serving
import Telemetry

/// Writes the lines of one process. Not Sendable: it belongs to the control loop.
final class EventLog {
    private let mode: EventLogMode
    /// This member, where there are others; nil when the registry is alone.
    private let member: MemberID?
    private let pipe: LogPipe
    private let format: LogFormat
    private let counts: EventCounts
    private var timestamps = TimestampFormatter()
    private var line: [UInt8] = []

    init(mode: EventLogMode, member: MemberID?, pipe: LogPipe, format: LogFormat, counts: EventCounts) {
        self.mode = mode
        self.member = member
        self.pipe = pipe
        self.format = format
        self.counts = counts
    }

    /// Writes what is new, at a wall time in nanoseconds.
    func write(_ unread: UnreadChanges, at now: Int64) {
        for (namespace, change) in unread.changes where mode == .all || isLocal(change) { write(change, namespace) }
        if unread.missed > 0 {
            counts.miss(unread.missed)
            pipe.append(EventLine.missed(unread.missed, at: now, format: format))
        }
    }

    /// Whether a client of this member has asked for it, or it is an expiry here.
    private func isLocal(_ change: Change) -> Bool {
        change.actor?.source == nil && member.map { $0 == change.member } ?? true
    }

    private func write(_ change: Change, _ namespace: Namespace) {
        line.removeAll(keepingCapacity: true)
        EventLine(
            nanoseconds: change.nanoseconds, kind: "\(change.kind.literal)", namespace: namespace.name,
            id: change.id.description,
            service: change.serviceName.text, endpoint: "\(change.endpoint.kind.rawValue)://\(change.endpoint.value)",
            before: change.before?.token, after: change.after?.token, index: change.index,
            member: member == nil ? nil : change.member.description, client: change.actor?.address,
            principal: change.actor?.principal, source: change.actor?.source
        ).append(to: &line, format: format, timestamps: &timestamps)
        pipe.append(line)
    }
}
