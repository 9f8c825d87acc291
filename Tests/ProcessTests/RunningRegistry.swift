// A registry as an operator has it: the real binary, a process of its own, reached through sockets and seen through its
// log, its port file and /proc. Each test starts its own and ends it by its own process id. Every wait has a deadline
// and says what it waited for.

import Foundation
import Glibc
import Testing

/// A wait that has gone on for too long.
struct TimedOut: Error, CustomStringConvertible {
    let awaited: String
    let seconds: Double

    var description: String { "waited \(seconds) s for \(awaited)" }
}

enum Patience {
    /// Seconds for what takes milliseconds on a machine with nothing else to do.
    static let ordinary = 30.0
    /// How often a condition without an event is looked at, in microseconds.
    static let pollMicroseconds: UInt32 = 5_000

    /// Waits for something that no descriptor tells of.
    static func wait(_ awaited: String, seconds: Double = ordinary, until condition: () throws -> Bool) throws {
        let deadline = Moment.now + seconds
        while !(try condition()) {
            guard Moment.now < deadline else { throw TimedOut(awaited: awaited, seconds: seconds) }
            usleep(pollMicroseconds)
        }
    }
}

enum Moment {
    /// Seconds of the monotonic clock.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// One registry process and what it has logged. Killed, if it still runs, when the last reference goes.
final class RunningRegistry {
    let pid: pid_t
    /// The address that it listens on.
    let host: String
    let port: UInt16
    /// Nil when it does not replicate.
    let replicationPort: UInt16?
    /// Of UDP and TCP alike; nil when it does not serve DNS.
    let dnsPort: UInt16?
    let folder: URL
    private let process: Process
    private let log: URL

    /// Starts a registry on a port of the system's choice and waits until it serves.
    ///
    /// - Parameters:
    ///   - arguments: settings as flags; later ones win over those given here.
    ///   - host: an address of the loopback.
    ///   - standardError: where the log goes; nil is a file, which `logged` reads.
    ///   - descriptors: the most descriptors it may have; nil leaves the limit alone.
    ///   - portFile: where the ports are to be written; nil is a file of its own.
    ///   - storePrefix: of all that serve the same instances, where a store has them; nil is one of its own.
    init(
        _ arguments: [String] = [], host: String = "127.0.0.1", standardError: FileHandle? = nil,
        descriptors: Int? = nil, portFile: String? = nil, storePrefix: String? = nil
    ) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "registry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        log = folder.appending(path: "log")
        let portFile = portFile ?? folder.appending(path: "port").path()
        let settings = ["--api_port=0", "--listen_address=\(host)", "--port_file=\(portFile)", "--loops=1"] + arguments
        process = try Self.process(settings, descriptors: descriptors, storePrefix: storePrefix)
        try Data().write(to: log)
        process.standardError = try standardError ?? FileHandle(forWritingTo: log)
        try process.run()
        pid = process.processIdentifier
        self.host = host
        let (started, logFile) = (process, log)
        do {
            try Patience.wait("the port file of a starting registry") {
                guard started.isRunning else {
                    throw Ended(
                        status: started.terminationStatus,
                        log: (try? String(contentsOf: logFile, encoding: .utf8)) ?? "")
                }
                // What was there before the registry came is no port file of its own, and a FIFO is not to be opened.
                var status = stat()
                return lstat(portFile, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
                    && (try? String(contentsOfFile: portFile, encoding: .utf8))?.hasPrefix("api ") == true
            }
            let lines = try String(contentsOfFile: portFile, encoding: .utf8).split(separator: "\n").map {
                $0.split(separator: " ")
            }
            let ports = Dictionary(
                uniqueKeysWithValues: lines.compactMap { $0.count == 2 ? (String($0[0]), UInt16($0[1])) : nil })
            port = try #require(ports["api"] ?? nil, "the port file says \(lines)")
            replicationPort = ports["replication"] ?? nil
            dnsPort = ports["dns"] ?? nil
            if TestStore.isUsed { try waitUntilFollowing() }
        } catch {
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
            throw error
        }
    }

    deinit {
        if process.isRunning {
            kill(pid, SIGKILL)
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// It ended before it served.
    struct Ended: Error {
        let status: Int32
        let log: String
    }

    /// How a process that was not to serve ended.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Runs a registry that is expected to end by itself.
    static func outcome(_ arguments: [String], descriptors: Int? = nil) throws -> Outcome {
        let process = try process(arguments, descriptors: descriptors)
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        try Patience.wait("the end of a registry that cannot start") { !process.isRunning }
        return Outcome(
            status: process.terminationStatus,
            output: String(decoding: output.fileHandleForReading.availableData, as: UTF8.self),
            errors: String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
    }

    /// The path of the binary, which was built beside the tests.
    static func program() throws -> String {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let binary = URL(filePath: tests).deletingLastPathComponent().appending(path: "registry").path()
        try #require(
            FileManager.default.isExecutableFile(atPath: binary), "no \(binary); run: swift build --product registry")
        return binary
    }

    /// A process that is yet to be run. The threads that tests run on have signals blocked, which a child inherits: so
    /// each test that stops a registry also holds it to hearing signals whatever its parent did.
    private static func process(
        _ arguments: [String], descriptors: Int?, storePrefix: String? = nil
    ) throws -> Process {
        let binary = try program()
        let process = Process()
        // The shell sets the limit and becomes the registry: the process id is the registry's.
        if let descriptors {
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", "ulimit -n \(descriptors) && exec \"$0\" \"$@\"", binary] + arguments
        } else {
            process.executableURL = URL(filePath: binary)
            process.arguments = arguments
        }
        // No setting comes from outside; a registry built with a sanitizer is told what the tests were told. One whose
        // deadline for stopping passes goes without joining its loops, on purpose, also those that have ended: that is
        // no leak of threads.
        var environment = ProcessInfo.processInfo.environment.filter {
            ["ASAN_OPTIONS", "TSAN_OPTIONS"].contains($0.key)
        }
        environment.merge(TestStore.environment(prefix: storePrefix ?? TestStore.prefix())) { $1 }
        environment["TSAN_OPTIONS"]?.append(":report_thread_leaks=0")
        // Looking for leaks at the end takes descriptors itself, and waits for them.
        if descriptors != nil { environment["ASAN_OPTIONS"]?.append(":detect_leaks=0") }
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        return process
    }

    // MARK: - From outside

    var isRunning: Bool { process.isRunning }

    func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits for the end: the exit status, or 128 and the number of the signal that killed it, as a shell tells it.
    func waitForEnd(_ awaited: String, seconds: Double = Patience.ordinary) throws -> Int32 {
        try Patience.wait(awaited, seconds: seconds) { !process.isRunning }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// What it has logged so far.
    var logged: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// The lines of the log once one of them satisfies the condition: the log is written a moment after the answer.
    func log(whenALine awaited: String, _ condition: (String) -> Bool) throws -> [String] {
        var lines: [String] = []
        try Patience.wait("a log line \(awaited)") {
            lines = logged.split(separator: "\n").map(String.init)
            return lines.contains(where: condition)
        }
        return lines
    }

    var portFileExists: Bool { FileManager.default.fileExists(atPath: folder.appending(path: "port").path()) }

    /// The state of the process, as one letter of proc(5).
    var state: String {
        get throws {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            return stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].dropFirst(2).prefix(1).description
        }
    }

    /// Processor time used so far, in seconds.
    var processorTime: Double {
        get throws {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            // The name in brackets may hold spaces; utime and stime are the 12th and 13th field behind it.
            let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
            let ticks = try #require(
                fields.count > 13 ? Double(fields[12]).map { $0 + (Double(fields[13]) ?? 0) } : nil)
            return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }
}
