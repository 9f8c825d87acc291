// A request's first line and header fields, as the request parser read them. The bytes are kept as they came, once;
// everything here is a range into them, so that reading a field costs no allocation. A head is an object, since a
// request passes through many hands: to copy some twenty fields for each would cost more than the object does.

import Text

/// The head of one request that passed the request parser.
public final class RequestHead: Sendable {
    /// The fields that the registry reads. All others pass unread.
    public enum Field: Int, CaseIterable, Sendable {
        case host, authorization, contentType, acceptEncoding, forwardedProto, wssc, requestID, ifNoneMatch
        // Of those from here on only that they came is kept. They are sent seldom, and are searched in the lines when
        // they are needed.
        case contentEncoding, origin, requestedMethod
        case forwarded, forwardedFor, forwardedHost, forwardedPort, forwardedPrefix
        case ifMatch
        case accept, eurekaAccept, eurekaReplication, consulToken, lastEventID
    }

    /// The request line and header lines as received, without the empty line that ends them.
    ///
    /// Invariant: every range of this value lies within these bytes.
    public let bytes: [UInt8]
    public let method: Method
    /// 0 or 1: the minor version of HTTP/1.
    public let minorVersion: UInt8
    /// The body that is to follow, when its length was declared; nil when it is chunked.
    public let declaredLength: Int?
    /// Whether the client wants the connection closed behind the answer.
    public let closes: Bool
    /// Whether a field asks something of the transport that is more than to go on.
    let namesTransport: Bool
    /// Whether the target is a URL of https.
    public let targetsHTTPS: Bool
    /// Of a large body: given back when the request is over.
    private let room: LargeBodies.Room?
    /// How many of the bytes evhttp does not get to see.
    private let excised: Int
    let targetRange: Range<Int>
    /// Invariant: describes `targetRange`.
    let targetShape: TargetShape
    private let fieldRanges: FieldRanges
    /// The fields that have to be looked for in the lines: those without a range here, and lists that came in several
    /// lines.
    private let scattered: FieldSet

    /// A range for each of the fields that most requests have; a test counts them.
    typealias FieldRanges = InlineArray<8, Range<Int32>>

    /// The head that the request parser has read.
    init(_ draft: borrowing HeadDraft) {
        bytes = draft.bytes
        method = draft.method
        minorVersion = draft.minorVersion
        declaredLength = draft.declaredLength
        closes = draft.closes
        namesTransport = draft.namesTransport
        targetsHTTPS = draft.targetsHTTPS
        room = draft.room
        excised = draft.excised
        targetRange = draft.targetRange
        targetShape = draft.targetShape
        fieldRanges = draft.fieldRanges
        scattered = draft.scattered
    }

    /// Whether nothing is asked of the transport but the next request's turn: HTTP/1.1 that goes on, with a body of
    /// declared length or none.
    var isSelfContained: Bool { minorVersion == 1 && !namesTransport && declaredLength != nil }

    /// How many bytes of the head are left in the input, up to where the body begins.
    public var wireLength: Int { bytes.count + RequestParser.lineEndBytes - excised }

    /// Whether the target is `*`: the request is about the registry as a whole (RFC 9112, section 3.2.4).
    public var isForServer: Bool { bytes[targetRange.lowerBound] == UInt8(ascii: "*") }

    /// The request target as sent: an absolute path and perhaps a query; or `*`, of OPTIONS alone.
    public var target: ArraySlice<UInt8> { bytes[targetRange] }

    /// Whether anything in the target is percent-encoded.
    public var hasEscapes: Bool { targetShape.hasEscapes }

    /// The target's path, before any `?`.
    public var path: ArraySlice<UInt8> { bytes[targetRange.lowerBound..<targetShape.pathEnd] }

    /// The target's query: what follows the first `?`, or nil where there is none.
    public var query: ArraySlice<UInt8>? {
        targetShape.pathEnd < targetRange.upperBound ? bytes[targetShape.pathEnd + 1..<targetRange.upperBound] : nil
    }

    /// A field's value without surrounding white space, or nil when the field is absent or empty. A list that came in
    /// several lines is one list (RFC 9110, section 5.3): its parts come joined by commas.
    public subscript(field: Field) -> ArraySlice<UInt8>? {
        if scattered.contains(field) { return Self.gather(field, from: bytes) }
        guard field.hasRange else { return nil }
        let range = fieldRanges[field.rawValue]
        return range.isEmpty ? nil : bytes[Int(range.lowerBound)..<Int(range.upperBound)]
    }

    /// The values of all lines of a field, joined by commas; nil when all are empty.
    private static func gather(_ field: Field, from bytes: [UInt8]) -> ArraySlice<UInt8>? {
        var joined: [UInt8] = []
        let span = bytes.span
        var start = bytes.startIndex
        while let lineEnd = span.first(0x0A, in: start..<bytes.count) {
            let line = start..<lineEnd - 1
            start = lineEnd + 1
            // The request line has no name before a colon that would be a field's: its first word ends in a space.
            guard let colon = span.first(UInt8(ascii: ":"), in: line),
                RequestHead.Field(name: bytes[line.lowerBound..<colon]) == field
            else { continue }
            let value = span.trimmed(colon + 1..<line.upperBound)
            guard !value.isEmpty else { continue }
            if !joined.isEmpty { joined += [UInt8(ascii: ","), 0x20] }
            joined += bytes[value]
        }
        return joined.isEmpty ? nil : joined[...]
    }
}

extension RequestHead.Field {
    /// Whether a head keeps where the value lies.
    @inline(__always)
    var hasRange: Bool { rawValue < RequestHead.FieldRanges.count }

    /// The field of this name, in any case; nil for one that the registry does not read.
    init?(name: ArraySlice<UInt8>) {
        // The length decides among the few candidates before any byte is compared.
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"): self = .host
        case 5 where name.equalsIgnoringCase("$wssc"): self = .wssc
        case 6 where name.equalsIgnoringCase("origin"): self = .origin
        case 6 where name.equalsIgnoringCase("accept"): self = .accept
        case 8 where name.equalsIgnoringCase("if-match"): self = .ifMatch
        case 9 where name.equalsIgnoringCase("forwarded"): self = .forwarded
        case 12 where name.equalsIgnoringCase("content-type"): self = .contentType
        case 12 where name.equalsIgnoringCase("x-request-id"): self = .requestID
        case 13 where name.equalsIgnoringCase("authorization"): self = .authorization
        case 13 where name.equalsIgnoringCase("if-none-match"): self = .ifNoneMatch
        case 13 where name.equalsIgnoringCase("last-event-id"): self = .lastEventID
        case 14 where name.equalsIgnoringCase("x-consul-token"): self = .consulToken
        case 15 where name.equalsIgnoringCase("accept-encoding"): self = .acceptEncoding
        case 15 where name.equalsIgnoringCase("x-forwarded-for"): self = .forwardedFor
        case 15 where name.equalsIgnoringCase("x-eureka-accept"): self = .eurekaAccept
        case 16 where name.equalsIgnoringCase("content-encoding"): self = .contentEncoding
        case 16 where name.equalsIgnoringCase("x-forwarded-host"): self = .forwardedHost
        case 16 where name.equalsIgnoringCase("x-forwarded-port"): self = .forwardedPort
        case 17 where name.equalsIgnoringCase("x-forwarded-proto"): self = .forwardedProto
        case 18 where name.equalsIgnoringCase("x-forwarded-prefix"): self = .forwardedPrefix
        case 31 where name.equalsIgnoringCase("x-netflix-discovery-replication"): self = .eurekaReplication
        case 29 where name.equalsIgnoringCase("access-control-request-method"): self = .requestedMethod
        default: return nil
        }
    }
}
