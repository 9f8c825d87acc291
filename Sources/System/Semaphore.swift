// A counter in the kernel for which threads wait: each waiting thread takes one. It counts work to be done, so that as
// many threads wake as there is work.

import CSystem
import Glibc
package import Time

/// A counting semaphore. All methods may be called from any thread.
package final class Semaphore: Sendable {
    /// Invariant: open for as long as this object lives.
    private let descriptor: Int32

    /// Throws when the kernel gives no descriptor.
    package init() throws(SystemFailure) {
        descriptor = eventfd(0, Int32(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemFailure("eventfd", code: errno) }
    }

    deinit { close(descriptor) }

    /// Lets one more go on.
    package func signal() { eventfd_write(descriptor, 1) }

    /// Takes one, or sleeps until there is one or a time has come. Returns whether one was taken.
    package func wait(until moment: MonotonicTime) -> Bool {
        while true {
            var count: eventfd_t = 0
            if unsafe eventfd_read(descriptor, &count) == 0 { return true }
            let rest = moment.rest(at: MonotonicClock.now())
            guard rest > 0 else { return false }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            unsafe poll(&entry, 1, Int32(clamping: rest))
        }
    }
}
