// Where a server is, as an operator or another server writes it. Read strictly: what is sent in a request line or a
// `Host` field is only what has been checked here.

import Text

/// Why a text is no address of an HTTP server.
package enum HTTPURLError: Error, Sendable, Equatable, CustomStringConvertible {
    case scheme, host, port, target, userInfo

    /// A sentence without a full stop. It does not repeat the text, in which there may be a password.
    package var description: String {
        switch self {
        case .scheme: "the URL must begin with http:// or https://"
        case .host: "the URL's host is neither a name nor an address, which in IPv6 stands in brackets"
        case .port: "the URL's port must be a number from 1 to 65535"
        case .target: "the URL's path has characters that must be percent-encoded"
        case .userInfo: "the URL's user and password must be percent-encoded"
        }
    }
}

/// An absolute URL of the schemes `http` and `https` (RFC 9110, section 4.2), without its fragment.
package struct HTTPURL: Sendable, Hashable {
    package let isSecure: Bool
    /// In lower case, an IPv6 address without brackets.
    package let host: String
    package let port: UInt16
    /// Path and query as they are sent. Invariant: begins with `/`; visible ASCII without `#`.
    package let target: String
    /// `user:password`, decoded. No part of `description`.
    package let userInfo: String?

    /// The longest text that is read, in bytes.
    private static let longest = 8_192

    private init(isSecure: Bool, host: String, port: UInt16, target: String, userInfo: String?) {
        (self.isSecure, self.host, self.port) = (isSecure, host, port)
        (self.target, self.userInfo) = (target, userInfo)
    }

    package init(_ text: String) throws(HTTPURLError) {
        guard text.utf8.count <= Self.longest else { throw .target }
        let isSecure: Bool
        var rest: Substring
        if let after = text.dropping(prefix: "https://") {
            (isSecure, rest) = (true, after)
        } else if let after = text.dropping(prefix: "http://") {
            (isSecure, rest) = (false, after)
        } else {
            throw .scheme
        }
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        var authority = rest[..<end]
        let path = rest[end...]
        let target = path.hasPrefix("/") ? String(path) : "/" + path
        guard Self.isTarget(target) else { throw .target }
        var userInfo: String?
        if let at = authority.lastIndex(of: "@") {
            guard let decoded = Self.decoded(authority[..<at]) else { throw .userInfo }
            userInfo = decoded
            authority = authority[authority.index(after: at)...]
        }
        let (host, portText) = try Self.parts(of: authority)
        let port: UInt16
        switch portText {
        case nil: port = isSecure ? 443 : 80
        case let digits?:
            guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits), number > 0 else {
                throw .port
            }
            port = number
        }
        self.init(isSecure: isSecure, host: host, port: port, target: target, userInfo: userInfo)
    }

    /// Another path and query of the same server; nil when it has characters that no target may have.
    package func with(target: String) -> HTTPURL? {
        guard target.hasPrefix("/"), Self.isTarget(target) else { return nil }
        return HTTPURL(isSecure: isSecure, host: host, port: port, target: target, userInfo: userInfo)
    }

    /// The same with one more path, between which and this one there is one slash: `http://h/eureka/v2` and `apps/delta`
    /// give `http://h/eureka/v2/apps/delta`. What this URL has of a query is dropped.
    package func appending(path: String) -> HTTPURL? {
        let base = target.prefix { $0 != "?" }
        return with(target: (base.hasSuffix("/") ? base.dropLast() : base) + "/" + path.drop { $0 == "/" })
    }

    /// What a relative or absolute reference means here (RFC 3986, section 5.2, without its dot segments, which no
    /// server that answers by them would be helped by); nil when it is none.
    package func resolving(_ reference: String) -> HTTPURL? {
        if reference.hasPrefix("//") { return try? HTTPURL((isSecure ? "https:" : "http:") + reference) }
        if reference.hasPrefix("/") { return with(target: String(reference.prefix { $0 != "#" })) }
        if reference.contains("://") { return try? HTTPURL(reference) }
        let path = target.prefix { $0 != "?" }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return with(target: folder + String(reference.prefix { $0 != "#" }))
    }

    /// Whether both are of one server.
    package func hasSameServer(as other: HTTPURL) -> Bool { server == other.server }

    /// Host and port as `Host` has them (RFC 9110, section 7.2).
    package var hostField: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The value of `Authorization` for user and password (RFC 7617); nil without any.
    package var basicCredentials: String? {
        userInfo.map { "Basic " + String(decoding: Base64.standard.encode(Array($0.utf8)), as: UTF8.self) }
    }

    // MARK: - Parts

    /// Visible ASCII: what would end a request line, or a string in C, is not among it.
    private static func isTarget(_ text: String) -> Bool {
        text.utf8.count <= longest && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
    }

    private static func parts(of authority: Substring) throws(HTTPURLError) -> (host: String, port: Substring?) {
        if authority.hasPrefix("[") {
            guard let bracket = authority.firstIndex(of: "]"),
                let address = IPAddress(String(authority[authority.index(after: authority.startIndex)..<bracket])),
                address.isSix
            else { throw .host }
            let rest = authority[authority.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw .host }
            return ("\(address)", rest.isEmpty ? nil : rest.dropFirst())
        }
        let colon = authority.firstIndex(of: ":")
        let name = authority[..<(colon ?? authority.endIndex)]
        guard isName(name) else { throw .host }
        return (name.lowercased(), colon.map { authority[authority.index(after: $0)...] })
    }

    /// Labels of letters, digits, hyphens and, as they are used, underscores.
    private static func isName(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        let labels = (text.hasSuffix(".") ? text.dropLast() : text).split(
            separator: ".", omittingEmptySubsequences: false)
        return labels.allSatisfy { label in
            !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.first {
            rest = rest.dropFirst()
            guard byte == UInt8(ascii: "%") else {
                guard byte > 0x20, byte < 0x7F else { return nil }
                bytes.append(byte)
                continue
            }
            guard let high = rest.first?.hexadecimalValue, let low = rest.dropFirst().first?.hexadecimalValue else {
                return nil
            }
            bytes.append(high << 4 | low)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension HTTPURL: CustomStringConvertible {
    /// Without user and password: it stands in logs.
    package var description: String { "\(isSecure ? "https" : "http")://\(hostField)\(target)" }
}

extension String {
    /// What follows a prefix, in whatever case of ASCII that is written; nil if it does not begin so.
    fileprivate func dropping(prefix: String) -> Substring? {
        guard utf8.count >= prefix.utf8.count, self.prefix(prefix.count).lowercased() == prefix else { return nil }
        return dropFirst(prefix.count)
    }
}
