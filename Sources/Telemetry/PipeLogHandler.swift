// swift-log is how the other rooms speak; this handler turns what they say into lines of the chosen format on the log
// pipe. It holds no lock while it renders, because rendering calls other people's `description`, which may itself log.

package import Logging
import System
import Text

/// A swift-log handler that writes through a ``LogPipe``. Never blocks its caller.
///
/// Fields come in this order: the logger's label, then metadata sorted by key. As in swift-log's own handlers the
/// logger's metadata gives way to its provider's, and that to the event's; an error becomes `error.message` and
/// `error.type`. A nested value is rendered as one string, so that a key has the same type in every line.
package struct PipeLogHandler: LogHandler {
    /// The shared threshold's, unless this logger was given one of its own.
    package var logLevel: Logger.Level {
        get { ownLevel ?? threshold.level.swiftLogThreshold }
        set { ownLevel = newValue }
    }
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let threshold: LogThreshold
    private var ownLevel: Logger.Level?
    private let label: String
    private let pipe: LogPipe
    private let format: LogFormat
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - label: the logger's name; if empty, lines have no `logger`.
    ///   - clock: nanoseconds since the start of 1970; called from any thread.
    package init(
        label: String, pipe: LogPipe, format: LogFormat, threshold: LogThreshold,
        metadataProvider: Logger.MetadataProvider? = nil,
        clock: @escaping @Sendable () -> Int64 = { WallClock.nanoseconds() }
    ) {
        self.label = label
        self.pipe = pipe
        self.format = format
        self.threshold = threshold
        self.metadataProvider = metadataProvider
        self.clock = clock
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line: [UInt8] = []
        line.reserveCapacity(Self.usualLineBytes)
        append(event, to: &line)
        pipe.append(line)
    }

    /// Renders the event; its time is the clock's.
    func append(_ event: LogEvent, to line: inout [UInt8]) {
        var timestamps = TimestampFormatter()
        format.begin(LogLevel(event.level), at: clock(), &timestamps, message: event.message.description, &line)
        if !label.isEmpty { format.field(.logger, label, &line) }
        var text: [UInt8] = []
        for (key, value) in fields(of: event).sorted(by: { $0.key < $1.key }) {
            text.removeAll(keepingCapacity: true)
            Self.flatten(value, into: &text)
            format.field(named: key, text.span, &line)
        }
        format.end(&line)
    }

    private static let usualLineBytes = 256

    private func fields(of event: LogEvent) -> Logger.Metadata {
        var fields = metadata
        if let provided = metadataProvider?.get(), !provided.isEmpty { fields.merge(provided) { $1 } }
        if let explicit = event.metadata, !explicit.isEmpty { fields.merge(explicit) { $1 } }
        if let error = event.error {
            fields["error.message"] = "\(error)"
            fields["error.type"] = "\(String(reflecting: type(of: error)))"
        }
        return fields
    }

    /// Appends the value as `[a, b]` or `{key: value}`, keys sorted. Stops soon after the length at which the format
    /// cuts it anyway.
    private static func flatten(_ value: Logger.MetadataValue, into text: inout [UInt8]) {
        guard text.count <= LogFormat.maximumValueBytes else { return }
        switch value {
        case .string(let string): text.append(string.utf8.span)
        case .stringConvertible(let value): text.append(value.description.utf8.span)
        case .array(let values):
            text.append("[")
            for (index, value) in values.enumerated() {
                guard text.count <= LogFormat.maximumValueBytes else { return }
                if index > 0 { text.append(", ") }
                flatten(value, into: &text)
            }
            text.append("]")
        case .dictionary(let values):
            text.append("{")
            for (index, (key, value)) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                guard text.count <= LogFormat.maximumValueBytes else { return }
                if index > 0 { text.append(", ") }
                text.append(key.utf8.span)
                text.append(": ")
                flatten(value, into: &text)
            }
            text.append("}")
        }
    }
}
