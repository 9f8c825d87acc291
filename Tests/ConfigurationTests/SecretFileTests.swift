// The one file of the settings that touches the disk.
import Foundation
import Testing

@testable import Configuration

struct SecretFileTests {
    private func withFile<R>(of bytes: [UInt8], _ body: (String) throws -> R) throws -> R {
        let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try body(file.path())
    }

    @Test(arguments: [0, 1, 4_096, 4_097, 65_536])
    func `a file is read whole`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try withFile(of: bytes, SecretFile.read) == bytes)
    }

    /// As a shell hands over the output of a command.
    @Test func `a pipe is read to its end`() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (output, input) = (ends[0], ends[1])
        defer { close(output) }
        try #require(write(input, "hush", 4) == 4)
        Thread.detachNewThread {
            usleep(1_000)
            _ = write(input, "-hush", 5)
            close(input)
        }
        let read = try SecretFile.read("/dev/fd/\(output)")
        #expect(read == Array("hush-hush".utf8))
    }

    @Test func `a FIFO that nobody writes to, or nobody ends, does not hang the start`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)").path()
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let nothing = try SecretFile.read(path)
        #expect(nothing.isEmpty)
        // For reading and writing, so that opening waits for nobody.
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        let failure = #expect(throws: SecretFile.Failure.self) { try SecretFile.read(path, patience: .milliseconds(1)) }
        #expect(failure?.description == "its end did not arrive within 1 ms")
    }

    @Test func `a file too large for a secret is refused`() throws {
        try withFile(of: [UInt8](repeating: 1, count: 65_537)) { path in
            let failure = #expect(throws: SecretFile.Failure.self) { try SecretFile.read(path) }
            #expect(failure?.description == "it has more than 65536 bytes")
        }
    }

    @Test(arguments: [("/no/such/file", "No such file or directory"), ("/", "Is a directory")])
    func `a file that cannot be read says why`(path: String, reason: String) {
        let failure = #expect(throws: SecretFile.Failure.self) { try SecretFile.read(path) }
        #expect(failure?.description == reason)
    }
}
