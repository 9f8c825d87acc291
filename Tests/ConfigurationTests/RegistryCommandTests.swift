// The real binary, run as a user runs it: what it prints where, and the status it exits with.
import Foundation
import Testing

@testable import Configuration

struct RegistryCommandTests {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs the product built beside the test bundle, with no environment but the given.
    private func registry(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let binary = URL(filePath: bundle).deletingLastPathComponent().appending(path: "registry")
        try #require(
            FileManager.default.isExecutableFile(atPath: binary.path()),
            "no \(binary.path()); run: swift build --product registry")

        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.environment = environment
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        try process.run()
        // Both answers are smaller than a pipe holds, so reading one after the other cannot block the process.
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        let complained = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: printed, as: UTF8.self),
            errors: String(decoding: complained, as: UTF8.self))
    }

    @Test func `--version names the release and nothing else`() throws {
        let outcome = try registry(["--version"])
        #expect(outcome.output == "registry \(Release.current)\n")
        #expect(outcome.status == 0)
    }

    @Test func `--help mentions every row with its sentence, default and names, and no flag that is not a row`() throws
    {
        let outcome = try registry(["--help"], environment: ["COLUMNS": "80"])
        #expect(outcome.status == 0)
        let words = outcome.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for row in Settings.rows {
            for name in row.flagNames { #expect(words.contains("--\(name) "), "\(name)") }
            #expect(words.contains(row.help), "\(row.name)")
            for name in row.environmentNames { #expect(row.help.contains(name)) }
            #expect(row.help.contains("Default: \(row.defaultPhrase)."))
        }
        let mentioned = Set(outcome.output.matches(of: /(?m)^  (?:-h, )?--([a-z0-9_]+)/).map { String($0.1) })
        #expect(mentioned == Set(Settings.rows.flatMap(\.flagNames) + ["check_config", "version", "help"]))
    }

    @Test func `--check_config prints what the sources come to, with secrets masked`() throws {
        let outcome = try registry(
            [
                "--check_config", "--namespace_capacity", "-1", "--replication=false", "--auth_mode", "trusted",
                "--auth_mode", "jwt",
                "--require_https",
            ],
            environment: ["A8_API_PORT": "9", "API_PORT": "8", "JWT_SECRET": "hush-hush", "LOG_LEVEL": ""])
        let expected = try Settings.resolve(
            flags: [
                "namespace_capacity": ["-1"], "replication": ["false"], "auth_mode": ["trusted", "jwt"],
                "require_https": ["true"],
            ], environment: ["A8_API_PORT": "9", "JWT_SECRET": "hush-hush"], readFile: { _ in [] })
        #expect(outcome.output == expected.listing)
        #expect(expected.settings.apiPort == .number(9))
        #expect(outcome.output.contains("jwt_secret = *** (environment JWT_SECRET)"))
        #expect(!(outcome.output + outcome.errors).contains("hush"))
        #expect(outcome.errors == expected.warnings.map { "warning: \($0)\n" }.joined())
        #expect(outcome.status == 0)
    }

    @Test(arguments: [
        ["--require_https"], ["--require_https", "true"], ["--require_https=true"], ["--require_https=1"],
        ["--replication=0", "--require_https"],
        ["--require_https", "--replication=0"],
    ])
    func `a true-or-false flag may stand bare`(arguments: [String]) throws {
        let outcome = try registry(["--check_config"] + arguments)
        #expect(outcome.output.contains("require_https = true (flag --require_https)"))
    }

    @Test func `--check_config tells which files it names cannot be used`() throws {
        // R911 registry --check_config also looks at the files and directories that the settings name.
        let outcome = try registry([
            "--check_config", "--tls_cert=/nope.pem", "--tls_key=/nope-key.pem", "--cluster_dir=/nowhere",
            "--replication=true",
            "--port_file=/nowhere/ports",
        ])
        #expect(outcome.status == 64)
        #expect(outcome.output.contains("cluster_dir = /nowhere"))
        let errors = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }
        #expect(
            errors.map { String($0.dropFirst("Error: ".count).prefix { $0 != ":" }) } == [
                "tls_cert", "cluster_dir", "port_file",
            ],
            "\(errors)")
        #expect(errors.allSatisfy { $0.contains("/no") && $0.contains("No such file") }, "\(errors)")
    }

    @Test(arguments: Settings.rows.flatMap(\.flagNames))
    func `every row's flag reaches its setting`(name: String) throws {
        let row = try #require(Settings.rows.first { $0.flagNames.contains(name) })
        // No row allows this, and no secret file is there.
        let value = row.isSecret && name == row.name ? String(repeating: "x", count: 65_537) : "/no/such/thing"
        let outcome = try registry(["--\(name)=\(value)", "--check_config"])
        let ofTLS = ["tls_cert", "tls_key", "tls_client_ca", "tls_client_crl"]
        let ofReplication = [
            "replication_tls_cert", "replication_tls_key", "replication_tls_ca", "replication_tls_name",
        ]
        let ofTokens = [
            "jwt_keys", "jwt_issuer", "jwt_audience", "jwt_namespace_claim", "jwt_operator_claim", "jwt_ca",
        ]
        let ofStore = ["store_user", "store_tls_ca", "store_tls_cert", "store_tls_key"]
        if (ofTLS + ofReplication + ofTokens + ofStore + ["operator_cert_name"]).contains(name) {
            // It is allowed by itself; alone it contradicts the others.
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("Error: \(name) \(value) (flag --\(name)): "), "\(outcome.errors)")
        } else if ["port_file", "cluster_dir", "member_name", "eureka_namespace"].contains(name) {
            #expect(outcome.output.contains("\(name) = \(value) (flag --\(name))"))
        } else if name == "audit_file" {
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("Error: \(name): \(value) cannot be written: "), "\(outcome.errors)")
        } else if name == "quotas_file" {
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("Error: \(name): \(value) cannot be used: "), "\(outcome.errors)")
        } else if name == "snapshot_file" {
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("Error: \(name): \(value) cannot be written: "), "\(outcome.errors)")
        } else if ["fs_catalog", "eureka_ca", "k8s_ca"].contains(name) {
            // A path is allowed, and what it names is looked at.
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("Error: \(name): \(value) cannot be read: "), "\(outcome.errors)")
        } else {
            #expect(outcome.status == 64)
            #expect(outcome.errors.hasPrefix("Error: \(row.name): "), "\(outcome.errors)")
            #expect(outcome.errors.contains("flag --\(name)"))
        }
    }

    @Test(arguments: [
        (["--api_port", "80800"], "Error: api_port: \"80800\" from flag --api_port is not allowed"),
        (["--api_port="], "Error: api_port: \"\" from flag --api_port is not allowed"),
        (["--jwt_secret=", "--auth_mode=jwt"], "Error: jwt_secret: "),
        (["--jwt_secret", "--auth_mode=jwt"], "Error: Missing value for '--jwt_secret <secret>'"),
        // R903 An invalid value stops the start with a sentence that names the setting, the value and what is allowed.
        (
            ["--default_ttl", "-5s"],
            "Error: default_ttl: \"-5s\" from flag --default_ttl is not allowed; it must be a duration"
        ),
        (["--loops", "-1"], "Error: loops: \"-1\" from flag --loops is not allowed; it must be a whole number"),
        (["--api_port", "-1"], "Error: api_port: \"-1\" from flag --api_port is not allowed; it must be a port"),
        (["--log_level", "-off"], "Error: log_level: \"-off\" from flag --log_level is not allowed"),
        (
            ["--namespace_capacity", "-2"],
            "Error: namespace_capacity: \"-2\" from flag --namespace_capacity is not allowed; it must be -1"
        ),
        (["--namespace_capacity", "--loops", "2"], "Error: Missing value for '--namespace_capacity <number>'"),
        (["--require_https=", "--check_config"], "Error: require_https: \"\""),
        (["--require_https=maybe"], "Error: require_https: \"maybe\""),
        (["--auth_mode", "jwt"], "Error: auth_mode jwt (flag --auth_mode): jwt needs"),
        (["--bogus"], "Error: Unknown option '--bogus'"),
        (["--api-port", "80"], "Error: Unknown option '--api-port'"),
        (["stray"], "Error: Unexpected argument 'stray'"),
    ])
    func `a wrong command line exits with 64 and a sentence on standard error`(arguments: [String], sentence: String)
        throws
    {
        let outcome = try registry(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output == "")
        #expect(outcome.errors.hasPrefix(sentence), "\(outcome.errors)")
    }

    @Test func `a wrong environment exits with 64 and names the variable`() throws {
        let outcome = try registry(["--check_config"], environment: ["A8_MIN_TTL": "soon"])
        #expect(outcome.status == 64)
        #expect(
            outcome.errors.hasPrefix(
                "Error: min_ttl: \"soon\" from environment A8_MIN_TTL is not allowed; it must be a duration"))
    }

    @Test func `a secret is read from the file that the environment names`() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "key-\(UUID().uuidString)")
        try Data("hush\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let outcome = try registry(
            ["--check_config", "--auth_mode=jwt"], environment: ["A8_JWT_SECRET_FILE": file.path()])
        #expect(outcome.output.contains("jwt_secret = *** (environment A8_JWT_SECRET_FILE)"))
        #expect(outcome.status == 0)
    }
}
