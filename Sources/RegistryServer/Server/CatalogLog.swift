// What the log says of sources: when one is read for the first time, cannot be read, is read again, is shown no more,
// and which parts of it cannot be used. Said once for each change, by comparing how the sources stand with how they
// stood at the last look.

import Catalog
import Logging
import RegistryCore

/// Not Sendable: it belongs to the control loop.
struct CatalogLog {
    private let logger: Logger
    private var known: [SourceKind: (state: SourceStatus.State, problems: [SourceProblem])] = [:]

    init(_ logger: Logger) { self.logger = logger }

    /// Writes what is new.
    mutating func write(_ report: [SourceStatus]) {
        for status in report {
            let before = known[status.kind] ?? (.starting, [])
            known[status.kind] = (status.state, status.problems)
            if status.state != before.state { write(status, after: before.state) }
            guard status.state != .dropped else { continue }
            for problem in status.problems where !before.problems.contains(problem) {
                logger.warning(
                    status.state == .partial ? "a part of a catalog cannot be used" : "a catalog cannot be read",
                    metadata: ["source": "\(status.kind.rawValue)", "error": "\(problem)"])
            }
        }
    }

    private func write(_ status: SourceStatus, after before: SourceStatus.State) {
        let metadata: Logger.Metadata = [
            "source": "\(status.kind.rawValue)", "instances": "\(status.size.instances)",
            "services": "\(status.size.services)", "namespaces": "\(status.size.namespaces)",
        ]
        switch (before, status.state) {
        case (.starting, .current), (.starting, .partial): logger.info("a catalog is read", metadata: metadata)
        case (_, .current): logger.info("a catalog is read again", metadata: metadata)
        case (_, .dropped):
            logger.error(
                "a catalog could not be read for CATALOG_MAX_AGE, and is shown no more",
                metadata: ["source": "\(status.kind.rawValue)"])
        case (_, .starting), (_, .partial), (_, .failing): break
        }
    }
}
