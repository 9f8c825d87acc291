// One line for each instance that came, changed or went. Like the access line it is a value that renders itself, since
// there may be a million of them when a data centre's machines go at once.

/// What is logged of one change.
package struct EventLine: Sendable {
    /// When it happened: nanoseconds since the start of 1970.
    package var nanoseconds: Int64
    /// What happened, as in `expired`: the line's message.
    package var kind: String
    package var namespace: String
    /// The instance's id, its service and its endpoint, as in `http://10.0.0.1:80`.
    package var id: String
    package var service: String
    package var endpoint: String
    /// The status before and after; left out when nil.
    package var before: String?
    package var after: String?
    /// The revision of its namespace.
    package var index: UInt64
    /// Which member took it; left out when nil, as are the three that follow.
    package var member: String?
    package var client: String?
    package var principal: String?
    /// The source that has changed.
    package var source: String?

    package init(
        nanoseconds: Int64, kind: String, namespace: String, id: String, service: String, endpoint: String,
        before: String?, after: String?,
        index: UInt64, member: String?, client: String?, principal: String?, source: String? = nil
    ) {
        self.nanoseconds = nanoseconds
        self.kind = kind
        self.namespace = namespace
        self.id = id
        self.service = service
        self.endpoint = endpoint
        self.before = before
        self.after = after
        self.index = index
        self.member = member
        self.client = client
        self.principal = principal
        self.source = source
    }

    /// The level of every such line, and its logger.
    package static let level = LogLevel.info
    package static let logger = "events"

    /// Appends the whole line, newline included. `timestamps` is best kept from line to line.
    package func append(to line: inout [UInt8], format: LogFormat, timestamps: inout TimestampFormatter) {
        format.begin(Self.level, at: nanoseconds, &timestamps, message: kind, &line)
        format.field(.logger, Self.logger, &line)
        format.field(.namespace, namespace, &line)
        format.field(.service, service, &line)
        format.field(.id, id, &line)
        format.field(.endpoint, endpoint, &line)
        if let before { format.field(.before, before, &line) }
        if let after { format.field(.after, after, &line) }
        format.field(.index, index, &line)
        if let member { format.field(.member, member, &line) }
        if let client { format.field(.client, client, &line) }
        if let principal { format.field(.principal, principal, &line) }
        if let source { format.field(.source, source, &line) }
        format.end(&line)
    }

    /// The line for changes that were dropped before they could be logged.
    package static func missed(_ count: UInt64, at nanoseconds: Int64, format: LogFormat) -> [UInt8] {
        format.dropReport(
            count, at: nanoseconds,
            message: "events were dropped from the event log, because they came faster than they could be written",
            logger: logger)
    }
}

extension FieldKey {
    fileprivate static let source = FieldKey(text: " source=", json: ",\"source\":")
}
