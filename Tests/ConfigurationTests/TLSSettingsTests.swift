// Which TLS settings hold together: each contradiction is a sentence that names the setting and its source.

import TLS
import Testing

@testable import Configuration

struct TLSSettingsTests {
    private func sentence(_ flags: [String: String]) -> String? {
        do throws(SettingError) {
            _ = try Settings.resolve(flags: flags.mapValues { [$0] }, environment: [:], readFile: { _ in [] })
            return nil
        } catch {
            return error.description
        }
    }

    private static let pair = ["tls_cert": "c", "tls_key": "k"]

    @Test(
        arguments: [
            (["tls_cert": "c"], "tls_cert c (flag --tls_cert): a certificate needs its key"),
            (["tls_key": "k"], "tls_key k (flag --tls_key): a key needs its certificate"),
            (
                ["tls_client_auth": "require"],
                "tls_client_auth require (flag --tls_client_auth): clients can show certificates over TLS only"
            ),
            (
                pair.merging(["tls_client_auth": "optional"]) { $1 },
                "tls_client_auth optional (flag --tls_client_auth): it needs tls_client_ca"
            ),
            (pair.merging(["tls_client_ca": "a"]) { $1 }, "tls_client_ca a (flag --tls_client_ca): it has no effect"),
            (
                pair.merging(["auth_mode": "mtls"]) { $1 },
                "auth_mode mtls (flag --auth_mode): mtls needs tls_client_auth"
            ),
            (["auth_mode": "mtls"], "auth_mode mtls (flag --auth_mode): mtls needs tls_client_auth"),
            (["api_port": "off"], "api_port off (flag --api_port): no other port is open"),
            (
                pair.merging(["api_port": "off", "https_port": "off"]) { $1 },
                "api_port off (flag --api_port): no other port is open"
            ),
            (
                pair.merging(["api_port": "8443"]) { $1 },
                "api_port 8443 (flag --api_port), https_port 8443 (default): they must differ"
            ),
        ])
    func `settings that contradict each other stop the start`(flags: [String: String], beginning: String) {
        #expect(sentence(flags)?.hasPrefix(beginning) ?? false, "\(sentence(flags) ?? "they hold")")
    }

    @Test(arguments: [
        [:], pair, pair.merging(["api_port": "off"]) { $1 }, pair.merging(["https_port": "off"]) { $1 },
        pair.merging(["api_port": "0", "https_port": "0"]) { $1 },
        pair.merging(["tls_client_auth": "require", "tls_client_ca": "a", "tls_client_crl": "r", "auth_mode": "mtls"]) {
            $1
        },
    ])
    func `settings that hold together are taken`(flags: [String: String]) {
        #expect(sentence(flags) == nil)
    }

    @Test func `TLS is on with certificate, key and port, and off without`() throws {
        func tls(_ flags: [String: String]) throws -> TLSConfiguration? {
            try Settings.resolve(flags: flags.mapValues { [$0] }, environment: [:], readFile: { _ in [] }).settings.tls
        }
        #expect(try tls([:]) == nil)
        #expect(try tls(Self.pair) == TLSConfiguration(certificatePath: "c", keyPath: "k"))
        #expect(try tls(Self.pair.merging(["https_port": "off"]) { $1 }) == nil)
    }
}
