// The files of a directory that anybody may write into. Nothing but a regular file is read, at most so many bytes of
// it, and nothing that is opened can block as a pipe does.

import CSystem
import Glibc

/// Which file or directory a path leads to.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// Follows symbolic links; nil where they lead nowhere.
    package init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    fileprivate init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

/// The content of a file, and when it was written.
package struct FileContent: Sendable {
    package let bytes: [UInt8]
    /// Nanoseconds since 1970.
    package let modified: Int64

    package init(bytes: [UInt8], modified: Int64) {
        self.bytes = bytes
        self.modified = modified
    }
}

/// Why a file was not read.
package enum FileFault: Error, Sendable, Equatable {
    /// There is none, or its symbolic link leads nowhere.
    case missing
    /// A directory, a pipe, a device.
    case notAFile
    case tooLarge
    case unreadable(SystemFailure)
}

package enum DirectoryFiles {
    /// The names in a directory, in no order, at most `limit` of them; `isWhole` says whether these are all.
    package static func names(in path: String, atMost limit: Int) throws(SystemFailure) -> (
        names: [String], isWhole: Bool
    ) {
        guard let stream = unsafe opendir(path) else { throw SystemFailure("open", code: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw SystemFailure("readdir", code: errno) }
                return (names, true)
            }
            guard names.count < limit else { return (names, false) }
            // In place: the entry ends with the name, so to copy the 256 bytes that C declares is to read past the
            // stream's buffer.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// A file's content of at most `limit` bytes; symbolic links are followed.
    package static func read(_ path: String, limit: Int) throws(FileFault) -> FileContent {
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault("open", errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw fault("stat", errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        guard status.st_size <= off_t(limit) else { throw .tooLarge }
        // One more than it has, to see its end; more when it grows meanwhile.
        var content = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var length = 0
        while true {
            let count = unsafe content.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress?.advanced(by: length), $0.count - length)
            }
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw fault("read", errno)
            }
            length += count
            guard length <= limit else { throw .tooLarge }
            if length == content.count { content += [UInt8](repeating: 0, count: max(4_096, length / 2)) }
        }
        content.removeLast(content.count - length)
        return FileContent(
            bytes: content,
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
    }

    private static func fault(_ call: String, _ code: Int32) -> FileFault {
        switch code {
        case ENOENT, ESTALE: .missing
        case ENXIO, ELOOP: .notAFile
        default: .unreadable(SystemFailure(call, code: code))
        }
    }
}
