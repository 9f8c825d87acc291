// What follows the change log in this process: the event log and the audit. The log remembers how far one reader has got,
// so they read together.

import Catalog
import Configuration
import RegistryCore
import Serving
import System
import Telemetry

/// The readers of one process. Not Sendable: it belongs to the control loop.
final class ChangeReaders {
    /// How often they look for what is new, in milliseconds.
    static let period = 100
    /// The most changes that are read in one turn of the loop, so that signals are handled while a million expire.
    private static let budget = 4_096

    private let registry: RegistryState
    /// Nil when it is off, as is the other.
    private let events: EventLog?
    let audit: AuditLog?

    /// Throws where a file cannot be opened.
    init(_ context: ServerContext, member: MemberID?, _ pipe: LogPipe) throws(SystemFailure) {
        let settings = context.settings
        registry = context.registry
        events =
            settings.eventLog == .off
            ? nil
            : EventLog(
                mode: settings.eventLog, member: member, pipe: pipe, format: settings.logFormat,
                counts: context.events)
        audit = try AuditLog(settings, member: member, log: pipe, counts: context.audited)
    }

    /// Has what is new written, at a wall time in nanoseconds; returns whether there is more.
    func read(at now: Int64) -> Bool {
        let acts = registry.acts.take()
        guard events != nil || audit != nil else { return false }
        let unread = registry.store.followChanges(limit: Self.budget)
        events?.write(unread, at: now)
        audit?.write(unread, acts, at: now)
        return unread.hasMore
    }
}
