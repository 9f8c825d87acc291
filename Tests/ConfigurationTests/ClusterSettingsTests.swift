// Which settings of a cluster hold together, what is warned of, and what they come to.

import Replication
import TLS
import Testing

@testable import Configuration

struct ClusterSettingsTests {
    private func resolve(_ flags: [String: String]) throws(SettingError) -> ResolvedSettings {
        try Settings.resolve(flags: flags.mapValues { [$0] }, environment: [:], readFile: { _ in [] })
    }

    private func sentence(_ flags: [String: String]) -> String? {
        do throws(SettingError) {
            _ = try resolve(flags)
            return nil
        } catch {
            return error.description
        }
    }

    private static let files = ["replication_tls_cert": "c", "replication_tls_key": "k", "replication_tls_ca": "a"]
    private static let secret = "0123456789abcdef"

    @Test(
        arguments: [
            (
                ["replication": "true", "replication_port": "off"],
                "replication_port off (flag --replication_port): replication needs a port"
            ),
            (
                ["replication_tls": "true"],
                "replication_tls true (flag --replication_tls): it needs replication_tls_cert"
            ),
            (
                ["replication_tls_ca": "a"],
                "replication_tls_ca a (flag --replication_tls_ca): it has no effect without replication_tls"
            ),
            (
                ["replication_tls_name": "a"],
                "replication_tls_name a (flag --replication_tls_name): it has no effect without replication_tls"
            ),
        ])
    func `settings that contradict each other stop the start`(flags: [String: String], beginning: String) {
        #expect(sentence(flags)?.hasPrefix(beginning) ?? false, "\(sentence(flags) ?? "they hold")")
    }

    @Test(arguments: [
        (
            "cluster_peers", ["registry-1", "registry-1:6100,10.0.0.2,[fd00::3]:6100", "a, b", "none"],
            ["", ",", "a,,b", "a:0", "a:x", "10.0.0.256"]
        ),
        ("cluster_dns", ["registry.default.svc", "registry:6100"], ["", "a b", "a,b", "-:"]),
        (
            "advertise_address", ["10.0.0.1", "10.0.0.1:6100", "fd00::1", "[fd00::1]:1"],
            ["", "registry", "0.0.0.0", "::", "0.0.0.0:1", "10.0.0.1:0"]
        ),
        ("member_name", ["registry-1", "a"], ["", "a b", "ä"]),
        ("tombstone_time", ["24h", "10m"], ["9m59s", "721h"]),
        ("replication_queue_bytes", ["1048576"], ["1048575", "-1"]),
    ])
    func `values are taken or refused`(name: String, good: [String], bad: [String]) {
        for value in good { #expect(sentence([name: value]) == nil, "\(value)") }
        for value in bad { #expect(sentence([name: value])?.contains("must be") ?? false, "\(value)") }
    }

    @Test(
        arguments: [
            (
                ["replication": "true"],
                ["this member will find no peer", "without cluster_secret and without replication_tls"]
            ),
            (["replication": "true", "cluster_peers": "a"], ["without cluster_secret and without replication_tls"]),
            (["replication": "true", "cluster_peers": "a", "cluster_secret": secret], []),
            (["replication": "true", "cluster_dns": "a", "cluster_secret": "short"], ["cluster_secret is shorter"]),
            (
                ["replication": "true", "cluster_dns": "a", "cluster_secret": secret, "replication_plain": "true"],
                ["replication_plain is on"]
            ),
            (["replication": "true", "cluster_dir": "/d", "replication_tls": "true"].merging(files) { $1 }, []),
            (
                ["replication": "true", "cluster_dir": "/d", "replication_tls": "true", "replication_plain": "true"]
                    .merging(files) { $1 },
                ["replication_plain is on"]
            ),
            (["cluster_dir": "/d"], ["replication is off"]),
            ([:], []),
        ])
    func `what is legal but surely not meant is warned of`(flags: [String: String], warnings: [String]) throws {
        let given = try resolve(flags).warnings
        #expect(given.count == warnings.count, "\(given)")
        for warning in warnings {
            #expect(given.contains { $0.contains(warning) }, "\(given)")
        }
    }

    @Test(arguments: ["trusted", "jwt"])
    func `tenants and an open replication port go together only by the operator's word`(mode: String) throws {
        // R840 With AUTH_MODE other than none, REPLICATION with neither CLUSTER_SECRET nor REPLICATION_TLS stops the
        // start with a sentence, unless REPLICATION_PLAIN is true: at an open replication port there are no tenants.
        // Without AUTH_MODE it is warned of.
        let open = [
            "replication": "true", "cluster_dir": "/d", "auth_mode": mode,
            "jwt_secret": String(repeating: "k", count: 32),
        ]
        let refusal = try #require(sentence(open))
        #expect(
            refusal.hasPrefix(
                "auth_mode \(mode) (flag --auth_mode): replication is on with neither cluster_secret nor replication_tls"
            ))
        #expect(refusal.contains("replication_plain"))
        #expect(sentence(open.merging(["cluster_secret": Self.secret]) { $1 }) == nil)
        #expect(sentence(open.merging(["replication_tls": "true"]) { $1 }.merging(Self.files) { $1 }) == nil)
        let allowed = try resolve(open.merging(["replication_plain": "true"]) { $1 })
        #expect(allowed.warnings.contains { $0.contains("without cluster_secret and without replication_tls") })
        #expect(sentence(["auth_mode": "trusted"]) == nil)
    }

    @Test func `members of the original are let in where nobody proves anything, or by the operator's wish`() throws {
        func allows(_ flags: [String: String]) throws -> Bool { try resolve(flags).settings.allowsOriginals }
        #expect(try allows(["replication": "true"]))
        #expect(try !allows(["replication": "true", "cluster_secret": Self.secret]))
        #expect(try allows(["replication": "true", "cluster_secret": Self.secret, "replication_plain": "true"]))
        #expect(try !allows(["replication": "true", "replication_tls": "true"].merging(Self.files) { $1 }))
    }

    @Test func `the peers' TLS is made of three files`() throws {
        let settings = try resolve(["replication_tls": "true"].merging(Self.files) { $1 }).settings
        #expect(
            settings.replicationSecurity == PeerTLSConfiguration(certificatePath: "c", keyPath: "k", authorityPath: "a")
        )
        #expect(Settings.defaults.replicationSecurity == nil)
    }
}
