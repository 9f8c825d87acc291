// A real directory, with all that may lie in it.

import Foundation
import Glibc
import Replication
import Synchronization
import System
import TestTime
import Testing
import Time

@testable import ReplicationServer

struct MemberDirectoryTests {
    static let own = PeerAddress(host: "10.0.0.1", port: 6100)
    static let other = PeerAddress(host: "10.0.0.2", port: 6100)

    private let folder: TemporaryDirectory
    private let directory: MemberDirectory

    init() throws {
        folder = try TemporaryDirectory()
        directory = MemberDirectory(path: folder.path, own: Self.own)
    }

    private static func content(_ address: PeerAddress, beat: Int64 = 0) -> [UInt8] {
        MemberFile(address: address, timestamp: 1_800_000_000_000_000_000 + beat).content
    }

    /// What a look makes of the one file beside ours.
    private func looked() throws -> ObservedFile.Content? {
        try directory.look().files.first { $0.name == "10.0.0.2:6100" }?.content
    }

    // MARK: Our own file

    @Test func `our file is written whole, written over, and taken away, and nothing else is left`() throws {
        try directory.write(Self.content(Self.own))
        #expect(folder.names == ["10.0.0.1:6100"])
        #expect(folder.bytes("10.0.0.1:6100") == Self.content(Self.own))
        try directory.write(Self.content(Self.own, beat: 1))
        #expect(folder.names == ["10.0.0.1:6100"])
        #expect(folder.bytes("10.0.0.1:6100") == Self.content(Self.own, beat: 1))
        directory.removeOwn()
        #expect(folder.names == [])
    }

    private func inode() -> ino_t {
        var status = stat()
        return lstat(folder.location("10.0.0.1:6100"), &status) == 0 ? status.st_ino : 0
    }

    @Test func `our file is the same file for ever, and never shorter than it was`() throws {
        try directory.write(Self.content(Self.own))
        let first = inode()
        for beat in 1..<50 {
            try directory.write(Self.content(Self.own, beat: Int64(beat) * 7_000_000_000))
            #expect(inode() == first)
            #expect(folder.bytes("10.0.0.1:6100")?.count == Self.content(Self.own).count)
        }
    }

    @Test func `whoever reads while it is written finds one record or the other, and no second name`() throws {
        try directory.write(Self.content(Self.own))
        let stop = Atomic<Bool>(false)
        let ended = DispatchSemaphore(value: 0)
        let directory = directory
        Thread.detachNewThread {
            var beat: Int64 = 0
            while !stop.load(ordering: .relaxed) {
                beat += 1
                _ = try? directory.write(Self.content(Self.own, beat: beat * 1_234_567_891))
            }
            ended.signal()
        }
        defer {
            stop.store(true, ordering: .relaxed)
            ended.wait()
        }
        for _ in 0..<2_000 {
            let content = try #require(folder.bytes("10.0.0.1:6100"))
            #expect(MemberFile(content)?.address == Self.own, "\(String(decoding: content, as: UTF8.self))")
            #expect(folder.names == ["10.0.0.1:6100"])
        }
    }

    @Test(arguments: [
        "", "{", #"{"ip":"10.0.0.1","port":6100,"timestamp":"2026-11-23T00:04:31.7Z"}"#,
        String(repeating: "x", count: 300),
    ])
    func
        `what a crash or an original has left under our name is written over in place, and what we wrote is known again`(
            left: String
        ) throws
    {
        try folder.put("10.0.0.1:6100", Array(left.utf8))
        let before = inode()
        let written = try directory.write(Self.content(Self.own))
        #expect(inode() == before)
        #expect(folder.bytes("10.0.0.1:6100") == written)
        #expect(MemberFile(written)?.address == Self.own)
        #expect(written.count == max(left.utf8.count, Self.content(Self.own).count))
        var view = DirectoryView(own: Self.own)
        _ = view.heartbeatWritten(written)
        #expect(view.looked(try directory.look().files, at: 0).events == [])
    }

    @Test(arguments: ["huge file", "hard link", "link", "pipe"])
    func `what is no file of ours and stands in its way is replaced, and what a link leads to is not touched`(
        kind: String
    ) throws {
        try folder.put("victim", Array("precious".utf8))
        let name = folder.location("10.0.0.1:6100")
        switch kind {
        case "hard link": #expect(link(folder.location("victim"), name) == 0)
        case "link": #expect(symlink(folder.location("victim"), name) == 0)
        case "pipe": #expect(mkfifo(name, 0o600) == 0)
        default: try folder.put("10.0.0.1:6100", repeatElement(0x20, count: MemberFile.largest + 1))
        }
        try directory.write(Self.content(Self.own))
        #expect(folder.bytes("10.0.0.1:6100") == Self.content(Self.own))
        #expect(folder.names == ["victim", "10.0.0.1:6100"])
        #expect(folder.bytes("victim") == Array("precious".utf8))
    }

    @Test func `a directory in the place of our file is an error and not a hang`() throws {
        #expect(mkdir(folder.location("10.0.0.1:6100"), 0o700) == 0)
        #expect(throws: SystemFailure.self) { try directory.write(Self.content(Self.own)) }
        #expect(folder.names == ["10.0.0.1:6100"])
    }

    // MARK: Looking

    @Test func `a member's file is read`() throws {
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        #expect(try looked() == .bytes(Self.content(Self.other)))
    }

    @Test func `a pipe without a writer is special, at once`() throws {
        #expect(mkfifo(folder.location("10.0.0.2:6100"), 0o600) == 0)
        #expect(try looked() == .fault(.special))
    }

    @Test func `a symbolic link is special, wherever it leads`() throws {
        try folder.put("target", Self.content(Self.other))
        #expect(symlink("target", folder.location("10.0.0.2:6100")) == 0)
        #expect(try looked() == .fault(.special))
        try folder.remove("target")
        #expect(try looked() == .fault(.special))
    }

    @Test func `a directory is special`() throws {
        #expect(mkdir(folder.location("10.0.0.2:6100"), 0o700) == 0)
        #expect(try looked() == .fault(.special))
    }

    @Test func `a file of 100 MB is too large, and not read to find out`() throws {
        try folder.put("10.0.0.2:6100", [])
        #expect(truncate(folder.location("10.0.0.2:6100"), 100 << 20) == 0)
        #expect(try looked() == .fault(.tooLarge))
    }

    @Test func `a file at the limit is read, and one over it is not`() throws {
        try folder.put("10.0.0.2:6100", repeatElement(0x20, count: MemberFile.largest))
        #expect(try looked() == .bytes(Array(repeating: 0x20, count: MemberFile.largest)))
        try folder.put("10.0.0.2:6100", repeatElement(0x20, count: MemberFile.largest + 1))
        #expect(try looked() == .fault(.tooLarge))
    }

    @Test func `an empty file is empty`() throws {
        try folder.put("10.0.0.2:6100", [])
        #expect(try looked() == .bytes([]))
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func `a file that may not be read is a fault of that file only`() throws {
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        try folder.put("10.0.0.3:6100", Self.content(Self.other))
        #expect(chmod(folder.location("10.0.0.2:6100"), 0) == 0)
        #expect(try looked() == .fault(.unreadable(reason: String(cString: strerror(EACCES)))))
        let count = try directory.look().files.count
        #expect(count == 2)
    }

    @Test func `what is not named as a member's is not even looked at`() throws {
        for name in ["README", ".gitkeep", "10.0.0.2", "10.0.0.2:6100~", ".10.0.0.3:6100.new"] {
            try folder.put(name, Self.content(Self.other))
        }
        #expect(mkfifo(folder.location("pipe"), 0o600) == 0)
        let (files, isWhole) = try directory.look()
        #expect(files == [])
        #expect(isWhole)
    }

    @Test func `more members than are looked at leave the look incomplete`() throws {
        for index in 0..<DirectoryView.mostMembers + 1 { try folder.put("10.1.\(index / 256).\(index % 256):6100", []) }
        let (files, isWhole) = try directory.look()
        #expect(files.count == DirectoryView.mostMembers)
        #expect(!isWhole)
    }

    @Test func `a directory that is gone, or none, cannot be looked at`() throws {
        let gone = MemberDirectory(path: folder.location("gone"), own: Self.own)
        #expect(throws: SystemFailure("open", code: ENOENT)) { try gone.look() }
        #expect(throws: SystemFailure("open", code: ENOENT)) { try gone.write([1]) }
        gone.removeOwn()
        try folder.put("file", [])
        #expect(throws: SystemFailure("open", code: ENOTDIR)) {
            try MemberDirectory(path: folder.location("file"), own: Self.own).look()
        }
    }

    @Test func `looking leaves no descriptor behind`() throws {
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        try folder.put("10.0.0.3:6100", repeatElement(0, count: 10_000))
        #expect(mkfifo(folder.location("10.0.0.4:6100"), 0o600) == 0)
        // Far more than this process may have open.
        for _ in 0..<5_000 { _ = try directory.look() }
        for beat in 0..<200 { try directory.write(Self.content(Self.own, beat: Int64(beat))) }
    }

    // MARK: Deleting

    @Test func `what a judgement deletes is gone, unless it says something else by now`() throws {
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        let deletion = try #require(Self.deletion(of: "10.0.0.2:6100", Self.content(Self.other)))
        try folder.put("10.0.0.2:6100", Self.content(Self.other, beat: 1))
        #expect(!directory.delete(deletion))
        #expect(folder.names == ["10.0.0.2:6100"])
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        #expect(directory.delete(deletion))
        #expect(folder.names == [])
        #expect(!directory.delete(deletion))
    }

    /// As the view decides on one.
    private static func deletion(of name: String, _ content: [UInt8]) -> DirectoryJudgement.Deletion? {
        var view = DirectoryView(own: own)
        var last: DirectoryJudgement.Deletion?
        for second in stride(from: Int64(0), through: 600, by: 5) {
            last =
                view.looked(
                    [ObservedFile(name: name, content: .bytes(content))],
                    at: MonotonicTime(milliseconds: second * 1_000)
                ).deletions.first
        }
        return last
    }

    // MARK: File systems that fail

    @Test(.enabled(if: Mounted.isPossible, "mounting takes root and the right to mount"))
    func `a full file system fails the first write, leaves nothing of it, and is no hindrance to the later ones`()
        throws
    {
        let mounted = try Mounted(at: folder.path, options: "size=16k,nr_inodes=64")
        defer { mounted.unmount() }
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        fill(folder.location("ballast"))
        #expect(throws: SystemFailure.self) { try directory.write(Self.content(Self.own)) }
        #expect(folder.names == ["10.0.0.2:6100", "ballast"])
        #expect(try looked() == .bytes(Self.content(Self.other)))
        try folder.remove("ballast")
        try directory.write(Self.content(Self.own))
        fill(folder.location("ballast"))
        try directory.write(Self.content(Self.own, beat: 2))
        #expect(folder.bytes("10.0.0.1:6100") == Self.content(Self.own, beat: 2))
    }

    @Test(.enabled(if: Mounted.isPossible, "mounting takes root and the right to mount"))
    func `a read-only file system fails the write and is read`() throws {
        let mounted = try Mounted(at: folder.path, options: "size=64k")
        defer { mounted.unmount() }
        try folder.put("10.0.0.2:6100", Self.content(Self.other))
        try directory.write(Self.content(Self.own))
        try mounted.remount(readOnly: true)
        #expect(throws: SystemFailure("open", code: EROFS)) { try directory.write(Self.content(Self.own, beat: 1)) }
        directory.removeOwn()
        #expect(folder.names == ["10.0.0.1:6100", "10.0.0.2:6100"])
        #expect(try looked() == .bytes(Self.content(Self.other)))
        try mounted.remount(readOnly: false)
        try directory.write(Self.content(Self.own, beat: 2))
    }

    /// Writes until there is no room left.
    private func fill(_ path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        let bytes = [UInt8](repeating: 0, count: 512)
        for _ in 0..<1_000 where write(descriptor, bytes, bytes.count) < bytes.count { return }
    }
}

/// A tmpfs over a directory.
struct Mounted {
    private let path: String

    /// Tried once, since being root is not enough in a container.
    static let isPossible: Bool = {
        guard geteuid() == 0, let folder = try? TemporaryDirectory(),
            let mounted = try? Mounted(at: folder.path, options: "size=4k")
        else {
            return false
        }
        mounted.unmount()
        return true
    }()

    init(at path: String, options: String) throws {
        self.path = path
        try Self.run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path)
    }

    func remount(readOnly: Bool) throws { try Self.run("mount", "-o", readOnly ? "remount,ro" : "remount,rw", path) }

    func unmount() { try? Self.run("umount", path) }

    private struct Failed: Error {
        let command: [String]
    }

    private static func run(_ command: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(command: command) }
    }
}
