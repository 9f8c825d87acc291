// That many fell silent at once is what an operator wants to read in the log, once, with the numbers. There may be a
// hundred thousand namespaces to which it happens at the same time, so only so many lines are written a minute.

import Catalog
import Logging
import Time

/// Logs in which namespaces leases begin to be held, or are no longer. Belongs to the control loop.
struct SilenceLog {
    /// Lines a minute at most, apart from one that counts the rest.
    static let limit = 100
    private static let period: Duration = .seconds(60)

    private let logger: Logger
    private var start = MonotonicTime.distantPast
    private var written = 0
    private var leftOut = 0

    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Writes what there is to say at this time; to be called with nothing, too.
    mutating func write(_ reports: SilenceReports, at now: MonotonicTime) {
        if written > 0 || leftOut > 0, now - start >= Self.period {
            if leftOut > 0 {
                logger.warning(
                    "leases are held, or no longer, in more namespaces",
                    metadata: ["cause": "silence", "count": "\(leftOut)"])
            }
            (written, leftOut) = (0, 0)
        }
        guard !reports.isEmpty else { return }
        if written == 0, leftOut == 0 { start = now }
        leftOut += reports.leftOut
        for report in reports.all {
            guard written < Self.limit else {
                leftOut += 1
                continue
            }
            written += 1
            write(report)
        }
    }

    private func write(_ report: SilenceReport) {
        var metadata: Logger.Metadata = ["cause": "silence", "namespace": "\(report.namespace.name)"]
        switch report.event {
        case .began(let instances, let allowance, let ranOut):
            metadata["instances"] = "\(instances)"
            metadata["expired"] = "\(ranOut)"
            metadata["may_expire"] = "\(allowance)"
            logger.warning("many instances are silent at once; leases are held", metadata: metadata)
        case .ended(let ranOut, let returned, let milliseconds):
            metadata["expired"] = "\(ranOut)"
            metadata["returned"] = "\(returned)"
            metadata["seconds"] = "\(milliseconds / 1_000)"
            logger.warning("leases are no longer held", metadata: metadata)
        }
    }
}
