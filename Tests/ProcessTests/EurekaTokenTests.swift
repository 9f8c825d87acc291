// Eureka's clients carry their credential in the path. Whatever the registry writes — logs, answers, pages — has it
// nowhere, whether the token was good, the request was refused, or could not even be read (docs/eureka.md, E112).

import Foundation
import Testing

struct EurekaTokenTests {
    /// Signed with the secret below: `{"namespace":"shop"}`.
    private static let token =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYW1lc3BhY2UiOiJzaG9wIn0.Q9d-rPFYGl0CBOWZM14lLrWx53NawJFtyqC39xvD4qI"
    private static let secret = "process-test-secret-of-thirty-two-bytes!"
    private static let wrong = "recognisable-but-wrong"
    private static let registration = """
        {"instance":{"instanceId":"i1","hostName":"10.0.0.1","app":"WEB","ipAddr":"10.0.0.1","status":"UP",\
        "port":{"$":8080,"@enabled":"true"},"dataCenterInfo":{"@class":"x","name":"MyOwn"}}}
        """

    /// A registry that takes the token above, and says as much as it can.
    private static func registry(_ more: [String] = []) throws -> RunningRegistry {
        let secretFile = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        try Data(secret.utf8).write(to: secretFile)
        defer { try? FileManager.default.removeItem(at: secretFile) }
        return try RunningRegistry(
            [
                "--auth_mode=jwt", "--jwt_secret_file=\(secretFile.path())", "--log_level=debug", "--access_log=all",
                "--event_log=all",
            ] + more)
    }

    /// What is nowhere to be found: the token's parts, as a whole they would be too easy to miss.
    private static func check(_ text: String, _ place: String) {
        for part in token.split(separator: ".").map(String.init) + [wrong, secret] {
            #expect(!text.contains(part), "\(place) has \(part)")
        }
    }

    @Test func `a token in the path is in nothing that the registry writes`() throws {
        let registry = try Self.registry()
        let client = try registry.connect()
        let base = "/api/eureka/\(Self.token)/v2"
        let json = ["Accept: application/json"]
        let asked: [(method: String, target: String, body: String, status: Int)] = [
            ("POST", "\(base)/apps/WEB", Self.registration, 204),
            ("POST", "\(base)/apps/OTHER", Self.registration, 400),
            ("POST", "\(base)/apps/WEB", "{", 400),
            ("POST", "\(base)/apps/WEB", "<instance>", 400),
            ("PUT", "\(base)/apps/WEB/i1?status=UP", "", 200),
            ("PUT", "\(base)/apps/WEB/i2?status=UP", "", 404),
            ("GET", "\(base)/apps", "", 200), ("GET", "\(base)/apps/delta", "", 200),
            ("GET", "\(base)/apps/WEB/i1", "", 200), ("GET", "\(base)/apps/NONE", "", 404),
            ("GET", "\(base)/instances/i1", "", 200), ("GET", "\(base)/vips/web", "", 200),
            ("PUT", "\(base)/apps/WEB/i1/status?value=OUT_OF_SERVICE", "", 200),
            ("PUT", "\(base)/apps/WEB/i1/status?value=BAD", "", 400),
            ("DELETE", "\(base)/apps/WEB/i1/status", "", 200),
            ("PUT", "\(base)/apps/WEB/i1/metadata?k=v", "", 200),
            ("POST", "\(base)/peerreplication/batch/", #"{"replicationList":[{"action":"Heartbeat"}]}"#, 200),
            ("POST", "\(base)/peerreplication/batch/", "{}", 400),
            ("DELETE", "\(base)/apps/WEB", "", 405), ("GET", "\(base)/nothing", "", 404),
            ("GET", "/api/eureka/\(Self.wrong)/v2/apps", "", 401),
            ("GET", "/api/%65ureka/\(Self.wrong)/v2/apps", "", 401),
            ("GET", "/api//eureka/\(Self.token)/v2/apps", "", 400),
            ("GET", "/api/eureka/\(Self.token)/v3/apps", "", 404),
            ("DELETE", "\(base)/apps/WEB/i1", "", 200),
        ]
        var answers: [String] = []
        for (method, target, body, status) in asked {
            let answer = try client.ask(method, target, headers: json, body: body)
            #expect(answer.status == status, "\(method) \(target): \(answer.status)")
            answers.append(answer.head + answer.text)
        }
        // With a body over the general limit, at a route that has the same limit and at one that takes more.
        for path in ["apps/WEB", "peerreplication/batch"] {
            let other = try registry.connect()
            try other.send("POST \(base)/\(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
            let answer = try other.receive("the refusal of a body that is too long")
            #expect(answer.status == 413)
            answers.append(answer.head + answer.text)
        }
        // What cannot be read.
        for line in [
            "GET \(base)/apps HTTP/9.9\r\n\r\n", "GET \(base)/apps\u{1} HTTP/1.1\r\n\r\n", "\(base)/apps\r\n\r\n",
            "GET \(base)/apps HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET \(base)/apps extra HTTP/1.1\r\n\r\n",
            "GET http://x:\(Self.wrong)@y\(base)/apps HTTP/9.9\r\n\r\n",
        ] {
            let other = try registry.connect()
            try other.send(line)
            let answer = try other.receive("the refusal of what cannot be read")
            #expect([400, 505].contains(answer.status), "\(line): \(answer.status)")
            answers.append(answer.head + answer.text)
        }
        let bearer = "Authorization: Bearer \(Self.token)"
        _ = try client.ask("POST", "\(base)/apps/WEB", body: Self.registration)
        for page in [
            "/metrics", "/uptime", "/api/v1/cluster", "/api/v1/catalogs", "/readyz", "/api/v1/events",
            "/api/v1/instances", "/api/v1/instances/WEB:i1", "/api/v1/services", "/api/v1/services/WEB",
        ] {
            let answer = try client.ask("GET", page, headers: [bearer])
            #expect(answer.status == 200, "\(page): \(answer.status)")
            answers.append(answer.head + answer.text)
        }
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        for answer in answers { Self.check(answer, answer) }
        let log = registry.logged
        #expect(log.split(separator: "\n").count { $0.contains("/api/eureka/***/v2") } >= asked.count - 6, "\(log)")
        #expect(log.contains("logger=events") && log.contains("id=WEB:i1"), "the log has changes")
        Self.check(log, "the log")
    }

    @Test func `a redirect to HTTPS has no token`() throws {
        // E113
        let registry = try Self.registry(["--require_https=true"])
        let client = try registry.connect()
        for (method, path) in [("GET", "apps"), ("PUT", "apps/WEB/i1"), ("POST", "apps/WEB")] {
            let answer = try client.ask(method, "/api/eureka/\(Self.token)/v2/\(path)")
            #expect(answer.status == 308)
            #expect(answer.header("Location")?.hasSuffix("/api/eureka/***/v2/\(path)") == true)
            Self.check(answer.head + answer.text, "a redirect")
        }
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        Self.check(registry.logged, "the log")
    }
}
