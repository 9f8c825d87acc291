// What the tests of this room share: pipes, and bytes as text.

import Glibc
import Synchronization
import System
import TestTime
import Testing
import Time

struct SystemCallFailed: Error { var errno: Int32 }

/// The two ends of a pipe(2), closed with this value.
final class Pipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32
    private let open = Mutex((read: true, write: true))

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemCallFailed(errno: errno) }
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        closeReadEnd()
        closeWriteEnd()
    }

    func closeReadEnd() {
        open.withLock {
            if $0.read { close(readEnd) }; $0.read = false
        }
    }

    func closeWriteEnd() {
        open.withLock {
            if $0.write { close(writeEnd) }; $0.write = false
        }
    }

    /// Reads until `enough` says so or nobody can write any more. What does not come within a minute is an issue.
    func readText(until enough: (String) -> Bool = { _ in false }) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        let deadline = MonotonicClock.now() + 60_000
        while true {
            var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let rest = deadline.rest(at: MonotonicClock.now())
            guard poll(&entry, 1, Int32(clamping: rest)) != 0 else {
                Issue.record("the rest of the log did not come within a minute; there are \(bytes.count) bytes of it")
                break
            }
            let count = read(readEnd, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
            if bytes.last == UInt8(ascii: "\n"), enough(String(decoding: bytes, as: UTF8.self)) { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// A drop report that tests can read back.
let plainReport: @Sendable (UInt64) -> [UInt8] = { Array("DROPPED \($0)\n".utf8) }

/// The sum of all drop reports among the lines.
func reportedDrops(_ lines: [Substring]) -> Int {
    lines.compactMap { $0.hasPrefix("DROPPED ") ? Int($0.dropFirst(8)) : nil }.reduce(0, +)
}
