// What may make an operator: no token that is short, and none that others hold for another purpose.

import Testing

@testable import Configuration

struct OperatorSettingsTests {
    private static let token = String(repeating: "o", count: 40)

    private func resolve(_ flags: [String: [String]], file: String = "") throws(SettingError) -> ResolvedSettings {
        try Settings.resolve(flags: flags, environment: [:], readFile: { _ in Array(file.utf8) })
    }

    @Test func `a file names several tokens, one a line, each as long as one alone has to be`() throws {
        let other = String(repeating: "p", count: 32)
        let settings = try resolve(["operator_token_file": ["f"]], file: "\(Self.token)\r\n\(other)\n\n").settings
        #expect(settings.operatorToken?.all == [Array(Self.token.utf8), Array(other.utf8)])
        #expect(settings.hasOperators)
        for text in [
            "", "\n", "\(Self.token)\nshort", String(repeating: "\(Self.token)\n", count: 9), "\(Self.token) ",
        ] {
            // R521 An operator's token has 32 to 1,024 visible ASCII characters without spaces. A shorter or longer one
            // stops the start with a sentence.
            let error = #expect(throws: SettingError.self) {
                try resolve(["operator_token_file": ["f"]], file: text)
            }
            #expect(error?.description.contains("32 to 1024 visible ASCII characters") == true)
            #expect(error?.description.contains(Self.token) == false)
        }
    }

    @Test(arguments: [
        ["jwt_secret": [token]], ["cluster_secret": [token]], ["k8s_token": [token]],
        ["store": ["redis"], "store_password": [token]],
        ["store": ["redis"], "store_address": ["redis://:\(token)@a"]],
        ["store": ["redis"], "store_sentinel": ["m@a"], "store_sentinel_password": [token]],
    ])
    func `what has another purpose makes no operator`(others: [String: [String]]) throws {
        // R521 … so does one that is also in JWT_SECRET, CLUSTER_SECRET, K8S_TOKEN or a password of the store.
        let error = #expect(throws: SettingError.self) {
            try resolve(others.merging(["operator_token": [Self.token]]) { $1 })
        }
        let name = try #require(others.keys.max { $0.count < $1.count })
        #expect(error?.description.contains(name) == true && error?.description.contains(Self.token) == false)
    }

    @Test(arguments: [
        ["eureka_namespace": [token]], ["dns_namespaces": ["a=\(token)"]],
        ["k8s_url": ["http://a"], "k8s_namespaces": ["prod=\(token)"]],
    ])
    func `with trusted, a namespace's name is its tenant's token, and makes no operator`(flags: [String: [String]])
        throws
    {
        // R521 … with trusted one that is a namespace of the settings.
        let flags = flags.merging(["operator_token": [Self.token]]) { $1 }
        let error = #expect(throws: SettingError.self) {
            try resolve(flags.merging(["auth_mode": ["trusted"]]) { $1 })
        }
        #expect(error?.description.contains("auth_mode trusted") == true)
        _ = try resolve(flags)
    }

    @Test(arguments: ["eyJ", "jwt.eyJ"])
    func `with jwt, what begins as a signed token may be a tenant's, and makes no operator`(start: String) throws {
        // R521 … and with jwt one that begins as a JSON Web Token does.
        let flags = ["operator_token": [start + Self.token], "jwt_secret": [String(repeating: "k", count: 32)]]
        #expect(throws: SettingError.self) { try resolve(flags.merging(["auth_mode": ["jwt"]]) { $1 }) }
        _ = try resolve(flags)
    }

    @Test func `an operator's certificate needs clients that show one`() throws {
        let flags = [
            "operator_cert_name": ["ops"], "tls_cert": ["c"], "tls_key": ["k"], "tls_client_ca": ["a"],
            "tls_client_auth": ["optional"],
        ]
        #expect(try resolve(flags).settings.hasOperators)
        let error = #expect(throws: SettingError.self) { try resolve(["operator_cert_name": ["ops"]]) }
        #expect(error?.description.contains("tls_client_auth") == true)
    }

    @Test func `pages are not put behind a credential that nobody has`() throws {
        let error = #expect(throws: SettingError.self) { try resolve(["operations_auth": ["operator"]]) }
        #expect(error?.description.contains("operator_token_file") == true)
        _ = try resolve(["operations_auth": ["operator"], "operator_token": [Self.token]])
    }

    @Test func `tokens are exchanged while the registry runs, and neither begin nor end`() {
        // R527 … To begin or to end with such tokens needs a restart.
        var (running, new) = (Settings.defaults, Settings.defaults)
        running.operatorToken = Secret(bytes: Array(Self.token.utf8))
        new.operatorToken = Secret(bytes: Array(repeating: 0x70, count: 32))
        #expect(SettingChanges(from: running, to: new).taken.map(\.name) == ["operator_token"])
        #expect(SettingChanges(from: running, to: .defaults).needRestart.map(\.name) == ["operator_token"])
        #expect(SettingChanges(from: .defaults, to: new).needRestart.map(\.name) == ["operator_token"])
    }
}
