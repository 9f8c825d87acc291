// The header fields of a response as a list of closed names. The transport writes whatever the list holds and knows
// none of the names, so a new field is one row of the table below. The first few lie in the list itself: most responses
// need no memory for their fields.

/// The names that a response's fields may have. Closed: no name is ever made of what a client sent. `Content-Length`,
/// `Date` and `Connection` are the transport's own.
public enum FieldName: UInt8, Sendable, CaseIterable {
    case requestID, legacyRequestID
    case vary, contentEncoding, entityTag, location, allow, retryAfter
    case challenge, transportSecurity, staleness, proxyBuffering
    case allowedOrigin, allowedMethods, allowedHeaders, exposedHeaders, preflightAge

    /// The name as it is sent.
    public var text: StaticString {
        switch self {
        case .requestID: "X-Request-Id"
        case .legacyRequestID: "Request_id"
        case .vary: "Vary"
        case .contentEncoding: "Content-Encoding"
        case .entityTag: "ETag"
        case .location: "Location"
        case .allow: "Allow"
        case .retryAfter: "Retry-After"
        case .challenge: "WWW-Authenticate"
        case .transportSecurity: "Strict-Transport-Security"
        case .staleness: "X-Registry-Stale"
        case .proxyBuffering: "X-Accel-Buffering"
        case .allowedOrigin: "Access-Control-Allow-Origin"
        case .allowedMethods: "Access-Control-Allow-Methods"
        case .allowedHeaders: "Access-Control-Allow-Headers"
        case .exposedHeaders: "Access-Control-Expose-Headers"
        case .preflightAge: "Access-Control-Max-Age"
        }
    }
}

/// The value of one field.
public enum FieldValue: Sendable, Equatable {
    /// Invariant: no control character.
    case text(String)
    case number(Int)

    /// The value as it is sent.
    public var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): String(number)
        }
    }
}

/// The fields of one response, in the order in which they are sent. A name may come more than once.
public struct ResponseFields: Sendable {
    /// One field.
    public struct Field: Sendable {
        public let name: FieldName
        public let value: FieldValue
    }

    /// How many fields need no memory of their own: two identities, and two of what makes the response special.
    private typealias Near = InlineArray<4, Field>

    /// Invariant: `near[0..<nearCount]` are the first fields; `far` is empty unless `near` is full.
    private var near = Near(repeating: Field(name: .vary, value: .number(0)))
    private var nearCount = 0
    private var far: [Field] = []

    public init() {}

    public var count: Int { nearCount + far.count }

    /// The field at `index`, counted from 0.
    public subscript(index: Int) -> Field { index < nearCount ? near[index] : far[index - nearCount] }

    /// The value of the first field of this name; nil when there is none.
    public subscript(name: FieldName) -> FieldValue? {
        for index in 0..<count where self[index].name == name { return self[index].value }
        return nil
    }

    /// Appends a field whose value may come from a client. With a control character in it, name and value are left out.
    public mutating func append(_ name: FieldName, _ value: String) {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return }
        append(Field(name: name, value: .text(value)))
    }

    public mutating func append(_ name: FieldName, _ value: Int) { append(Field(name: name, value: .number(value))) }

    /// An identity is visible ASCII by its type.
    public mutating func append(_ name: FieldName, _ id: RequestID) {
        append(Field(name: name, value: .text(id.value)))
    }

    private mutating func append(_ field: Field) {
        guard nearCount < Near.count else { return far.append(field) }
        near[nearCount] = field
        nearCount += 1
    }

    /// Appends the fields as header lines, each after a CR LF and without one of its own.
    public func render(to bytes: inout [UInt8]) {
        for index in 0..<nearCount { Self.render(near[index], to: &bytes) }
        for field in far { Self.render(field, to: &bytes) }
    }

    private static func render(_ field: Field, to bytes: inout [UInt8]) {
        bytes.append(constant: "\r\n")
        bytes.append(constant: field.name.text)
        bytes.append(constant: ": ")
        switch field.value {
        case .text(let text): bytes.append(contentsOf: text.utf8)
        case .number(let number): bytes.append(decimal: number)
        }
    }
}

extension [UInt8] {
    /// Appends an ASCII constant.
    package mutating func append(constant text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }

    /// Appends a number in decimal.
    package mutating func append(decimal number: Int) {
        if number < 10, number >= 0 { return append(UInt8(ascii: "0") + UInt8(number)) }
        append(contentsOf: String(number).utf8)
    }
}
