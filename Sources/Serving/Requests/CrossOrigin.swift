// Browsers let a page of one origin read the answers of another only when those say so (CORS: the Fetch standard, "CORS
// protocol"). Pages of the origins in CORS_ORIGINS may; no answer ever says that cookies count, because nothing here is
// decided by one.

import Configuration
import HTTP

/// Marks answers for browsers. Made once, then only read.
struct CrossOrigin: Sendable {
    /// The headers of answers that scripts may read, in addition to those that they always may.
    static let exposed = "ETag, Location, Retry-After, X-Request-Id, X-Registry-Stale"
    /// The headers of requests that scripts may set.
    static let accepted = "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id"
    /// How long a browser may keep the answer, in seconds.
    static let memory = 600

    private let origins: CORSOrigins

    /// Nil when no page of another origin may read anything.
    init?(_ settings: Settings) {
        guard let origins = settings.corsOrigins else { return nil }
        self.origins = origins
    }

    /// Adds what browsers look for (R122–R125). An answer to a preflight has `Allow` already.
    func mark(_ response: inout Response, for head: RequestHead) {
        // Where the answer depends on the origin, caches have to know, also when none was sent.
        if case .only = origins { response.fields.append(.vary, "Origin") }
        guard let origin = allowed(head[.origin]) else { return }
        response.fields.append(.allowedOrigin, origin)
        guard head.method == .options, head[.requestedMethod] != nil, case .text(let allow)? = response.fields[.allow]
        else {
            return response.fields.append(.exposedHeaders, Self.exposed)
        }
        response.fields.append(.allowedMethods, allow)
        response.fields.append(.allowedHeaders, Self.accepted)
        response.fields.append(.preflightAge, Self.memory)
    }

    /// What an answer may say of the origin that was sent, if it may say anything.
    private func allowed(_ sent: ArraySlice<UInt8>?) -> String? {
        switch origins {
        case .any: return "*"
        case .only(let origins):
            guard let sent else { return nil }
            return origins.first { $0.utf8.elementsEqual(sent) }
        }
    }
}
