// The source as it runs: a thread, a directory, and whoever changes it. Kubernetes' way to swap the files of a ConfigMap
// is done step by step as its kubelet does it, since no event of it names a file that is read.

import Catalog
import Foundation
import Glibc
import RegistryCore
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import FileSource

/// A source that runs on a directory of its own until the test ends.
private final class RunningSource {
    let path: String
    let board: SourceBoard
    private let stop: WakeSignal
    private let ended: WakeSignal
    private let thread: NamedThread
    private let store = Store(namespaceCapacity: nil)
    private var lookup: Lookup { Lookup(store, board) }

    /// - Parameter prepare: makes what the directory has at the start; it is made before.
    init(_ prepare: (String) throws -> Void = { _ in }) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "a8-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        path = folder.path()
        try prepare(path)
        board = SourceBoard([.filesystem], maximumAge: 600_000, store)
        let source = FileSource(path: path, shared: nil, maximumAge: 600_000, tagLimits: .standard)
        let publisher = try #require(board.publisher(of: .filesystem))
        let (stop, ended) = (try WakeSignal(), try WakeSignal())
        thread = try NamedThread(source.threadName) {
            source.run(publisher, until: stop)
            ended.raise()
        }
        (self.stop, self.ended) = (stop, ended)
    }

    deinit {
        stop.raise()
        if ended.wait(until: MonotonicClock.now() + .seconds(Deadline.patience)) { thread.join() }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file as an editor does that writes in place.
    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
    }

    /// The endpoints that are shown of the service `web`.
    func shown(_ namespace: String = "default") -> [String] {
        lookup.listing(of: Name("web"), in: Namespace(namespace), at: .zero).instances.map(\.instance.endpoint.value)
            .sorted()
    }

    var status: SourceStatus { get throws { try #require(board.report.first) } }

    /// Waits until something is so.
    func wait(for what: String, until isSo: () throws -> Bool) throws {
        let deadline = Deadline()
        let pause = try WakeSignal()
        while try !isSo() {
            guard deadline.remainingMilliseconds > 0 else {
                throw WaitedInVain(for: what, "shown are \(shown()), and the source is \(try status)")
            }
            pause.wait(until: MonotonicClock.now() + .milliseconds(5))
        }
    }
}

struct FileSourceTests {
    private static func file(_ values: String...) -> String {
        let instances = values.map { #"{"service_name":"web","endpoint":{"type":"tcp","value":"\#($0)"}}"# }
        return #"{"instances":[\#(instances.joined(separator: ",\n"))]}"#
    }

    @Test func `a file that is written is shown, and its deletion empties it`() throws {
        // F112 A change is shown as soon as the kernel tells of it, and within 30 s anywhere.
        let source = try RunningSource()
        try source.wait(for: "the first look") { try source.status.state == .current }
        try source.write("default.json", Self.file("a", "b"))
        try source.wait(for: "the file") { source.shown() == ["a", "b"] }
        // Over it, by a rename, as editors do.
        try source.write(".default.json.swp", Self.file("c"))
        #expect(rename("\(source.path)/.default.json.swp", "\(source.path)/default.json") == 0)
        try source.wait(for: "the file that took its place") { source.shown() == ["c"] }
        #expect(try source.status.lag != nil)
        try FileManager.default.removeItem(atPath: "\(source.path)/default.json")
        try source.wait(for: "its end") { source.shown() == [] }
    }

    @Test func `a ConfigMap is followed as Kubernetes swaps it`() throws {
        // F113 A directory that Kubernetes fills from a ConfigMap is followed: its files are links by way of `..data`,
        // which is swapped.
        let source = try RunningSource { path in
            try FileManager.default.createDirectory(atPath: "\(path)/..1", withIntermediateDirectories: false)
            try Data(Self.file("a").utf8).write(to: URL(filePath: "\(path)/..1/default.json"))
            try FileManager.default.createSymbolicLink(atPath: "\(path)/..data", withDestinationPath: "..1")
            try FileManager.default.createSymbolicLink(
                atPath: "\(path)/default.json", withDestinationPath: "..data/default.json")
        }
        try source.wait(for: "the first content") { source.shown() == ["a"] }
        var gone: [String] = []
        for (number, value) in [(2, "b"), (3, "c"), (4, "d")] {
            // Its kubelet writes another directory, has a second link lead there, renames that over the first, and
            // removes the old directory.
            try FileManager.default.createDirectory(
                atPath: "\(source.path)/..\(number)", withIntermediateDirectories: false)
            try Data(Self.file(value).utf8).write(to: URL(filePath: "\(source.path)/..\(number)/default.json"))
            #expect(symlink("..\(number)", "\(source.path)/..data_tmp") == 0)
            #expect(rename("\(source.path)/..data_tmp", "\(source.path)/..data") == 0)
            try FileManager.default.removeItem(atPath: "\(source.path)/..\(number - 1)")
            try source.wait(for: "what \(value) has swapped") {
                let shown = source.shown()
                if shown.isEmpty { gone.append(value) }
                return shown == [value]
            }
        }
        #expect(gone == [], "nothing was shown during a swap")
        // A key that is taken out of the ConfigMap takes the link with it.
        try FileManager.default.removeItem(atPath: "\(source.path)/default.json")
        try source.wait(for: "the end of the key") { source.shown() == [] }
    }

    @Test func `a mistake keeps what was shown and is said with its place`() throws {
        // F103 A file with a mistake is shown as it was before.
        let source = try RunningSource { path in
            try Data(Self.file("a").utf8).write(to: URL(filePath: "\(path)/default.json"))
        }
        try source.wait(for: "the file") { source.shown() == ["a"] }
        try source.write("default.json", "{\"instances\":[\n {\"service_name\":\"web\"}]}")
        try source.wait(for: "the mistake") { try source.status.state == .partial }
        #expect(try source.status.problems.map(\.description) == ["default.json:2:2: endpoint is required"])
        #expect(source.shown() == ["a"])
        try source.write("default.json", Self.file("b"))
        try source.wait(for: "its mending") { try source.status.state == .current && source.shown() == ["b"] }
    }

    @Test func `a directory that is gone keeps what was shown, and is found when it is back`() throws {
        // F114 A directory that is gone or cannot be read is a failure: what was shown stays (R685).
        let source = try RunningSource { path in
            try Data(Self.file("a").utf8).write(to: URL(filePath: "\(path)/default.json"))
        }
        try source.wait(for: "the file") { source.shown() == ["a"] }
        #expect(rename(source.path, source.path + "-away") == 0)
        defer { try? FileManager.default.removeItem(atPath: source.path + "-away") }
        try source.wait(for: "the failure") { try source.status.state == .failing }
        #expect(source.shown() == ["a"])
        try FileManager.default.createDirectory(atPath: source.path, withIntermediateDirectories: false)
        try source.write("default.json", Self.file("b"))
        try source.wait(for: "the other directory") { source.shown() == ["b"] }
        try source.write("default.json", Self.file("c"))
        try source.wait(for: "a change in it") { source.shown() == ["c"] }
    }

    @Test func `what is no file is passed over, and what is too large is said`() throws {
        // F115 A file has at most 64 MiB. F105 … directories and pipes are passed over.
        let source = try RunningSource { path in
            try FileManager.default.createDirectory(atPath: "\(path)/dir.json", withIntermediateDirectories: false)
            #expect(mkfifo("\(path)/pipe.json", 0o644) == 0)
            let descriptor = open("\(path)/large.json", O_WRONLY | O_CREAT, 0o644)
            #expect(ftruncate(descriptor, off_t(CatalogFile.sizeLimit + 1)) == 0)
            close(descriptor)
            try Data(Self.file("a").utf8).write(to: URL(filePath: "\(path)/default.json"))
        }
        try source.wait(for: "the file") { source.shown() == ["a"] }
        try source.wait(for: "the large file's problem") { try source.status.state == .partial }
        #expect(try source.status.problems.map(\.description) == ["large.json: the file has more than 64 MiB"])
    }
}
