// Clients that exceed a limit often do so by the thousand; the log gets one line a second, and the metrics the numbers.

import Libevent
import Logging

/// Logs what the limits on connections did. Belongs to the control loop.
final class LimitLog {
    /// How often it reports, in milliseconds.
    static let period = 1_000

    private let connectionLimits: ConnectionLimits
    private let logger: Logger
    private var reported: [ConnectionLimits.Tally]

    init(_ connectionLimits: ConnectionLimits, _ logger: Logger) {
        self.connectionLimits = connectionLimits
        self.logger = logger
        reported = connectionLimits.tally()
    }

    /// Writes a line for each kind of event that happened since the last report.
    func report() {
        let tally = connectionLimits.tally()
        for event in LimitEvent.allCases {
            let count = tally[event.rawValue].count - reported[event.rawValue].count
            guard count > 0 else { continue }
            let metadata: Logger.Metadata = [
                "reason": "\(event.name)", "count": "\(count)",
                "last_client": "\(tally[event.rawValue].client ?? "unknown")",
            ]
            // That idle connections end is the ordinary course of things.
            logger.log(
                level: event == .idle ? .debug : .warning,
                event.isRefusal ? "connections refused" : "connections closed",
                metadata: metadata)
        }
        reported = tally
    }
}
