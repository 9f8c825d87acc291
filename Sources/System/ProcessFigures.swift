// What the kernel counts about this process, for the metrics that Prometheus' own clients export: operators' dashboards
// and alarms are built on those names. They are read from proc(5) for each scrape, which takes some tens of
// microseconds.

import Glibc

/// The figures of a process at one moment.
package struct ProcessFigures: Sendable, Equatable {
    /// User and system time used since the start, in seconds.
    package var processorSeconds: Double
    /// Seconds since 1970.
    package var startTime: Double
    package var virtualBytes: UInt64
    package var residentBytes: UInt64
    package var threads: Int
    package var openDescriptors: Int
    /// The limit on open descriptors.
    package var mostDescriptors: Double
    /// The limit on virtual memory; 2^64 − 1 without one.
    package var mostVirtualBytes: Double

    /// Those of this process, now; nil without /proc.
    package static func read() -> ProcessFigures? {
        guard let text = contents(of: "/proc/self/stat"), let stat = ProcessStat(text), let boot = bootTime else {
            return nil
        }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        return ProcessFigures(
            processorSeconds: Double(stat.userTicks + stat.systemTicks) / ticks,
            startTime: Double(boot) + Double(stat.startTicks) / ticks,
            virtualBytes: stat.virtualBytes, residentBytes: stat.residentPages * UInt64(sysconf(Int32(_SC_PAGESIZE))),
            threads: stat.threads,
            openDescriptors: OpenDescriptors.count(),
            mostDescriptors: limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue)),
            mostVirtualBytes: limit(__rlimit_resource_t(RLIMIT_AS.rawValue)))
    }

    private static func limit(_ resource: __rlimit_resource_t) -> Double {
        var limit = rlimit()
        return unsafe getrlimit(resource, &limit) == 0 ? Double(limit.rlim_cur) : 0
    }

    /// When the machine was started, in seconds since 1970. The kernel computes it from the wall clock, so it is read
    /// once: if the start of a process moved, Prometheus would take it for a restart.
    private static let bootTime: UInt64? = contents(of: "/proc/stat").flatMap { text in
        text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { UInt64($0.dropFirst("btime ".count)) }
    }

    static func contents(of path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }
}

/// A line of /proc/PID/stat.
struct ProcessStat: Equatable {
    let userTicks: UInt64
    let systemTicks: UInt64
    let threads: Int
    let startTicks: UInt64
    let virtualBytes: UInt64
    let residentPages: UInt64

    /// Reads proc(5)'s fields 14, 15, 20, 22, 23 and 24. The second is the program's name in brackets and may hold
    /// anything, brackets and spaces too.
    init?(_ line: String) {
        guard let bracket = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: bracket)...].split(whereSeparator: \.isWhitespace)
        // The first of these is the third of the line.
        func field<Number: FixedWidthInteger>(_ number: Int) -> Number? {
            fields.count > number - 3 ? Number(fields[number - 3]) : nil
        }
        guard let user: UInt64 = field(14), let system: UInt64 = field(15), let threads: Int = field(20),
            let start: UInt64 = field(22),
            let virtual: UInt64 = field(23), let resident: UInt64 = field(24)
        else { return nil }
        userTicks = user
        systemTicks = system
        self.threads = threads
        startTicks = start
        virtualBytes = virtual
        residentPages = resident
    }
}
