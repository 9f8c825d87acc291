// Where `registry check` looks for the registry, and what it makes of an answer.

import Testing

@testable import Configuration
@testable import RegistryServer

struct HealthCheckTests {
    private func check(_ flags: [String: String], portFile: String? = nil) throws -> HealthCheck {
        let settings = try Settings.resolve(flags: flags.mapValues { [$0] }, environment: [:], readFile: { _ in [] })
            .settings
        return try HealthCheck(settings) { _ in portFile }
    }

    private static let tls = ["tls_cert": "/c", "tls_key": "/k"]

    @Test func `the port file is believed before the settings, and the plain port asked before the other`() throws {
        let file = ["port_file": "/ports"]
        var found = try check(file, portFile: "api 1234\nhttps 5678\n")
        #expect(found.port == 1234 && !found.isSecure && found.address == "127.0.0.1")
        found = try check(file.merging(Self.tls) { $1 }.merging(["api_port": "off"]) { $1 }, portFile: "https 5678\n")
        #expect(found.port == 5678 && found.isSecure)
        // One from before, or none yet: what is set is what is tried.
        found = try check(file.merging(["api_port": "9"]) { $1 })
        #expect(found.port == 9)
        found = try check(Self.tls.merging(["api_port": "off"]) { $1 })
        #expect(found.port == 8443 && found.isSecure)
    }

    @Test(arguments: [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.7", "10.0.0.7"), ("127.0.0.9", "127.0.0.9")])
    func `it asks where the registry listens`(listens: String, asked: String) throws {
        #expect(try check(["listen_address": listens]).address == asked)
    }

    @Test func `a port that nobody tells of is an error that says so`() throws {
        #expect { try check(["api_port": "0"]) } throws: { "\($0)".contains("port_file is not set") }
        #expect { try check(["api_port": "0", "port_file": "/ports"]) } throws: {
            "\($0)".contains("/ports does not name it")
        }
    }

    @Test func `only 200 passes, and the answer's own words are told`() throws {
        try HealthCheck.judge(Array("HTTP/1.1 200 OK\r\n\r\n".utf8))
        #expect {
            try HealthCheck.judge(
                Array("HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\n{\"status\":\"starting\"}".utf8))
        } throws: {
            "\($0)" == "503 {\"status\":\"starting\"}"
        }
        for other in ["", "HTTP/1.1", "SSH-2.0-x 200", "HTTP/1.1 abc\r\n"] {
            #expect { try HealthCheck.judge(Array(other.utf8)) } throws: {
                "\($0)" == "the server that answers is not a registry"
            }
        }
    }
}
