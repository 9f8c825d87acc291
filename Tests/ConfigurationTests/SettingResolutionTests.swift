// Which source wins, what rows demand of each other, and that a secret never shows.
import Testing

@testable import Configuration

struct SettingResolutionTests {
    private struct Missing: Error, CustomStringConvertible {
        let description = "No such file"
    }

    private func resolve(
        _ flags: [String: [String]] = [:], _ environment: [String: String] = [:], files: [String: [UInt8]] = [:]
    ) throws(SettingError) -> ResolvedSettings {
        try Settings.resolve(flags: flags, environment: environment) { path in
            guard let contents = files[path] else { throw Missing() }
            return contents
        }
    }

    private func error(
        _ flags: [String: [String]] = [:], _ environment: [String: String] = [:], files: [String: [UInt8]] = [:]
    )
        -> SettingError?
    {
        do {
            _ = try resolve(flags, environment, files: files)
            return nil
        } catch {
            return error
        }
    }

    // MARK: Precedence

    @Test func `nothing given is the defaults, each with its origin`() throws {
        let resolved = try resolve()
        #expect(resolved.settings == .defaults)
        #expect(resolved.warnings == [])
        #expect(resolved.origins.count == Settings.rows.count)
        #expect(resolved.origins.values.allSatisfy { $0 == .builtIn })
    }

    @Test func `a flag wins over the prefixed name, which wins over the bare name`() throws {
        // R901 The name of an environment variable works bare and with the prefix A8_; the prefixed one wins over the
        // bare one, and a flag wins over both.
        var environment = ["API_PORT": "1"]
        #expect(try resolve([:], environment).settings.apiPort == .number(1))
        #expect(try resolve([:], environment).origins["api_port"] == .environment("API_PORT"))
        environment["A8_API_PORT"] = "2"
        #expect(try resolve([:], environment).settings.apiPort == .number(2))
        #expect(try resolve([:], environment).origins["api_port"] == .environment("A8_API_PORT"))
        let flagged = try resolve(["api_port": ["3"]], environment)
        #expect(flagged.settings.apiPort == .number(3))
        #expect(flagged.origins["api_port"] == .flag("--api_port"))
    }

    @Test func `an empty environment value counts as not set`() throws {
        #expect(try resolve([:], ["A8_API_PORT": "", "API_PORT": "1"]).settings.apiPort == .number(1))
        #expect(try resolve([:], ["API_PORT": ""]).settings == .defaults)
    }

    @Test func `a losing source is not even looked at`() throws {
        #expect(try resolve(["api_port": ["3"]], ["API_PORT": "nonsense"]).settings.apiPort == .number(3))
    }

    @Test func `a repeated flag counts once, the last time, and a repeated list adds up in order`() throws {
        #expect(try resolve(["api_port": ["1", "2"]]).settings.apiPort == .number(2))
        let flags = ["auth_mode": ["trusted", "jwt"], "jwt_secret": ["s"]]
        #expect(try resolve(flags).settings.authMode == [.trusted, .jwt])
        #expect(
            try resolve([:], ["AUTH_MODE": "jwt,trusted", "JWT_SECRET": "s"]).settings.authMode == [.jwt, .trusted])
    }

    // MARK: Secrets

    @Test(arguments: [
        ("key", "key"), ("key\n", "key"), ("key\r\n", "key"), ("key\n\n", "key"), ("key\r", "key\r"),
        (" key ", " key "),
    ])
    func `the line ending of a secret's file is not part of it`(contents: String, secret: String) throws {
        // R902 The _FILE variant of a secret reads it from a file.
        let resolved = try resolve([:], ["JWT_SECRET_FILE": "/run/key"], files: ["/run/key": Array(contents.utf8)])
        #expect(resolved.settings.jwtSecret == Secret(bytes: Array(secret.utf8)))
        #expect(resolved.origins["jwt_secret"] == .environment("JWT_SECRET_FILE"))
    }

    @Test func `a secret's file holds several, one a line: the first is its own`() throws {
        // R913 The file of a secret may hold up to 8, one a line: the first is proven, all are accepted.
        let (one, two, three) = (
            String(repeating: "1", count: 16), String(repeating: "2", count: 40), String(repeating: "3", count: 16)
        )
        let secret = try resolve(
            ["cluster_secret_file": ["k"]], files: ["k": Array("\(one)\r\n\n\(two)\n\(three)".utf8)]
        ).settings
            .clusterSecret
        #expect(secret?.all == [one, two, three].map { Array($0.utf8) })
        // Given outright it is one.
        #expect(try resolve(["cluster_secret": ["\(one)\n\(two)"]]).settings.clusterSecret?.others == [])
    }

    @Test(arguments: [
        Array(repeating: "sixteen-bytes-16", count: 9).joined(separator: "\n"), "sixteen-bytes-16\nfifteen-bytes-5",
        "short\nsixteen-bytes-16",
    ])
    func `too many secrets in a file, or one too short among several, are refused`(contents: String) {
        #expect(
            error(["jwt_secret_file": ["k"]], files: ["k": Array(contents.utf8)])?.description.contains(
                "a file may hold up to 8") == true)
    }

    @Test func `a secret's file need not be text`() throws {
        let bytes: [UInt8] = [0, 0xFF, 0xC3, 0x28]
        #expect(try resolve(["jwt_secret_file": ["k"]], files: ["k": bytes]).settings.jwtSecret?.bytes == bytes)
    }

    @Test func `a stronger secret file wins over a weaker secret, and the other way round`() throws {
        let files: [String: [UInt8]] = ["k": Array("filed".utf8)]
        let filed = try resolve([:], ["A8_JWT_SECRET_FILE": "k", "JWT_SECRET": "bare"], files: files)
        #expect(filed.settings.jwtSecret?.bytes == Array("filed".utf8))
        let flagged = try resolve(["jwt_secret": ["flagged"]], ["A8_JWT_SECRET_FILE": "k"], files: files)
        #expect(flagged.settings.jwtSecret?.bytes == Array("flagged".utf8))
    }

    @Test func `a secret and its file in the same place is refused, naming both`() {
        let refusal = error([:], ["JWT_SECRET": "hush-hush", "JWT_SECRET_FILE": "k"], files: ["k": [1]])
        #expect(
            refusal == .givenTwice(setting: "jwt_secret", .environment("JWT_SECRET"), .environment("JWT_SECRET_FILE")))
        #expect(
            refusal?.description
                == "jwt_secret: environment JWT_SECRET and environment JWT_SECRET_FILE both set it; keep one of them.")
    }

    @Test func `a secret's file that cannot be read stops the start with the reason`() {
        #expect(
            error(["jwt_secret_file": ["/nowhere"]])?.description
                == "jwt_secret: the file \"/nowhere\" from flag --jwt_secret_file cannot be read: No such file.")
    }

    @Test(arguments: ["", "\n", "\r\n"])
    func `an empty secret file is refused`(contents: String) {
        let refusal = error(["jwt_secret_file": ["k"]], files: ["k": Array(contents.utf8)])
        #expect(
            refusal?.description
                == "jwt_secret: the value from flag --jwt_secret_file is not allowed; it must be \(SecretLines.allowed)."
        )
    }

    @Test func `a secret shows nowhere`() throws {
        let secret = "hush-hush-hush"
        let resolved = try resolve(["auth_mode": ["jwt"], "jwt_secret": [secret]])
        var dumped = ""
        dump(resolved, to: &dumped)
        for shown in [
            resolved.listing, "\(resolved)", String(reflecting: resolved), dumped, resolved.warnings.joined(),
        ] {
            #expect(!shown.contains("hush"))
            // As bytes it must not show either, in a line or, as `dump` has them, below one another: 104, 117 is "hu".
            #expect(!shown.contains("104, 117"))
            #expect(!shown.contains(/- 104\s+- 117/))
        }
        #expect(resolved.listing.contains("jwt_secret = *** (flag --jwt_secret)\n"))

        let tooLong = String(repeating: secret, count: 10_000)
        #expect(error(["jwt_secret": [tooLong]])?.description.contains("hush") == false)
        #expect(error(["jwt_secret": [secret], "jwt_secret_file": ["k"]])?.description.contains("hush") == false)
        #expect(error(["jwt_secret": [secret], "auth_mode": ["none,jwt"]])?.description.contains("hush") == false)
    }

    // MARK: Rows against each other

    @Test func `jwt needs a secret`() {
        #expect(
            error([:], ["AUTH_MODE": "trusted,jwt"])?.description
                == "auth_mode trusted,jwt (environment AUTH_MODE): jwt needs jwt_keys, jwt_jwks_url, jwt_issuer, jwt_secret or jwt_secret_file, and none is set."
        )
    }

    @Test func `public keys do instead of a secret, and settings of tokens want jwt`() throws {
        let resolved = try resolve(["auth_mode": ["jwt"], "jwt_keys": ["/keys.pem"]])
        #expect(resolved.settings.jwtKeys == "/keys.pem" && resolved.settings.jwtNamespaceClaim == "namespace")
        for (name, value) in [
            ("jwt_keys", "/k"), ("jwt_issuer", "i"), ("jwt_audience", "a"), ("jwt_namespace_claim", "tenant"),
            ("jwt_operator_claim", "ops"),
        ] {
            #expect(
                error([name: [value]])?.description
                    == "\(name) \(value) (flag --\(name)): it has no effect without jwt in auth_mode none (default).")
        }
    }

    @Test func `a claim that makes operators needs public keys, and makes the operators' pages`() throws {
        // J402 … JWT_OPERATOR_CLAIM with nothing but JWT_SECRET to verify tokens stops the start.
        let claim = ["auth_mode": ["jwt"], "jwt_operator_claim": ["groups=ops"]]
        for keys in [["jwt_keys": ["/k"]], ["jwt_jwks_url": ["https://i/k"]], ["jwt_issuer": ["https://i"]]] {
            let resolved = try resolve(claim.merging(keys) { $1 }.merging(["operations_auth": ["operator"]]) { $1 })
            #expect(resolved.settings.hasOperators && resolved.settings.jwtOperatorClaim == "groups=ops")
        }
        let secret = ["jwt_secret": [String(repeating: "k", count: 32)]]
        for more in [[:], ["jwt_issuer": ["joe"]]] {
            let refusal = error(claim.merging(secret) { $1 }.merging(more) { $1 })?.description
            #expect(refusal?.contains("tokens under jwt_secret make no operator") == true, "\(refusal ?? "none")")
        }
    }

    @Test func `keys come from one place, and from the issuer where nothing else verifies tokens`() throws {
        // J301 The keys of an issuer
        let secret = String(repeating: "k", count: 32)
        func fetches(_ flags: [String: [String]]) throws -> Bool {
            try resolve(["auth_mode": ["jwt"]].merging(flags) { $1 }).settings.fetchesKeys
        }
        #expect(try fetches(["jwt_issuer": ["https://i"]]))
        #expect(try fetches(["jwt_jwks_url": ["https://i/k"]]))
        #expect(try fetches(["jwt_jwks_url": ["https://i/k"], "jwt_issuer": ["joe"], "jwt_secret": [secret]]))
        #expect(try !fetches(["jwt_issuer": ["joe"], "jwt_secret": [secret]]))
        #expect(try !fetches(["jwt_issuer": ["joe"], "jwt_keys": ["/k"]]))
        #expect(try !fetches(["jwt_secret": [secret]]))
        for flags in [
            ["jwt_keys": ["/k"], "jwt_jwks_url": ["https://i/k"]], ["jwt_ca": ["/ca.pem"], "jwt_keys": ["/k"]],
        ] {
            #expect(throws: SettingError.self) { try fetches(flags) }
        }
    }

    @Test(arguments: [
        "-----BEGIN PUBLIC KEY-----\nMFkw", "-----BEGIN RSA PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\r\nMII",
    ])
    func `what everybody may know is no secret`(text: String) {
        // J102 A JWT_SECRET that begins as a public key or a certificate in PEM does stops the start.
        let outright = error(["auth_mode": ["jwt"], "jwt_secret": [text]])?.description
        #expect(outright?.contains("it is a public key or a certificate in PEM") == true)
        let file = Array((text + "\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n").utf8)
        #expect(throws: SettingError.self) {
            try Settings.resolve(
                flags: ["auth_mode": ["jwt"], "jwt_secret_file": ["f"]], environment: [:], readFile: { _ in file })
        }
    }

    @Test(arguments: [(1, true), (31, true), (32, false), (64, false)])
    func `a secret under 32 bytes is warned of, and no more than that`(count: Int, isWarned: Bool) throws {
        let secret = String(repeating: "k", count: count)
        let resolved = try resolve(["auth_mode": ["jwt"], "jwt_secret": [secret]])
        #expect(resolved.warnings.contains { $0.contains("shorter than 32 bytes") } == isWarned)
        #expect(try resolve(["jwt_secret": [secret]]).warnings == [])
    }

    @Test(arguments: [
        (" k", true), ("k\n", true), ("k\t", true), ("\rk", true), ("k k", false), ("k", false), ("\u{A0}k", false),
    ])
    func `a secret with white space around it is warned of`(secret: String, isWarned: Bool) throws {
        let long = secret.replacing("k", with: String(repeating: "k", count: 32))
        let words = "begins or ends with white space"
        #expect(
            try resolve(["auth_mode": ["jwt"], "jwt_secret": [long]]).warnings.contains { $0.contains(words) }
                == isWarned)
        let cluster = ["replication": ["true"], "cluster_dir": ["/c"], "cluster_secret": [long]]
        #expect(try resolve(cluster).warnings.contains { $0.contains(words) } == isWarned)
    }

    @Test(arguments: [
        (
            ["api_port": ["6100"], "replication": ["true"]],
            "api_port 6100 (flag --api_port), replication_port 6100 (default): they must differ." as String?
        ),
        (["api_port": ["6100"]], nil), (["api_port": ["0"], "replication_port": ["0"], "replication": ["true"]], nil),
        (["api_port": ["off"], "replication_port": ["off"]], "api_port off (flag --api_port): no other port is open"),
        (
            [
                "https_port": ["7"], "replication_port": ["7"], "replication": ["true"], "tls_cert": ["c"],
                "tls_key": ["k"],
            ],
            "https_port 7 (flag --https_port), replication_port 7 (flag --replication_port): they must differ."
        ),
    ])
    func `two ports of one number stop the start by name`(flags: [String: [String]], sentence: String?) {
        #expect(error(flags)?.description.prefix(sentence?.count ?? 0) == sentence.map { $0[...] } ?? nil)
    }

    @Test func `an address where a port should be learns of service links`() {
        let words = "enableServiceLinks: false"
        let link = error([:], ["API_PORT": "tcp://10.0.0.1:80"])?.description
        #expect(
            link?.contains("Service named \"api\"") == true && link?.contains(words) == true
                && link?.contains("A8_API_PORT") == true)
        #expect(error([:], ["REPLICATION_PORT": "udp://10.0.0.1:80"])?.description.contains(words) == true)
        #expect(error([:], ["A8_API_PORT": "x"])?.description.contains(words) == false)
        #expect(error(["api_port": ["tcp://10.0.0.1:80"]])?.description.contains(words) == false)
    }

    @Test(arguments: [
        (["min_ttl": ["31s"]], "min_ttl 31s (flag --min_ttl), default_ttl 30s (default), max_ttl 10m0s (default)"),
        (["max_ttl": ["29s"]], "min_ttl 10s (default), default_ttl 30s (default), max_ttl 29s (flag --max_ttl)"),
        (
            ["default_ttl": ["11m"]],
            "min_ttl 10s (default), default_ttl 11m0s (flag --default_ttl), max_ttl 10m0s (default)"
        ),
        (
            ["default_ttl": ["9s"]],
            "min_ttl 10s (default), default_ttl 9s (flag --default_ttl), max_ttl 10m0s (default)"
        ),
    ])
    func `lifetimes out of order stop the start`(flags: [String: [String]], values: String) {
        // R907 MIN_TTL ≤ DEFAULT_TTL ≤ MAX_TTL must hold.
        #expect(error(flags)?.description == values + ": it must be min_ttl ≤ default_ttl ≤ max_ttl.")
    }

    @Test func `lists of one namespace may not take more than those of all`() {
        #expect(
            error(["render_bytes": ["2097152"]])?.description
                == "render_bytes_namespace 67108864 (default), render_bytes 2097152 (flag --render_bytes): "
                + "it must be render_bytes_namespace ≤ render_bytes.")
        #expect(error(["render_bytes": ["2097152"], "render_bytes_namespace": ["2097152"]]) == nil)
    }

    @Test func `three equal lifetimes are in order`() {
        #expect(error(["min_ttl": ["1m"], "default_ttl": ["60s"], "max_ttl": ["1m0s"]]) == nil)
    }

    @Test func `replication that can find no peer is warned of`() throws {
        let secret = ["0123456789abcdef"]
        #expect(try resolve(["replication": ["true"], "cluster_secret": secret]).warnings.count == 1)
        #expect(try resolve(["replication": ["true"], "cluster_secret": secret, "cluster_dir": ["/c"]]).warnings == [])
    }

    // MARK: Sentences

    @Test func `an error says where a wrong value came from, whatever the value is`() {
        #expect(
            error([:], ["A8_API_PORT": "80800"])?.description
                == "api_port: \"80800\" from environment A8_API_PORT is not allowed; "
                + "it must be a port from 1 to 65535, 0 (the system chooses) or off.")
        #expect(error(["log_format": ["a\nb\u{1B}[31m"]])?.description.contains(#""a\nb\u{1B}[31m""#) == true)
        let long = error(["log_format": [String(repeating: "x", count: 5_000)]])?.description
        #expect(long?.contains(String(repeating: "x", count: 120) + "\"…") == true)
        #expect((long?.count ?? .max) < 300)
    }
}
