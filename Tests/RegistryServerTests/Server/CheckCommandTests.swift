// R910: `registry check` asks the registry on this machine, found by the same settings, whether it is ready.

import Foundation
import Testing

@Suite struct CheckCommandTests {
    private func check(_ arguments: [String], of registry: RegistryUnderTest) throws -> (output: String, status: Int32)
    {
        try RegistryUnderTest.run(
            RegistryUnderTest.binary(),
            [
                "check", "--port_file=\(registry.path("ports"))", "--listen_address=127.0.0.1", "--tls_cert=/unread",
                "--tls_key=/unread",
            ]
                + arguments)
    }

    @Test func `a registry that is ready passes, one that drains lives, one that has ended does neither`() throws {
        let registry = try RegistryUnderTest(["DRAIN_TIME": "1h"])
        #expect(try check([], of: registry) == ("ready\n", 0))
        #expect(try check(["--live"], of: registry) == ("live\n", 0))
        registry.signal(SIGTERM)
        #expect(registry.waitForLog("stopping"))
        let draining = try check([], of: registry)
        #expect(
            draining.status == 1 && draining.output.hasPrefix("not ready: 503 {")
                && draining.output.contains("draining"), "\(draining)")
        #expect(try check(["--live"], of: registry).status == 0)
        registry.signal(SIGKILL)
        registry.process.waitUntilExit()
        let gone = try check([], of: registry)
        #expect(gone.status == 1 && gone.output.contains("no connection to port"), "\(gone)")
    }

    @Test func `with TLS alone it asks over TLS`() throws {
        let registry = try RegistryUnderTest(["API_PORT": "off"])
        #expect(try check(["--api_port=off"], of: registry) == ("ready\n", 0))
    }

    @Test func `where clients show a certificate it shows one`() throws {
        let registry = try RegistryUnderTest([
            "API_PORT": "off", "TLS_CLIENT_AUTH": "require", "TLS_CLIENT_CA": "$ca.pem",
        ])
        let without = try check(["--api_port=off"], of: registry)
        #expect(without.status == 1 && without.output.hasPrefix("not ready: TLS: "), "\(without)")
        let with = ["--client_cert=\(registry.path("client.pem"))", "--client_key=\(registry.path("client-key.pem"))"]
        #expect(try check(["--api_port=off"] + with, of: registry) == ("ready\n", 0))
    }

    @Test func `a registry that stands still is given up in time`() throws {
        let registry = try RegistryUnderTest([:])
        registry.signal(SIGSTOP)
        defer { registry.signal(SIGCONT) }
        let outcome = try check(["--timeout=200ms"], of: registry)
        #expect(outcome == ("not ready: there was no answer in time\n", 1))
    }

    @Test(arguments: [["--timeout=0"], ["--timeout=soon"], ["--api_port=99999"], ["--client_cert=/a"]])
    func `a command that cannot be understood is status 64`(arguments: [String]) throws {
        #expect(try RegistryUnderTest.run(RegistryUnderTest.binary(), ["check"] + arguments).status == 64)
    }
}
