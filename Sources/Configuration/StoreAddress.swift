// Where a store outside of the registry is: hosts with their ports, and how its URL may say more. A URL may carry a
// password, which is taken out of it while it is read, so that nothing that shows the address can show the password.

import Replication
import Text

/// A host, by name or number, and a port.
package struct StoreHost: Sendable, Hashable, CustomStringConvertible {
    /// A host name, or a numeric address without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reads a list separated by commas, of up to `PeerName.mostEntries`; nil when it is empty or an entry is wrong.
    static func list(_ text: some StringProtocol, defaultPort: UInt16) -> [StoreHost]? {
        guard let names = PeerName.list(String(text)) else { return nil }
        return names.map { StoreHost(host: $0.host, port: $0.port ?? defaultPort) }
    }

    static func text(_ hosts: [StoreHost]) -> String { hosts.map(\.description).joined(separator: ",") }
}

/// The value of `store_address`.
package struct StoreAddress: Sendable, Equatable {
    static let defaultPort: UInt16 = 6_379
    /// As many as Redis can be configured to have, and more than anybody has.
    static let databases = 0...65_535
    static let plainScheme = "redis://"
    static let secureScheme = "rediss://"

    /// At least one.
    package let hosts: [StoreHost]
    package let usesTLS: Bool
    /// What the URL says besides; nil where it says nothing.
    package let user: String?
    package let password: Secret?
    package let database: Int?
    /// Whether it is written as a URL.
    private let isURL: Bool

    /// The blank before the default is known.
    static let nowhere = StoreAddress(hosts: [])

    private init(
        hosts: [StoreHost], usesTLS: Bool = false, user: String? = nil, password: Secret? = nil, database: Int? = nil,
        isURL: Bool = false
    ) {
        self.hosts = hosts
        self.usesTLS = usesTLS
        self.user = user
        self.password = password
        self.database = database
        self.isURL = isURL
    }

    /// Reads `host:port[,host:port…]`, or a URL of redis or rediss with credentials in front of the hosts and a
    /// database behind them; nil for anything else.
    init?(_ text: String) {
        guard let scheme = [Self.plainScheme, Self.secureScheme].first(where: text.hasPrefix) else {
            guard let hosts = StoreHost.list(text, defaultPort: Self.defaultPort) else { return nil }
            self.init(hosts: hosts)
            return
        }
        var rest = text.dropFirst(scheme.count)
        var (user, word): ([UInt8], [UInt8]) = ([], [])
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = Self.decoded(parts[0]), let second = Self.decoded(parts.count == 2 ? parts[1] : "")
            else { return nil }
            (user, word) = (first, second)
            rest = rest[rest.index(after: at)...]
        }
        var database: Int?
        if let slash = rest.firstIndex(of: "/") {
            let digits = rest[rest.index(after: slash)...]
            if !digits.isEmpty {
                guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                    Self.databases.contains(number)
                else { return nil }
                database = number
            }
            rest = rest[..<slash]
        }
        guard let hosts = StoreHost.list(rest, defaultPort: Self.defaultPort),
            let name = String(validating: user, as: UTF8.self)
        else { return nil }
        self.init(
            hosts: hosts, usesTLS: scheme == Self.secureScheme, user: name.isEmpty ? nil : name,
            password: word.isEmpty ? nil : Secret(bytes: word), database: database, isURL: true)
    }

    /// In its one spelling, the password masked.
    var text: String {
        guard isURL else { return StoreHost.text(hosts) }
        var text = usesTLS ? Self.secureScheme : Self.plainScheme
        if user != nil || password != nil {
            text += (user ?? "") + (password.map { ":\($0)" } ?? "") + "@"
        }
        return text + StoreHost.text(hosts) + (database.map { "/\($0)" } ?? "")
    }

    /// The bytes of a part of a URL; nil when a percent sign is not followed by two hexadecimal digits.
    private static func decoded(_ part: Substring) -> [UInt8]? {
        var decoded: [UInt8] = []
        var bytes = Array(part.utf8)[...]
        while let byte = bytes.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = bytes.popFirst()?.hexadecimalValue, let low = bytes.popFirst()?.hexadecimalValue else {
                return nil
            }
            decoded.append(high << 4 | low)
        }
        return decoded
    }
}

/// The value of `store_sentinel`.
package struct StoreSentinel: Sendable, Equatable {
    static let defaultPort: UInt16 = 26_379

    /// The name by which the Sentinels know the group of a master and its replicas.
    package let name: String
    /// At least one.
    package let hosts: [StoreHost]
    /// Whether the Sentinels, and the servers that they name, are spoken to by TLS.
    package let usesTLS: Bool

    /// Reads `name@host:port[,host:port…]`, with `rediss://` in front of it for TLS; nil for anything else.
    init?(_ text: String) {
        let isSecure = text.hasPrefix(StoreAddress.secureScheme)
        let rest = isSecure ? text.dropFirst(StoreAddress.secureScheme.count) : text[...]
        let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, SettingKind<String>.name(Settings.Limits.storeNameBytes).parse(String(parts[0])) != nil,
            !parts[0].contains("/"), let hosts = StoreHost.list(parts[1], defaultPort: Self.defaultPort)
        else { return nil }
        (name, self.hosts, usesTLS) = (String(parts[0]), hosts, isSecure)
    }

    var text: String { "\(usesTLS ? StoreAddress.secureScheme : "")\(name)@\(StoreHost.text(hosts))" }
}
