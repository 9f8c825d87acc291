// HTTPS as an operator meets it: the binary, its certificates on disk, its signals, and other people's clients.

import Foundation
import Testing

@testable import Authorization

@Suite(.serialized) struct HTTPSProcessTests {
    // MARK: - Requiring HTTPS

    @Test func `a plain request is sent to the TLS port, whatever port or scheme it claims`() throws {
        // R615 With a TLS port of our own, the redirect has the host's name as in Host and that port; a Host that is no
        // name with or without a port is answered 400. R616 With REQUIRE_HTTPS, every answer over TLS of our own
        // carries Strict-Transport-Security: max-age=63072000.
        let registry = try RegistryUnderTest(["REQUIRE_HTTPS": "true"])
        let port = try #require(registry.ports["https"])
        for (host, name) in [
            ("registry:8080", "registry"), ("registry", "registry"), ("evil:99", "evil"), ("[::1]:80", "[::1]"),
        ] {
            let answer = try registry.curl(
                "\(registry.http)/api/v1/instances?fields=id&x=%20", ["-H", "Host: \(host)"])
            #expect(answer.hasPrefix("HTTP/1.1 301 "))
            #expect(
                answer.contains("Location: https://\(name):\(port)/api/v1/instances?fields=id&x=%20\r\n"), "\(answer)")
            #expect(!answer.contains("Strict-Transport-Security"))
        }
        for host in ["a:b", "[::1", "a:1:2", ":80"] {
            #expect(
                try registry.curl("\(registry.http)/api/v1/instances", ["-H", "Host: \(host)"]).hasPrefix(
                    "HTTP/1.1 400 "), "\(host)")
        }
        #expect(try registry.curl("\(registry.http)/livez").hasPrefix("HTTP/1.1 200 "))
        #expect(try registry.curl("\(registry.http)/metrics").hasPrefix("HTTP/1.1 200 "))
        let secure = try registry.curl("\(registry.https)/api/v1/instances")
        #expect(secure.hasPrefix("HTTP/1.1 200 "))
        #expect(secure.contains("Strict-Transport-Security: max-age=63072000\r\n"))
        // What never becomes a request is answered over TLS as well.
        let refused = [
            ("400", ["-H", "Host:"]), ("413", ["-X", "POST", "-H", "Content-Length: 70000"]),
            ("417", ["-H", "Expect: 200-ok"]),
        ]
        for (status, arguments) in refused {
            let answer = try registry.curl("\(registry.https)/livez", ["--http1.1"] + arguments)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            #expect(answer.contains("Strict-Transport-Security: max-age=63072000\r\n"), "\(answer)")
        }
        #expect(try !registry.curl("\(registry.http)/livez", ["-H", "Host:"]).contains("Strict-Transport-Security"))
    }

    @Test(arguments: [("", "200"), ("127.0.0.0/8", "200"), ("10.0.0.0/8,::1", "301")])
    func `a proxy is believed when it is one of the trusted, which by default are all`(proxies: String, status: String)
        throws
    {
        let registry = try RegistryUnderTest(["REQUIRE_HTTPS": "true", "TRUSTED_PROXIES": proxies])
        for header in ["X-Forwarded-Proto: https", "$WSSC: https"] {
            let url = "http://127.0.0.1:\(registry.ports["api"] ?? 0)/api/v1/instances"
            #expect(try registry.curl(url, ["-H", header]).hasPrefix("HTTP/1.1 \(status) "), "\(header)")
        }
    }

    @Test func `without REQUIRE_HTTPS both ports serve, and links have the scheme that was used`() throws {
        let registry = try RegistryUnderTest([:])
        let body = #"{"service_name":"s","endpoint":{"type":"http","value":"h:1"}}"#
        let post = ["-X", "POST", "-H", "Content-Type: application/json", "-d", body]
        #expect(
            try registry.curl("\(registry.http)/api/v1/instances", post).contains(
                "Location: http://localhost:\(registry.ports["api"] ?? 0)/"))
        let secure = try registry.curl("\(registry.https)/api/v1/instances", post)
        #expect(secure.contains("Location: https://localhost:\(registry.ports["https"] ?? 0)/"))
        #expect(!secure.contains("Strict-Transport-Security"))
    }

    @Test func `the plain port can be off`() throws {
        let registry = try RegistryUnderTest(["API_PORT": "off"])
        #expect(registry.ports.keys.sorted() == ["https"])
        #expect(try registry.curl("\(registry.https)/livez").hasPrefix("HTTP/1.1 200 "))
    }

    // MARK: - Client certificates

    @Test func `the client's certificate chooses the namespace, beside tokens`() throws {
        let registry = try RegistryUnderTest([
            "AUTH_MODE": "mtls,trusted", "TLS_CLIENT_CA": "$ca.pem", "TLS_CLIENT_AUTH": "optional",
        ])
        let certificate = ["--cert", registry.path("client.pem"), "--key", registry.path("client-key.pem")]
        let body = #"{"service_name":"mine","endpoint":{"type":"http","value":"h:1"}}"#
        let post = ["-X", "POST", "-H", "Content-Type: application/json", "-d", body]
        let url = "\(registry.https)/api/v1/services"
        #expect(try registry.curl("\(registry.https)/api/v1/instances", certificate + post).hasPrefix("HTTP/1.1 201 "))
        #expect(try registry.curl(url, certificate).contains(#"{"services":["mine"]}"#))
        #expect(try registry.curl(url, ["-H", "Authorization: Bearer tenant"]).contains(#"{"services":["mine"]}"#))
        #expect(try registry.curl(url, ["-H", "Authorization: Bearer other"]).contains(#"{"services":[]}"#))
        #expect(try registry.curl(url).hasPrefix("HTTP/1.1 401 "))
    }

    // MARK: - Other people's clients

    @Test func `openssl and Python end their connections cleanly`() throws {
        let registry = try RegistryUnderTest([:])
        let port = "\(registry.ports["https"] ?? 0)"
        for version in ["-tls1_2", "-tls1_3"] {
            let openssl = try RegistryUnderTest.tool(
                "openssl",
                [
                    "s_client", version, "-quiet", "-verify_return_error", "-CAfile", registry.path("ca.pem"),
                    "-connect",
                    "127.0.0.1:\(port)",
                ],
                input: "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(openssl.output.contains(#"{"status":"alive"}"#), "\(openssl.output)")
            #expect(!openssl.output.contains("error"), "\(openssl.output)")
        }
        let program = """
            import socket, ssl, sys
            context = ssl.create_default_context(cafile=sys.argv[1])
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            plain = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
            link = context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
            link.sendall(b"GET /livez HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
            received = b""
            while True:
                piece = link.recv(4096)
                if not piece:
                    break
                received += piece
            link.unwrap()
            assert received.endswith(b'{"status":"alive"}'), received
            """
        let python = try RegistryUnderTest.tool("python3", ["-c", program, registry.path("ca.pem"), port])
        #expect(python.status == 0, "\(python.output)")
        #expect(!registry.logged.contains("handshake"))
    }

    // MARK: - Reloading

    private func fingerprint(_ registry: RegistryUnderTest) throws -> String {
        let shown = try RegistryUnderTest.tool(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(registry.ports["https"] ?? 0)"])
        let start = try #require(shown.output.range(of: "-----BEGIN CERTIFICATE-----"))
        let end = try #require(shown.output.range(of: "-----END CERTIFICATE-----"))
        return String(shown.output[start.lowerBound..<end.upperBound])
    }

    /// Puts another server's certificate and key in place, as an operator's tool would: beside, then renamed.
    private func renew(_ registry: RegistryUnderTest) throws {
        let other = try RegistryUnderTest.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: other) }
        _ = try RegistryUnderTest.run(RegistryUnderTest.binary(), ["dev-cert", other.path()])
        for name in ["server.pem", "server-key.pem"] {
            #expect(rename(other.appending(path: name).path(), registry.path(name)) == 0)
        }
    }

    @Test func `SIGHUP puts a new pair in service; a bad one is told once and changes nothing`() throws {
        // R619 On SIGHUP … certificates are read again; … files that cannot be used leave the old ones in service.
        let registry = try RegistryUnderTest(["LOG_LEVEL": "info"])
        let first = try fingerprint(registry)
        try renew(registry)
        registry.signal(SIGHUP)
        #expect(registry.waitForLog("certificates reloaded"))
        let second = try fingerprint(registry)
        #expect(first != second)
        let expiry = try #require(try registry.metric("a8registry_tls_certificate_expiry_seconds"))
        #expect(abs(expiry - Date().timeIntervalSince1970 - 365 * 86_400) < 3_600)

        try Data("junk".utf8).write(to: URL(filePath: registry.path("server.pem")))
        registry.signal(SIGHUP)
        #expect(registry.waitForLog("new certificates cannot be used"))
        #expect(registry.logged.contains("holds no certificate in PEM form"))
        #expect(try fingerprint(registry) == second)
        #expect(try registry.metric("a8registry_tls_reload_failures_total") == 1)
        #expect(try registry.metric("a8registry_tls_certificate_expiry_seconds") == expiry)
    }

    @Test func `changed files are noticed without a signal, and a bad pair is told once`() throws {
        // R619 … when the files change, certificates are read again.
        let registry = try RegistryUnderTest(["LOG_LEVEL": "info"])
        let first = try fingerprint(registry)
        try Data("junk".utf8).write(to: URL(filePath: registry.path("server.pem")))
        #expect(registry.waitForLog("new certificates cannot be used"))
        #expect(try fingerprint(registry) == first)
        try renew(registry)
        #expect(registry.waitForLog("certificates reloaded"))
        #expect(try fingerprint(registry) != first)
        // Several looks lay between the two.
        #expect(registry.logged.components(separatedBy: "new certificates cannot be used").count == 2)
        #expect(try registry.metric("a8registry_tls_reload_failures_total") == 1)
    }

    // MARK: - Refused at start

    @Test func `files that cannot be used stop the start with 64 and a sentence`() throws {
        let directory = try RegistryUnderTest.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let other = directory.appending(path: "other").path()
        let binary = try RegistryUnderTest.binary()
        for place in [directory.path(), other] { _ = try RegistryUnderTest.run(binary, ["dev-cert", place]) }
        func start(_ certificate: String, _ key: String) throws -> (output: String, status: Int32) {
            try RegistryUnderTest.run(
                binary,
                [
                    "--api_port", "0", "--https_port", "0", "--tls_cert", "\(directory.path())/\(certificate)",
                    "--tls_key",
                    "\(directory.path())/\(key)",
                ])
        }
        for (certificate, key, words) in [
            ("server.pem", "other/server-key.pem", "does not belong to the certificate"),
            ("missing.pem", "server-key.pem", "missing.pem cannot be read: No such file or directory"),
            ("server-key.pem", "server-key.pem", "holds no certificate in PEM form"),
        ] {
            let outcome = try start(certificate, key)
            #expect(outcome.status == 64)
            #expect(
                outcome.output.hasPrefix("registry: cannot start: ") && outcome.output.contains(words),
                "\(outcome.output)")
        }
    }

    @Test func `development certificates never overwrite anything, and keys are their owner's alone`() throws {
        let directory = try RegistryUnderTest.temporaryDirectory().appending(path: "new")
        defer { try? FileManager.default.removeItem(at: directory.deletingLastPathComponent()) }
        let binary = try RegistryUnderTest.binary()
        #expect(try RegistryUnderTest.run(binary, ["dev-cert", directory.path()]).status == 0)
        let key = directory.appending(path: "server-key.pem")
        let before = try Data(contentsOf: key)
        #expect(try FileManager.default.attributesOfItem(atPath: key.path())[.posixPermissions] as? Int == 0o600)
        let again = try RegistryUnderTest.run(binary, ["dev-cert", directory.path()])
        #expect(again.status == 73 && again.output.contains("it exists already"), "\(again.output)")
        #expect(try Data(contentsOf: key) == before)
        #expect(try RegistryUnderTest.run(binary, ["dev-cert", directory.path(), "--namespace", "a/b"]).status == 64)
    }
}
