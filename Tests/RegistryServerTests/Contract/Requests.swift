// The requests that most tests make, and what they look at.

import Foundation
import TLS
import TestSupport
import Testing

@testable import Authorization

/// The body of a registration, field by field; each value is JSON text, and nil leaves the field out.
struct Body {
    var serviceName: String? = #""web""#
    var type: String? = #""http""#
    var value: String? = #""10.0.0.1:80""#
    /// Other fields, as they follow the known ones.
    var rest: [(key: String, json: String)] = []

    init(_ service: String = "web", _ value: String = "10.0.0.1:80", _ rest: KeyValuePairs<String, String> = [:]) {
        serviceName = Self.quoted(service)
        self.value = Self.quoted(value)
        self.rest = rest.map { ($0.key, $0.value) }
    }

    /// A JSON string, written by Foundation.
    static func quoted(_ text: String) -> String {
        let json = try? JSONSerialization.data(
            withJSONObject: text, options: [.fragmentsAllowed, .withoutEscapingSlashes])
        return String(decoding: json ?? Data(), as: UTF8.self)
    }

    var text: String {
        let endpoint = [("type", type), ("value", value)].compactMap { key, json in json.map { "\"\(key)\":\($0)" } }
        var members = ["\"endpoint\":{\(endpoint.joined(separator: ","))}"]
        if let serviceName { members.insert("\"service_name\":\(serviceName)", at: 0) }
        return "{" + (members + rest.map { "\"\($0.key)\":\($0.json)" }).joined(separator: ",") + "}"
    }
}

extension TestRequest {
    static func register(_ body: Body) -> TestRequest { register(text: body.text) }
    static func register(text: String) -> TestRequest { register(bytes: Array(text.utf8)) }
    static func register(bytes: [UInt8]) -> TestRequest {
        TestRequest("POST", "/api/v1/instances", [("Content-Type", "application/json")], body: bytes)
    }
    static func list(_ query: String = "status=ALL") -> TestRequest {
        get("/api/v1/instances" + (query.isEmpty ? "" : "?" + query))
    }
    static func instance(_ id: String) -> TestRequest { get("/api/v1/instances/\(id)") }
    static func renew(_ id: String) -> TestRequest { TestRequest("PUT", "/api/v1/instances/\(id)/heartbeat") }
    static func remove(_ id: String) -> TestRequest { TestRequest("DELETE", "/api/v1/instances/\(id)") }

    func bearing(_ token: String) -> TestRequest { with("Authorization", "Bearer \(token)") }
}

extension Registry {
    /// Registers and gives the id. Fails the test when the registry refuses.
    @discardableResult
    func register(_ body: Body, token: String? = nil) throws -> String {
        let request = TestRequest.register(body)
        let answer = try send(token.map { request.bearing($0) } ?? request)
        try #require(answer.status == 201, "\(answer) to \(body.text)")
        return try #require(try answer.object()["id"] as? String)
    }

    /// The instance that registering this body makes, as the registry then shows it.
    func registered(_ body: Body) throws -> [String: Any] {
        let id = try register(body)
        return try send(.instance(id)).object()
    }

    /// Everything that a look-up of a namespace shows.
    func everything(token: String? = nil) throws -> String {
        let request = TestRequest.list()
        return try send(token.map { request.bearing($0) } ?? request).text
    }

    /// The ids that a query lists, in their order.
    func ids(_ query: String) throws -> [String] {
        let answer = try send(.list(query))
        try #require(answer.status == 200, "\(answer) to \(query)")
        return try answer.instances().compactMap { $0["id"] as? String }
    }
}

extension Answer {
    func instances() throws -> [[String: Any]] { try #require(try object()["instances"] as? [[String: Any]]) }
}

/// R202, spelt out: the first 16 hexadecimal digits of the SHA-256.
func instanceID(_ service: String, _ type: String, _ value: String) -> String {
    SHA256.digest(of: Array("\(service)/\(type)/\(value)".utf8)).prefix(8).map { String(format: "%02x", $0) }.joined()
}

/// R202, spelt out for what shares its text with a shorter service name.
func instanceIDOfParts(_ service: String, _ type: String, _ value: String) -> String {
    let parts = SHA256.digest(of: Array(service.utf8)) + Array(type.utf8) + SHA256.digest(of: Array(value.utf8))
    return SHA256.digest(of: parts).prefix(8).map { String(format: "%02x", $0) }.joined()
}
