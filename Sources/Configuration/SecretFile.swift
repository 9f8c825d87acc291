// Reads the file of a secret for `Settings.resolve`, which itself touches no file. Orchestrators mount secrets as small
// files; anything large is the wrong path and is refused before it fills memory. A shell may hand a pipe over, which is
// waited for, but not for ever.
import Glibc
import System
import Time

/// The reading of one small file.
package enum SecretFile {
    /// Why a file could not be read, in words.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// How long the other end of a pipe may take, in milliseconds.
    package static let patience: Duration = .seconds(5)

    /// The whole file. Throws a `Failure` when it cannot be opened or read, or has more than `limit` bytes.
    ///
    /// For a pipe or FIFO it waits until the end arrives, at most `patience`, zero for not at all. A FIFO
    /// without a writer has ended.
    package static func read(
        _ path: String, patience: Duration, limit: Int = Settings.Limits.secretFileBytes
    ) throws -> [UInt8] {
        // Nonblocking: opening a FIFO would wait until another process opens the other end.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw unsafe Failure(description: String(cString: strerror(errno))) }
        defer { close(descriptor) }

        let deadline = MonotonicClock.now() + patience
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return contents }
            if count < 0 {
                let error = errno
                if error == EINTR { continue }
                guard error == EAGAIN else { throw unsafe Failure(description: String(cString: strerror(error))) }
                guard waitForInput(descriptor, until: deadline) else {
                    throw Failure(description: "its end did not arrive within \(patience.wholeMilliseconds) ms")
                }
                continue
            }
            contents += chunk[..<count]
            guard contents.count <= limit else { throw Failure(description: "it has more than \(limit) bytes") }
        }
    }

    /// The same with the patience of a start.
    package static func read(_ path: String) throws -> [UInt8] { try read(path, patience: patience) }

    /// False once the deadline has passed.
    private static func waitForInput(_ descriptor: Int32, until deadline: MonotonicTime) -> Bool {
        while true {
            let rest = deadline.rest(at: MonotonicClock.now())
            guard rest > 0 else { return false }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if unsafe poll(&entry, 1, Int32(clamping: rest)) > 0 { return true }
        }
    }
}
