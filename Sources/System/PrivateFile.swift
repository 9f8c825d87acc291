// A file that one process keeps for itself and replaces as a whole: whoever reads it finds the old one or the new one,
// and nobody else can have it read or written elsewhere by a link. The new one is made beside it under a name of its
// own, which no other file has, and takes its place when it is complete and on the disk.

import CSystem
import Glibc

/// Why a path is none for such a file.
package enum PrivateFileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is a directory, a link, a pipe or a device.
    case notAFile(String)
    /// Another user has the file.
    case notOurs(String, owner: UInt32)
    case unusable(SystemFailure)

    package var description: String {
        switch self {
        case .notAFile(let path): "\(path) is no regular file: a link, directory or device is neither read nor replaced"
        case .notOurs(let path, let owner):
            "\(path) belongs to user \(owner): a file of another user is neither read nor replaced"
        case .unusable(let failure): failure.description
        }
    }
}

/// A place for a file that only this process writes.
package struct PrivateFile: Sendable {
    /// The most names in its directory that are looked at for what dead processes have left.
    private static let longestDirectory = 65_536
    private static let temporaryMark = ".writing-"

    package let path: String

    package init(_ path: String) { self.path = path }

    private var directory: String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }
    private var name: String { path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path }

    /// Opens the file for reading; nil when there is none. It stays as it is for as long as it is open, whatever takes
    /// its place.
    ///
    /// - Parameter isAnybodys: whether it may be another user's.
    package func open(isAnybodys: Bool = false) throws(PrivateFileFault) -> ReadableFile? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: return nil
            case ELOOP, ENXIO: throw .notAFile(path)
            default: throw .unusable(SystemFailure(path, code: errno))
            }
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .unusable(SystemFailure(path, code: code))
        }
        do throws(PrivateFileFault) { try check(status, isAnybodys: isAnybodys) } catch {
            close(descriptor)
            throw error
        }
        return ReadableFile(descriptor, size: Int(status.st_size))
    }

    /// Throws where what is at the path now must not be replaced.
    package func check() throws(PrivateFileFault) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw .unusable(SystemFailure(path, code: errno)) }
            return
        }
        try check(status)
    }

    private func check(_ status: stat, isAnybodys: Bool = false) throws(PrivateFileFault) {
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path) }
        guard isAnybodys || status.st_uid == geteuid() else { throw .notOurs(path, owner: status.st_uid) }
    }

    /// Begins another file, readable and writable by its owner alone.
    package func replace() throws(PrivateFileFault) -> FileReplacement {
        try check()
        let temporary = "\(path)\(Self.temporaryMark)\(String(UInt64.random(in: 0 ... .max), radix: 36))"
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = unsafe Glibc.open(temporary, flags, 0o600)
        guard descriptor >= 0 else { throw .unusable(SystemFailure("\(path) cannot be written", code: errno)) }
        // By which others see that its process lives; the kernel lets go of it with the process.
        _ = flock(descriptor, LOCK_EX | LOCK_NB)
        return FileReplacement(self, descriptor, temporary)
    }

    /// Throws where no file could be written. A directory that cannot be written is found out before there is something
    /// to write; a disk that is full may have room by then.
    package func checkReplaceable() throws(PrivateFileFault) {
        do throws(PrivateFileFault) {
            _ = try replace()
        } catch {
            guard case .unusable(let failure) = error, [ENOSPC, EDQUOT, EMFILE, ENFILE].contains(failure.code) else {
                throw error
            }
        }
    }

    /// Takes away what processes that have died have begun and not finished; returns how many.
    package func removeLeftovers() -> Int {
        let prefix = name + Self.temporaryMark
        guard let found = try? DirectoryFiles.names(in: directory, atMost: Self.longestDirectory) else { return 0 }
        return found.names.filter { $0.hasPrefix(prefix) }.count { leftover in
            let leftover = "\(directory)/\(leftover)"
            let descriptor = unsafe Glibc.open(leftover, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0, (try? check(status)) != nil,
                flock(descriptor, LOCK_EX | LOCK_NB) == 0
            else { return false }
            return unsafe unlink(leftover) == 0
        }
    }

    /// Gives the file another name, which begins with its own, beside it, and takes older ones away that were put aside
    /// by the same word, but for the newest; returns the path.
    ///
    /// - Parameters:
    ///   - mark: goes before the time: `.damaged-`.
    ///   - time: of which a later one sorts behind an earlier one.
    ///   - most: how many are kept, this one included.
    package func putAside(_ mark: String, time: String, keeping most: Int) throws(PrivateFileFault) -> String {
        let aside = path + mark + time
        guard unsafe rename(path, aside) == 0 else { throw .unusable(SystemFailure(path, code: errno)) }
        syncDirectory()
        if let found = try? DirectoryFiles.names(in: directory, atMost: Self.longestDirectory) {
            let kept = found.names.filter { $0.hasPrefix(name + mark) }.sorted()
            for old in kept.dropLast(most) { _ = unsafe unlink("\(directory)/\(old)") }
        }
        return aside
    }

    /// So that a name that was changed is on the disk.
    fileprivate func syncDirectory() {
        let descriptor = unsafe Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

/// A file that is being written. Belongs to one thread; what is not finished is taken away with it.
package struct FileReplacement: ~Copyable {
    private let file: PrivateFile
    private let descriptor: Int32
    private let temporary: String

    fileprivate init(_ file: PrivateFile, _ descriptor: Int32, _ temporary: String) {
        self.file = file
        self.descriptor = descriptor
        self.temporary = temporary
    }

    deinit {
        _ = unsafe unlink(temporary)
        close(descriptor)
    }

    package func write(_ bytes: [UInt8]) throws(SystemFailure) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count > 0 { written += count } else if errno != EINTR { throw SystemFailure("write", code: errno) }
        }
    }

    /// Waits until what was written is on the disk.
    package func sync() throws(SystemFailure) {
        guard fdatasync(descriptor) == 0 else { throw SystemFailure("fdatasync", code: errno) }
    }

    /// What was written so far, to be read.
    package borrowing func reading() throws(PrivateFileFault) -> ReadableFile {
        var status = stat()
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0, unsafe fstat(copy, &status) == 0 else {
            throw .unusable(SystemFailure(file.path, code: errno))
        }
        return ReadableFile(copy, size: Int(status.st_size))
    }

    /// Puts it in the place of the old file, once it is on the disk.
    package consuming func finish() throws(PrivateFileFault) {
        guard fsync(descriptor) == 0 else { throw .unusable(SystemFailure("fsync", code: errno)) }
        try file.check()
        guard unsafe rename(temporary, file.path) == 0 else { throw .unusable(SystemFailure(file.path, code: errno)) }
        file.syncDirectory()
    }
}

/// A file that is open for reading. Safe to use from any thread.
package final class ReadableFile: Sendable {
    private let descriptor: Int32
    /// In bytes, when it was opened.
    package let size: Int

    fileprivate init(_ descriptor: Int32, size: Int) {
        self.descriptor = descriptor
        self.size = size
    }

    deinit { close(descriptor) }

    /// So many bytes from an offset on, or as many as there are.
    package func read(_ offset: Int, _ count: Int) throws(SystemFailure) -> [UInt8] {
        var code: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = unsafe pread(
                    descriptor, buffer.baseAddress?.advanced(by: filled), count - filled, off_t(offset + filled))
                if got == 0 { break }
                if got > 0 {
                    filled += got
                } else if errno != EINTR {
                    code = errno
                    break
                }
            }
        }
        guard code == 0 else { throw SystemFailure("read", code: code) }
        return bytes
    }
}
