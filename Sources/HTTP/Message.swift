// What a server above any transport sees: a request as a value, a response as a value. Nothing here knows evhttp, so another transport could
// take its place.

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
    /// The address and port that the client reached, as it would have sent them in `Host`; told where it sent none (R113).
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

    public init(uris: [String], organizationalUnits: [String]) {
        self.uris = uris
        self.organizationalUnits = organizationalUnits
    }
}

/// What the bytes of a response are.
public enum ContentType: Sendable {
    case json, prometheusText

    /// The value of `Content-Type`.
    public var value: StaticString {
        switch self {
        case .json: "application/json"
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        }
    }
}

/// Header lines that few answers have, as the bytes to be sent.
public struct ExtraFields: Sendable {
    /// Invariant: whole lines, each behind a CR LF, and no other control character among them.
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public var isEmpty: Bool { bytes.isEmpty }

    /// Appends a line. A value with a control character in it is left out, together with its name.
    public mutating func append(_ name: StaticString, _ value: String) {
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return }
        bytes.append(contentsOf: [0x0D, 0x0A])
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: [UInt8(ascii: ":"), 0x20])
        bytes.append(contentsOf: value.utf8)
    }
}

/// One response, whole. The transport adds `Content-Length`, `Date` and what the protocol's version needs.
public struct Response: Sendable {
    public var status: Status
    public var contentType: ContentType?
    public var body: ResponseBody
    /// Whether `body` is gzip of what it stands for.
    public var isGzipped = false
    /// The value of `ETag`, quotes included.
    public var entityTag: String?
    /// `X-Registry-Stale`: for how many seconds what it says may be of what is gone.
    public var staleness: Int?
    /// The value of `Location`.
    public var location: String?
    /// The value of `Allow`.
    public var allow: String?
    /// Seconds for `Retry-After`.
    public var retryAfter: Int?
    /// Seconds for `Strict-Transport-Security` (RFC 6797).
    public var transportSecurity: Int?
    /// Whatever else few answers have.
    public var extraFields = ExtraFields()
    /// Whether a credential is asked for with `WWW-Authenticate: Bearer`.
    public var challenges = false
    /// Why the request was refused, for the log; nil where it was not.
    public var refusal: String?
    /// The identity of the request, echoed so that both sides' logs can be joined.
    public var requestID: RequestID

    public init(_ status: Status, contentType: ContentType? = nil, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = .bytes(body)
        self.requestID = RequestID()
    }

    /// A response whose body other responses have too.
    public init(_ status: Status, contentType: ContentType, shared body: FragmentChain) {
        self.status = status
        self.contentType = contentType
        self.body = .shared(body)
        self.requestID = RequestID()
    }
}
