// The file of settings: what it says, what is weaker than what, and that an error names its line.

import Testing

@testable import Configuration

struct ConfigurationFileTests {
    private func resolve(
        _ text: String, flags: [String: [String]] = [:], _ environment: [String: String] = [:],
        others: [String: String] = [:]
    ) throws(SettingError) -> ResolvedSettings {
        try Settings.resolve(flags: flags.merging(["config_file": ["/conf"]]) { $1 }, environment: environment) {
            path in
            Array((path == "/conf" ? text : others[path] ?? "").utf8)
        }
    }

    private func complaint(_ text: String, flags: [String: [String]] = [:]) -> String? {
        do {
            _ = try resolve(text, flags: flags)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `its lines are settings, weaker than flags and environment and stronger than defaults`() throws {
        // R914 CONFIG_FILE names a file of lines NAME=value with the names of the environment, which is weaker than
        // flags and environment.
        let text =
            "# ours\n\n  API_PORT = 1 \r\nA8_HTTPS_PORT=2\nHTTPS_PORT=3\nMAX_CONNECTIONS=4\nLOOPS=5\nMEMBER_NAME=a=b\nTLS_CERT=\n"
        let resolved = try resolve(text, flags: ["max_connections": ["40"]], ["LOOPS": "50"])
        #expect(resolved.settings.apiPort == .number(1) && resolved.settings.httpsPort == .number(2))
        #expect(resolved.settings.maxConnections == 40 && resolved.settings.loops == 50)
        #expect(resolved.settings.memberName == "a=b" && resolved.settings.tlsCertificate == nil)
        #expect(resolved.origins["api_port"]?.description == "API_PORT in line 3 of /conf")
        #expect(resolved.origins["https_port"]?.description == "A8_HTTPS_PORT in line 4 of /conf")
        #expect(resolved.origins["loops"] == .environment("LOOPS"))
    }

    @Test func `a secret and the file of one stand in it too`() throws {
        #expect(try resolve("JWT_SECRET=hush").settings.jwtSecret?.bytes == Array("hush".utf8))
        #expect(
            try resolve("CLUSTER_SECRET_FILE=/key", others: ["/key": "hush\n"]).settings.clusterSecret?.bytes
                == Array("hush".utf8))
    }

    // R914 A line that is not one, that names no setting or one that another line names already stops the start.
    @Test(arguments: [
        ("LOOPS=1\nnonsense", "config_file: line 2 of \"/conf\": it is not NAME=value."),
        ("\n\nFOO=1", "config_file: line 3 of \"/conf\": FOO is not a setting."),
        ("loops=1", "config_file: line 1 of \"/conf\": loops is not a setting."),
        ("LOOPS=1\n#\nLOOPS=2", "config_file: line 3 of \"/conf\": LOOPS is in line 1 already."),
        ("A8_CONFIG_FILE=/x", "config_file: line 1 of \"/conf\": a file of settings cannot name another."),
        (
            "LOOPS=0",
            "loops: \"0\" from LOOPS in line 1 of /conf is not allowed; it must be a whole number from 1 to 256."
        ),
    ])
    func `an error names its line`(text: String, sentence: String) {
        #expect(complaint(text) == sentence)
    }
}
