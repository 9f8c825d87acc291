// What is believed of what proxies say of the client behind them (docs/proxies.md). Everybody can write such a field;
// it counts when the connection is that of a proxy in TRUSTED_PROXIES. Where that names no proxy, only the scheme is
// believed, as in Amalgam8: with more, every client could choose the address that it is limited and logged by.

import Configuration
package import HTTP
import Text

/// Reads what proxies say. Made once, then only read.
package struct Forwarding: Sendable {
    /// A longer chain of trusted proxies is not believed.
    static let maximumHops = 32
    /// Bytes of all path prefixes together.
    static let maximumPrefix = 256
    private static let standardPorts = ["http": "80", "https": "443"]

    /// Nil: no proxy is named.
    private let proxies: AddressRanges?
    private let family: ForwardedFamily

    init(_ settings: Settings) {
        proxies = settings.trustedProxies
        family = settings.forwarded
    }

    /// Whether any proxy is named, so that whose connection it is has to be looked at.
    var namesProxies: Bool { proxies != nil }

    /// Whether this is the address of a named proxy.
    func isProxy(_ address: String?) -> Bool {
        guard let proxies, let address else { return false }
        return proxies.contains(address)
    }

    // MARK: - The client

    /// The client of a request: of a chain of proxies, the last address that is not theirs. If all are, the first;
    /// whatever is no address ends the chain, and leaves the connection's own.
    package func client(of request: Request, isFromProxy: Bool) -> String? {
        guard isFromProxy, let proxies else { return request.clientAddress }
        switch family {
        case .xForwarded:
            guard let chain = request.head[.forwardedFor] else { return request.clientAddress }
            return Self.client(Array(chain.reversedElements().prefix(Self.maximumHops + 1)), proxies)?.address
                ?? request.clientAddress
        case .rfc7239: return word(of: request, proxies)?.client ?? request.clientAddress
        }
    }

    /// Walks from the proxy before us to the client; gives where it stopped, with the address there, if it is one. Nil
    /// for an empty chain or one without an end.
    private static func client(_ chain: [ArraySlice<UInt8>], _ proxies: AddressRanges) -> (
        index: Int, address: String?
    )? {
        for (index, element) in chain.enumerated() {
            guard index < maximumHops else { return nil }
            guard let address = address(element) else { return (index, nil) }
            if !proxies.contains(address) || index == chain.count - 1 { return (index, address) }
        }
        return nil
    }

    /// The numeric address of an element, which may have a port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`,
    /// `[2001:db8::1]:4711`.
    package static func address(_ element: ArraySlice<UInt8>) -> String? {
        var text = element
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")),
                end + 1 == text.endIndex || text[end + 1] == UInt8(ascii: ":")
            else {
                return nil
            }
            text = text[(text.startIndex + 1)..<end]
            guard text.contains(UInt8(ascii: ":")) else { return nil }
        } else if let colon = text.firstIndex(of: UInt8(ascii: ":")), colon == text.lastIndex(of: UInt8(ascii: ":")) {
            text = text[..<colon]
        }
        let address = String(decoding: text, as: UTF8.self)
        return AddressRanges.isAddress(address) ? address : nil
    }

    /// The element of `Forwarded` that a trusted proxy wrote of the client, and the client's address.
    private func word(of request: Request, _ proxies: AddressRanges) -> (element: ForwardedElement, client: String?)? {
        guard let field = request.head[.forwarded], let elements = ForwardedElement.parse(field) else { return nil }
        let newestFirst = Array(elements.reversed())
        guard let (index, address) = Self.client(newestFirst.map { ($0.node ?? [])[...] }, proxies) else { return nil }
        return (newestFirst[index], address)
    }

    // MARK: - The URL

    /// Whether the client used https: to us, or to a proxy that says so and is believed (R112).
    func isHTTPS(_ request: Request, isFromProxy: Bool) -> Bool {
        guard !request.isSecure else { return true }
        guard let proxies else { return request.isForwardedHTTPS }
        guard isFromProxy else { return false }
        switch family {
        case .xForwarded: return request.isForwardedHTTPS
        case .rfc7239:
            return word(of: request, proxies)?.element.proto.map { $0[...].equalsIgnoringCase("https") } ?? false
        }
    }

    /// The host that the client asked for by a trusted proxy's word; nil without one, or when it is none.
    package func host(of request: Request, isFromProxy: Bool) -> String? {
        guard isFromProxy, let proxies else { return nil }
        let host: ArraySlice<UInt8>? =
            switch family {
            case .xForwarded: request.head[.forwardedHost]?.firstElement
            case .rfc7239: word(of: request, proxies)?.element.host.map { $0[...] }
            }
        guard let host, host.isHostText else { return nil }
        return String(decoding: host, as: UTF8.self)
    }

    /// What a trusted proxy has taken off the front of the path: nothing, or `/registry`. Of several the first is the
    /// outermost.
    package func prefix(of request: Request, isFromProxy: Bool) -> String {
        guard isFromProxy, family == .xForwarded, let field = request.head[.forwardedPrefix],
            field.count <= Self.maximumPrefix
        else {
            return ""
        }
        var prefix = ""
        for element in field.split(separator: UInt8(ascii: ",")) {
            var path = element.trimmed()
            while path.last == UInt8(ascii: "/") { path.removeLast() }
            guard !path.isEmpty else { continue }
            guard Self.isPath(path) else { return "" }
            prefix += String(decoding: path, as: UTF8.self)
        }
        return prefix
    }

    /// An absolute path of plain characters and whole escapes, without an empty or dot segment however it is written:
    /// it is echoed in URLs.
    private static func isPath(_ path: ArraySlice<UInt8>) -> Bool {
        guard path.first == UInt8(ascii: "/") else { return false }
        return path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy(
            isSegment)
    }

    private static func isSegment(_ segment: ArraySlice<UInt8>) -> Bool {
        var rest = segment
        var dots = 0
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst()?.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue else {
                    return false
                }
                let plain = high << 4 | low
                guard plain >= 0x20, plain != 0x7F else { return false }
                if plain == UInt8(ascii: ".") { dots += 1 }
            } else {
                guard ByteSet.name.contains(byte) || byte == UInt8(ascii: "~") else { return false }
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        let escapes = segment.count { $0 == UInt8(ascii: "%") }
        let length = segment.count - 2 * escapes
        return length > 0 && (dots < length || length > 2)
    }

    /// Appends the start of every URL of this registry as the client would write it: `https://registry.example/prefix`.
    /// No byte of it is a control character, a quote or a backslash.
    package func appendBase(of request: Request, isFromProxy: Bool, to url: inout [UInt8]) {
        let isHTTPS = isHTTPS(request, isFromProxy: isFromProxy)
        url.append(contentsOf: isHTTPS ? "https://".utf8 : "http://".utf8)
        guard !isFromProxy else {
            url.append(contentsOf: forwardedBase(of: request, scheme: isHTTPS ? "https" : "http").utf8)
            return
        }
        if let host = request.head[.host] {
            url.append(contentsOf: host)
        } else {
            url.append(contentsOf: request.authority.utf8)
        }
    }

    /// What follows the scheme by a trusted proxy's word.
    private func forwardedBase(of request: Request, scheme: String) -> String {
        var host = host(of: request, isFromProxy: true) ?? request.authority
        if family == .xForwarded, let port = request.head[.forwardedPort]?.firstElement, !Self.hasPort(host),
            port.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(String(decoding: port, as: UTF8.self)),
            number > 0,
            String(number) != Self.standardPorts[scheme]
        {
            host += ":\(number)"
        }
        return host + prefix(of: request, isFromProxy: true)
    }

    private static func hasPort(_ host: String) -> Bool {
        guard let colon = host.lastIndex(of: ":") else { return false }
        return !host.hasPrefix("[") || host[..<colon].hasSuffix("]")
    }
}

extension Request {
    /// Whether a proxy says that its client used https (R611). Of several proxies the first one was nearest to the
    /// client.
    var isForwardedHTTPS: Bool {
        head[.forwardedProto]?.firstElement?.equalsIgnoringCase("https") ?? false
            || head[.wssc]?.firstElement?.equalsIgnoringCase("https") ?? false
    }

    /// `Host` as the client sent it, or what it would have sent had it sent one (R113).
    package var authority: String {
        head[.host].map { String(decoding: $0, as: UTF8.self) } ?? localAddress ?? "localhost"
    }
}
