// An operator that is known by its certificate, with certificates that openssl has made (docs/rest-api.md, R520).

import Foundation
import Testing

struct OperatorCertificateTests {
    /// Has the development authority sign a client's certificate; the arguments of curl that show it.
    private func certificate(
        _ registry: RegistryUnderTest, _ name: String, subject: String, alternatives: String? = nil
    ) throws -> [String] {
        let (key, request, signed) = (
            registry.path("\(name)-key.pem"), registry.path("\(name).csr"), registry.path("\(name).pem")
        )
        let extensions = registry.path("\(name).ext")
        try Data("extendedKeyUsage=clientAuth\n\(alternatives.map { "subjectAltName=\($0)\n" } ?? "")".utf8).write(
            to: URL(filePath: extensions))
        for arguments in [
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                "-out", request, "-subj", subject,
            ],
            [
                "x509", "-req", "-in", request, "-CA", registry.path("ca.pem"), "-CAkey", registry.path("ca-key.pem"),
                "-days", "2", "-out", signed, "-extfile", extensions,
            ],
        ] {
            let made = try RegistryUnderTest.tool("openssl", arguments)
            try #require(made.status == 0, "\(made.output)")
        }
        return ["--cert", signed, "--key", key]
    }

    @Test(arguments: ["mtls,trusted", "trusted", "none"])
    func `a certificate with the name is an operator's in each mode, and no other is`(mode: String) throws {
        // R520 … a client certificate with OPERATOR_CERT_NAME as a URI or DNS name among its alternative names or, where
        // it has no alternative name, as its subject's CN.
        let name = "ops.example"
        let registry = try RegistryUnderTest([
            "AUTH_MODE": mode, "TLS_CLIENT_CA": "$ca.pem", "TLS_CLIENT_AUTH": "optional", "OPERATOR_CERT_NAME": name,
        ])
        let namespace = mode == "none" ? "default" : "tenant"
        let post = [
            "-X", "POST", "-H", "Content-Type: application/json", "-d",
            #"{"service_name":"mine","endpoint":{"type":"http","value":"h:1"}}"#,
        ]
        let tenant = mode == "none" ? [] : ["-H", "Authorization: Bearer tenant"]
        #expect(try registry.curl("\(registry.https)/api/v1/instances", tenant + post).hasPrefix("HTTP/1.1 201 "))

        let url = "\(registry.https)/api/v1/services?namespace=\(namespace)"
        let operators = [
            try certificate(registry, "dns", subject: "/CN=x/OU=shop", alternatives: "DNS:\(name)"),
            try certificate(registry, "several", subject: "/CN=x", alternatives: "URI:spiffe://m/ns/shop,DNS:\(name)"),
            try certificate(registry, "common", subject: "/CN=\(name)"),
        ]
        for arguments in operators {
            #expect(try registry.curl(url, arguments).contains(#"{"services":["mine"]}"#), "\(arguments)")
        }
        let others = [
            try certificate(registry, "hidden", subject: "/CN=\(name)", alternatives: "URI:spiffe://m/ns/shop"),
            try certificate(registry, "unit", subject: "/CN=x/OU=\(name)"),
            try certificate(registry, "longer", subject: "/CN=\(name).evil", alternatives: "DNS:\(name).evil"),
        ]
        // Where everything is in `default` everybody may read it, so it is the operators' own that tells them apart.
        for arguments in others where mode != "none" {
            let answer = try registry.curl(url, arguments)
            #expect(answer.hasPrefix("HTTP/1.1 40"), "\(arguments): \(answer)")
        }
    }
}
