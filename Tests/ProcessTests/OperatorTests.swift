// An operator's credential as it is used: the real binary, a file of tokens that changes, and everything that the registry
// writes, in which no token is to be found (docs/rest-api.md, R521 and R527).

import Foundation
import Glibc
import Testing

struct OperatorTests {
    private static let tokens = [
        "first-operator-token-k3J9xQ2mV7bT5nR8wL4", "second-operator-token-P6sD1fG0hZ9cY4uE7aB3",
    ]

    private static func file(_ text: String) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "operators-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url
    }

    /// What is nowhere to be found: parts of the tokens, since the whole would be too easy to miss.
    private static func check(_ text: String, _ place: String) {
        for token in tokens {
            for part in [token.prefix(20), token.suffix(18)] { #expect(!text.contains(part), "\(place) has \(part)") }
        }
    }

    @Test func `tokens are exchanged while clients are served, and are in nothing that the registry writes`() throws {
        // R527 Changed tokens of operators are taken over at once: from then on the old ones are refused, also on open
        // connections. No token of an operator is in any log, page or error.
        let file = try Self.file(Self.tokens[0] + "\n")
        defer { try? FileManager.default.removeItem(at: file) }
        let registry = try RunningRegistry([
            "--auth_mode=trusted", "--operator_token_file=\(file.path())", "--log_level=debug", "--access_log=all",
            "--event_log=all", "--loops=2",
        ])
        let clients = try (0..<4).map { _ in try registry.connect() }
        func statuses(_ token: String) throws -> Set<Int> {
            Set(
                try clients.map {
                    try $0.ask(
                        "GET", "/api/v1/services?namespace=shop", headers: ["Authorization: Bearer \(token)"]
                    ).status
                })
        }
        #expect(try statuses(Self.tokens[0]) == [200])
        #expect(try statuses(Self.tokens[1]) == [403], "as trusted has it, a tenant of another namespace")

        try Data("\(Self.tokens[1])\n\(Self.tokens[0])\n".utf8).write(to: file, options: .atomic)
        registry.send(SIGHUP)
        try Patience.wait("the second token to be an operator's") { try statuses(Self.tokens[1]) == [200] }
        #expect(try statuses(Self.tokens[0]) == [200])
        // What is no token changes nothing.
        try Data("\(Self.tokens[1])\nshort\n".utf8).write(to: file, options: .atomic)
        registry.send(SIGHUP)
        _ = try registry.log(whenALine: "that the settings are wrong") { $0.contains("nothing is changed") }
        #expect(try statuses(Self.tokens[0]) == [200])
        try Data(Self.tokens[1].utf8).write(to: file, options: .atomic)
        registry.send(SIGHUP)
        try Patience.wait("the first token to be refused") { try statuses(Self.tokens[0]) == [403] }
        #expect(try statuses(Self.tokens[1]) == [200])

        // Wherever a token may stand, whatever becomes of the request.
        let token = Self.tokens[1]
        let bearer = "Authorization: Bearer \(token)"
        let basic = "Authorization: Basic \(Data("u:\(token)".utf8).base64EncodedString())"
        let asked: [(method: String, target: String, headers: [String], body: String, status: Int)] = [
            ("POST", "/api/v1/instances?namespace=shop", [bearer], Sample.registration(), 201),
            ("GET", "/api/v1/instances?namespace=shop", [bearer], "", 200),
            ("GET", "/api/v1/instances?namespace=", [bearer], "", 400),
            ("GET", "/api/v1/instances?bad=1", [bearer], "", 400),
            ("GET", "/api/v1/events?namespace=shop", [bearer], "", 200),
            ("DELETE", "/api/v1/instances/0000000000000000", [bearer], "", 410),
            ("GET", "/v1/catalog/services", ["X-Consul-Token: \(token)"], "", 200),
            ("GET", "/v1/catalog/services", ["X-Consul-Token: \(token)", "Authorization: Bearer x"], "", 400),
            ("GET", "/eureka/v2/apps?namespace=shop", [basic], "", 200),
            ("GET", "/api/eureka/\(token)/v2/apps", [], "", 200),
            ("GET", "/api/eureka/\(token)/v2/apps?namespace=%FF", [], "", 400),
            ("GET", "/api/eureka/\(token)/nothing", [], "", 404),
            ("GET", "/metrics", [bearer], "", 200), ("GET", "/uptime", [bearer], "", 200),
            ("GET", "/readyz", [bearer], "", 200), ("GET", "/api/v1/cluster", [bearer], "", 200),
            ("GET", "/api/v1/catalogs", [bearer], "", 200),
        ]
        for (method, target, headers, body, status) in asked {
            let answer = try registry.connect().ask(method, target, headers: headers, body: body)
            #expect(answer.status == status, "\(method) \(target): \(answer)")
            Self.check("\(answer)", "the answer to \(method) \(target)")
        }
        // Requests that cannot be read are logged by their first bytes.
        for bytes in [
            "\(bearer)\r\n\r\n", "GET /api/eureka/\(token)/v2/apps HTTP/9\r\n\r\n", "Bearer \(token)\r\n\r\n",
        ] {
            let client = try registry.connect()
            try client.send(bytes)
            Self.check(try client.receiveEnd("the end of a connection that was refused"), "a refusal")
        }
        registry.send(SIGUSR1)
        registry.send(SIGTERM)
        _ = try registry.waitForEnd("the end of a registry that was asked to stop")
        Self.check(registry.logged, "the log")
        #expect(registry.logged.contains("setting=operator_token"))
    }

    @Test(arguments: [
        "short", "first-operator-token-k3J9xQ2mV7bT5nR8wL4\nshort-one-more-0123",
        "with a space, and long enough otherwise",
    ])
    func `a token that is too short or cannot be sent stops the start with a sentence`(text: String) throws {
        // R521 … A shorter or longer one stops the start with a sentence.
        let file = try Self.file(text)
        defer { try? FileManager.default.removeItem(at: file) }
        let outcome = try RunningRegistry.outcome(["--operator_token_file=\(file.path())"])
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("operator_token") && outcome.errors.contains("32 to 1024"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("short") && !outcome.errors.contains("k3J9"), "\(outcome.errors)")
    }

    @Test func `a token that has another purpose stops the start, and does not trouble the check`() throws {
        let file = try Self.file(Self.tokens[0])
        defer { try? FileManager.default.removeItem(at: file) }
        let purpose = TestStore.isUsed ? "store_password" : "cluster_secret"
        let secrets = ["--operator_token_file=\(file.path())", "--\(purpose)_file=\(file.path())"]
        let outcome = try RunningRegistry.outcome(secrets)
        #expect(outcome.status == 64 && outcome.errors.contains(purpose), "\(outcome.errors)")
        Self.check(outcome.errors, "the error")
        // R910 registry check asks the registry on this machine … 1 when it is not reached.
        let other = try Self.file(Self.tokens[1])
        defer { try? FileManager.default.removeItem(at: other) }
        let check = try RunningRegistry.outcome([
            "check", "--api_port=1", "--operator_token_file=\(file.path())", "--\(purpose)_file=\(other.path())",
        ])
        #expect(check.status == 1, "\(check.errors)")
    }
}
