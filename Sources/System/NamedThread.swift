// A kernel thread with a name and a closure. Foundation's would do the same at the price of loading Foundation.

import CSystem
import Glibc

/// A running thread.
package struct NamedThread: Sendable {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// The signals of a thread's own faults: if these were blocked, they would end the process without a message.
    private static let faults = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS]

    private let thread: pthread_t

    /// Starts a thread; the kernel cuts `name` to 15 bytes. It gets the signals of its own faults only: the others go
    /// to the thread that listens for them, and SIGPIPE to none. Throws when the kernel refuses a thread.
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemFailure) {
        var blocked = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&blocked)
        for fault in Self.faults { unsafe sigdelset(&blocked, fault) }
        // Inherited by the new thread.
        unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(Start(name: String(name.prefix(15)), body: body))
        let status = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                unsafe pthread_setname_np(pthread_self(), start.name)
                start.body()
                return nil
            }, unsafe start.toOpaque())
        guard status == 0 else {
            unsafe start.release()
            throw SystemFailure("the thread \(name) cannot be started", code: status)
        }
        self.thread = thread
    }

    /// Lowers the priority of the calling thread, by as much as nice(1) counts it, from 0 to 19.
    package static func yieldToOthers(_ niceness: Int32) {
        // Of Linux a thread has its own.
        setpriority(Int32(PRIO_PROCESS.rawValue), 0, niceness)
    }

    /// Waits for the end of the thread. Call either this or `detach`, once.
    package func join() {
        pthread_join(thread, nil)
    }

    /// Lets the thread end by itself. Call either this or `join`, once.
    package func detach() {
        pthread_detach(thread)
    }
}
