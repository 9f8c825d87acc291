import Foundation
import System
import TestTime
import Testing
import Time

@testable import Telemetry

struct LogPipeTests {
    @Test func `a pipe nobody reads never blocks the caller, and what it dropped is reported once it drains`() throws {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, capacity: 64 << 10, dropReport: plainReport)
        let total = 20_000
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 99) + [UInt8(ascii: "\n")]
        for _ in 0..<total { log.append(line) }  // 2 MB: more than the pipe and the buffer hold
        let dropped = Int(log.dropped)
        #expect(dropped > 0)

        // Lines that were taken after the last one was dropped may come after the last report.
        func isAll(_ lines: [Substring]) -> Bool {
            lines.count { $0.utf8.count == 99 } == total - dropped && reportedDrops(lines) == dropped
        }
        let lines = pipe.readText { isAll($0.split(separator: "\n")) }.split(separator: "\n")
        #expect(isAll(lines), "\(lines.count) lines, \(reportedDrops(lines)) of \(dropped) reported")
        #expect(log.close(within: 10_000))
        #expect(Int(log.dropped) == dropped)
    }

    @Test func `lines of many threads arrive whole and in each thread's order`() async throws {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, capacity: 32 << 20, dropReport: plainReport)
        pipe.closeWriteEnd()
        let threads = 4
        let each = 5_000
        for thread in 0..<threads {
            Thread.detachNewThread {
                for number in 0..<each {
                    log.append(Array("\(thread) \(number) \(String(repeating: "abc", count: number % 50)).\n".utf8))
                }
                log.append(Array("\(thread) end\n".utf8))
            }
        }
        var next = [Int](repeating: 0, count: threads)
        let output = pipe.readText { $0.split(separator: "\n").count { $0.hasSuffix(" end") } == threads }
        for line in output.split(separator: "\n") where !line.hasSuffix(" end") {
            let parts = line.split(separator: " ")
            let (thread, number) = (try #require(Int(parts[0])), try #require(Int(parts[1])))
            #expect(number == next[thread])
            #expect(parts[2] == String(repeating: "abc", count: number % 50) + ".")
            next[thread] = number + 1
        }
        #expect(next == [Int](repeating: each, count: threads))
        #expect(log.dropped == 0)
        #expect(log.close(within: 10_000))
    }

    @Test func `closing writes what is there, and refuses and counts what comes later`() throws {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, dropReport: plainReport)
        pipe.closeWriteEnd()
        for number in 0..<100 { log.append(Array("line \(number)".utf8)) }
        #expect(log.close(within: 10_000))
        log.append(Array("late\n".utf8))
        #expect(log.dropped == 1)
        #expect(log.close(within: 10_000), "closing twice is closing once")
        #expect(pipe.readText() == (0..<100).map { "line \($0)\n" }.joined())
    }

    @Test func `closing a pipe nobody reads comes back and counts what was not written`() throws {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, dropReport: plainReport)
        // A little more than a pipe holds.
        let total = 800
        for number in 0..<total { log.append(Array("\(number) \(String(repeating: "x", count: 94))\n".utf8)) }
        #expect(log.close(within: 50), "the writer stops by itself")
        #expect(log.dropped > 0)
        pipe.closeWriteEnd()
        let lines = pipe.readText().split(separator: "\n")
        #expect(lines.count + Int(log.dropped) == total)
    }

    @Test func `a log without a reader neither kills the process nor blocks`() throws {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, capacity: 1000, dropReport: plainReport)
        pipe.closeReadEnd()
        for _ in 0..<100 { log.append(Array("nobody will read this line\n".utf8)) }
        #expect(log.close(within: 10_000))
        #expect(log.dropped == 100)
    }

    @Test func `a descriptor that refuses instead of blocking loses nothing`() async throws {
        let pipe = try Pipe()
        #expect(fcntl(pipe.writeEnd, F_SETFL, O_NONBLOCK) == 0)
        let log = try LogPipe(descriptor: pipe.writeEnd, dropReport: plainReport)
        pipe.closeWriteEnd()
        let expected = (0..<3_000).map { "\($0) \(String(repeating: "y", count: $0 % 300))\n" }
        for line in expected { log.append(Array(line.utf8)) }
        #expect(pipe.readText { $0.hasSuffix(expected[2_999]) } == expected.joined())
        #expect(log.close(within: 10_000))
    }

    @Test func `a file takes everything, also lines longer than a chunk`() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let descriptor = open(path, O_CREAT | O_WRONLY | O_APPEND, 0o600)
        try #require(descriptor >= 0)
        let log = try LogPipe(descriptor: descriptor, dropReport: plainReport)
        close(descriptor)
        let long = String(repeating: "z", count: 700_000)
        log.append(Array("a\n".utf8))
        log.append(Array((long + "\n").utf8))
        log.append(Array("b\n".utf8))
        #expect(log.close(within: 10_000))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "a\n\(long)\nb\n")
    }

    @Test func `a line larger than the whole buffer is dropped and reported`() throws {
        let pipe = try Pipe()
        let log = try LogPipe(descriptor: pipe.writeEnd, capacity: 10, dropReport: { Array("lost \($0)".utf8) })
        pipe.closeWriteEnd()
        log.append(Array("0123456789".utf8))  // 11 bytes with its newline
        #expect(pipe.readText { $0 == "lost 1\n" } == "lost 1\n")
        log.append(Array("012345678".utf8))
        #expect(log.close(within: 10_000))
        #expect(pipe.readText() == "012345678\n")
    }

    @Test func `a descriptor that is not open is refused`() {
        #expect(throws: SystemFailure("fcntl", code: EBADF)) {
            _ = try LogPipe(descriptor: -1, dropReport: plainReport)
        }
    }
}

struct LogWriterTests {
    @Test(arguments: [
        ("", 4, ""), ("ab\n", 4, "ab\n"), ("ab\ncd\n", 4, "ab\n"), ("a\nb\ncd\n", 4, "a\nb\n"),
        ("abcdefgh\n", 4, "abcd"),
        ("abc\nd", 4, "abc\n"),
    ])
    func `a chunk is as many whole lines as fit`(bytes: String, limit: Int, expected: String) {
        #expect(text(Array(LogWriter.chunk(of: Array(bytes.utf8)[...], limit: limit))) == expected)
    }

    @Test func `drops are reported at most once a second, and at the end in any case`() {
        var reports = DropReports()
        let second = DropReports.interval
        let start = MonotonicTime.zero + 5 * second
        func isDue(_ unreported: UInt64, _ now: MonotonicTime, closing: Bool) -> Bool {
            reports.isDue(unreported: unreported, now: now, closing: closing)
        }
        #expect(!isDue(0, start, closing: true))
        #expect(isDue(1, start, closing: false))
        #expect(!isDue(9, start + second - 1, closing: false))
        #expect(reports.next(unreported: 9) == start + second)
        #expect(reports.next(unreported: 0) == nil)
        #expect(isDue(9, start + second, closing: false))
        #expect(isDue(1, start + second + 1, closing: true))
    }

    @Test func `memory is reused, and given back after a burst`() {
        var batch: [UInt8] = []
        batch.reserveCapacity(1000)
        batch.append(1)
        LogBuffer.recycle(&batch)
        #expect(batch.isEmpty && batch.capacity >= 1000)
        batch.reserveCapacity(LogBuffer.retainedCapacity * 2)
        LogBuffer.recycle(&batch)
        #expect(batch.capacity == 0)
    }
}
