// The statuses the registry answers with. One enum, so that a new one is added with its phrase and the metrics know
// them all.

/// The status of a response.
public enum Status: UInt16, Sendable, CaseIterable {
    case ok = 200
    case created = 201
    case noContent = 204
    case movedPermanently = 301
    case seeOther = 303
    case notModified = 304
    case permanentRedirect = 308
    case badRequest = 400
    case unauthorized = 401
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case conflict = 409
    case gone = 410
    case preconditionFailed = 412
    case contentTooLarge = 413
    case uriTooLong = 414
    case unsupportedMediaType = 415
    case expectationFailed = 417
    case misdirectedRequest = 421
    case tooManyRequests = 429
    case headerFieldsTooLarge = 431
    case internalServerError = 500
    case notImplemented = 501
    case serviceUnavailable = 503
    case versionNotSupported = 505

    /// The status's place in `allCases`, for tables indexed by status.
    public var ordinal: Int { Self.ordinals[Int(rawValue)] }

    private static let ordinals: [Int] = {
        var ordinals = [Int](repeating: 0, count: 600)
        for (ordinal, status) in allCases.enumerated() { ordinals[Int(status.rawValue)] = ordinal }
        return ordinals
    }()

    /// Whether a response of this status has a body, be it an empty one (RFC 9110, sections 15.3.5 and 15.4.5).
    public var mayHaveBody: Bool { self != .noContent && self != .notModified }

    /// The reason phrase of RFC 9110, section 15 (RFC 6585 for 429 and 431).
    public var reason: StaticString {
        switch self {
        case .ok: "OK"
        case .created: "Created"
        case .noContent: "No Content"
        case .movedPermanently: "Moved Permanently"
        case .seeOther: "See Other"
        case .notModified: "Not Modified"
        case .permanentRedirect: "Permanent Redirect"
        case .badRequest: "Bad Request"
        case .unauthorized: "Unauthorized"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .requestTimeout: "Request Timeout"
        case .conflict: "Conflict"
        case .gone: "Gone"
        case .preconditionFailed: "Precondition Failed"
        case .contentTooLarge: "Content Too Large"
        case .uriTooLong: "URI Too Long"
        case .unsupportedMediaType: "Unsupported Media Type"
        case .expectationFailed: "Expectation Failed"
        case .misdirectedRequest: "Misdirected Request"
        case .tooManyRequests: "Too Many Requests"
        case .headerFieldsTooLarge: "Request Header Fields Too Large"
        case .internalServerError: "Internal Server Error"
        case .notImplemented: "Not Implemented"
        case .serviceUnavailable: "Service Unavailable"
        case .versionNotSupported: "HTTP Version Not Supported"
        }
    }
}
