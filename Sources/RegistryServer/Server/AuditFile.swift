// The file of the audit. Whatever the disk does, the control loop only copies lines into a bounded buffer; a thread of
// its own writes them. A file that was moved away is left to whoever moved it, and another one is begun at its path.

import Glibc
import System
import Telemetry

/// An open file and the pipe that writes to it. Belongs to the control loop.
final class AuditFile {
    let path: String
    let pipe: LogPipe
    /// Which file it is.
    private var identity: Identity
    /// Whether nothing was at the path at the last look.
    private var wasGone = false

    private struct Identity: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    /// Opens the file, or makes it. Throws where it cannot be, or is none.
    init(_ path: String, dropReport: @escaping @Sendable (UInt64) -> [UInt8]) throws(SystemFailure) {
        self.path = path
        let (descriptor, identity) = try Self.open(path)
        defer { close(descriptor) }
        self.identity = identity
        pipe = try LogPipe(descriptor: descriptor, dropReport: dropReport)
    }

    /// Opens what is at the path now, if that is another file than the one that is written to, or makes one where
    /// nothing is: at the second look, since who moves a file away may be about to make the next, unless it is asked
    /// for. Returns whether it did; throws where it cannot be done, and then the old one is written to as before.
    func reopen(isAsked: Bool) throws(SystemFailure) -> Bool {
        let found = Self.identity(at: path)
        guard found != identity else { return false }
        let isHasty = found == nil && !wasGone && !isAsked
        wasGone = found == nil
        guard !isHasty else { return false }
        let (descriptor, identity) = try Self.open(path)
        defer { close(descriptor) }
        try pipe.redirect(to: descriptor)
        self.identity = identity
        return true
    }

    private static func identity(at path: String) -> Identity? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }

    /// Without following a link: who may write into the directory would else have us write elsewhere. Without waiting,
    /// as for the reader of a FIFO.
    private static func open(_ path: String) throws(SystemFailure) -> (descriptor: Int32, Identity) {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let descriptor = unsafe Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw SystemFailure(path, code: errno) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw SystemFailure("\(path) is not a file", code: EINVAL)
        }
        return (descriptor, Identity(device: status.st_dev, inode: status.st_ino))
    }
}
