// Other programs renew certificate files at any time and send no notification, so the registry looks at the files now
// and then.
//
//   files as read ──a stamp differs──► changing ──no stamp differs for one look──► to be read again
//
// The pause lets a program that replaces a certificate and then its key finish.

import Glibc

/// The files that something was read from, and whether they have changed since. Make it before the first reading, and
/// again before each reading that follows: a file that changes meanwhile is then read again.
package struct FileWatch: Sendable {
    private var paths: [String]
    private var read: [FileStamp]
    /// Of the last look.
    private var seen: [FileStamp]

    package init(_ paths: [String]) {
        self.paths = paths
        read = paths.map(FileStamp.init)
        seen = read
    }

    /// Watches one more file. To be called before it is read.
    package mutating func add(_ path: String) {
        let stamp = FileStamp(path)
        paths.append(path)
        read.append(stamp)
        seen.append(stamp)
    }

    /// Looks, which is one stat(2) a file. Whether the files differ from those that were read and have come to rest:
    /// they were the same at the last look.
    package mutating func haveChanged() -> Bool {
        let before = seen
        seen = paths.map(FileStamp.init)
        return seen != read && seen == before
    }
}

/// What distinguishes one version of a file from another; a replaced symbolic link leads to another inode.
private struct FileStamp: Equatable, Sendable {
    private var device: dev_t = 0
    private var inode: ino_t = 0
    private var size: off_t = 0
    private var seconds = 0
    private var nanoseconds = 0

    /// All zero where there is no file.
    init(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return }
        device = status.st_dev
        inode = status.st_ino
        size = status.st_size
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
