// The real binary as a process of its own, on ports of the system's choice, ended with the test.

import Foundation
import Testing

/// A running registry.
final class RegistryUnderTest {
    let process: Process
    let directory: URL
    let ports: [String: Int]
    private let log: URL

    static func binary() throws -> URL {
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: bundle).deletingLastPathComponent().appending(path: "registry")
    }

    /// Runs a program to its end; its output with its errors, and its status.
    static func run(_ program: URL, _ arguments: [String], input: String = "") throws -> (output: String, status: Int32)
    {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        let (stdin, output) = (Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (stdin, output, output)
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (String(decoding: printed, as: UTF8.self), process.terminationStatus)
    }

    /// Runs a program found on the path.
    static func tool(_ name: String, _ arguments: [String], input: String = "") throws -> (
        output: String, status: Int32
    ) {
        try run(URL(filePath: "/usr/bin/env"), [name] + arguments, input: input)
    }

    static func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "registry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// Starts it with development certificates in `directory` and waits until it serves. `$` in a value stands for the
    /// directory with its slash.
    init(_ settings: [String: String]) throws {
        directory = try Self.temporaryDirectory()
        let made = try Self.run(Self.binary(), ["dev-cert", directory.path(), "--namespace", "tenant"])
        try #require(made.status == 0, "\(made.output)")
        log = directory.appending(path: "log")
        try Data().write(to: log)
        let portFile = directory.appending(path: "ports")
        Glibc.signal(SIGPIPE, SIG_IGN)
        process = Process()
        process.executableURL = try Self.binary()
        let defaults = [
            "API_PORT": "0", "HTTPS_PORT": "0", "LISTEN_ADDRESS": "127.0.0.1", "LOOPS": "2",
            "PORT_FILE": portFile.path(),
            "TLS_CERT": "$server.pem", "TLS_KEY": "$server-key.pem",
        ]
        process.environment = defaults.merging(settings) { $1 }.mapValues { [directory] in
            $0.replacing("$", with: directory.path() + "/")
        }
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        var lines: [Substring]?
        for _ in 0..<1_000 where lines == nil && process.isRunning {
            lines = (try? String(contentsOf: portFile, encoding: .utf8))?.split(separator: "\n")
            if lines == nil { usleep(10_000) }
        }
        var ports: [String: Int] = [:]
        for line in lines ?? [] {
            let words = line.split(separator: " ")
            ports[String(words[0])] = Int(words[1])
        }
        self.ports = ports
        try #require(!ports.isEmpty, "\((try? String(contentsOf: log, encoding: .utf8)) ?? "")")
    }

    deinit {
        process.terminate()
        // It stops within five seconds; a test that waits for ever would tell less.
        for _ in 0..<1_000 where process.isRunning { usleep(10_000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: directory)
    }

    func path(_ name: String) -> String { directory.appending(path: name).path() }

    var logged: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Waits until the log says so; false after ten seconds.
    func waitForLog(_ text: String, times: Int = 1) -> Bool {
        for _ in 0..<1_000 {
            if logged.components(separatedBy: text).count > times { return true }
            usleep(10_000)
        }
        return false
    }

    /// curl with the authority trusted: output with headers.
    func curl(_ url: String, _ arguments: [String] = []) throws -> String {
        try Self.tool("curl", ["-s", "-i", "--max-time", "10", "--cacert", path("ca.pem")] + arguments + [url]).output
    }

    var https: String { "https://localhost:\(ports["https"] ?? 0)" }
    var http: String { "http://localhost:\(ports["api"] ?? 0)" }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// The value of a metric.
    func metric(_ name: String) throws -> Double? {
        let line = try curl("\(http)/metrics").split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + " ") }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }
}
