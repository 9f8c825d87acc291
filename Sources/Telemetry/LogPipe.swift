// A log must never hold up the service it describes: if its reader stops reading, lines are dropped and counted, and
// the service goes on. So callers only copy bytes into a bounded buffer, and a thread of its own does the writing.

import Glibc
import Synchronization
package import System
import Time

/// A bounded buffer of log lines and the thread that writes them to a file descriptor. All methods may be called from
/// any thread.
///
///     append ──► filling ──(swap)──► batch ──► write(2)
///                 LogBuffer           LogWriter, its own thread
package final class LogPipe: Sendable {
    /// How much the pipe holds of what is not yet written, unless told otherwise: 4 MiB, some ten thousand requests'
    /// lines.
    package static let defaultCapacity = 4 << 20

    /// How long after its deadline ``close(within:)`` gives the writer to notice it. Only a descriptor that blocks in
    /// write(2) although poll(2) called it writable (a stopped terminal) uses this up.
    static let closeGrace: Duration = .milliseconds(200)

    private let buffer: LogBuffer
    /// The writer's descriptor, which it closes at its end. Only to be used while `thread` is there.
    private let descriptor: Int32

    /// The writer's thread; nil once it was joined or given up. Nests in no other lock and nothing in it.
    private let thread: Mutex<NamedThread?>

    /// Starts the writer.
    ///
    /// - Parameters:
    ///   - descriptor: where lines go; duplicated, so the caller may close his. Blocking or not; its flags are left
    ///   alone.
    ///   - capacity: bytes held of what is not yet written. More of it bridges a longer stall and costs that memory
    ///   while it lasts.
    ///   - dropReport: renders the line that reports the number of dropped lines; called on the writer's thread, at
    ///   most once a second.
    package init(
        descriptor: Int32, capacity: Int = LogPipe.defaultCapacity, dropReport: @escaping @Sendable (UInt64) -> [UInt8]
    ) throws(SystemFailure) {
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard own >= 0 else { throw SystemFailure("fcntl", code: errno) }
        do throws(SystemFailure) {
            let buffer = try LogBuffer(capacity: capacity)
            thread = Mutex(
                try NamedThread("log") { LogWriter(buffer: buffer, descriptor: own, dropReport: dropReport).run() })
            self.buffer = buffer
            self.descriptor = own
        } catch {
            Glibc.close(own)
            throw error
        }
    }

    /// Has what is not yet written go elsewhere, as into a file that has taken the other's place. The caller may close
    /// his descriptor.
    package func redirect(to other: Int32) throws(SystemFailure) {
        // Under the lock, so that the writer's descriptor is not closed, and its number another's, meanwhile.
        let code: Int32 = thread.withLock { thread in
            guard thread != nil else { return EBADF }
            // One system call: no write(2) finds it closed.
            guard dup2(other, descriptor) >= 0 else { return errno }
            return fcntl(descriptor, F_SETFD, FD_CLOEXEC) >= 0 ? 0 : errno
        }
        guard code == 0 else { throw SystemFailure("dup2", code: code) }
    }

    deinit {
        // The pipe was not closed: lines that are not yet written are lost, as at a deadline; the thread frees what it
        // holds by itself.
        guard let thread = thread.withLock({ $0.take() }) else { return }
        buffer.close(by: .distantPast)
        thread.detach()
    }

    /// How many lines have been dropped since the start.
    package var dropped: UInt64 { buffer.dropped }

    /// Adds one line, or drops it whole and counts it if there is no room (or the pipe is closed). Never blocks on the
    /// output. If the line does not end with a newline, it gets one; that it has no other is the caller's care.
    package func append(_ line: [UInt8]) { append(line.span) }

    /// The same for bytes that are part of something.
    package func append(_ line: Span<UInt8>) {
        // A closure cannot hold a span, so the pointer goes in; it does not outlive the call.
        unsafe line.withUnsafeBufferPointer { unsafe buffer.append($0) }
    }

    /// Refuses further lines, writes what is there, and stops the writer; what is not written within that time is
    /// dropped and counted. Blocks for that long at most (and a short grace).
    ///
    /// - Returns: whether the writer has stopped. If not, it is stuck in a write that never returns, and is left
    ///   behind.
    @discardableResult
    package func close(within milliseconds: Int) -> Bool {
        let deadline = MonotonicClock.now() + .milliseconds(max(0, milliseconds))
        // Taken out first: the buffer has a lock of its own, and two are never held together.
        let running = thread.withLock { $0.take() }
        if running != nil { buffer.close(by: deadline) }
        let isFinished = buffer.waitUntilFinished(until: deadline + Self.closeGrace)
        if let running {
            if isFinished { running.join() } else { running.detach() }
        }
        return isFinished
    }
}
