// What a command asks, from its words and variables to the request line.

import HTTP
import HTTPClient
import Testing

@testable import Commands

struct RequestTests {
    private func target(_ flags: RegistryTarget.Flags = .init(), _ environment: [String: String] = [:])
        throws(CommandFailure) -> RegistryTarget
    {
        try RegistryTarget(flags, environment: environment)
    }

    @Test func `without a word it is the registry of this machine`() throws {
        let plain = try target()
        #expect(plain.servers.map(\.description) == ["http://localhost:8080/"])
        #expect(plain.token == nil)
        #expect(plain.namespace == nil)
    }

    @Test func `a flag wins over its variable, and several members may be named`() throws {
        let made = try target(
            .init(url: "https://a:1, http://b:2/registry", namespace: "x"),
            ["REGISTRY_URL": "http://c", "REGISTRY_NAMESPACE": "y", "REGISTRY_TOKEN": "t", "REGISTRY_CA": "/ca"])
        #expect(made.servers.map(\.description) == ["https://a:1/", "http://b:2/registry"])
        #expect(made.namespace == "x")
        #expect(made.token == .text("t"))
        #expect(made.tls.authorityPath == "/ca")
        #expect(try target(.init(tokenFile: "/f"), ["REGISTRY_TOKEN": "t"]).token == .file("/f"))
        #expect(try target(.init(), ["REGISTRY_TOKEN_FILE": "/g"]).token == .file("/g"))
        #expect(try target(.init(), ["REGISTRY_CERT": "/c", "REGISTRY_KEY": "/k"]).tls.paths == ["/c", "/k"])
    }

    @Test(arguments: [
        ["REGISTRY_URL": "ftp://a"], ["REGISTRY_URL": ","], ["REGISTRY_URL": "http://a:99999"],
        ["REGISTRY_CERT": "/c"], ["REGISTRY_KEY": "/k"], ["REGISTRY_TOKEN": "a", "REGISTRY_TOKEN_FILE": "/b"],
    ])
    func `variables that make no sense are a misuse`(environment: [String: String]) {
        let failure = #expect(throws: CommandFailure.self) { _ = try target(.init(), environment) }
        #expect(failure?.status == .usage)
        #expect(failure?.sentence.contains("REGISTRY_") == true)
    }

    @Test(arguments: [
        ("secret", "secret"), ("secret\n", "secret"), ("\r\nfirst\r\nsecond\r\n", "first"), ("a b\n", "a b"),
        ("\n", nil),
        ("", nil),
    ])
    func `a token is the first line of its file`(text: String, token: String?) {
        #expect(RegistryTarget.token(inFile: Array(text.utf8)) == token)
    }

    @Test func `no name becomes another path`() {
        #expect(
            RegistryRequest.heartbeat("../x?y#/\u{E9} ").target
                == "api/v1/instances/..%2Fx%3Fy%23%2F%C3%A9%20/heartbeat")
        #expect(
            RegistryRequest.instances(.init(service: "a&b=c+d", tags: ["x", "y z"])).target
                == "api/v1/instances?service_name=a%26b%3Dc%2Bd&status=ALL&tags=x%2Cy%20z")
        #expect(RegistryRequest.watch(.init(status: "UP")).target == "api/v1/watch?status=UP")
        #expect(RegistryRequest(page: "metrics").target == "metrics")
    }

    @Test func `an operator's words have their paths`() {
        let cases: [(RegistryRequest, String)] = [
            (.override(.instance("i"), status: "DOWN", for: "30m"), "PUT api/v1/instances/i/status?value=DOWN&for=30m"),
            (.override(.instance("i"), status: nil, for: nil), "DELETE api/v1/instances/i/status"),
            (.drain(.instance("i"), isSet: true, for: "30s"), "PUT api/v1/instances/i/drain?for=30s"),
            (.drain(.instance("i"), isSet: false, for: nil), "DELETE api/v1/instances/i/drain"),
            (.override(.service("a/b"), status: "DOWN", for: nil), "PUT api/v1/services/a%2Fb/status?value=DOWN"),
            (.override(.service("s"), status: nil, for: nil), "DELETE api/v1/services/s/status"),
            (.drain(.service("s"), isSet: true, for: "30s"), "PUT api/v1/services/s/drain?for=30s"),
            (.drain(.service("s"), isSet: false, for: nil), "DELETE api/v1/services/s/drain"),
            (.deregistration(of: "i"), "DELETE api/v1/instances/i"),
        ]
        for (request, expected) in cases { #expect("\(request.method.name) \(request.target)" == expected) }
    }

    @Test func `a request carries the token, the namespace and the path of the server`() throws {
        let server = try HTTPURL("https://user:pw@h/registry/")
        let request = try #require(
            RegistryRequest.heartbeats(["a", "b\""]).outgoing(to: server, token: "t", namespace: "team a"))
        #expect(request.url.target == "/registry/api/v1/heartbeats?namespace=team%20a")
        #expect(
            request.fields.map { "\($0.name): \($0.value)" } == [
                "Authorization: Bearer t", "Content-Type: application/json",
            ])
        #expect(request.body == Array(#"{"ids":["a","b\""]}"#.utf8))
    }

    @Test func `a registration says what it was told and nothing else`() throws {
        var registration = Registration(service: "we\"b", endpoint: "h:1")
        #expect(
            registration.request.json
                == Array(#"{"service_name":"we\"b","endpoint":{"type":"tcp","value":"h:1"}}"#.utf8))
        registration.type = .http
        registration.ttl = Registration.seconds("1m30s")
        registration.status = "STARTING"
        registration.tags = ["a", "b"]
        registration.metadata = Array(#"{"zone": "eu"}"#.utf8)
        #expect(
            registration.request.json
                == Array(
                    #"{"service_name":"we\"b","endpoint":{"type":"http","value":"h:1"},"ttl":90,"status":"STARTING","tags":["a","b"],"metadata":{"zone": "eu"}}"#
                        .utf8))
        #expect(Registration.seconds("500ms") == nil)
        #expect(Registration.seconds("30") == nil)
        #expect(!Registration.isJSON("{} x"))
        #expect(Registration.Grant(Array(#"{"id":"i","ttl":30}"#.utf8)) == .init(id: "i", ttl: .seconds(30)))
        #expect(Registration.Grant(Array("{}".utf8)) == nil)
    }

    @Test(arguments: [
        (200, 0), (201, 0), (204, 0), (301, 1), (400, 1), (401, 4), (403, 4), (404, 3), (405, 1), (410, 3), (429, 6),
        (500, 1),
        (503, 6),
    ])
    func `each answer has its exit status`(answer: Int, status: Int32) {
        #expect(ExitStatus(answer: answer).rawValue == status)
    }

    @Test func `a refusal is told in the registry's words, made harmless`() {
        let refused = RegistryAnswer.failure(
            ReceivedHead(status: 503, fields: [("Retry-After", "2")]), Array(#"{"Error":"come \u001b[2J later"}"#.utf8),
            from: "http://h/")
        #expect(refused?.sentence == "http://h/ answers 503: come \\u{1b}[2J later (try again in 2 s)")
        #expect(refused?.status == .later)
        let moved = RegistryAnswer.failure(
            ReceivedHead(status: 308, fields: [("Location", "https://h/x")]), [], from: "http://h/")
        #expect(moved?.sentence == "http://h/ answers 308 and wants https://h/x instead")
        #expect(RegistryAnswer.failure(ReceivedHead(status: 200, fields: []), [], from: "") == nil)
    }
}
