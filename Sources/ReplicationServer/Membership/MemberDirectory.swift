// The shared directory itself. Whoever may write into it may put anything there, so nothing is opened but what is named as a member's and is a
// small regular file; and our own file is never seen half written: it is written beside, synced and renamed.

import Glibc
import Replication
import System

/// One directory, named by its path each time, so that it may be mounted anew. All calls may block for as long as the file system does.
struct MemberDirectory: Sendable {
    /// The most entries that one look walks over, whatever they are.
    static let mostEntries = 16_384

    let path: String
    let own: PeerAddress

    // MARK: Our own file

    /// Replaces our file; it has the old content or the new at any time, also after a crash.
    func write(_ content: [UInt8]) throws(SystemFailure) {
        let temporary = location(MemberFile.temporaryName(of: own))
        // What is left of a crash. Created anew, it cannot be a link or a pipe that somebody put there.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemFailure("open", code: errno) }
        do throws(SystemFailure) {
            defer { close(descriptor) }
            let count = Glibc.write(descriptor, content, content.count)
            guard count == content.count else { throw SystemFailure("write", code: count < 0 ? errno : ENOSPC) }
            guard fsync(descriptor) == 0 else { throw SystemFailure("fsync", code: errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, location(MemberFile.name(of: own))) == 0 else {
            let error = SystemFailure("rename", code: errno)
            unlink(temporary)
            throw error
        }
        syncDirectory()
    }

    /// Takes our file away: we leave.
    func removeOwn() {
        unlink(location(MemberFile.temporaryName(of: own)))
        unlink(location(MemberFile.name(of: own)))
        syncDirectory()
    }

    /// Makes a rename last through a crash of the machine, where the file system can. The file is in its place all the same.
    private func syncDirectory() {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    // MARK: The others' files

    /// Reads every file that is named as a member's. `isWhole` is false when there are more entries than are walked over.
    func look() throws(SystemFailure) -> (files: [ObservedFile], isWhole: Bool) {
        let (names, isWhole) = try names()
        var files: [ObservedFile] = []
        for name in names.prefix(DirectoryView.mostMembers) {
            // One that vanished meanwhile is not there.
            if let content = read(name) { files.append(ObservedFile(name: name, content: content)) }
        }
        return (files, isWhole && names.count <= DirectoryView.mostMembers)
    }

    /// Deletes the file of a member long gone, unless it says something else by now. Whether it was deleted by us.
    func delete(_ deletion: DirectoryJudgement.Deletion) -> Bool {
        guard read(deletion.name) == .bytes(deletion.content) else { return false }
        return unlink(location(deletion.name)) == 0
    }

    private func names() throws(SystemFailure) -> (names: [String], isWhole: Bool) {
        guard let stream = opendir(path) else { throw SystemFailure("open", code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        for _ in 0..<Self.mostEntries {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SystemFailure("readdir", code: errno) }
                return (names, true)
            }
            // In place: the entry ends with the name, so to copy the 256 bytes that C declares is to read past the stream's buffer.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if MemberFile.address(named: name) != nil { names.append(name) }
        }
        return (names, false)
    }

    /// Nil when there is no such file (any longer).
    private func read(_ name: String) -> ObservedFile.Content? {
        let path = location(name)
        // Looked at before it is opened: the mere opening of a device may do something.
        var status = stat()
        guard lstat(path, &status) == 0 else { return Self.fault(errno) }
        guard Self.isRegular(status) else { return .fault(.special) }
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return Self.fault(errno) }
        defer { close(descriptor) }
        guard fstat(descriptor, &status) == 0 else { return Self.fault(errno) }
        guard Self.isRegular(status) else { return .fault(.special) }
        guard status.st_size <= off_t(MemberFile.largest) else { return .fault(.tooLarge) }

        var content = [UInt8](repeating: 0, count: MemberFile.largest + 1)
        var length = 0
        while length < content.count {
            let count = content.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress?.advanced(by: length), $0.count - length) }
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                return Self.fault(errno)
            }
            length += count
        }
        guard length <= MemberFile.largest else { return .fault(.tooLarge) }
        return .bytes(Array(content[..<length]))
    }

    private static func isRegular(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFREG }

    /// What an error says about a file; nil for one that is gone.
    private static func fault(_ code: Int32) -> ObservedFile.Content? {
        switch code {
        case ENOENT, ESTALE: nil
        case ELOOP, ENXIO: .fault(.special)
        default: .fault(.unreadable(reason: String(cString: strerror(code))))
        }
    }

    private func location(_ name: String) -> String { "\(path)/\(name)" }
}
