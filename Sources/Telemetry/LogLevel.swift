// Operators set the level in the words the registry has always used, which are not swift-log's. This file holds the
// words and the one mapping between the two scales.

package import Logging

/// How severe an event is, or (as a threshold) how severe it must be to be logged. Ordered by severity.
package enum LogLevel: UInt8, Sendable, CaseIterable, Comparable {
    /// For someone who is following the program's steps; swift-log's `trace` and `debug`.
    case debug
    /// What normally happens; swift-log's `info` and `notice`.
    case info
    /// Wrong, but handled; swift-log's `warning`.
    case warn
    /// Something asked for was not done; swift-log's `error`.
    case error
    /// The process cannot go on; swift-log's `critical`.
    case fatal
    /// As a threshold: the same as ``fatal``, so that the last words of a dying process are never suppressed. No event
    /// has this level; the word is accepted because existing configurations use it.
    case panic

    /// The level of an event that swift-log gives this one.
    package init(_ level: Logger.Level) {
        switch level {
        case .trace, .debug: self = .debug
        case .info, .notice: self = .info
        case .warning: self = .warn
        case .error: self = .error
        case .critical: self = .fatal
        }
    }

    /// The name, in lower case, as in settings and log lines.
    package var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        case .fatal: "fatal"
        case .panic: "panic"
        }
    }

    /// Whether this threshold lets an event of that level through.
    package func admits(_ event: LogLevel) -> Bool {
        event >= min(self, .fatal)
    }

    /// The threshold to give to swift-log: the least severe of its levels that this threshold admits.
    package var swiftLogThreshold: Logger.Level {
        switch self {
        case .debug: .trace
        case .info: .info
        case .warn: .warning
        case .error: .error
        case .fatal, .panic: .critical
        }
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}
