// What a server above any transport sees: a request as a value, a response as a value. Nothing here knows evhttp, so
// another transport could take its place.

/// One request, whole.
public struct Request: Sendable {
    public let head: RequestHead
    /// The decoded body, at most `RequestLimits.body` bytes.
    public let body: [UInt8]
    /// Whether it came over TLS of our own.
    public let isSecure: Bool
    /// The client's address as text, without the port; nil when the transport does not know it.
    public let clientAddress: String?
    /// What the client's certificate says of it; nil when there was none.
    public let clientIdentity: ClientIdentity?
    /// The address and port that the client reached, as it would have sent them in `Host`; told where it sent none
    /// (R113).
    public let localAddress: String?

    public init(
        head: RequestHead, body: [UInt8], isSecure: Bool, clientAddress: String?, clientIdentity: ClientIdentity? = nil,
        localAddress: String? = nil
    ) {
        self.head = head
        self.body = body
        self.isSecure = isSecure
        self.clientAddress = clientAddress
        self.clientIdentity = clientIdentity
        self.localAddress = localAddress
    }
}

/// The names in a client's certificate, which the transport has verified.
public struct ClientIdentity: Sendable, Equatable {
    /// The URIs among the subject's alternative names, in order.
    public let uris: [String]
    /// The subject's organizational units, in order.
    public let organizationalUnits: [String]
    /// The DNS names among the subject's alternative names or, where it has no alternative name, its common names.
    public let names: [String]

    public init(uris: [String], organizationalUnits: [String], names: [String] = []) {
        self.uris = uris
        self.organizationalUnits = organizationalUnits
        self.names = names
    }
}

/// What the bytes of a response are. Each API names its own.
public struct ContentType: Sendable, Equatable {
    /// The value of `Content-Type`.
    public let value: StaticString

    public init(_ value: StaticString) { self.value = value }

    public static let json = ContentType("application/json")

    public static func == (one: ContentType, other: ContentType) -> Bool {
        one.value.description == other.value.description
    }
}

/// One response, whole. The transport adds `Content-Length`, `Date` and what the protocol's version needs.
public struct Response: Sendable {
    public var status: Status
    public var contentType: ContentType?
    public var body: ResponseBody
    /// All other header fields.
    public var fields = ResponseFields()
    /// Why the request was refused, for the log; nil where it was not.
    public var refusal: String?

    /// Whether the request was refused: to look at that copies no text.
    public var isRefusal: Bool { refusal != nil }

    public init(_ status: Status, contentType: ContentType? = nil, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = .bytes(body)
    }

    /// A response whose body other responses have too.
    public init(_ status: Status, contentType: ContentType, shared body: FragmentChain) {
        self.status = status
        self.contentType = contentType
        self.body = .shared(body)
    }
}
