// A thread that sleeps in poll(2) is woken by a byte in a socket pair. (An eventfd would be one descriptor less, but the C library's
// Swift module offers neither it nor pipe2(2).)

import Glibc

/// A signal that one thread raises and another polls for. Raising it many times before it is seen is the same as once.
struct WakeUp: ~Copyable, Sendable {
    /// Becomes readable when the signal is raised.
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws(LogPipe.StartError) {
        var ends: (Int32, Int32) = (-1, -1)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let result = withUnsafeMutableBytes(of: &ends) { socketpair(AF_UNIX, type, 0, $0.assumingMemoryBound(to: Int32.self).baseAddress) }
        guard result == 0 else { throw LogPipe.StartError(call: "socketpair", errno: errno) }
        (readEnd, writeEnd) = ends
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Raises the signal; from any thread, never blocks. (A full buffer is a raised signal.)
    func raise() {
        var byte: UInt8 = 1
        while write(writeEnd, &byte, 1) < 0 && errno == EINTR {}
    }

    /// Lowers the signal.
    func clear() {
        var bytes: UInt64 = 0
        while true {
            let count = read(readEnd, &bytes, MemoryLayout<UInt64>.size)
            if count <= 0 && !(count < 0 && errno == EINTR) { return }
        }
    }

    /// Sleeps until the signal is raised or so many milliseconds have passed (negative: however long it takes). It may also return
    /// early, for no reason. True if the signal is raised.
    @discardableResult
    func wait(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }
}
