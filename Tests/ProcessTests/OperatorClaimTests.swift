// Operators by a claim of their token, as the real binary has it (docs/tokens.md, J401–J403).

import Foundation
import Testing

import enum TestSupport.Forge
import struct TestSupport.SigningKey

struct OperatorClaimTests {
    private static let secret = "a secret of 32 characters and more"

    /// With the key of `SigningKey.p256`, a secret, and further flags.
    private static func registry(_ flags: [String]) throws -> RunningRegistry {
        let file = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        try Data(SigningKey.p256.publicText.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try RunningRegistry(
            ["--auth_mode=jwt", "--jwt_keys=\(file.path())", "--jwt_secret=\(secret)", "--loops=2"] + flags)
    }

    private static func bearer(_ claims: String) -> [String] {
        ["Authorization: Bearer \(SigningKey.p256.token(header: #"{"alg":"ES256"}"#, claims: claims))"]
    }

    @Test func `whoever has the role sees and acts in every namespace, and nobody else does`() throws {
        // J401 With JWT_OPERATOR_CLAIM a token is an operator's if … CLAIM=VALUE … an array that has it. J403 An operator's
        // token needs no claim of a namespace. Where it has one, it acts there unless the request names another.
        let registry = try Self.registry([
            "--jwt_operator_claim=realm_access.roles=registry-operator", "--operations_auth=operator",
        ])
        let tenant = Self.bearer(#"{"namespace":"shop","realm_access":{"roles":["user"]}}"#)
        let someone = Self.bearer(#"{"realm_access":{"roles":["registry-operator"]}}"#)
        let oneOfShop = Self.bearer(#"{"namespace":"shop","realm_access":{"roles":["registry-operator"]}}"#)
        let client = try registry.connect()
        let made = try client.ask(
            "POST", "/api/v1/instances", headers: tenant, body: Sample.registration(endpoint: "10.0.0.1:1"))
        #expect(made.status == 201)

        let namespaces = try client.ask("GET", "/api/v1/namespaces", headers: someone)
        #expect(namespaces.status == 200 && namespaces.text.contains(#""namespace":"shop""#), "\(namespaces)")
        let token = String(someone[0].dropFirst("Authorization: Bearer ".count))
        let table = try registry.command("namespaces", environment: ["REGISTRY_TOKEN": token])
        #expect(table.status == 0 && table.output.split(separator: "\n").last?.hasPrefix("shop") == true, "\(table)")
        func lists(_ query: String, _ headers: [String]) throws -> Bool? {
            let answer = try client.ask("GET", "/api/v1/instances\(query)", headers: headers)
            return answer.status == 200 ? answer.text.contains("10.0.0.1:1") : nil
        }
        #expect(try lists("", someone) == false && lists("?namespace=shop", someone) == true)
        #expect(try lists("", oneOfShop) == true && lists("?namespace=default", oneOfShop) == false)
        #expect(try lists("", tenant) == true && lists("?namespace=default", tenant) == nil)
        for (path, headers, status) in [
            ("/metrics", someone, 200), ("/metrics", tenant, 403), ("/metrics", [], 401),
            ("/api/v1/namespaces", tenant, 403), ("/api/v1/namespaces", [], 401),
        ] {
            #expect(try client.ask("GET", path, headers: headers).status == status, "\(path)")
        }
        // J402 A token of HS256 makes no operator, whatever it claims.
        let claims = #"{"namespace":"shop","realm_access":{"roles":["registry-operator"]}}"#
        let forged = ["Authorization: Bearer \(Forge.token(claims: claims, secret: Self.secret))"]
        #expect(try lists("", forged) == true)
        #expect(try client.ask("GET", "/api/v1/namespaces", headers: forged).status == 403)
        #expect(try lists("?namespace=default", forged) == nil)
    }

    @Test func `without the setting the role is nobody's, and the operators' pages do not exist`() throws {
        let registry = try Self.registry([])
        let someone = Self.bearer(#"{"namespace":"shop","realm_access":{"roles":["registry-operator"]}}"#)
        let client = try registry.connect()
        #expect(try client.ask("GET", "/api/v1/namespaces", headers: someone).status == 404)
        #expect(try client.ask("GET", "/api/v1/instances?namespace=default", headers: someone).status == 403)
    }
}
