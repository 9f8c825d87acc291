// The value of `cors_origins`: which origins may read answers in a browser. What browsers send is compared byte by
// byte, so only what they could send is taken.

/// Whose pages may read what the registry answers.
package enum CORSOrigins: Sendable, Equatable {
    case any
    /// As browsers send them: `https://console.example`.
    case only([String])
}

extension CORSOrigins {
    /// Reads `*`, or origins separated by commas; nil when one of them is not as a browser would send it.
    package init?(_ text: String) {
        guard text != "*" else {
            self = .any
            return
        }
        let origins = text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.drop { $0 == " " }) }
        guard origins.allSatisfy(Self.isOrigin) else { return nil }
        self = .only(origins)
    }

    /// As it is written in settings.
    package var text: String {
        switch self {
        case .any: "*"
        case .only(let origins): origins.joined(separator: ",")
        }
    }

    private static let standardPorts = ["http": 80, "https": 443]

    /// Whether browsers could send this: scheme, host and perhaps a port, in lower case, without the scheme's own port
    /// and without a path.
    private static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let first = parts[0].utf8.first, (0x61...0x7A).contains(first) else { return false }
        guard
            parts[0].utf8.allSatisfy({
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0)
            })
        else {
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
