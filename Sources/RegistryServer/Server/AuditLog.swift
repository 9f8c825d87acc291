// Who changed what (docs/rest-api.md, R690–R692): a line for each change that a client or an operator made at this
// member, into a file or the log. The lines are written by a reader of the change log, so a request only notes its change
// there, and a disk that is slow costs lines and never an answer; what was dropped is counted.

import Catalog
import Configuration
import Logging
import RegistryCore
import Serving
import System
import Telemetry

/// Writes the lines of one process. Not Sendable: it belongs to the control loop.
final class AuditLog {
    private let file: AuditFile?
    /// Nil where lines go into the file alone.
    private let log: LogPipe?
    private let format: LogFormat
    /// This member, where there are others.
    private let member: MemberID?
    private let counts: EventCounts
    /// How many of the file's lines were dropped when that was last looked at.
    private var droppedByFile: UInt64 = 0
    /// Why another file could not be opened when that was last tried.
    private var obstacle: String?
    private var timestamps = TimestampFormatter()
    private var line: [UInt8] = []

    /// Nil where nothing is audited. Throws where the file cannot be opened.
    init?(_ settings: Settings, member: MemberID?, log: LogPipe, counts: EventCounts) throws(SystemFailure) {
        guard settings.isAudited else { return nil }
        if let path = settings.auditFile {
            file = try AuditFile(path) { AuditLine.missed($0, at: WallClock.nanoseconds(), format: .json) }
        } else {
            file = nil
        }
        self.log = settings.auditLog ? log : nil
        format = settings.logFormat
        self.member = member
        self.counts = counts
    }

    /// Writes what is new, at a wall time in nanoseconds.
    func write(_ unread: UnreadChanges, _ acts: (acts: [OperatorActs.Act], dropped: UInt64), at now: Int64) {
        for (namespace, change) in unread.changes { write(change, namespace) }
        for act in acts.acts {
            write(
                AuditLine(
                    nanoseconds: act.nanoseconds, what: act.what, namespace: nil, member: member?.description,
                    client: act.actor.address, principal: act.actor.principal, isByOperator: act.actor.isOperator))
        }
        let missed = unread.missed + acts.dropped
        if missed > 0 {
            counts.miss(missed)
            file?.pipe.append(AuditLine.missed(missed, at: now, format: .json))
            log?.append(AuditLine.missed(missed, at: now, format: format))
        }
        // The file says so itself.
        if let dropped = file?.pipe.dropped, dropped > droppedByFile {
            counts.miss(dropped - droppedByFile)
            droppedByFile = dropped
        }
    }

    /// What a client or an operator has changed here. Expiries, the ends of overrides and drains, what sources change
    /// and what other members took are nobody's doing here.
    private func write(_ change: Change, _ namespace: Namespace) {
        guard let actor = change.actor, actor.source == nil, let what = change.kind.audited else { return }
        write(
            AuditLine(
                nanoseconds: change.nanoseconds, what: what, namespace: namespace.name,
                service: change.serviceName.text, id: change.id.description,
                endpoint: "\(change.endpoint.kind.rawValue)://\(change.endpoint.value)", before: change.before?.token,
                after: change.after?.token, changed: change.fields.names, until: change.until, index: change.index,
                member: member?.description,
                client: actor.address, principal: actor.principal, isByOperator: actor.isOperator))
    }

    private func write(_ audited: AuditLine) {
        if let file {
            line.removeAll(keepingCapacity: true)
            audited.append(to: &line, format: .json, timestamps: &timestamps)
            file.pipe.append(line)
        }
        guard let log else { return }
        line.removeAll(keepingCapacity: true)
        audited.append(to: &line, format: format, timestamps: &timestamps)
        log.append(line)
    }

    // MARK: - The file

    /// Goes on in the file that is at the path now; to be called every few seconds.
    ///
    /// - Parameter isAsked: whether somebody has asked for it, who has done with the path what was to be done.
    func look(_ logger: Logger, isAsked: Bool) {
        guard let file else { return }
        do throws(SystemFailure) {
            let isAnother = try file.reopen(isAsked: isAsked)
            obstacle = nil
            if isAnother { logger.notice("audit file opened again", metadata: ["path": "\(file.path)"]) }
        } catch {
            // It is tried again with each look, and told again when it is for another reason.
            guard obstacle != error.description else { return }
            obstacle = error.description
            logger.error(
                "the audit file cannot be opened again; the old one is written to", metadata: ["error": "\(error)"])
        }
    }

    /// Writes what is left, for so many milliseconds at most.
    func close(within milliseconds: Int) { file?.pipe.close(within: milliseconds) }
}

extension Change.Kind {
    /// What was done, as the audit has it; nil where it changed nothing, or nobody did it.
    fileprivate var audited: String? {
        switch self {
        case .registered: "registered"
        case .updated: "updated"
        case .deregistered: "deregistered"
        case .overridden: "status overridden"
        case .drained: "drained"
        case .overrideRemoved: "override removed"
        case .refreshed, .expired, .returned: nil
        }
    }
}

extension Change.Fields {
    private static let named: [(field: Change.Fields, name: String)] = [
        (.serviceName, "service"), (.endpoint, "endpoint"), (.ttl, "ttl"), (.status, "status"), (.tags, "tags"),
        (.metadata, "metadata"), (.extra, "extra"),
    ]

    /// As the audit has them; nil for none.
    fileprivate var names: String? {
        isEmpty ? nil : Self.named.filter { contains($0.field) }.map(\.name).joined(separator: ",")
    }
}
