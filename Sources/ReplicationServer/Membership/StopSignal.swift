// Threads that block in the file system or in a resolver sleep in poll(2) between their turns, so that one signal ends the sleep of them all.

import Glibc

/// A signal that is raised once, for good, and that any number of threads may wait for. All methods may be called from any thread.
final class StopSignal: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32

    /// Nil when the system has no descriptors left.
    init?() {
        // pipe2(2), which would close them on exec by itself, is not to be had from here; nothing in this process forks.
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        (readEnd, writeEnd) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Raises the signal; again is the same as once.
    func raise() {
        // The byte is never read, so the signal stays up. A full pipe is a raised signal.
        var byte: UInt8 = 1
        while write(writeEnd, &byte, 1) < 0 && errno == EINTR {}
    }

    var isRaised: Bool { wait(until: 0) }

    /// Sleeps until the signal is raised or a moment, in milliseconds of `Clock.monotonic`, has come; whether it is raised.
    @discardableResult
    func wait(until moment: Int64) -> Bool {
        while true {
            let rest = moment - Clock.monotonic
            var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let count = poll(&entry, 1, Int32(clamping: max(0, rest)))
            if count > 0 { return true }
            if rest <= 0 && !(count < 0 && errno == EINTR) { return false }
        }
    }
}
