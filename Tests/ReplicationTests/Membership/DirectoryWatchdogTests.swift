// When a directory that does not answer is reported, and when it is not.

import TestTime
import Testing
import Time

@testable import Replication

struct DirectoryWatchdogTests {
    private static let path = "/shared"

    /// Ticks ten times a second until then; returns what there was to log.
    private static func run(_ watch: inout DirectoryWatchdog, from start: MonotonicTime, to end: MonotonicTime)
        -> [MembershipEvent]
    {
        stride(from: start.milliseconds, through: end.milliseconds, by: 100).compactMap {
            watch.tick(at: MonotonicTime(milliseconds: $0))
        }
    }

    @Test(arguments: [false, true])
    func `a directory that hangs is reported once, and so is that it answers again`(served: Bool) {
        var watch = DirectoryWatchdog(path: Self.path, at: 0)
        if served { #expect(watch.reported(serves: true) == nil) }
        #expect(Self.run(&watch, from: 0, to: 0 + DirectoryWatchdog.patience - 100) == [])
        let hangs = MembershipEvent.directoryHangs(path: Self.path, seconds: 15, served: served)
        #expect(Self.run(&watch, from: 0 + DirectoryWatchdog.patience, to: 100_000) == [hangs])
        #expect(watch.reported(serves: true) == .directoryAnswers(path: Self.path))
        #expect(watch.reported(serves: true) == nil)
        #expect(Self.run(&watch, from: 100_000, to: 100_000 + DirectoryWatchdog.patience).count == 1, "it hangs again")
    }

    @Test func `a directory that reports every few seconds does not hang, nor one of a process that stood still`() {
        var watch = DirectoryWatchdog(path: Self.path, at: 0)
        for look in 0..<20 {
            let start = 0 + look * 5_000 as MonotonicTime
            #expect(Self.run(&watch, from: start, to: start + 4_900) == [])
            #expect(watch.reported(serves: true) == nil)
        }
        #expect(watch.tick(at: 500_000) == nil)
        #expect(Self.run(&watch, from: 500_100, to: 510_000) == [])
    }

    @Test func `whoever reads the line learns which directory, and what follows`() {
        let atStart = MembershipEvent.directoryHangs(path: "/shared", seconds: 15, served: false)
        #expect(
            "\(atStart)"
                == "the cluster directory /shared has not answered for 15 s; this member is not ready until it can be "
                + "read and written")
        #expect(atStart.gravity == .error)
        let later = MembershipEvent.directoryHangs(path: "/shared", seconds: 15, served: true)
        #expect("\(later)".hasSuffix("; the last known members are kept"))
    }
}
