// One line per request is most of what a busy registry logs, so it does not go through swift-log's dictionaries: it is
// a value that renders itself into the caller's buffer, with no allocation but that buffer's growth.

/// What is logged of one request once it has been answered. Nothing here is secret: the caller leaves credentials out
/// of `path`.
package struct AccessLine: Sendable {
    /// When the request was answered: nanoseconds since the start of 1970.
    package var nanoseconds: Int64
    /// The request's id, any bytes.
    package var requestID: [UInt8]
    /// The namespace it was for.
    package var namespace: String
    /// The operation it named, as in `renew`.
    package var operation: String
    /// The method, as in `GET`.
    package var method: String
    /// The path as the client sent it, any bytes.
    package var path: ArraySlice<UInt8>
    /// The status of the response.
    package var status: Int
    /// The length of the response body in bytes.
    package var bytes: Int
    /// How long the request took, in microseconds.
    package var microseconds: Int
    /// The client's address; left out when nil.
    package var client: String?
    /// Why the request was refused; left out when nil.
    package var error: String?
    /// The beginning of a request that could not be read, any bytes; left out when nil.
    package var received: ArraySlice<UInt8>?

    package init(
        nanoseconds: Int64, requestID: [UInt8], namespace: String, operation: String, method: String,
        path: ArraySlice<UInt8>, status: Int,
        bytes: Int, microseconds: Int, client: String?, error: String? = nil, received: ArraySlice<UInt8>? = nil
    ) {
        self.nanoseconds = nanoseconds
        self.requestID = requestID
        self.namespace = namespace
        self.operation = operation
        self.method = method
        self.path = path
        self.status = status
        self.bytes = bytes
        self.microseconds = microseconds
        self.client = client
        self.error = error
        self.received = received
    }

    /// The level that every such line bears. Whether it is written does not depend on it.
    package static let level = LogLevel.info

    /// Appends the whole line, newline included. `timestamps` is best kept from line to line; `memberName` is left out
    /// when nil.
    package func append(
        to line: inout [UInt8], format: LogFormat, timestamps: inout TimestampFormatter, memberName: String? = nil
    ) {
        format.begin(Self.level, at: nanoseconds, &timestamps, message: "request", &line)
        format.field(.requestID, requestID.span, &line)
        format.field(.namespace, namespace, &line)
        format.field(.operation, operation, &line)
        format.field(.method, method, &line)
        format.field(.path, path.span, &line)
        format.field(.status, status, &line)
        format.field(.bytes, bytes, &line)
        format.field(.microseconds, microseconds, &line)
        if let client { format.field(.client, client, &line) }
        if let error { format.field(.error, error, &line) }
        if let received { format.field(.received, received.span, &line) }
        if let memberName { format.field(.memberName, memberName, &line) }
        format.end(&line)
    }
}

extension FieldKey {
    fileprivate static let requestID = FieldKey(text: " request_id=", json: ",\"request_id\":")
    fileprivate static let operation = FieldKey(text: " operation=", json: ",\"operation\":")
    fileprivate static let method = FieldKey(text: " method=", json: ",\"method\":")
    fileprivate static let path = FieldKey(text: " path=", json: ",\"path\":")
    fileprivate static let status = FieldKey(text: " status=", json: ",\"status\":")
    fileprivate static let bytes = FieldKey(text: " bytes=", json: ",\"bytes\":")
    fileprivate static let microseconds = FieldKey(text: " us=", json: ",\"us\":")
    fileprivate static let error = FieldKey(text: " error=", json: ",\"error\":")
    fileprivate static let memberName = FieldKey(text: " member_name=", json: ",\"member_name\":")
    fileprivate static let received = FieldKey(text: " received=", json: ",\"received\":")
}
