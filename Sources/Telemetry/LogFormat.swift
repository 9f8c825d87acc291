// The three shapes of a log line. Here is the grammar they share: a line is begun with time, level and message, takes
// fields one by one, and is ended. Whatever the bytes given, one event is one line of valid UTF-8, and in the JSON
// formats one valid object.

import Text

/// The shape of the log, as settings name it.
package enum LogFormat: String, Sendable, CaseIterable {
    /// `2026-11-23T00:05:43.413815Z level=info msg="…" key=value …`; values are quoted where they must be.
    case text
    /// One object a line: `time`, `level`, `msg`, then the fields.
    case json
    /// One object a line, as Logstash expects events: `@timestamp`, `@version`, `message`, `level`, then the fields.
    case logstash

    /// The most bytes of a message or a value that are logged; an ellipsis replaces the rest.
    package static let maximumValueBytes = 4096
    /// The same for the name of a field.
    package static let maximumKeyBytes = 128
    /// Sub-second digits of a line's time: microseconds.
    package static let timeDigits = 6

    /// The line that reports `count` lines which were not written: `message` says of what and why, and a line of a logger
    /// of its own names it.
    package func dropReport(
        _ count: UInt64, at nanoseconds: Int64,
        message: String = "log lines were dropped because the log was not read fast enough", logger: String? = nil
    ) -> [UInt8] {
        var line: [UInt8] = []
        var timestamps = TimestampFormatter()
        begin(.warn, at: nanoseconds, &timestamps, message: message, &line)
        if let logger { field(.logger, logger, &line) }
        field(.dropped, count, &line)
        end(&line)
        return line
    }
}

/// The name of a field as each format writes it, with what goes before and after it: a line is made of many short
/// pieces, and every piece fewer is time saved.
struct FieldKey {
    /// As in ` status=`.
    let text: StaticString
    /// As in `,"status":`.
    let json: StaticString

    static let level = FieldKey(text: " level=", json: ",\"level\":")
    static let message = FieldKey(text: " msg=", json: ",\"msg\":")
    static let logstashMessage = FieldKey(text: " message=", json: ",\"message\":")
    static let logger = FieldKey(text: " logger=", json: ",\"logger\":")
    static let dropped = FieldKey(text: " dropped=", json: ",\"dropped\":")

    // What several kinds of lines tell.
    static let namespace = FieldKey(text: " namespace=", json: ",\"namespace\":")
    static let service = FieldKey(text: " service=", json: ",\"service\":")
    static let id = FieldKey(text: " id=", json: ",\"id\":")
    static let endpoint = FieldKey(text: " endpoint=", json: ",\"endpoint\":")
    static let before = FieldKey(text: " was=", json: ",\"was\":")
    static let after = FieldKey(text: " status=", json: ",\"status\":")
    static let index = FieldKey(text: " index=", json: ",\"index\":")
    static let member = FieldKey(text: " member=", json: ",\"member\":")
    static let client = FieldKey(text: " client=", json: ",\"client\":")
    static let principal = FieldKey(text: " principal=", json: ",\"principal\":")
}

private let quote = UInt8(ascii: "\"")

extension LogFormat {
    /// Begins a line with its time, level and message.
    func begin(
        _ level: LogLevel, at nanoseconds: Int64, _ timestamps: inout TimestampFormatter, message: String,
        _ line: inout [UInt8]
    ) {
        switch self {
        case .text: break
        case .json: line.append("{\"time\":\"")
        case .logstash: line.append("{\"@timestamp\":\"")
        }
        timestamps.append(nanoseconds: nanoseconds, digits: Self.timeDigits, to: &line)
        switch self {
        case .text:
            field(.level, level.name, &line)
            name(.message, &line)
            appendQuoted(message.utf8.span, &line)
        case .json:
            line.append(quote)
            field(.level, level.name, &line)
            field(.message, message, &line)
        case .logstash:
            line.append("\",\"@version\":\"1\"")
            field(.logstashMessage, message, &line)
            field(.level, level.name, &line)
        }
    }

    /// Adds a field of our own naming.
    func field(_ key: FieldKey, _ value: String, _ line: inout [UInt8]) {
        field(key, value.utf8.span, &line)
    }

    /// Adds a field of our own naming whose value is any bytes.
    func field(_ key: FieldKey, _ value: Span<UInt8>, _ line: inout [UInt8]) {
        name(key, &line)
        self.value(value, &line)
    }

    /// Adds a numeric field of our own naming.
    func field<Number: BinaryInteger>(_ key: FieldKey, _ value: Number, _ line: inout [UInt8]) {
        name(key, &line)
        line.append(decimal: value)
    }

    /// Adds a field that a caller of the log named. A name that the line itself uses gets the prefix `fields.`, so that
    /// no object has the same key twice; in text, whatever would not read as a name becomes `_`.
    func field(named key: String, _ value: Span<UInt8>, _ line: inout [UInt8]) {
        let key = isReserved(key) ? "fields." + key : key
        switch self {
        case .text:
            line.append(" ")
            if key.isEmpty { line.append("_") }
            for byte in key.utf8.prefix(Self.maximumKeyBytes) {
                line.append(Self.standsBare(byte) ? byte : UInt8(ascii: "_"))
            }
            line.append("=")
        case .json, .logstash:
            line.append(",\"")
            line.append(escaping: key.utf8.span, style: .json, limit: Self.maximumKeyBytes)
            line.append("\":")
        }
        self.value(value, &line)
    }

    /// Ends the line.
    func end(_ line: inout [UInt8]) {
        line.append(self == .text ? "\n" : "}\n")
    }

    private func isReserved(_ key: String) -> Bool {
        switch (self, key) {
        case (_, "level"), (_, "logger"): true
        case (.text, "time"), (.text, "msg"), (.json, "time"), (.json, "msg"): true
        case (.logstash, "@timestamp"), (.logstash, "@version"), (.logstash, "message"): true
        default: false
        }
    }

    @inline(__always)
    private func name(_ key: FieldKey, _ line: inout [UInt8]) {
        line.append(self == .text ? key.text : key.json)
    }

    private func value(_ bytes: Span<UInt8>, _ line: inout [UInt8]) {
        if self == .text && Self.standsBare(bytes) {
            line.append(bytes)
        } else {
            appendQuoted(bytes, &line)
        }
    }

    private func appendQuoted(_ bytes: Span<UInt8>, _ line: inout [UInt8]) {
        line.append(quote)
        line.append(escaping: bytes, style: self == .text ? .text : .json, limit: Self.maximumValueBytes)
        line.append(quote)
    }

    /// Whether a value needs no quotes in text: it is not empty, not cut, and printable ASCII but for `"`, `=` and `\`.
    private static func standsBare(_ bytes: Span<UInt8>) -> Bool {
        guard !bytes.isEmpty, bytes.count <= maximumValueBytes else { return false }
        for index in bytes.indices where !standsBare(bytes[index]) { return false }
        return true
    }

    @inline(__always)
    private static func standsBare(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            && byte != UInt8(ascii: "\\")
    }
}
