// The threads, on real directories and with resolvers that answer, fail and hang. Nothing sleeps: what is awaited is a
// report.

import Foundation
import Glibc
import Replication
import Synchronization
import System
import TestTime
import Testing
import Text
import Time

@testable import ReplicationServer

/// The reports of one member, to be awaited.
private final class Inbox: Sendable {
    private static let patience: Duration = .seconds(30)

    private let reports = Mutex<[MembershipReport]>([])
    /// Raised with each report. Only one thread waits.
    private let arrival = DispatchSemaphore(value: 0)

    var receive: @Sendable (MembershipReport) -> Void {
        { report in
            self.reports.withLock { $0.append(report) }
            self.arrival.signal()
        }
    }

    var all: [MembershipReport] { reports.withLock { $0 } }

    /// Everything said so far.
    var events: [MembershipEvent] { all.flatMap(\.events) }

    struct InVain: Error, CustomStringConvertible {
        let description: String
    }

    /// Waits for a report, old or new, that is as wanted. It holds its thread: were it suspended, the members' threads
    /// would go on looking for as long as other tests take.
    @discardableResult
    func first(_ what: String, after count: Int = 0, where isWanted: (MembershipReport) -> Bool) throws
        -> MembershipReport
    {
        let deadline = DispatchTime.now() + Self.patience / .seconds(1)
        while true {
            if let found = all.dropFirst(count).first(where: isWanted) { return found }
            guard arrival.wait(timeout: deadline) == .success else { break }
        }
        throw InVain(description: "waited in vain for \(what); there were \(all.suffix(5))")
    }
}

struct MembershipThreadsTests {
    private static func address(_ last: Int, port: UInt16 = 6100) -> PeerAddress {
        PeerAddress(host: "10.0.0.\(last)", port: port)
    }

    private static func configuration(
        _ directory: String?, names: [PeerName] = [], own: PeerAddress = address(1)
    ) -> MembershipConfiguration {
        var configuration = MembershipConfiguration(
            directory: directory, names: names, own: own, wallClock: { WallClock.nanoseconds() })
        configuration.periods.heartbeat = 20
        configuration.periods.look = 10
        configuration.periods.lookup = 10
        return configuration
    }

    private static func name(_ text: String) throws -> PeerName { try #require(PeerName(text, meaning: .members)) }

    // MARK: The directory

    @Test func `two members on one machine find each other by their ports, and the one that stops takes its file away`()
        throws
    {
        let folder = try TemporaryDirectory()
        let (first, second) = (Inbox(), Inbox())
        let (one, two) = (PeerAddress(host: "127.0.0.1", port: 6101), PeerAddress(host: "127.0.0.1", port: 6102))
        let firstThreads = try MembershipThreads(Self.configuration(folder.path, own: one), report: first.receive)
        let secondThreads = try MembershipThreads(Self.configuration(folder.path, own: two), report: second.receive)
        try first.first("the second") { $0.addresses == [two] }
        try second.first("the first") { $0.addresses == [one] }
        #expect(folder.names.isSuperset(of: ["127.0.0.1:6101", "127.0.0.1:6102"]))
        #expect(firstThreads.stop())
        #expect(folder.names == ["127.0.0.1:6102"])
        #expect(secondThreads.stop())
        #expect(folder.names == [])
    }

    @Test func `the first look comes at once and tells that it was complete`() throws {
        let folder = try TemporaryDirectory()
        let inbox = Inbox()
        var configuration = Self.configuration(folder.path)
        configuration.periods = MembershipPeriods()
        let threads = try MembershipThreads(configuration, report: inbox.receive)
        let report = try inbox.first("the first report") { _ in true }
        #expect(report == MembershipReport(source: .directory, addresses: [], isComplete: true, events: []))
        #expect(folder.names == ["10.0.0.1:6100"])
        #expect(threads.stop())
    }

    @Test func `our file is rewritten, each time with another time`() throws {
        let folder = try TemporaryDirectory()
        let inbox = Inbox()
        let threads = try MembershipThreads(Self.configuration(folder.path), report: inbox.receive)
        var seen: Set<[UInt8]> = []
        while seen.count < 5 {
            try inbox.first("another look", after: inbox.all.count) { _ in true }
            if let content = folder.bytes("10.0.0.1:6100") {
                #expect(MemberFile(content)?.address == Self.address(1))
                seen.insert(content)
            }
        }
        #expect(threads.stop())
    }

    @Test func `our file that another has deleted is back long before the next beat`() throws {
        let folder = try TemporaryDirectory()
        let inbox = Inbox()
        var configuration = Self.configuration(folder.path)
        configuration.periods.heartbeat = 3_600_000
        let threads = try MembershipThreads(configuration, report: inbox.receive)
        try inbox.first("a look") { _ in true }
        try folder.remove("10.0.0.1:6100")
        while !folder.names.contains("10.0.0.1:6100") {
            try inbox.first("another look", after: inbox.all.count) { _ in true }
        }
        #expect(threads.stop())
    }

    @Test func `a directory that goes takes no member away, and is said to be gone once and to be back once`() throws {
        let folder = try TemporaryDirectory()
        let path = folder.location("cluster")
        #expect(mkdir(path, 0o700) == 0)
        let other = MemberFile(address: Self.address(2), timestamp: 0)
        try folder.put("cluster/10.0.0.2:6100", other.content)
        let inbox = Inbox()
        let threads = try MembershipThreads(Self.configuration(path), report: inbox.receive)
        try inbox.first("the other") { $0.addresses == [Self.address(2)] }
        // Where the machine is so busy that the first look lies long back, the file would be stale by now.
        try folder.put("cluster/10.0.0.2:6100", MemberFile(address: Self.address(2), timestamp: 1).content)
        try inbox.first("another look", after: inbox.all.count) { $0.addresses == [Self.address(2)] }
        #expect(rename(path, folder.location("elsewhere")) == 0)
        try inbox.first("the loss") { $0.events.contains { if case .directoryUnreadable = $0 { true } else { false } } }
        let count = inbox.all.count
        let later = try inbox.first("a look or two later", after: count + 5) { _ in true }
        #expect(later.addresses == [Self.address(2)])
        #expect(!later.isComplete)
        #expect(inbox.events.count { if case .directoryUnreadable = $0 { true } else { false } } == 1)
        #expect(inbox.events.count { if case .heartbeatFailed = $0 { true } else { false } } == 1)
        #expect(rename(folder.location("elsewhere"), path) == 0)
        try inbox.first("the return") { $0.events.contains(.directoryReadable) }
        try inbox.first("the beat") { $0.events.contains(.heartbeatRestored) }
        #expect(threads.stop())
        let left = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(left == ["10.0.0.2:6100"])
    }

    @Test(.enabled(if: Mounted.isPossible, "mounting takes root and the right to mount"))
    func `a read-only directory keeps its members and is said to be once`() throws {
        let folder = try TemporaryDirectory()
        let mounted = try Mounted(at: folder.path, options: "size=64k")
        defer { mounted.unmount() }
        try folder.put("10.0.0.2:6100", MemberFile(address: Self.address(2), timestamp: 0).content)
        try mounted.remount(readOnly: true)
        let inbox = Inbox()
        let threads = try MembershipThreads(Self.configuration(folder.path), report: inbox.receive)
        try inbox.first("the other") { $0.addresses == [Self.address(2)] }
        try inbox.first("a look or two later", after: 10) { _ in true }
        #expect(inbox.events.count { if case .directoryUnusable(folder.path, _) = $0 { true } else { false } } == 1)
        #expect(inbox.events.count == 2, "the other member, and that our file cannot be written")
        #expect(inbox.all.allSatisfy { !$0.serves })
        try mounted.remount(readOnly: false)
        try inbox.first("that it can be used") { $0.serves && $0.events == [.directoryServes(path: folder.path)] }
        #expect(threads.stop())
    }

    @Test func `a directory that is missing at the start is said to be once, with its path, and used when it is there`()
        throws
    {
        let folder = try TemporaryDirectory()
        let path = folder.location("cluster")
        let inbox = Inbox()
        let threads = try MembershipThreads(Self.configuration(path), report: inbox.receive)
        try inbox.first("some looks", after: 5) { _ in true }
        #expect(inbox.all.allSatisfy { !$0.serves && !$0.isComplete })
        #expect(inbox.events.count == 1)
        #expect(inbox.events.first.map { "\($0)" }?.contains("\(path) cannot be used") == true)
        #expect(inbox.events.first?.gravity == .error)
        #expect(mkdir(path, 0o700) == 0)
        try inbox.first("that it can be used") { $0.serves && $0.isComplete }
        try inbox.first("the word of it") { $0.events.contains(.directoryServes(path: path)) }
        #expect(inbox.events.count == 2)
        #expect(threads.stop())
    }

    @Test func `a pipe, a link and a directory hold up no look`() throws {
        let folder = try TemporaryDirectory()
        #expect(mkfifo(folder.location("10.0.0.2:6100"), 0o600) == 0)
        #expect(symlink("/dev/zero", folder.location("10.0.0.3:6100")) == 0)
        #expect(mkdir(folder.location("10.0.0.4:6100"), 0o700) == 0)
        try folder.put("10.0.0.5:6100", [])
        let inbox = Inbox()
        let threads = try MembershipThreads(Self.configuration(folder.path), report: inbox.receive)
        try inbox.first("some looks", after: 5) { _ in true }
        #expect(threads.stop())
        let ignored = inbox.events.compactMap { if case .ignored(let name, _) = $0 { name } else { nil } }
        #expect(ignored.sorted() == ["10.0.0.2:6100", "10.0.0.3:6100", "10.0.0.4:6100", "10.0.0.5:6100"])
        #expect(inbox.all.allSatisfy { $0.addresses.isEmpty })
        #expect(folder.names == ["10.0.0.2:6100", "10.0.0.3:6100", "10.0.0.4:6100", "10.0.0.5:6100"])
    }

    // MARK: Names

    @Test func `names and numbers are looked up again and again`() throws {
        let inbox = Inbox()
        let answers = Mutex(["10.0.0.7"])
        let names = [try Self.name("registry:7000"), try Self.name("10.0.0.9")]
        let threads = try MembershipThreads(
            Self.configuration(nil, names: names),
            resolve: { _ in answers.withLock { $0 }.compactMap { IPAddress($0) } },
            report: inbox.receive)
        let found = try inbox.first("the first answer") { $0.isComplete }
        #expect(found.addresses == [PeerAddress(host: "10.0.0.7", port: 7000), Self.address(9)])
        answers.withLock { $0 = ["10.0.0.8"] }
        try inbox.first("the next") { $0.addresses == [PeerAddress(host: "10.0.0.8", port: 7000), Self.address(9)] }
        #expect(threads.stop())
    }

    @Test func `a resolver that hangs holds up neither the directory nor the stop, and says nothing afterwards`() throws
    {
        let folder = try TemporaryDirectory()
        let inbox = Inbox()
        let hanging = DispatchSemaphore(value: 0)
        let threads = try MembershipThreads(
            Self.configuration(folder.path, names: [try Self.name("registry")]),
            resolve: { _ in
                hanging.wait()
                return [IPAddress("10.0.0.7")].compactMap(\.self)
            }, report: inbox.receive)
        try inbox.first("some looks at the directory", after: 5) { $0.source == .directory }
        let start = ContinuousClock.now
        #expect(!threads.stop(within: 100))
        // Not a measurement: it hung for ever.
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(folder.names == [])
        hanging.signal()
        #expect(threads.stop(), "what was left behind is not waited for again")
        #expect(inbox.all.allSatisfy { $0.source == .directory })
    }

    @Test func `what one name has told is known while the next still hangs, and is not taken for everything`() throws {
        let inbox = Inbox()
        let hanging = DispatchSemaphore(value: 0)
        let threads = try MembershipThreads(
            Self.configuration(nil, names: [try Self.name("good"), try Self.name("bad")]),
            resolve: { host in
                if host == "bad" { hanging.wait() }
                return [IPAddress("10.0.0.7")].compactMap(\.self)
            }, report: inbox.receive)
        let early = try inbox.first("the good one") { !$0.addresses.isEmpty }
        #expect(!early.isComplete)
        hanging.signal()
        try inbox.first("both") { $0.isComplete }
        for _ in 0..<1_000 { hanging.signal() }
        #expect(threads.stop(within: 10_000))
    }

    @Test func `the system's resolver knows this machine, and knows when it does not know`() throws {
        let hosts = try NameLookup.addresses(of: "localhost").map(\.description)
        #expect(hosts.contains("127.0.0.1") || hosts.contains("::1"), "\(hosts)")
        let number = try NameLookup.addresses(of: "10.0.0.1")
        #expect(number.map(\.description) == ["10.0.0.1"])
        #expect(throws: NameLookup.Failure.self) { try NameLookup.addresses(of: "..") }
    }

    // MARK: Start and stop

    @Test func `each way that is configured reports, and no other`() throws {
        let folder = try TemporaryDirectory()
        let names = [try Self.name("10.0.0.9")]
        #expect(Self.configuration(folder.path).sources == [.directory])
        #expect(Self.configuration(nil, names: names).sources == [.names])
        #expect(Self.configuration(nil).sources == [])
        let both = Self.configuration(folder.path, names: names)
        #expect(both.sources == [.directory, .names])
        let inbox = Inbox()
        let threads = try MembershipThreads(both, report: inbox.receive)
        for source in both.sources { try inbox.first("a report of \(source)") { $0.source == source } }
        threads.stop()
    }

    @Test func `without a source there is no thread, and stopping twice is stopping once`() throws {
        let threads = try MembershipThreads(Self.configuration(nil), report: { _ in })
        #expect(threads.stop())
        #expect(threads.stop())
    }

    @Test func `threads that are let go end by themselves and take our file away`() throws {
        let folder = try TemporaryDirectory()
        let ended = DispatchSemaphore(value: 0)
        do {
            let inbox = Inbox()
            let last = LastWord { ended.signal() }
            let threads = try MembershipThreads(Self.configuration(folder.path)) { report in
                withExtendedLifetime(last) { inbox.receive(report) }
            }
            try inbox.first("a look") { _ in true }
            withExtendedLifetime(threads) {}
        }
        #expect(ended.wait(timeout: .now() + 30) == .success, "the threads still hold whom they report to")
        #expect(folder.names == [])
    }
}

/// Says that nobody holds it any more.
private final class LastWord: Sendable {
    private let say: @Sendable () -> Void

    init(_ say: @escaping @Sendable () -> Void) { self.say = say }

    deinit { say() }
}
