// The methods of RFC 9110 and 5789. Any other token is `.other`: it reaches the router, which answers 405 with `Allow`,
// instead of being a special case of the transport.

/// The method of a request.
public enum Method: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, options, patch, trace, connect, other

    /// The method as the registry logs it and names it in `Allow`.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other: "OTHER"
        }
    }

    /// Whether evhttp reads a body that this method announces. Where it does not, the body's bytes would be taken for
    /// the next request, so the request parser refuses one.
    var mayCarryBody: Bool {
        switch self {
        case .get, .post, .put, .delete, .options, .patch: true
        case .head, .trace, .connect, .other: false
        }
    }

    /// Methods are case-sensitive (RFC 9110, section 9.1).
    init(_ token: ArraySlice<UInt8>) {
        self =
            switch token.first {
            case UInt8(ascii: "P") where token.equals("PUT"): .put
            case UInt8(ascii: "P") where token.equals("POST"): .post
            case UInt8(ascii: "P") where token.equals("PATCH"): .patch
            case UInt8(ascii: "G") where token.equals("GET"): .get
            case UInt8(ascii: "H") where token.equals("HEAD"): .head
            case UInt8(ascii: "D") where token.equals("DELETE"): .delete
            case UInt8(ascii: "O") where token.equals("OPTIONS"): .options
            case UInt8(ascii: "T") where token.equals("TRACE"): .trace
            case UInt8(ascii: "C") where token.equals("CONNECT"): .connect
            default: .other
            }
    }
}
