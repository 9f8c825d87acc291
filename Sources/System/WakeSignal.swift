// How one thread wakes another: an eventfd of the kernel, which becomes readable, so that a thread can wait for it and
// for sockets in the same call.

import CSystem
import Glibc
package import Time

/// A signal that any thread raises, for those that wait for it in `wait`, in poll(2) or on an event loop. Raising it
/// many times before it is lowered is the same as once; one that is never lowered stays up, for any number of threads.
/// All methods may be called from any thread.
package final class WakeSignal: Sendable {
    /// Readable while the signal is up. Invariant: open for as long as this object lives, so that a late signal never
    /// writes into another file that got the same number.
    package let descriptor: Int32

    /// Throws when the kernel gives no descriptor.
    package init() throws(SystemFailure) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemFailure("eventfd", code: errno) }
    }

    deinit { close(descriptor) }

    /// Never blocks: a counter that is full (EAGAIN) is a signal that is up.
    package func raise() { eventfd_write(descriptor, 1) }

    package func lower() {
        var count: eventfd_t = 0
        unsafe eventfd_read(descriptor, &count)
    }

    package var isRaised: Bool { wait(until: .zero) }

    /// Sleeps until the signal is up or a time has come; nil waits for ever. Returns whether it is up.
    @discardableResult
    package func wait(until moment: MonotonicTime?) -> Bool {
        while true {
            let rest = moment.map { $0.rest(at: MonotonicClock.now()) }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // -1 is for ever. A rest beyond what poll(2) can count is slept in pieces.
            let count = unsafe poll(&entry, 1, rest.map { Int32(clamping: $0) } ?? -1)
            if count > 0 { return true }
            if rest == 0, count == 0 || errno != EINTR { return false }
        }
    }
}
