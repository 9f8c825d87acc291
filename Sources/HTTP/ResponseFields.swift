// The header fields of a response as a list of closed names. The transport writes whatever the list holds and knows
// none of the names, so a new field is one row of the table below. The first few lie in the list itself: most responses
// need no memory for their fields.

/// The names that a response's fields may have. Closed: no name is ever made of what a client sent. `Content-Length`,
/// `Date` and `Connection` are the transport's own.
public enum FieldName: UInt8, Sendable, CaseIterable {
    case requestID, legacyRequestID
    case vary, contentEncoding, entityTag, location, allow, retryAfter
    case challenge, transportSecurity, staleness, proxyBuffering, cacheControl
    case consulIndex, consulLeader, consulContact
    case contentSecurityPolicy, contentTypeOptions, referrerPolicy
    case allowedOrigin, allowedMethods, allowedHeaders, exposedHeaders, preflightAge

    /// The name as it is sent.
    public var text: String { String(decoding: "\(lineStart)".utf8.dropFirst(2).dropLast(2), as: UTF8.self) }

    /// What the field's line begins with, the end of the line before included.
    var lineStart: StaticString {
        switch self {
        case .requestID: "\r\nX-Request-Id: "
        case .legacyRequestID: "\r\nRequest_id: "
        case .vary: "\r\nVary: "
        case .contentEncoding: "\r\nContent-Encoding: "
        case .entityTag: "\r\nETag: "
        case .location: "\r\nLocation: "
        case .allow: "\r\nAllow: "
        case .retryAfter: "\r\nRetry-After: "
        case .challenge: "\r\nWWW-Authenticate: "
        case .transportSecurity: "\r\nStrict-Transport-Security: "
        case .staleness: "\r\nX-Registry-Stale: "
        case .proxyBuffering: "\r\nX-Accel-Buffering: "
        case .cacheControl: "\r\nCache-Control: "
        case .consulIndex: "\r\nX-Consul-Index: "
        case .consulLeader: "\r\nX-Consul-KnownLeader: "
        case .consulContact: "\r\nX-Consul-LastContact: "
        case .contentSecurityPolicy: "\r\nContent-Security-Policy: "
        case .contentTypeOptions: "\r\nX-Content-Type-Options: "
        case .referrerPolicy: "\r\nReferrer-Policy: "
        case .allowedOrigin: "\r\nAccess-Control-Allow-Origin: "
        case .allowedMethods: "\r\nAccess-Control-Allow-Methods: "
        case .allowedHeaders: "\r\nAccess-Control-Allow-Headers: "
        case .exposedHeaders: "\r\nAccess-Control-Expose-Headers: "
        case .preflightAge: "\r\nAccess-Control-Max-Age: "
        }
    }
}

/// The value of one field.
public enum FieldValue: Sendable, Equatable {
    /// Invariant: no control character.
    case text(String)
    /// The same as bytes of UTF-8, for what is made of bytes and sent with every answer of its kind.
    case bytes([UInt8])
    case number(Int)

    /// The value as it is sent.
    public var text: String {
        switch self {
        case .text(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .number(let number): String(number)
        }
    }
}

/// The fields of one response, in the order in which they are sent. A name may come more than once.
public struct ResponseFields: Sendable {
    /// One field.
    public struct Field: Sendable {
        // In this order it is a third smaller.
        public let value: FieldValue
        public let name: FieldName

        init(name: FieldName, value: FieldValue) {
            self.value = value
            self.name = name
        }
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
        guard value.utf8Span.span.areFieldValue else { return }
        append(Field(name: name, value: .text(value)))
    }

    /// The same of bytes of UTF-8.
    public mutating func append(_ name: FieldName, _ value: [UInt8]) {
        guard value.span.areFieldValue else { return }
        append(Field(name: name, value: .bytes(value)))
    }

    /// The same of bytes that are visible ASCII by their making, which is not looked at again.
    package mutating func append(_ name: FieldName, ascii value: [UInt8]) {
        append(Field(name: name, value: .bytes(value)))
    }

    public mutating func append(_ name: FieldName, _ value: Int) { append(Field(name: name, value: .number(value))) }

    /// Appends the fields of another list.
    public mutating func append(contentsOf other: ResponseFields) {
        for index in 0..<other.count { append(other[index]) }
    }

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
        bytes.append(constant: field.name.lineStart)
        switch field.value {
        case .text(let text): bytes.append(contentsOf: text.utf8)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .number(let number): bytes.append(decimal: number)
        }
    }
}

extension [UInt8] {
    /// Appends an ASCII constant.
    package mutating func append(constant text: StaticString) {
        text.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }

    /// Appends a number in decimal.
    package mutating func append(decimal number: Int) {
        guard number >= 10 else {
            if number >= 0 { return append(UInt8(ascii: "0") + UInt8(number)) }
            return append(contentsOf: String(number).utf8)
        }
        var (digits, first, rest) = (InlineArray<19, UInt8>(repeating: 0), 19, number)  // Int.max has 19.
        while rest > 0 {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        append(addingCapacity: digits.count - first) { output in
            for index in first..<digits.count { output.append(digits[index]) }
        }
    }
}
