// Where a plain request is sent when HTTPS is required (R610, R612, R615). Of what the client said `Host` is used,
// which the request parser has restricted to the characters of names, addresses and ports. With a TLS port of our own
// only its name is, so that a port of an attacker's never gets into `Location`; behind a proxy, whose port we do not
// know, it stays as it was sent.

import HTTP

enum SecureURL {
    private static let standardPort: UInt16 = 443

    /// The same path and query over TLS. Throws when `host` has no name.
    /// - Parameters:
    ///   - target: path and query, without a credential in them.
    ///   - host: the value of `Host`, a name or an address, perhaps with a port.
    ///   - prefix: what a proxy has taken off the front of the path.
    ///   - port: the TLS port of our own; nil when a proxy has one, which then is the one `Host` means.
    static func url(
        _ target: ArraySlice<UInt8>, host: String, port: UInt16?, prefix: String = ""
    ) throws(Refused) -> String {
        let target = prefix + String(decoding: target, as: UTF8.self)
        guard let port else { return "https://\(host)\(target)" }
        guard let name = name(host) else {
            throw .malformed(Refusal(.badRequest, "the Host header is not a host and port"))
        }
        return port == standardPort ? "https://\(name)\(target)" : "https://\(name):\(port)\(target)"
    }

    /// The host without its port: `registry`, `10.0.0.1`, `[::1]`.
    private static func name(_ host: String) -> Substring? {
        let end: String.Index
        if host.hasPrefix("[") {
            guard let bracket = host.firstIndex(of: "]") else { return nil }
            end = host.index(after: bracket)
        } else {
            end = host.firstIndex(of: ":") ?? host.endIndex
        }
        let rest = host[end...]
        let isPort = rest.isEmpty || rest.first == ":" && rest.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
        guard end != host.startIndex, isPort else { return nil }
        return host[..<end]
    }
}
