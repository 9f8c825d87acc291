// Which registry is asked, and as whom: flags first, then variables of the environment. A token is never an argument,
// since every user of a machine can read the arguments of its processes.

import Configuration
import HTTPClient
import TLS

/// Where requests go, and what they carry.
struct RegistryTarget: Sendable {
    /// What stands between several URLs in REGISTRY_URL.
    private static let separator: Character = ","
    private static let defaultURL = "http://localhost:8080"

    /// What proves who is asking.
    enum Token: Sendable, Equatable {
        case text(String)
        /// Read again for each request, so that it can be renewed.
        case file(String)
    }

    /// What the command line says; nil where it says nothing.
    struct Flags: Sendable {
        var url: String?
        var tokenFile: String?
        var authority: String?
        var certificate: String?
        var key: String?
        var namespace: String?
    }

    /// The members of one registry, in the order in which they are tried. Not empty.
    let servers: [HTTPURL]
    let token: Token?
    let tls: ClientTLSConfiguration
    /// Nil for that of the credential.
    let namespace: String?

    init(_ flags: Flags, environment: [String: String]) throws(CommandFailure) {
        func value(_ flag: String?, _ variable: String) -> String? {
            let value = flag ?? environment[variable]
            return value?.isEmpty == false ? value : nil
        }
        var servers: [HTTPURL] = []
        for text in (value(flags.url, "REGISTRY_URL") ?? Self.defaultURL).split(separator: Self.separator) {
            do throws(HTTPURLError) {
                servers.append(try HTTPURL(text.trimmingSpaces))
            } catch {
                throw Self.misuse("REGISTRY_URL or --url cannot be used: \(error)")
            }
        }
        guard !servers.isEmpty else { throw Self.misuse("REGISTRY_URL or --url names no registry") }
        self.servers = servers
        // A flag is more than any variable, the file of a token more than the token.
        if let path = flags.tokenFile ?? value(nil, "REGISTRY_TOKEN_FILE") {
            guard flags.tokenFile != nil || value(nil, "REGISTRY_TOKEN") == nil else {
                throw Self.misuse("REGISTRY_TOKEN and REGISTRY_TOKEN_FILE are both set: unset one of them")
            }
            token = .file(path)
        } else {
            token = value(nil, "REGISTRY_TOKEN").map { .text($0) }
        }
        let certificate = value(flags.certificate, "REGISTRY_CERT")
        let key = value(flags.key, "REGISTRY_KEY")
        guard (certificate == nil) == (key == nil) else {
            throw Self.misuse("REGISTRY_CERT and REGISTRY_KEY, or --cert and --key, are needed together")
        }
        tls = ClientTLSConfiguration(
            authorityPath: value(flags.authority, "REGISTRY_CA"),
            identity: certificate.flatMap { path in key.map { (path: path, key: $0) } })
        namespace = value(flags.namespace, "REGISTRY_NAMESPACE")
    }

    /// The token as it is sent: the first line of a file that has several.
    static func token(inFile bytes: [UInt8]) -> String? {
        let line = bytes.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.first ?? []
        return line.isEmpty ? nil : String(validating: line, as: UTF8.self)
    }

    private static func misuse(_ sentence: String) -> CommandFailure {
        CommandFailure(status: .usage, sentence: sentence)
    }
}

extension Substring {
    /// Without spaces at both ends.
    fileprivate var trimmingSpaces: String {
        var rest = self
        while rest.first == " " { rest = rest.dropFirst() }
        while rest.last == " " { rest = rest.dropLast() }
        return String(rest)
    }
}
