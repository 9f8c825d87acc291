// A subcommand of the real binary that is under way: what it has written so far, and how it ends. Killed, if it still
// runs, when the last reference goes.

import Foundation
import Glibc
import Testing

final class RunningCommand {
    private let process = Process()
    private let folder: URL

    /// - Parameters:
    ///   - url: the registry's; nil for none in the environment.
    ///   - environment: variables besides.
    init(_ arguments: [String], url: String?, environment: [String: String] = [:]) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["output", "errors"] { try Data().write(to: folder.appending(path: name)) }
        process.executableURL = URL(filePath: try RunningRegistry.program())
        process.arguments = arguments
        var variables = ["PATH": "/usr/bin:/bin", "REGISTRY_URL": url].compactMapValues { $0 }
        variables.merge(environment) { $1 }
        process.environment = variables
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: folder.appending(path: "output"))
        process.standardError = try FileHandle(forWritingTo: folder.appending(path: "errors"))
        try process.run()
    }

    deinit {
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: folder)
    }

    var output: String { text("output") }
    var errors: String { text("errors") }

    private func text(_ name: String) -> String {
        (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)) ?? ""
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    func wait(untilOutputHas text: String) throws {
        do {
            try Patience.wait("'\(text)' on standard output") { output.contains(text) }
        } catch {
            Issue.record("standard output: \(output)\nstandard error: \(errors)")
            throw error
        }
    }

    func wait(untilErrorsHave text: String) throws {
        do {
            try Patience.wait("'\(text)' on standard error") { errors.contains(text) }
        } catch {
            Issue.record("standard output: \(output)\nstandard error: \(errors)")
            throw error
        }
    }

    /// The exit status, or 128 and the number of the signal that killed it.
    func end() throws -> Int32 {
        try Patience.wait("the end of \(process.arguments ?? [])") { !process.isRunning }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }
}

extension RunningRegistry {
    var url: String { "http://\(host):\(port)" }

    /// Starts a subcommand that asks this registry.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningCommand {
        try RunningCommand(arguments, url: url, environment: environment)
    }

    /// Runs a subcommand that asks this registry.
    func command(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
        let command = try start(arguments, environment: environment)
        let status = try command.end()
        return Outcome(status: status, output: command.output, errors: command.errors)
    }
}
