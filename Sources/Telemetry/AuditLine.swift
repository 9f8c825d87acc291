// One line for each change that a client or an operator made: who, from where, what, and what it was before. Like the
// line of the event log it is a value that renders itself.

/// What the audit says of one change.
package struct AuditLine: Sendable {
    /// When it was made: nanoseconds since the start of 1970.
    package var nanoseconds: Int64
    /// What was done, as in `deregistered`: the line's message.
    package var what: String
    /// Where it was done; left out when nil, as is all that follows.
    package var namespace: String?
    package var service: String?
    package var id: String?
    package var endpoint: String?
    /// The status before and after.
    package var before: String?
    package var after: String?
    /// The names of what a registration changed, with commas between.
    package var changed: String?
    /// When what was done ends: nanoseconds since the start of 1970.
    package var until: Int64?
    /// The revision of its namespace.
    package var index: UInt64?
    /// The member that writes the line.
    package var member: String?
    package var client: String?
    package var principal: String?
    /// Whether an operator did it, or else a client.
    package var isByOperator: Bool

    package init(
        nanoseconds: Int64, what: String, namespace: String?, service: String? = nil, id: String? = nil,
        endpoint: String? = nil, before: String? = nil, after: String? = nil, changed: String? = nil,
        until: Int64? = nil, index: UInt64? = nil, member: String?, client: String?, principal: String?,
        isByOperator: Bool
    ) {
        self.nanoseconds = nanoseconds
        self.what = what
        self.namespace = namespace
        self.service = service
        self.id = id
        self.endpoint = endpoint
        self.before = before
        self.after = after
        self.changed = changed
        self.until = until
        self.index = index
        self.member = member
        self.client = client
        self.principal = principal
        self.isByOperator = isByOperator
    }

    /// The level of every such line, and its logger.
    package static let level = LogLevel.info
    package static let logger = "audit"

    /// Appends the whole line, newline included. `timestamps` is best kept from line to line.
    package func append(to line: inout [UInt8], format: LogFormat, timestamps: inout TimestampFormatter) {
        format.begin(Self.level, at: nanoseconds, &timestamps, message: what, &line)
        format.field(.logger, Self.logger, &line)
        format.field(.by, isByOperator ? "operator" : "client", &line)
        if let principal { format.field(.principal, principal, &line) }
        if let client { format.field(.client, client, &line) }
        if let namespace { format.field(.namespace, namespace, &line) }
        if let service { format.field(.service, service, &line) }
        if let id { format.field(.id, id, &line) }
        if let endpoint { format.field(.endpoint, endpoint, &line) }
        if let before { format.field(.before, before, &line) }
        if let after { format.field(.after, after, &line) }
        if let changed { format.field(.changed, changed, &line) }
        if let until {
            var time: [UInt8] = []
            timestamps.append(nanoseconds: until, digits: LogFormat.timeDigits, to: &time)
            format.field(.until, time.span, &line)
        }
        if let index { format.field(.index, index, &line) }
        if let member { format.field(.member, member, &line) }
        format.end(&line)
    }

    /// The line for changes that were dropped before they could be written.
    package static func missed(_ count: UInt64, at nanoseconds: Int64, format: LogFormat) -> [UInt8] {
        format.dropReport(
            count, at: nanoseconds,
            message: "changes were dropped from the audit, because they came faster than they could be written",
            logger: logger)
    }
}

extension FieldKey {
    fileprivate static let by = FieldKey(text: " by=", json: ",\"by\":")
    fileprivate static let changed = FieldKey(text: " changed=", json: ",\"changed\":")
    fileprivate static let until = FieldKey(text: " until=", json: ",\"until\":")
}
