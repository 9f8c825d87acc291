// A kernel thread with a name and a closure. Foundation's would do the same at the price of loading Foundation.

import CLibevent
import Glibc

/// A running thread.
public struct LoopThread: Sendable {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let thread: pthread_t

    /// Starts a thread; `name` is cut to the kernel's 15 bytes. Returns nil when the kernel gives no thread.
    public init?(name: String, _ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(name: String(name.prefix(15)), body: body))
        let status = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                pthread_setname_np(pthread_self(), start.name)
                start.body()
                return nil
            }, start.toOpaque())
        guard status == 0 else {
            start.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits for the thread's end. To be called once, unless `detach` is.
    public func join() {
        pthread_join(thread, nil)
    }

    /// Lets the thread end whenever it does; nobody waits for it. To be called once, unless `join` is.
    public func detach() {
        pthread_detach(thread)
    }
}
