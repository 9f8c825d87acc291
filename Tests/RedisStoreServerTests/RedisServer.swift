// A real server of Redis or Valkey, on a port of the loopback that the system chose. Killed when the last reference
// goes. Where it is not installed its tests are skipped, unless they are required.

import Foundation
import Glibc
import RedisStore
import RedisStoreServer
import TestSupport
import Testing

/// An engine that may be installed.
struct Engine: Sendable, CustomTestStringConvertible {
    let name: String
    let program: String

    /// `REQUIRE_REDIS=1` has the tests fail where there is no redis-server. `VALKEY_SERVER` is the path of a Valkey that
    /// they run with besides.
    static let installed: [Engine] = {
        let environment = ProcessInfo.processInfo.environment
        var engines: [Engine] = []
        let redis = Engine(name: "redis", program: "/usr/bin/redis-server")
        if environment["REQUIRE_REDIS"] != nil || FileManager.default.isExecutableFile(atPath: redis.program) {
            engines.append(redis)
        } else {
            print("skipping the tests with Redis: there is no \(redis.program)")
        }
        if let path = environment["VALKEY_SERVER"] { engines.append(Engine(name: "valkey", program: path)) }
        return engines
    }()

    /// Those that were built with TLS, which not every Valkey is.
    static var secure: [Engine] { installed.filter { $0.name == "redis" } }

    var testDescription: String { name }
}

final class RedisServer {
    private static let attempts = 20

    let node: StoreNode
    private let process: Process
    private let folder: URL

    /// - options: as on its command line. `PORT` stands for the number in them; with `tls-port` it is the one that is
    ///   connected to.
    init(_ engine: Engine, _ options: [String] = [], host: String = "127.0.0.1") throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        for _ in 0..<Self.attempts {
            // Redis takes 0 for no port at all, so the number is one that was free a moment ago.
            let free = try LoopbackPort()
            shutDown(free)
            let started: Process?
            do {
                started = try Self.start(engine, options, port: free.port, in: folder)
            } catch {
                try? FileManager.default.removeItem(at: folder)
                throw error
            }
            if let process = started {
                self.process = process
                node = StoreNode(host: host, port: free.port)
                return
            }
        }
        try? FileManager.default.removeItem(at: folder)
        throw WaitedInVain(for: "a free port for \(engine.name)")
    }

    deinit {
        end()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Nil when another process has taken the port.
    private static func start(_ engine: Engine, _ options: [String], port: UInt16, in folder: URL) throws -> Process? {
        let process = Process()
        process.executableURL = URL(filePath: engine.program)
        let given = options.map { $0.replacing("PORT", with: String(port)) }
        let ports = options.contains("--tls-port") ? [] : ["--port", String(port)]
        process.arguments = ports + ["--bind", "127.0.0.1", "--save", "", "--dir", folder.path()] + given
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var said = ""
        let deadline = Deadline()
        while deadline.remainingMilliseconds > 0 {
            let more = pipe.fileHandleForReading.availableData
            said += String(decoding: more, as: UTF8.self)
            if said.contains("Ready to accept connections") {
                // Nobody reads on: it must not wait for room.
                pipe.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
                return process
            }
            if more.isEmpty {
                process.waitUntilExit()
                // A node of a cluster takes a second port, whose number is higher by ten thousand.
                if said.contains("in use") || said.contains("too high") { return nil }
                throw WaitedInVain(for: "\(engine.name) to start", said)
            }
        }
        process.terminate()
        throw WaitedInVain(for: "\(engine.name) to start", said)
    }

    /// Stops it as if the machine had, or has it go on.
    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
