// How the text of a setting becomes a typed value and back, and the words for what is allowed. A kind knows nothing of
// the setting it serves, so that two ports or three durations share one.
import Replication
import TLS
import Telemetry
import Text

/// Reads and writes the text of one type of value.
struct SettingKind<Value: Sendable>: Sendable {
    /// The placeholder of the value in `--help`: `--api_port <port>`.
    let placeholder: String
    /// Completes the sentence "it must be …".
    let allowed: String
    /// Whether the bare flag `--name` means `true`.
    var isBoolean = false
    /// Whether a repeated flag adds to the value instead of replacing it.
    var isList = false
    /// Whether a text may have a password in it, so that one that is not allowed must not be repeated.
    var mayHoldPassword = false
    /// The word for the absence of a value, of a setting that may be absent: so a weaker source's value can be taken
    /// back.
    var absence: String?
    /// Nil when the text is not allowed.
    var parse: @Sendable (String) -> Value?
    /// The inverse of `parse`, in its one canonical spelling.
    let format: @Sendable (Value) -> String
}

extension SettingKind where Value == Settings.Port {
    static var port: Self {
        SettingKind(
            placeholder: "port", allowed: "a port from 1 to 65535, 0 (the system chooses) or off",
            parse: { text in text == "off" ? .off : UInt16(text).map { .number($0) } },
            format: { port in
                switch port {
                case .number(let number): String(number)
                case .off: "off"
                }
            })
    }
}

extension SettingKind where Value == Int {
    static func number(_ range: ClosedRange<Int>) -> Self {
        SettingKind(
            placeholder: "number", allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
            format: { String($0) })
    }
}

extension SettingKind where Value == Int {
    /// The original registry takes 0 for no expectation; a member alone is one.
    static func members(_ range: ClosedRange<Int>) -> Self {
        var kind = number(range)
        let parse = kind.parse
        kind.parse = { text in text == "0" ? range.lowerBound : parse(text) }
        return kind
    }
}

extension SettingKind where Value == Int? {
    /// A number of which -1 says that there is no limit.
    static func limit(_ range: ClosedRange<Int>) -> Self {
        SettingKind(
            placeholder: "number",
            allowed: "-1 (no limit) or a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { text in
                guard let number = Int(text), number == -1 || range.contains(number) else { return nil }
                return .some(number == -1 ? nil : number)
            },
            format: { limit in limit.map { String($0) } ?? "-1" })
    }
}

extension SettingKind where Value == Bool {
    /// The words of Go's strconv.ParseBool.
    static var boolean: Self {
        SettingKind(
            placeholder: "bool", allowed: "true or false (also 1, t, T, TRUE, True, 0, f, F, FALSE, False)",
            isBoolean: true,
            parse: { text in
                switch text {
                case "1", "t", "T", "true", "TRUE", "True": true
                case "0", "f", "F", "false", "FALSE", "False": false
                default: nil
                }
            },
            format: { String($0) })
    }
}

extension SettingKind where Value == GoDuration {
    static func duration(_ range: ClosedRange<GoDuration>) -> Self {
        SettingKind(
            placeholder: "duration",
            allowed: "a duration such as 500ms, 30s, 1m30s or 1h, from \(range.lowerBound) to \(range.upperBound)",
            parse: { text in GoDuration(parsing: text).flatMap { range.contains($0) ? $0 : nil } },
            format: { $0.description })
    }
}

extension SettingKind where Value == KubernetesNamespaces {
    static var kubernetesNamespaces: Self {
        SettingKind(
            placeholder: "names", allowed: "names such as prod,shop=tenant-a, up to 64, or *", isList: true,
            parse: { KubernetesNamespaces($0) }, format: { $0.description })
    }
}

extension SettingKind where Value == String {
    /// A URL of http or https without user and password.
    static var url: Self {
        SettingKind(
            placeholder: "url", allowed: "a URL such as https://10.0.0.1:6443, without user and password",
            parse: { text in SettingKind<[String]>.isURL(text) && !text.contains("@") ? text : nil },
            format: { $0 })
    }

    /// A domain name.
    static func domain(_ maximumBytes: Int) -> Self {
        SettingKind(
            placeholder: "domain",
            allowed:
                "a domain name such as a8 or a8.example.com, of letters, digits and hyphens, up to \(maximumBytes) bytes",
            parse: { text in
                let name = text.hasSuffix(".") ? text.dropLast() : text[...]
                let labels = name.split(separator: ".", omittingEmptySubsequences: false)
                let isName =
                    name.utf8.count <= maximumBytes && labels.allSatisfy { DNSNamespaces.isLabel($0.lowercased()) }
                return isName ? name.lowercased() : nil
            },
            format: { $0 })
    }

    static var path: Self {
        SettingKind(
            placeholder: "path", allowed: "a path",
            parse: { text in text.isEmpty || text.utf8.contains(0) ? nil : text },
            format: { $0 })
    }

    /// A name of visible ASCII.
    static func name(_ maximumBytes: Int) -> Self {
        SettingKind(
            placeholder: "name", allowed: "1 to \(maximumBytes) visible ASCII characters",
            parse: { text in
                let isName =
                    (1...maximumBytes).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
                return isName ? text : nil
            },
            format: { $0 })
    }

    /// A name as Consul has it for a datacenter.
    static func label(_ maximumBytes: Int) -> Self {
        SettingKind(
            placeholder: "name", allowed: "1 to \(maximumBytes) of the characters a-z, A-Z, 0-9, - and _",
            parse: { text in
                let isLabel =
                    (1...maximumBytes).contains(text.utf8.count)
                    && text.utf8.allSatisfy { ByteSet.base64url.contains($0) }
                return isLabel ? text : nil
            },
            format: { $0 })
    }

    /// Names are refused: which of a name's addresses would be bound, and when it is looked up again, are questions
    /// that a numeric address does not raise.
    static var address: Self {
        SettingKind(
            placeholder: "address", allowed: "a numeric IPv4 or IPv6 address, such as 0.0.0.0, 127.0.0.1 or ::",
            parse: { text in IPAddress(text) == nil ? nil : text },
            format: { $0 })
    }
}

extension SettingKind where Value == [PeerName] {
    static var peerNames: Self {
        SettingKind(
            placeholder: "hosts",
            allowed:
                "hosts with or without a port, separated by commas, such as registry-1:6100,10.0.0.2,[fd00::3]:6100; or none",
            isList: true,
            parse: { text in text == "none" ? [] : PeerName.list(text) },
            format: { names in names.isEmpty ? "none" : names.map(\.description).joined(separator: ",") })
    }
}

extension SettingKind where Value == PeerName {
    static var peerName: Self {
        SettingKind(
            placeholder: "name",
            allowed: "a host with or without a port, such as registry.default.svc or registry.default.svc:6100",
            parse: { PeerName($0, meaning: .members) }, format: { $0.description })
    }
}

extension SettingKind where Value == AdvertisedAddress {
    static var advertisedAddress: Self {
        SettingKind(
            placeholder: "address",
            allowed: "a numeric address with or without a port, such as 10.0.0.1, 10.0.0.1:6100 or [fd00::1]:6100",
            parse: { AdvertisedAddress($0) }, format: { $0.description })
    }
}

extension SettingKind where Value == [Settings.AuthScheme] {
    /// `none` says that no scheme is used, so it contradicts any other.
    static var authSchemes: Self {
        SettingKind(
            placeholder: "scheme",
            allowed:
                "none alone, or any of trusted, jwt and mtls, each at most once, in the order to ask them: mtls,jwt",
            isList: true,
            parse: { text in
                if text == "none" { return [] }
                var schemes: [Settings.AuthScheme] = []
                for word in text.split(separator: ",", omittingEmptySubsequences: false) {
                    guard let scheme = Settings.AuthScheme(rawValue: String(word.trimmingSpaces())),
                        !schemes.contains(scheme)
                    else {
                        return nil
                    }
                    schemes.append(scheme)
                }
                return schemes
            },
            format: { schemes in schemes.isEmpty ? "none" : schemes.map(\.rawValue).joined(separator: ",") })
    }
}

extension SettingKind where Value == LogLevel {
    /// In any letter case; `warning`, which the original registry takes, is `warn`.
    static var logLevel: Self {
        var kind = choice(of: "level") { $0.name }
        let parse = kind.parse
        kind.parse = { text in text.lowercased() == "warning" ? .warn : parse(text.lowercased()) }
        return kind
    }
}

extension SettingKind where Value == TLSConfiguration.ClientAuthentication {
    static var clientAuthentication: Self { choice(of: "choice") { $0.rawValue } }
}

extension SettingKind where Value == AddressRanges {
    static var addressRanges: Self {
        SettingKind(
            placeholder: "ranges",
            allowed:
                "any, or addresses or CIDR ranges without stray bits, separated by commas, such as 10.0.0.0/8,2001:db8::/32",
            isList: true, absence: "any",
            parse: { AddressRanges($0) },
            format: { $0.text })
    }
}

extension SettingKind where Value == AddressRanges {
    /// Those who may ask something.
    static var clientRanges: Self {
        var kind = addressRanges
        let parse = kind.parse
        kind.absence = nil
        kind.parse = { parse($0 == "any" ? AddressRanges.everybody : $0) }
        return kind
    }
}

extension SettingKind where Value == DNSNamespaces {
    static var dnsNamespaces: Self {
        SettingKind(
            placeholder: "names",
            allowed:
                "none, or ALIAS=NAMESPACE or ALIAS=NAMESPACE@RANGE, separated by commas, such as shop=tenant-a,ops=team@10.1.0.0/16, up to \(DNSNamespaces.most) with different aliases of 1 to 63 lower-case letters, digits and hyphens",
            isList: true, absence: "none",
            parse: { DNSNamespaces($0) }, format: { $0.text })
    }
}

extension SettingKind where Value == CORSOrigins {
    static var origins: Self {
        SettingKind(
            placeholder: "origins",
            allowed:
                "none, * or origins in lower case without a path, separated by commas, such as https://console.example,http://localhost:3000",
            isList: true, absence: "none",
            parse: { CORSOrigins($0) },
            format: { $0.text })
    }
}

extension SettingKind where Value == ForwardedFamily {
    static var forwardedFamily: Self { choice(of: "family") { $0.rawValue } }
}

extension SettingKind where Value == Settings.Isolation {
    static var isolation: Self { choice(of: "choice") { $0.rawValue } }
}

extension SettingKind where Value == Settings.OperationsAuth {
    static var operationsAuth: Self { choice(of: "choice") { $0.rawValue } }
}

extension SettingKind where Value == LogFormat {
    static var logFormat: Self { choice(of: "format") { $0.rawValue } }
}

extension SettingKind where Value == AccessLogMode {
    static var accessLogMode: Self { choice(of: "choice") { $0.rawValue } }
}

extension SettingKind where Value == EventLogMode {
    static var eventLogMode: Self { choice(of: "choice") { $0.rawValue } }
}

extension SettingKind where Value == Settings.Acknowledge {
    static var acknowledge: Self { choice(of: "choice") { $0.rawValue } }
}

extension SettingKind where Value: CaseIterable {
    private static func choice(of placeholder: String, name: @escaping @Sendable (Value) -> String) -> Self {
        SettingKind(
            placeholder: placeholder, allowed: "one of " + Value.allCases.map(name).joined(separator: ", "),
            parse: { text in Value.allCases.first { name($0) == text } },
            format: name)
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> Substring {
        var trimmed = drop { $0 == " " }
        while trimmed.last == " " { trimmed.removeLast() }
        return trimmed
    }
}

extension SettingKind where Value == [String] {
    /// URLs of http and https, separated by commas. Passwords in them are not shown.
    static var urls: Self {
        SettingKind(
            placeholder: "urls", allowed: "http:// or https:// URLs, separated by commas, or none", isList: true,
            mayHoldPassword: true,
            parse: { text in
                if text == "none" { return [] }
                let urls = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
                return urls.allSatisfy(isURL) ? urls : nil
            },
            format: { urls in urls.isEmpty ? "none" : urls.map(hidingPassword).joined(separator: ",") })
    }

    fileprivate static func isURL(_ text: String) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return false }
        let rest = text.dropFirst(scheme.count)
        return !(rest.split(separator: "@").last ?? "").prefix { $0 != "/" }.isEmpty
            && rest.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func hidingPassword(_ url: String) -> String {
        guard let start = url.firstRange(of: "://")?.upperBound else { return url }
        let authority = url[start...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return url
        }
        return "\(url[...colon])\(Secret.mask)\(url[at...])"
    }
}
