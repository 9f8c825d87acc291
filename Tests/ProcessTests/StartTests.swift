// A registry that cannot start says why in one sentence and exits with EX_UNAVAILABLE, so that a supervisor's log is
// enough to go by.

import Foundation
import Glibc
import Testing

@Suite struct StartTests {
    private static let unavailable: Int32 = 69

    @Test func `a port file that cannot be written stops the start`() throws {
        let outcome = try RunningRegistry.outcome([
            "--api_port=0", "--listen_address=127.0.0.1", "--port_file=/no/such/folder/port",
        ])
        #expect(outcome.status == Self.unavailable)
        let complaint = outcome.errors.split(separator: "\n").first { $0.contains("/no/such/folder/port") }
        #expect(complaint?.contains("No such file or directory") == true, "\(outcome.errors)")
        #expect(outcome.output == "")
    }

    /// What somebody else may have laid where the port file is to be.
    enum Occupant: CaseIterable { case file, link, danglingLink, fifo }

    @Test(arguments: Occupant.allCases)
    func `what is at the port file's path is replaced, neither followed nor opened, and the stop removes only the file`(
        _ occupant: Occupant
    )
        throws
    {
        // R841 The port file takes the place of the file, link or FIFO that is at its path, which is neither followed
        // nor opened; where a directory or a device is, the start stops. At the end it is removed, unless another has
        // come to stand there.
        let folder = FileManager.default.temporaryDirectory.appending(path: "ports-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "ports").path()
        let target = folder.appending(path: "target").path()
        try Data("precious".utf8).write(to: URL(filePath: target))
        switch occupant {
        case .file: try Data("stale".utf8).write(to: URL(filePath: path))
        case .link: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        case .danglingLink: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target + "2")
        case .fifo: #expect(mkfifo(path, 0o600) == 0)
        }
        let registry = try RunningRegistry(["--log_level=info"], portFile: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8).hasPrefix("api \(registry.port)\n"))
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "precious")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted() == ["ports", "target"])
        // Another registry, say, has written its own meanwhile.
        let isAnothers = occupant == .file
        if isAnothers { try Data("another's".utf8).write(to: URL(filePath: path), options: .atomic) }
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        #expect(FileManager.default.fileExists(atPath: path) == isAnothers)
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "precious")
    }

    @Test(arguments: [("/dev/null", "is a device"), ("/tmp", "Is a directory")])
    func `a port file that would take the place of a device or a directory stops the start`(
        path: String, reason: String
    ) throws {
        let outcome = try RunningRegistry.outcome(["--api_port=0", "--listen_address=127.0.0.1", "--port_file=\(path)"])
        #expect(outcome.status == Self.unavailable)
        #expect(
            outcome.errors.contains("the port file cannot be written") && outcome.errors.contains(reason),
            "\(outcome.errors)")
    }

    @Test func `ports of the system's choice are told in the port file and the log, one that is off is not`() throws {
        // R904 For any port, 0 lets the system choose and off disables it; the start line in the log and --port_file
        // tell what was taken. R905 The port file has one line per port, its name and its number: api 8080, https 8443,
        // replication 6100.
        let registry = try RunningRegistry(["--https_port=off", "--log_level=info"])
        #expect(
            try String(contentsOf: registry.folder.appending(path: "port"), encoding: .utf8) == "api \(registry.port)\n"
        )
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
        #expect(registry.logged.contains("\(registry.port)"), "\(registry.logged)")
    }

    @Test(arguments: [false, true])
    func `a port that somebody listens on is refused in one sentence`(isShared: Bool) throws {
        let (descriptor, port) = try listener(isShared: isShared)
        defer { close(descriptor) }
        let outcome = try RunningRegistry.outcome(["--api_port=\(port)", "--listen_address=127.0.0.1"])
        #expect(outcome.status == Self.unavailable)
        #expect(
            outcome.errors == "registry: cannot start: api_port \(port) (flag --api_port): port \(port) is in use\n")
        #expect(outcome.output == "")
    }

    /// Both would listen with SO_REUSEPORT, and the kernel would give each a share of the connections.
    @Test(arguments: ["127.0.0.1", "0.0.0.0"])
    func `a second registry on the same port is refused, and the first keeps serving`(address: String) throws {
        let first = try RunningRegistry(["--loops=2"])
        let client = try first.connect()
        #expect(try client.ask("POST", "/api/v1/instances", body: Sample.registration()).status == 201)
        let second = try RunningRegistry.outcome(["--api_port=\(first.port)", "--listen_address=\(address)"])
        #expect(second.status == Self.unavailable)
        #expect(
            second.errors
                == "registry: cannot start: api_port \(first.port) (flag --api_port): port \(first.port) is in use\n")
        for _ in 0..<20 { #expect(try first.connect().ask("GET", "/api/v1/services/orders").status == 200) }
        #expect(try client.ask("GET", "/api/v1/services/orders").status == 200)
    }

    @Test func `a certificate that cannot be read is refused by the name of its setting`() throws {
        let outcome = try RunningRegistry.outcome([
            "--api_port=0", "--https_port=0", "--tls_cert=/no/such.pem", "--tls_key=/no/such-key.pem",
        ])
        #expect(outcome.status == 64)
        #expect(
            outcome.errors
                == "registry: cannot start: tls_cert /no/such.pem (flag --tls_cert): /no/such.pem cannot be read: "
                + "No such file or directory\n")
    }

    @Test(arguments: ["192.0.2.1", "::ffff:192.0.2.1"])
    func `an address that is not this machine's is refused in one sentence`(address: String) throws {
        let outcome = try RunningRegistry.outcome(["--api_port=0", "--listen_address=\(address)"])
        #expect(outcome.status == Self.unavailable)
        // The port is not to blame.
        let sentence =
            "listen_address \(address) (flag --listen_address): port 0 cannot be opened: Cannot assign requested address"
        #expect(outcome.errors == "registry: cannot start: \(sentence)\n")
    }

    @Test func `a port is free again as soon as its registry has ended, though connections of it linger in the kernel`()
        throws
    {
        let first = try RunningRegistry()
        let client = try first.connect()
        #expect(try client.ask("GET", "/livez").status == 200)
        first.send(SIGTERM)  // It closes first, so the connection waits on its side.
        #expect(try first.waitForEnd("the end after SIGTERM") == 0)
        let second = try RunningRegistry(["--api_port=\(first.port)"])
        #expect(second.port == first.port)
        #expect(try second.connect().ask("GET", "/livez").status == 200)
    }

    /// Somebody else's listening socket and its port.
    private func listener(isShared: Bool) throws -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        if isShared { setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, socklen_t(MemoryLayout<Int32>.size)) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        try #require(result, "no listener: \(String(cString: strerror(errno)))")
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
