// The shared directory itself. Any program with the permission may write anything into it, so only small regular files
// with a member's name are opened. Legacy peers take every name that they find there for a member's, so no second name
// is ever made: our own file is overwritten in place by one write, as long as the content before it, so that a reader
// at that moment finds a whole record.

import Glibc
import Replication
import System

/// One directory, named by its path each time, so that it may be mounted again. All calls may block for as long as the
/// file system does.
struct MemberDirectory: Sendable {
    /// The most entries that one look walks over, whatever they are.
    static let mostEntries = 16_384

    let path: String
    let own: PeerAddress

    // MARK: Our own file

    /// Writes our file. The first time it is created; from then on, also when a crash has left it, it is overwritten in
    /// place and never shortened.
    ///
    /// - Returns: what the file holds now: the content, filled up with spaces where a longer one stood there before.
    @discardableResult
    func write(_ content: [UInt8]) throws(SystemFailure) -> [UInt8] {
        if let written = try overwrite(content) { return written }
        try create(content)
        return content
    }

    /// Nil when nothing stands there that may be overwritten; whatever else did is taken out of the way.
    private func overwrite(_ content: [UInt8]) throws(SystemFailure) -> [UInt8]? {
        let location = location(MemberFile.name(of: own))
        let descriptor = unsafe open(location, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: return nil
            // A link, a pipe without a reader or a socket; or a file that another user left, whose directory is ours to
            // change.
            case ELOOP, ENXIO, EACCES: return try clear(location)
            default: throw SystemFailure("open", code: errno)
            }
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw SystemFailure("stat", code: errno) }
        // A file with a second name elsewhere has another owner, and a file larger than a member's never was one.
        guard Self.isRegular(status), status.st_nlink == 1, status.st_size <= off_t(MemberFile.largest) else {
            return try clear(location)
        }
        let padding = max(0, Int(status.st_size) - content.count)
        let padded = content + repeatElement(UInt8(ascii: " "), count: padding)
        try Self.writeOnce(padded, to: descriptor)
        return padded
    }

    private func create(_ content: [UInt8]) throws(SystemFailure) {
        let location = location(MemberFile.name(of: own))
        // Created exclusively, it cannot be a link or a pipe that another program put there. While it is empty, it has
        // no owner yet.
        let descriptor = unsafe open(location, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemFailure("open", code: errno) }
        do throws(SystemFailure) {
            defer { close(descriptor) }
            try Self.writeOnce(content, to: descriptor)
        } catch {
            unsafe unlink(location)
            throw error
        }
        syncDirectory()
    }

    /// In one call, so that no reader on this machine finds a part of it.
    private static func writeOnce(_ content: [UInt8], to descriptor: Int32) throws(SystemFailure) {
        var count = unsafe pwrite(descriptor, content, content.count, 0)
        while count < 0, errno == EINTR { count = unsafe pwrite(descriptor, content, content.count, 0) }
        guard count == content.count else { throw SystemFailure("write", code: count < 0 ? errno : ENOSPC) }
        guard fsync(descriptor) == 0 else { throw SystemFailure("fsync", code: errno) }
    }

    private func clear(_ location: String) throws(SystemFailure) -> [UInt8]? {
        guard unsafe unlink(location) == 0 || errno == ENOENT else { throw SystemFailure("unlink", code: errno) }
        return nil
    }

    /// Takes our file away: we leave.
    func removeOwn() {
        unsafe unlink(location(MemberFile.name(of: own)))
        syncDirectory()
    }

    /// Makes a name last through a crash of the machine, where the file system can. It is in its place all the same.
    private func syncDirectory() {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    // MARK: The others' files

    /// Reads every file that is named as a member's. `isWhole` is false when there are more entries than are walked
    /// over.
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
        return unsafe unlink(location(deletion.name)) == 0
    }

    private func names() throws(SystemFailure) -> (names: [String], isWhole: Bool) {
        guard let stream = unsafe opendir(path) else { throw SystemFailure("open", code: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        for _ in 0..<Self.mostEntries {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw SystemFailure("readdir", code: errno) }
                return (names, true)
            }
            // In place: the entry ends with the name, so to copy the 256 bytes that C declares is to read past the
            // stream's buffer.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if MemberFile.address(named: name) != nil { names.append(name) }
        }
        return (names, false)
    }

    /// Nil when there is no such file (any longer).
    private func read(_ name: String) -> ObservedFile.Content? {
        let path = location(name)
        // Looked at before it is opened: the mere opening of a device may do something.
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return Self.fault(errno) }
        guard Self.isRegular(status) else { return .fault(.special) }
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return Self.fault(errno) }
        defer { close(descriptor) }
        guard unsafe fstat(descriptor, &status) == 0 else { return Self.fault(errno) }
        guard Self.isRegular(status) else { return .fault(.special) }
        guard status.st_size <= off_t(MemberFile.largest) else { return .fault(.tooLarge) }

        var content = [UInt8](repeating: 0, count: MemberFile.largest + 1)
        var length = 0
        while length < content.count {
            let count = unsafe content.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress?.advanced(by: length), $0.count - length)
            }
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
        default: unsafe .fault(.unreadable(reason: String(cString: strerror(code))))
        }
    }

    private func location(_ name: String) -> String { "\(path)/\(name)" }
}
