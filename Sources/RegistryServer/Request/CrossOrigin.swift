// Browsers let a page of one origin read the answers of another only when those say so (CORS: the Fetch standard, "CORS protocol"). Whoever is named
// in CORS_ORIGINS may; no answer ever says that cookies count, because nothing here is decided by one.

import HTTP

/// Whose pages may read what the registry answers.
public enum CORSOrigins: Sendable, Equatable {
    case any
    /// As browsers send them: `https://console.example`.
    case only([String])
}

/// Marks answers for browsers. Made once, then only read.
struct CrossOrigin: Sendable {
    /// The headers of answers that scripts may read, besides those that they always may.
    static let exposed = "ETag, Location, Retry-After, X-Request-Id, X-Registry-Stale"
    /// The headers of requests that scripts may set.
    static let accepted = "Authorization, Content-Type, If-None-Match, X-Request-Id"
    /// How long a browser may remember what it was told, in seconds.
    static let memory = 600

    private let origins: CORSOrigins

    /// Nil when no page of another origin may read anything.
    init?(_ settings: Settings) {
        guard let origins = settings.corsOrigins else { return nil }
        self.origins = origins
    }

    /// Adds what browsers look for (R122–R125). An answer to a preflight has `Allow` already.
    func mark(_ response: inout Response, for head: RequestHead) {
        var fields = response.extraFields
        // Where the answer depends on the origin, caches have to know, also when none was sent.
        if case .only = origins { fields.append("Vary", "Origin") }
        defer { response.extraFields = fields }
        guard let origin = allowed(head[.origin]) else { return }
        fields.append("Access-Control-Allow-Origin", origin)
        guard head.method == .options, head[.requestedMethod] != nil, let allow = response.allow else {
            return fields.append("Access-Control-Expose-Headers", Self.exposed)
        }
        fields.append("Access-Control-Allow-Methods", allow)
        fields.append("Access-Control-Allow-Headers", Self.accepted)
        fields.append("Access-Control-Max-Age", "\(Self.memory)")
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

extension CORSOrigins {
    /// Reads `*`, or origins separated by commas; nil when one of them is not as a browser would send it.
    init?(_ text: String) {
        guard text != "*" else {
            self = .any
            return
        }
        let origins = text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.drop { $0 == " " }) }
        guard origins.allSatisfy(Self.isOrigin) else { return nil }
        self = .only(origins)
    }

    /// As it is written in settings.
    var text: String {
        switch self {
        case .any: "*"
        case .only(let origins): origins.joined(separator: ",")
        }
    }

    private static let standardPorts = ["http": 80, "https": 443]

    /// Whether browsers could send this: scheme, host and perhaps a port, in lower case, without the scheme's own port and without a path.
    private static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let first = parts[0].utf8.first, (0x61...0x7A).contains(first) else { return false }
        guard parts[0].utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) }) else {
            return false
        }
        var host = parts[1]
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            let port = host[host.index(after: colon)...]
            guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), port.first != "0", let number = UInt16(port),
                standardPorts[String(parts[0])] != Int(number)
            else { return false }
            host = host[..<colon]
        }
        let isAddress = host.hasPrefix("[") && host.hasSuffix("]")
        let name = isAddress ? host.dropFirst().dropLast() : host
        return !name.isEmpty
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || (isAddress ? ":." : "-._").utf8.contains($0)
            }
    }
}
