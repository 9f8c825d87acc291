// Tells a supervisor or a test which ports are open. It is written under a name that cannot be foreseen and renamed, so
// that a reader never gets half of it, and a link or FIFO at its path is replaced, never followed and never waited for.

import Glibc
import System

/// A port file that was written, and is to be removed at the end.
struct PortFile {
    private let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Writes one line a port, `api 8080`, sorted by name, in place of whatever file, link or FIFO is at `path`. Throws
    /// when that cannot be, and where there is a directory or a device.
    init(_ ports: [String: UInt16], to path: String) throws(SystemFailure) {
        try Self.checkTarget(path)
        let temporary = Self.temporaryName(beside: path)
        // Exclusive: a name that is taken, by a link or anything else, is not opened.
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SystemFailure(path, code: errno) }
        var status = stat()
        let text = ports.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
        let isWritten = unsafe Self.write(Array(text.utf8), to: descriptor) && fstat(descriptor, &status) == 0
        let code = errno
        close(descriptor)
        guard isWritten, unsafe rename(temporary, path) == 0 else {
            let error = SystemFailure(path, code: isWritten ? errno : code)
            unsafe unlink(temporary)
            throw error
        }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    /// Removes the file, unless another one has taken its place.
    func remove() {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
        unsafe unlink(path)
    }

    /// A device would be replaced too, and a registry that runs as root would destroy `/dev/null`.
    private static func checkTarget(_ path: String) throws(SystemFailure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: throw SystemFailure(path, code: EISDIR)
        case S_IFCHR, S_IFBLK: throw SystemFailure("\(path) is a device", code: EEXIST)
        default: return
        }
    }

    /// In the same directory, since only within a file system can be renamed; of a length that does not depend on the
    /// file's own name.
    private static func temporaryName(beside path: String) -> String {
        let directory = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        return "\(directory).a8registry-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let rest = Array(bytes[written...])
            let count = unsafe Glibc.write(descriptor, rest, rest.count)
            if count > 0 { written += count } else if errno != EINTR { return false }
        }
        return true
    }
}
