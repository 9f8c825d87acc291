// Word of the kernel that something has changed in a directory, by inotify(7). What has changed is not passed on:
// symbolic links are swapped, editors rename, queues run over, and in none of these cases does an event name the file
// that has other content now. A reader of the directory looks at all of it.

import CSystem
import Glibc
package import Time

/// Watches one directory, not those in it. Belongs to one thread. A file system on a network tells nothing of what
/// other machines do.
package final class DirectoryWatch {
    /// Why a wait has ended.
    package enum Wake: Sendable {
        /// The signal is up.
        case signal
        /// Something has happened in the directory.
        case event
        case time
    }

    /// Names come and go, contents are written, and the directory itself goes.
    private static let mask = UInt32(
        IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF
            | IN_MOVE_SELF | IN_ONLYDIR)
    /// After which there is nothing to watch.
    private static let end = UInt32(IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)

    private let descriptor: Int32
    /// Whether the directory has gone, or another one may have its name.
    package private(set) var isOver = false

    /// Throws when there is no such directory, or the kernel has no more watches.
    package init(_ path: String) throws(SystemFailure) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { throw SystemFailure("inotify_init", code: errno) }
        guard unsafe inotify_add_watch(descriptor, path, Self.mask) >= 0 else {
            let code = errno
            close(descriptor)
            throw SystemFailure("inotify_add_watch", code: code)
        }
    }

    deinit { close(descriptor) }

    /// Sleeps until the signal is up, something has happened, or a time has come.
    package func wait(for signal: WakeSignal, until moment: MonotonicTime) -> Wake {
        while true {
            let rest = moment.rest(at: MonotonicClock.now())
            var entries = [
                pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let count = unsafe poll(&entries, 2, Int32(clamping: rest))
            if count > 0 { return entries[0].revents != 0 ? .signal : .event }
            if rest == 0, count == 0 || errno != EINTR { return .time }
        }
    }

    /// Takes the events that have come.
    package func drain() {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            unsafe buffer.withUnsafeBytes { bytes in
                var offset = 0
                while offset + MemoryLayout<inotify_event>.size <= count {
                    let event = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    if event.mask & Self.end != 0 { isOver = true }
                    offset += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
    }
}
