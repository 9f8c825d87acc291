// The thread at the far end of the log pipe. Whatever its descriptor does (stalls, is full, loses its reader), the
// writer keeps what it has, tries again, and notices when the pipe is being closed; so it never enters a write(2) that
// could block for long.

import Glibc
import System
import Time

/// Writes what a ``LogBuffer`` holds. Made by ``LogPipe``, then owned by its own thread: everything but `init` happens
/// there.
final class LogWriter {
    /// A busy log is written this often; this is also how late a line may be.
    static let linger: Duration = .milliseconds(5)
    /// How long to wait after an error (no reader, disk full) before trying again.
    static let errorPause: Duration = .seconds(1)
    /// How long to wait when a descriptor is writable and yet refuses, so as not to spin.
    static let refusedPause: Duration = .milliseconds(10)
    /// What a pipe takes whole and without blocking when poll(2) calls it writable: POSIX's `PIPE_BUF` on Linux.
    static let pipeChunkBytes = 4096
    /// A file never blocks for long, so more is written to it at once.
    static let fileChunkBytes = 256 << 10

    private let buffer: LogBuffer
    /// Owned by this writer, closed when it stops.
    private let descriptor: Int32
    private let dropReport: @Sendable (UInt64) -> [UInt8]
    private let chunkBytes: Int
    private var reports = DropReports()

    init(buffer: LogBuffer, descriptor: Int32, dropReport: @escaping @Sendable (UInt64) -> [UInt8]) {
        self.buffer = buffer
        self.descriptor = descriptor
        self.dropReport = dropReport
        var status = stat()
        let isFile = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        chunkBytes = isFile ? Self.fileChunkBytes : Self.pipeChunkBytes
    }

    /// Writes until the pipe is closed, and then what is left until its deadline.
    func run() {
        var batch: [UInt8] = []
        var abandoned: UInt64 = 0
        while true {
            let look = buffer.take(&batch)
            let worked = !batch.isEmpty
            let unwritten = write(batch)
            guard unwritten.isEmpty else {
                abandoned = LogBuffer.lines(in: unwritten)
                break
            }
            if reports.isDue(unreported: look.unreported, now: MonotonicClock.now(), closing: look.closing) {
                guard write(report(look.unreported)).isEmpty else { break }
            }
            if look.closing && !worked { break }
            LogBuffer.recycle(&batch)
            if worked {
                buffer.rest(as: .lingering, until: MonotonicClock.now() + Self.linger)
            } else {
                buffer.rest(as: .idle, until: reports.next(unreported: look.unreported))
            }
        }
        close(descriptor)
        buffer.finish(abandoning: abandoned)
    }

    private func report(_ lines: UInt64) -> [UInt8] {
        buffer.addReported(lines)
        var line = dropReport(lines)
        if line.last != UInt8(ascii: "\n") { line.append(UInt8(ascii: "\n")) }
        return line
    }

    /// Writes all the bytes, however long it takes; once the pipe's deadline is past, it returns those it did not
    /// write.
    private func write(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard waitUntilWritable() else { return rest }
            let chunk = Self.chunk(of: rest, limit: chunkBytes)
            let count = unsafe chunk.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            let error = errno
            if count > 0 {
                rest = rest.dropFirst(count)
                buffer.setInFlight(rest.count)
            } else if count < 0 && error == EAGAIN {
                buffer.work.wait(until: MonotonicClock.now() + Self.refusedPause)
            } else if count == 0 || error != EINTR {
                // The pipe may never be read again, or have room again in a moment: keep the lines and try again.
                guard buffer.closeBy == nil else { return rest }
                buffer.work.wait(until: MonotonicClock.now() + Self.errorPause)
            }
        }
        return rest
    }

    /// True once the descriptor can take a chunk (or would answer with an error); false when the pipe's deadline is
    /// past.
    private func waitUntilWritable() -> Bool {
        while true {
            var timeout: Int32 = -1
            if let deadline = buffer.closeBy {
                let rest = deadline.rest(at: MonotonicClock.now())
                guard rest > 0 else { return false }
                timeout = Int32(clamping: rest)
            }
            var entries = (
                pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: buffer.work.descriptor, events: Int16(POLLIN), revents: 0)
            )
            let ready = unsafe withUnsafeMutableBytes(of: &entries) {
                unsafe poll($0.assumingMemoryBound(to: pollfd.self).baseAddress, 2, timeout)
            }
            guard ready > 0 else { continue }  // the deadline, or a signal
            // While the writer writes, only closing raises this signal, and closing is a state: nothing is lost by
            // lowering it.
            if entries.1.revents != 0 { buffer.work.lower() }
            if entries.0.revents != 0 { return true }
        }
    }

    /// The first bytes to write at once: as many whole lines as fit into the limit, or as much of a longer line. A pipe
    /// takes up to `PIPE_BUF` bytes whole, so lines stay whole even if another process writes to the same pipe.
    static func chunk(of bytes: ArraySlice<UInt8>, limit: Int) -> ArraySlice<UInt8> {
        guard bytes.count > limit else { return bytes }
        let chunk = bytes.prefix(limit)
        guard let newline = chunk.lastIndex(of: UInt8(ascii: "\n")) else { return chunk }
        return chunk[...newline]
    }
}

/// When dropped lines are reported: after they were dropped, at most once a second, and in any case at the end.
struct DropReports {
    /// The least time between two reports.
    static let interval: Duration = .seconds(1)

    /// Before this there is no report.
    private var notBefore = MonotonicTime.distantPast

    /// Whether to report now; if so, the next one has to wait.
    mutating func isDue(unreported: UInt64, now: MonotonicTime, closing: Bool) -> Bool {
        guard unreported > 0, closing || now >= notBefore else { return false }
        notBefore = now + Self.interval
        return true
    }

    /// Until when an idle writer may sleep without missing a report; nil is for ever.
    func next(unreported: UInt64) -> MonotonicTime? { unreported > 0 ? notBefore : nil }
}
