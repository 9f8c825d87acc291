// Certificates are renewed under way by others, who tell nobody: so whoever serves with them looks at their files now and then.

import Glibc

/// What tells one version of a file from another; a replaced symbolic link leads to another inode.
public struct FileStamp: Sendable, Equatable {
    private var device: dev_t = 0
    private var inode: ino_t = 0
    private var size: off_t = 0
    private var seconds = 0
    private var nanoseconds = 0

    /// All zero where there is no file.
    public init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        device = status.st_dev
        inode = status.st_ino
        size = status.st_size
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
